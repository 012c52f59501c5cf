"""What the lines of OpenCode become: kinds, texts, data, and what is kept for the end."""

import json
from typing import Any

import pytest

from conselho.providers.base import Output
from tests.providers.opencode_runs import (
    NOON,
    SESSION,
    begun,
    complained,
    ended,
    event,
    failed,
    opencode,
    printed,
    replay,
    run,
    said,
    texts,
    used,
)


def test_a_recorded_run_is_a_conversation() -> None:
    told, conclusion = replay("tools")
    assert [(each.kind, each.lines[0][:40]) for each in told] == [
        ("system", f"session {conclusion.session}"),
        ("thinking", "First I look around."),
        ("text", "Let me read it."),
        ("tool", "read: /srv/project/README.md"),
        ("tool_result", "<path>/srv/project/README.md</path>"),
        ("tool", "bash: rm -rf build"),
        ("tool_result", "The user has specified a rule which prev"),
        ("warning", "denied: bash: rm -rf build"),
        ("text", "It is fine."),
        ("result", "Done after 3 turns: 390 tokens in, 60 ou"),
    ]
    assert [each.kind for each in told if each.speaks] == ["text", "text"]


def test_a_call_and_its_result_know_each_other() -> None:
    given = {"command": "make check", "description": "Checks it"}
    told, _ = run(printed(used("bash", given, output="one\ntwo\n")))
    _, call, result = told
    assert (call.kind, call.lines) == ("tool", ("bash: make check",))
    assert call.data == {"name": "bash", "input": given, "id": "call_1"}
    assert (result.kind, list(result.lines)) == ("tool_result", ["one", "two"])
    assert result.data == {"id": "call_1", "duration_seconds": 2.5}


def test_a_call_that_failed_says_so_and_is_no_denial() -> None:
    told, conclusion = run(printed(said("x"), used("read", {"filePath": "/a"}, status="error", error="no such file")))
    assert told[-1].data == {"id": "call_1", "duration_seconds": 2.5, "is_error": True}
    assert texts(told, "warning") == []
    assert conclusion.at_least_warning is None


@pytest.mark.parametrize(
    ("given", "brief"),
    [
        ({"description": "d", "command": "ls\n  -l"}, "tool: ls -l"),
        ({"x": 1}, 'tool: {"x":1}'),
        ({"path": "p" * 1000}, "tool: " + "p" * 199 + "…"),
        ({"path": 7, "url": "u"}, "tool: u"),
        ([1, 2], "tool: [1,2]"),
        ("text", "tool: text"),
        (None, "tool"),
        ({"path": " "}, 'tool: {"path":" "}'),
    ],
)
def test_a_call_is_told_in_a_few_words(given: Any, brief: str) -> None:
    told, _ = run(printed(used("tool", given)))
    (line,) = texts(told, "tool")
    assert line.replace('": ', '":').replace(", ", ",") == brief


def test_a_long_input_is_cut_in_the_data() -> None:
    told, _ = run(printed(used("write", {"filePath": "/a", "content": "x" * 1_000_000})))
    assert len(json.dumps(told[1].data)) < 20_000
    assert told[1].data is not None
    assert told[1].data["input"]["filePath"] == "/a"


def test_a_result_of_five_megabytes_is_kept_within_bounds() -> None:
    output = "a line of a very long log\n" * 200_000
    told, conclusion = run(printed(begun(), said("x"), used("bash", {"command": "cat log"}, output=output), ended()))
    lines = texts(told, "tool_result")
    assert lines[0] == "a line of a very long log"
    assert len(lines) == 5_000
    assert "left out" in lines[-1]
    assert conclusion.failure is None


