"""Codex's events as lines of the log."""

import json
from datetime import timedelta
from typing import Any

import pytest

from conselho.providers.base import Output
from tests.providers.codex_runs import (
    COMPLETED,
    NOON,
    STARTED,
    THREAD,
    began,
    codex,
    ended,
    failed,
    printed,
    replay,
    run,
    spoke,
    texts,
)

COMMAND = "/bin/bash -lc 'make\n  check'"


def test_an_answer_is_told_with_its_thoughts_and_its_end() -> None:
    told, _ = replay("answer", 0)
    assert texts(told, "thinking") == ["Let me see."]
    assert texts(told, "text") == ["All is well.", "VERDICT: fine"]
    assert texts(told, "result") == ["Done: 130 tokens in, 20 out, in this session so far"]
    assert [each.kind for each in told if each.speaks] == ["text"]


def test_a_call_and_its_result_belong_together() -> None:
    state = codex.begin()
    (called,), state = codex.read(printed(began("command_execution", command=COMMAND)), state)
    done = ended("command_execution", command=COMMAND, aggregated_output="one\ntwo\n", exit_code=0)
    (told,), state = codex.read(Output("stdout", [json.dumps(done)], NOON + timedelta(seconds=1.5)), state)
    assert (called.kind, called.lines, called.speaks) == ("tool", ["shell: make check"], False)
    assert called.data == {"name": "shell", "input": {"command": "make\n  check"}, "id": "item_1"}
    assert (told.kind, told.lines, told.speaks) == ("tool_result", ["one", "two"], False)
    assert told.data == {"id": "item_1", "is_error": False, "duration_seconds": 1.5}


def test_a_call_that_fails_says_its_exit_code() -> None:
    told, end = run(printed(STARTED, ended("command_execution", command="ls", exit_code=3, status="failed")))
    assert [(each.kind, list(each.lines)) for each in told[1:]] == [
        ("tool", ["shell: ls"]),
        ("tool_result", ["(nothing printed)", "[exit code 3]"]),
    ]
    assert told[-1].data == {"id": "item_1", "is_error": True}, "when it began, is not known"
    assert end.failure is not None


@pytest.mark.parametrize(
    ("item", "called", "told"),
    [
        (
            {"type": "file_change", "changes": [{"path": "/a", "kind": "add"}, {"path": "/b", "kind": "delete"}]},
            "apply_patch: add /a, delete /b",
            ["completed"],
        ),
        (
            {"type": "mcp_tool_call", "server": "s", "tool": "t", "arguments": {"x": 1},
             "result": {"content": [{"type": "text", "text": "a\nb"}, {"type": "image"}], "structured_content": None}},
            's.t: {"x":1}',
            ["a", "b", '{"type":"image"}'],
        ),
        ({"type": "web_search", "query": "rust", "action": {"type": "open"}}, "web_search: rust", ['{"type":"open"}']),
        (
            {"type": "collab_tool_call", "tool": "spawn_agent", "prompt": "look", "agents_states": {"t": "x"}},
            "spawn_agent: look",
            ['{"t":"x"}'],
        ),
    ],
)  # fmt: skip
def test_every_kind_of_call_is_one(item: dict[str, Any], called: str, told: list[str]) -> None:
    said, _ = run(printed(ended(**{"kind": item["type"]} | item)))
    assert texts(said, "tool") == [called]
    assert texts(said, "tool_result") == told


def test_a_plan_is_told_step_by_step() -> None:
    items = [{"text": "look", "completed": True}, {"text": "act", "completed": False}]
    said, _ = run(printed(began("todo_list", items=items)))
    assert texts(said, "info") == ["[x] look", "[ ] act"]


def test_an_item_that_is_an_error_is_a_warning_and_ends_nothing() -> None:
    said, end = run(printed(STARTED, ended("error", message="slow model"), spoke("Done"), COMPLETED))
    assert texts(said, "warning") == ["slow model"]
    assert (end.failure, end.at_least_warning) == (None, None)


def test_tries_are_warnings_and_the_failure_is_an_error() -> None:
    said, _ = replay("failing", 1)
    assert texts(said, "warning")[-1].startswith("Reconnecting... 1/1")
    assert len(texts(said, "error")) == 2
    assert texts(said, "error")[-1].startswith("the turn failed: ")


