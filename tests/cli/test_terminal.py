import io
import os
import pty
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conselho.cli import spinner, terminal


@pytest.fixture
def tty(monkeypatch: pytest.MonkeyPatch) -> Iterator[TextIO]:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w", encoding="utf-8") as stream:
        yield stream
    os.close(leader)


def pipe() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="ascii")


def written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode("utf-8")


@given(st.text(alphabet=st.sampled_from("\x1b[]0;m2J?\x07\x9b\x9d\\\r\n\t\x00\x7f\u202eab é")))
def test_only_tabs_and_colours_are_left_of_what_steers_a_terminal(text: str) -> None:
    left = re.sub(r"\x1b\[[0-9;:]*m", "", terminal.harmless(text))
    assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u202e]", left)


@given(st.text())
def test_text_without_colours_has_no_escape_at_all(text: str) -> None:
    assert "\x1b" not in terminal.harmless(text, colours=False)


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert terminal.harmless(text) == text


@pytest.mark.parametrize(
    ("hostile", "left"),
    [
        ("\x1b]0;new title\x07after", "after"),
        ("\x1b]52;c;ZXZpbA==\x1b\\after", "after"),
        ("\x1b[2J\x1b[Hcleared", "cleared"),
        ("\x1bPq#0\x1b\\sixel", "sixel"),
        ("10%\r20%", "10%20%"),
        ("a\tb", "a\tb"),
        ("\x9b2Jc1", "c1"),
        ("\x1b]0;never ends", ""),
        ("safe\u202etxt.exe", "safetxt.exe"),
    ],
)
def test_sequences_go_with_what_belongs_to_them(hostile: str, left: str) -> None:
    assert terminal.harmless(hostile) == left


def test_a_colour_that_is_left_on_ends_with_its_line() -> None:
    assert terminal.harmless("\x1b[31mred") == "\x1b[31mred\x1b[0m"


def test_a_pipe_gets_what_an_agent_printed_unchanged() -> None:
    assert terminal.screen(pipe()).foreign("\x1b[2J\x07") == "\x1b[2J\x07"


def test_a_pipe_gets_utf8_whatever_the_locale() -> None:
    stream = pipe()
    terminal.screen(stream).say("não ✓")
    assert written(stream) == "não ✓\n"


def test_a_terminal_gets_colour(tty: TextIO) -> None:
    assert terminal.screen(tty).paint("x", "red") == "\x1b[31mx\x1b[0m"


def test_no_color_is_respected_also_in_what_agents_print(tty: TextIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    screen = terminal.screen(tty)
    assert screen.paint("x", "red") == "x"
    assert screen.foreign("\x1b[31mx") == "x"


def test_a_dumb_terminal_gets_no_escape_and_no_spinner(tty: TextIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    screen = terminal.screen(tty)
    assert screen.is_terminal
    assert screen.paint("x", "red") == screen.foreign("\x1b[31mx") == "x"
    assert spinner.Spinner(screen).tick_seconds is None


def test_severity_has_a_symbol_on_a_terminal_and_is_a_word_in_a_pipe(tty: TextIO) -> None:
    assert "▲" in terminal.severity("warning", terminal.screen(tty))
    assert terminal.severity("warning", terminal.screen(pipe())) == "warning"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, ""),
        (-0.1, "0.0 s"),
        (0.42, "0.4 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (63, "1 min 3 s"),
        (7500, "2 h 5 min"),
        (7200, "2 h"),
        (86_400 * 3 + 4 * 3600, "3 d 4 h"),
    ],
)
def test_durations_read_as_people_say_them(seconds: float | None, shown: str) -> None:
    assert terminal.duration(seconds) == shown


def test_a_table_in_a_pipe_has_columns_without_tabs_and_names_what_is_missing() -> None:
    stream = pipe()
    terminal.table(
        ("id", "severity", "title"), [("1", "", "make test"), ("200", "error", "x")], terminal.screen(stream)
    )
    assert written(stream).splitlines() == ["id   severity  title", "1    -         make test", "200  error     x"]


def test_text_of_strangers_is_one_line_in_a_table() -> None:
    assert terminal.one_line("two\nlines\tand \x1b[31mcolour\x1b[0m\r\n") == "two lines and colour"
    assert terminal.one_line(None) == ""


def test_a_pipe_gets_whole_ids_and_times() -> None:
    screen = terminal.screen(pipe())
    assert terminal.short_id("0193-abcdefgh", screen) == "0193-abcdefgh"
    assert terminal.moment("2026-11-21T14:00:00Z", screen) == "2026-11-21T14:00:00Z"


def test_a_terminal_gets_short_ids_and_times(tty: TextIO) -> None:
    screen = terminal.screen(tty)
    assert terminal.short_id("0193-abcdefgh", screen) == "abcdefgh"
    assert re.fullmatch(r"\d\d:\d\d:\d\d", terminal.moment(datetime.now(UTC).isoformat(), screen))
    assert re.fullmatch(r"[A-Z][a-z]{2} \d\d \d\d:\d\d", terminal.moment("2020-01-31T12:00:00Z", screen))


def test_a_closing_line_says_of_a_run_that_was_ended_what_its_cli_was_at_a_loss_with() -> None:
    run = {"severity": "error", "status": "timed_out", "duration_seconds": 15.0, "summary": None}
    out = terminal.screen(pipe())
    assert terminal.closing(run | {"error": "timed out after 15 s"}, out) == "✗ timed out after 15 s"
    told = "timed out after 15 s; tried 3 times: its key was refused"
    assert terminal.closing(run | {"error": told}, out) == "✗ timed out after 15 s: tried 3 times: its key was refused"
