"""Any command as a provider: what is started, what of its output is said, and what it came to."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conselho.providers.base import Conclusion, Output, Said, Task
from conselho.providers.command import RESULT_CHARACTERS_MAX, RESULT_LINES_MAX, Command

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)

command = Command()


def conclude(*outputs: Output) -> Conclusion:
    state = command.begin()
    for output in outputs:
        _, state = command.read(output, state)
    return command.conclude(state, 0)


def printed(*lines: str) -> Output:
    return Output("stdout", lines, NOON)


def test_its_argv_is_started_as_it_is_given() -> None:
    found = command.invocation(Task(argv=("make", "-j", "2", "a b", "")))
    assert (found.argv, found.stdin, found.env) == (("make", "-j", "2", "a b", ""), None, {})


def test_a_prompt_comes_on_stdin() -> None:
    found = command.invocation(Task(argv=("cat",), prompt="olá\nmundo"))
    assert (found.argv, found.stdin) == (("cat",), "olá\nmundo".encode())


def test_an_empty_prompt_is_an_empty_stdin_and_none_is_nothing_to_read() -> None:
    assert command.invocation(Task(argv=("cat",), prompt="")).stdin == b""
    assert command.invocation(Task(argv=("cat",))).stdin is None


def test_a_prompt_takes_the_place_that_is_kept_for_it_and_is_no_stdin_then() -> None:
    found = command.invocation(Task(argv=("say", "{prompt}", "-x", "{prompt}"), prompt="a b; $(c)"))
    assert (found.argv, found.stdin) == (("say", "a b; $(c)", "-x", "a b; $(c)"), None)


@pytest.mark.parametrize("argument", ["--text={prompt}", "{prompt} ", "{PROMPT}", "{{prompt}}", "prompt"])
def test_only_a_whole_argument_is_that_place(argument: str) -> None:
    found = command.invocation(Task(argv=("say", argument), prompt="x"))
    assert (found.argv, found.stdin) == (("say", argument), b"x")


def test_without_a_prompt_the_place_stays_as_it_is() -> None:
    assert command.invocation(Task(argv=("say", "{prompt}"))).argv == ("say", "{prompt}")


def test_a_prompt_that_names_the_place_itself_is_not_filled_again() -> None:
    assert command.invocation(Task(argv=("say", "{prompt}"), prompt="{prompt}")).argv == ("say", "{prompt}")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_line_is_said_as_it_was_written_where_it_was_written(stream: str) -> None:
    said, _ = command.read(Output(stream, ("one", "", "\x1b[1mtwo\r"), NOON), command.begin())
    assert said == (Said(stream, ("one", "", "\x1b[1mtwo\r")),)
    assert said[0].speaks, "the verdict listens to it"


def test_a_piece_of_a_line_says_that_it_goes_on() -> None:
    said, _ = command.read(Output("stdout", ("x" * 10,), NOON, is_whole=False), command.begin())
    assert said[0].data == {"continues": True}


def test_what_it_printed_last_is_its_result() -> None:
    assert conclude(printed("one", "two"), printed("three")).result == "one\ntwo\nthree"


def test_its_errors_are_no_result() -> None:
    assert conclude(printed("well"), Output("stderr", ("a warning",), NOON)).result == "well"
    assert conclude(Output("stderr", ("a warning",), NOON)).result is None


@pytest.mark.parametrize("lines", [(), ("",), ("", "", "")])
def test_whoever_printed_nothing_has_no_result(lines: tuple[str, ...]) -> None:
    assert conclude(printed(*lines)) == Conclusion()


def test_blank_lines_around_a_result_are_none_of_it() -> None:
    assert conclude(printed("", "", "a", "", "b", "")).result == "a\n\nb"


def test_of_a_flood_the_end_is_kept() -> None:
    result = conclude(*(printed(str(number)) for number in range(1000))).result
    assert result == "\n".join(str(number) for number in range(1000 - RESULT_LINES_MAX, 1000))
    result = conclude(printed("a" * 50_000, "b" * 50_000, "c")).result
    assert result is not None
    assert len(result) == RESULT_CHARACTERS_MAX
    assert result.endswith("b\nc")


@settings(deadline=None)
@given(st.lists(st.lists(st.text("ab \n", max_size=5).map(lambda text: text.replace("\n", "")), max_size=4)))
def test_it_makes_no_difference_in_what_portions_lines_come(portions: list[list[str]]) -> None:
    lines = [line for portion in portions for line in portion]
    together = conclude(printed(*lines))
    assert conclude(*(printed(*portion) for portion in portions)) == together
    assert conclude(*(printed(line) for line in lines)) == together