def test_a_result_of_five_megabytes_is_cut_and_says_so() -> None:
    command = "/bin/bash -lc '" + "y" * 5_000_000 + "'"
    said, end = run(
        printed(
            STARTED,
            began("command_execution", command=command),
            ended("command_execution", command=command, aggregated_output="line\n" * 1_000_000, exit_code=0),
            spoke("Done"),
            COMPLETED,
        )
    )
    assert len(texts(said, "tool_result")) == 5_000
    assert "more characters are left out" in texts(said, "tool_result")[-1]
    (called,) = [each for each in said if each.kind == "tool"]
    assert len(json.dumps(called.data)) < 20_000
    assert end.failure is None


@pytest.mark.parametrize(
    "line",
    [
        '{"type": "thread.forgotten", "why": 1}',
        '{"type": "item.completed", "item": {"type": "dream", "text": "x"}}',
        '{"type": "item.completed", "item": ["agent_message"]}',
        '{"type": "item.completed", "item": {"type": "agent_message", "text": 7}}',
        '{"type": ["turn.completed"]}',
        '{"item": null}',
    ],
)
def test_an_event_that_is_not_known_is_kept_as_it_came(line: str) -> None:
    said, end = run(printed(STARTED, line, spoke("Done"), COMPLETED))
    assert line in texts(said, "system")
    assert (end.failure, end.at_least_warning) == (None, None)


def test_a_line_that_is_no_json_is_text() -> None:
    said, end = run(printed(STARTED, "hello", "", spoke("Done"), COMPLETED))
    assert texts(said, "text") == ["hello", "", "Done"]
    assert end.at_least_warning is None


def test_half_an_event_is_text_and_a_warning() -> None:
    said, end = run(printed(STARTED, json.dumps(spoke("Half"))[:-9], spoke("Done"), COMPLETED))
    assert len(texts(said, "text")) == 2
    assert end.at_least_warning == "part of what Codex printed could not be read"


def test_a_line_that_is_too_long_is_left_out_and_said_so() -> None:
    pieces = [Output("stdout", ['{"type"'], NOON, is_whole=False)] * 2
    rest = Output("stdout", [": 1}", *printed(spoke("Done"), COMPLETED).lines], NOON)
    said, end = run(printed(STARTED), *pieces, Output("stderr", ["noise"], NOON), rest)
    assert texts(said, "warning") == ["[a line of more than 32 MB is left out here]"]
    assert texts(said, "stderr") == ["noise"]
    assert texts(said, "text") == ["Done"]
    assert end.at_least_warning is not None


def test_what_is_refused_is_a_warning() -> None:
    said, end = replay("refusals", 0)
    assert end.failure is None
    assert any("approval policy is Never" in each for each in texts(said, "warning"))
    assert "scripted.shout was refused" in texts(said, "warning")
    assert end.at_least_warning is not None
    assert "shell (1)" in end.at_least_warning
    assert "scripted.shout (1)" in end.at_least_warning


def test_a_sandbox_that_cannot_be_made_is_told() -> None:
    broken = ended("command_execution", command="ls", aggregated_output="bwrap: No permissions\n", exit_code=1)
    broken["item"]["status"] = "failed"
    _, end = run(printed(STARTED, broken, spoke("Done"), COMPLETED))
    assert end.at_least_warning is not None
    assert "cannot make its sandbox here" in end.at_least_warning


def test_halves_of_characters_are_none_of_the_log() -> None:
    said, end = run(
        printed(
            STARTED, '{"type":"item.completed","item":{"type":"agent_message","text":"a\\ud800"}}', failed("\ud800")
        )
    )
    assert texts(said, "text") == ["a\ufffd"]
    json.dumps([each.data for each in said]).encode()
    assert end.failure is not None
    end.failure.encode()


def test_a_thread_that_could_not_be_resumed_is_no_session() -> None:
    assert run(printed(STARTED))[1].session == THREAD
    assert run(printed({"type": "thread.started", "thread_id": "the last one"}))[1].session is None