def test_steps_are_bookkeeping() -> None:
    told, _ = run(printed(begun(), ended("tool-calls"), begun("msg_2"), ended("tool-calls", "msg_2")))
    assert [(each.kind, each.lines) for each in told] == [("system", (f"session {SESSION}",))]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("plain text", "text"),
        ("", "text"),
        ("[1, 2]", "text"),
        ("17", "text"),
        ('{"type": "text", "part": {"te', "text"),
        ('{"a": ' * 500 + "1" + "}" * 500, "text"),
        ('{"type": "brand_new", "part": {}}', "system"),
        ('{"type": ["text"], "part": 7}', "system"),
        ('{"type": "text", "part": {"text": 7}}', "system"),
        ('{"type": "tool_use", "part": [1]}', "system"),
        ('{"type": "step_finish"}', "system"),
        ("{}", "system"),
    ],
)
def test_what_is_not_known_is_kept_as_it_is(line: str, kind: str) -> None:
    told, conclusion = run(printed(line))
    assert [each.kind for each in told] == [kind]
    assert told[0].lines[0][:100] == line[:100]
    assert conclusion.reason == "no_result"


def test_broken_json_is_at_least_a_warning() -> None:
    _, conclusion = run(printed(begun(), said("Done"), '{"type": "text", "pa', ended()))
    assert conclusion.failure is None
    assert conclusion.at_least_warning == "1 lines of its output could not be read"


def test_half_a_character_and_a_nul_can_be_stored() -> None:
    told, conclusion = run(printed(begun(), said("a\ud800b\0c"), used("\udc00", "\ud800"), ended("\ud800")))
    for each in told:
        json.dumps([each.kind, list(each.lines), each.data]).encode()
        "".join(each.lines).encode()
    assert conclusion.result is not None


def test_stderr_is_kept_and_is_not_its_word() -> None:
    told, _ = run(complained("a warning", ""))
    assert [(each.kind, list(each.lines), each.speaks) for each in told] == [
        ("stderr", ["a warning"], False),
        ("stderr", [""], False),
    ]


def test_requests_that_are_tried_again_are_warnings() -> None:
    told, conclusion = replay("retried")
    assert texts(told, "warning") == ["the model's API failed: AI_APICallError: Slow down."]
    assert (conclusion.failure, conclusion.result) == (None, "Done")
    assert conclusion.at_least_warning == "the model's API failed once"


def test_those_beside_the_conversation_are_told_and_no_reason_to_worry() -> None:
    logged = 'level=ERROR run=1 message="stream error" small=true agent=title error.error="AI_APICallError: x"'
    told, conclusion = run(complained(logged), printed(begun(), said("Done"), ended()))
    assert texts(told, "warning") == ["the model's API failed (beside the conversation): AI_APICallError: x"]
    assert conclusion.at_least_warning is None


def test_a_line_that_is_too_long_is_left_out_to_its_end() -> None:
    pieces = [
        Output("stdout", ["{" + "x" * 100], NOON, is_whole=False),
        Output("stdout", ["yyy"], NOON, is_whole=False),
    ]
    told, conclusion = run(
        *pieces,
        complained("meanwhile"),
        Output("stdout", ["its end", json.dumps(said("Done")), json.dumps(ended())], NOON),
    )
    assert [each.kind for each in told] == ["warning", "stderr", "system", "text", "result"]
    assert conclusion.result == "Done"
    assert conclusion.at_least_warning == "1 lines of its output could not be read"


def test_an_error_is_told_with_its_reason() -> None:
    told, _ = run(printed(failed("APIError", message="Overloaded", statusCode=529)))
    assert [(each.kind, list(each.lines), each.data) for each in told if each.kind == "error"] == [
        ("error", ["the model's API failed (529): Overloaded"], {"reason": "api_error"})
    ]


def test_unknown_events_of_later_versions_are_told() -> None:
    told, conclusion = run(printed(begun(), said("Done"), ended(), event("done", reason="idle")))
    assert [each.kind for each in told][-1] == "system"
    assert conclusion.failure is None


def test_reading_keeps_nothing_outside_its_state() -> None:
    first, second = opencode.begin(), opencode.begin()
    opencode.read(printed(begun(), said("x")), first)
    assert second == opencode.begin()
