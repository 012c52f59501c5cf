"""Gemini CLI's events as lines of the log."""

import json
from datetime import timedelta

import pytest

from conselho.providers.base import Output
from tests.providers.gemini_runs import INIT, NOON, SUCCESS, delta, gemini, printed, run, texts


def test_portions_become_lines_at_newlines_and_at_the_end_of_a_message() -> None:
    tool = {"type": "tool_use", "tool_name": "glob", "tool_id": "t", "parameters": {}}
    done = {"type": "tool_result", "tool_id": "t", "status": "success"}
    told, end = run(
        printed(
            INIT,
            delta("One "),
            delta("line\nt"),
            delta("wo"),
            tool,
            done,
            delta("three\n"),
            delta("\n"),
            delta("four"),
            SUCCESS,
        )
    )
    assert texts(told, "text") == ["One line", "two", "three", "", "four"]
    assert [each.kind for each in told if each.kind in {"text", "tool"}] == ["text", "text", "tool", *["text"] * 3]
    assert end.result == "three\n\nfour"
    assert end.turns == 2


def test_a_call_and_its_result_belong_together() -> None:
    tool = {
        "type": "tool_use",
        "tool_name": "run_shell_command",
        "tool_id": "t-1",
        "parameters": {"command": "make\n  check"},
    }
    done = {"type": "tool_result", "tool_id": "t-1", "status": "success", "output": "one\ntwo\n"}
    state = gemini.begin()
    (called,), state = gemini.read(printed(tool), state)
    (told,), state = gemini.read(Output("stdout", [json.dumps(done)], NOON + timedelta(seconds=1.5)), state)
    assert (called.kind, called.lines, called.speaks) == ("tool", ["run_shell_command: make check"], False)
    assert called.data == {"name": "run_shell_command", "input": {"command": "make\n  check"}, "id": "t-1"}
    assert (told.kind, told.lines, told.speaks) == ("tool_result", ["one", "two"], False)
    assert told.data == {"id": "t-1", "is_error": False, "duration_seconds": 1.5}


def test_a_result_of_five_megabytes_is_cut_and_says_so() -> None:
    tool = {"type": "tool_use", "tool_name": "glob", "tool_id": "t", "parameters": {"x": "y" * 5_000_000}}
    done = {"type": "tool_result", "tool_id": "t", "status": "success", "output": "line\n" * 1_000_000}
    told, end = run(printed(INIT, tool, done, delta("Done"), SUCCESS))
    (result,) = [each for each in told if each.kind == "tool_result"]
    assert len(result.lines) == 5_000
    assert "more characters are left out" in result.lines[-1]
    (called,) = [each for each in told if each.kind == "tool"]
    assert len(json.dumps(called.data)) < 20_000
    assert end.failure is None


def test_an_answer_without_an_end_is_cut_and_says_so() -> None:
    told, end = run(printed(INIT, *(delta("a line\n" * 1_000) for _ in range(20)), delta("end"), SUCCESS))
    lines = texts(told, "text")
    assert len(lines) == 5_001
    assert "more characters are left out" in lines[-1]
    assert end.result is not None
    assert end.result.endswith("a line\nend")


def test_a_line_without_an_end_comes_in_pieces() -> None:
    told, _ = run(printed(INIT, *(delta("x" * 1_000) for _ in range(200)), SUCCESS))
    assert "".join(texts(told, "text")) == "x" * 200_000
    assert max(map(len, texts(told, "text"))) == 64 * 1024


@pytest.mark.parametrize(
    "line",
    ["plain", '{"type": "news"}', "[1]", '{"type": 5}', '{"type": "message", "role": "assistant", "content": 5}', "{",
     '{"type": "init"}', '{"type": "tool_use", "tool_name": []}', '{"a":' * 5_000, '{"type":"result","status":{}}', ""],
)  # fmt: skip
def test_what_is_not_known_is_kept_as_it_came(line: str) -> None:
    told, end = run(printed(INIT, delta("half "), line, delta("of it"), SUCCESS))
    assert line in [text for each in told for text in each.lines]
    assert texts(told, "text")[-1] == "half of it", "a stray line parts none"
    assert end.failure is None


def test_a_line_that_is_too_long_is_left_out_with_a_word() -> None:
    piece = Output("stdout", ['{"type": "message"'], NOON, is_whole=False)
    told, end = run(printed(INIT), piece, piece, printed('"end": 1}', delta("Done")), printed(SUCCESS))
    assert len(texts(told, "warning")) == 1
    assert not any('"end"' in text for each in told for text in each.lines)
    assert (end.result, end.failure) == ("Done", None)
    assert end.at_least_warning is not None


def test_half_characters_and_nothings_are_no_trouble() -> None:
    told, end = run(printed('{"type":"message","role":"assistant","content":"a\\ud800\\u0000b"}', SUCCESS))
    assert texts(told, "text") == ["a\ufffd\0b"]
    assert end.result is not None
