"""Extra arguments: those that are known pass, and everything else is refused with a sentence."""

import pytest

from conselho import errors
from conselho.providers import arguments

KNOWN = {"--verbose": False, "--effort": True}


@pytest.mark.parametrize(
    "given",
    [(), ("--verbose",), ("--effort", "high"), ("--effort=high", "--verbose"), ("--effort=-1",), ("--effort=",)],
)
def test_known_arguments_pass_as_they_are(given: tuple[str, ...]) -> None:
    assert arguments.allowed("it", given, KNOWN) == list(given)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("--yolo",), "'--yolo' is not let through to it: only --effort, --verbose are"),
        (("word",), "'word' is not let through"),
        (("--",), "'--' is not let through"),
        (("--verbose", "word"), "'word' is not let through"),
        (("--verbose=1",), "--verbose takes no value"),
        (("--effort",), "--effort takes a value"),
        (("--effort", "--verbose"), "--effort takes a value"),
    ],
)
def test_all_others_are_refused(given: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(errors.Invalid, match=sentence.replace("(", r"\(")):
        arguments.allowed("it", given, KNOWN)


def test_a_program_may_take_none() -> None:
    with pytest.raises(errors.Invalid, match="it takes none"):
        arguments.allowed("it", ("-x",), {})
