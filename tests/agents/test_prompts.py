"""The agent's prompt with the caller's in its place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conselho import errors
from conselho.agents import limits, prompts


@pytest.mark.parametrize(
    ("template", "said", "expected"),
    [
        (None, None, None),
        (None, "", ""),
        (None, "look", "look"),
        ("Review it.", None, "Review it."),
        ("Review it.", "look", "look"),
        ("Review it.", "", ""),
        ("Review {prompt}.", "main.py", "Review main.py."),
        ("Review {prompt}.", None, "Review ."),
        ("{prompt} {prompt}", "twice", "twice twice"),
        ("{prompt}", "{prompt}", "{prompt}"),
        ("{prompt}", "a {prompt} b", "a {prompt} b"),
        ("{other} {} {prompt!r}", "x", "x"),
    ],
)
def test_a_prompt_takes_its_place(template: str | None, said: str | None, expected: str | None) -> None:
    assert prompts.filled(template, said) == expected


def test_what_would_be_too_long_is_never_made() -> None:
    with pytest.raises(errors.Invalid, match="512 KiB"):
        prompts.filled("{prompt}" * 60_000, "x" * limits.PROMPT_BYTES_MAX)


@given(st.text(), st.text(), st.text())
def test_nothing_else_of_the_template_changes(before: str, said: str, after: str) -> None:
    template = before + prompts.PLACE + after
    if template.count(prompts.PLACE) == 1:
        assert prompts.filled(template, said) == before + said + after
