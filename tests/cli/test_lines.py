"""How the lines of a log look, on a terminal and in a pipe."""

import io

import pytest

from conselho.cli import terminal
from conselho.cli.follow import Line
from conselho.cli.lines import Look

PIPE = terminal.Screen(io.StringIO(), is_terminal=False, has_colour=False, can_move=False)
TERMINAL = terminal.Screen(io.StringIO(), is_terminal=True, has_colour=True, can_move=True)


def line(kind: str, text: str, **data: object) -> Line:
    return Line(1, "2026-03-02T09:00:00Z", kind, text, data or None)


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("text", "hello"),
        ("stdout", "hello"),
        ("tool", "> hello"),
        ("tool_result", "  | hello"),
        ("thinking", "~ hello"),
        ("result", "= hello"),
        ("warning", "hello"),
        ("something new", "hello"),
    ],
)
def test_a_pipe_gets_a_mark_and_no_colour(kind: str, shown: str) -> None:
    assert Look().of(line(kind, "hello"), PIPE) == shown


def test_a_terminal_gets_colour_beside_the_mark() -> None:
    assert Look().of(line("tool", "Bash: ls"), TERMINAL) == "\x1b[36m> Bash: ls\x1b[0m"
    assert Look().of(line("tool_result", "no such file", is_error=True), TERMINAL).startswith("\x1b[31m")


def test_the_first_line_of_a_result_says_how_long_the_call_took() -> None:
    look = Look()
    shown = [look.of(line("tool_result", text, id="a", duration_seconds=1.25), PIPE) for text in ("one", "two")]
    shown.append(look.of(line("tool_result", "three", id="b", duration_seconds=65), PIPE))
    assert shown == ["  | [1.2 s] one", "  | two", "  | [1 min 5 s] three"]


def test_data_of_any_shape_is_no_trouble() -> None:
    shapes: list[dict[str, object]] = [
        {"id": ["x"]},
        {"duration_seconds": "long"},
        {"id": {}, "duration_seconds": None},
    ]
    for data in shapes:
        assert Look().of(line("tool_result", "x", **data), PIPE) == "  | x"


def test_what_a_stranger_wrote_steers_no_terminal() -> None:
    hostile = "a\x1b]0;title\x07\x1b[2Jb\x9b1Gc\rd\u202ee"
    assert Look().of(line("tool", hostile), TERMINAL) == "> abcde"
    assert Look().of(line("thinking", "a\x1b]0;title\x07"), PIPE).endswith("\x07")  # as it came


def test_json_has_the_data_where_there_is_any() -> None:
    assert line("text", "x").as_json() == '{"seq": 1, "at": "2026-03-02T09:00:00Z", "kind": "text", "text": "x"}'
    assert '"data": {"id": "a"}' in line("tool", "x", id="a").as_json()
