"""What Claude Code prints, as lines of the log: recorded runs, and what a test makes up."""

import json
from datetime import timedelta
from typing import Any

import pytest

from conselho.providers.base import Output
from conselho.providers.speech import LINES_MAX
from tests.providers.claude_runs import (
    NOON,
    answered,
    assistant,
    called,
    claude,
    ended,
    printed,
    replay,
    run,
    spoke,
    texts,
)


def test_an_answer_is_thought_and_said_and_ended() -> None:
    told, _ = replay("answer")
    assert [(each.kind, list(each.lines), each.speaks) for each in told[1:-1]] == [
        ("thinking", ["Let me see."], False),
        ("text", ["All is well.", "VERDICT: fine"], True),
    ]
    assert told[0].kind == "system"
    assert told[0].lines[0].startswith("Claude Code 2.1.328, model ")
    assert texts(told, "result") == ["Done after 1 turn: 130 tokens in, 20 out, $0.0008"]
    assert not told[-1].speaks


def test_tools_are_called_and_answer() -> None:
    told, _ = replay("tools")
    assert texts(told, "tool") == ["Bash: cat README.md", "Bash: cat nothing.md", "Bash: seq 3; exit 3"]
    data = [each.data or {} for each in told if each.kind == "tool"]
    assert data[0] == {"name": "Bash", "id": "toolu_call_1", "input": {"command": "cat README.md"}}
    # The first two were called at once: either may end first.
    ends = {(each.data or {})["id"]: each for each in told if each.kind == "tool_result"}
    assert list(ends["toolu_call_1"].lines) == ["A small project."]
    assert list(ends["toolu_call_3"].lines) == ["Exit code 3", "1", "2", "3"]
    failed = {call for call, each in ends.items() if (each.data or {}).get("is_error")}
    assert failed == {"toolu_call_2", "toolu_call_3"}


def test_a_result_tells_how_long_its_tool_took() -> None:
    begun, done = (
        printed(called("Bash", {"command": "make"})),
        printed(answered("ok"), at=NOON + timedelta(seconds=2.5)),
    )
    told, _ = run(begun, done)
    assert told[-1].data == {"id": "t1", "duration_seconds": 2.5}
    told, _ = run(done)
    assert told[-1].data == {"id": "t1"}, "its beginning was not seen"


def test_a_denial_is_said_once_however_often_the_cli_says_it() -> None:
    told, _ = replay("denied")
    assert texts(told, "warning") == ["Bash was not allowed: it was not done"] * 2
    told, end = run(printed(ended(permission_denials=[{"tool_name": "Write", "tool_use_id": "x"}] * 2)))
    assert texts(told, "warning") == ["Write was not allowed: it was not done"]
    assert end.at_least_warning == "it was not allowed to use Write"


def test_retries_and_limits_are_warnings_and_failures_errors() -> None:
    told, _ = replay("refused-key")
    assert texts(told, "warning") == [
        "The API did not answer as it should (401 authentication_failed): try 1 of 1 in 0.6 s"
    ]
    assert texts(told, "error") == ["Invalid API key · Fix external API key"]
    assert not any(each.speaks for each in told)
    told, _ = replay("limit")
    assert texts(told, "warning") == ["Limit five_hour: rejected, until 2030-03-17 17:46 UTC"]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"file_path": "a.py", "content": "x" * 50_000}, "Write: a.py"),
        ({"command": "a\n  b"}, "Write: a b"),
        ({}, "Write"),
        ({"other": 7}, 'Write: {"other":7}'),
        ([1], "Write: [1]"),
        (None, "Write"),
        ({"command": "x" * 1000}, "Write: " + "x" * 299 + "…"),
    ],
)
def test_a_call_is_one_short_line(given: Any, line: str) -> None:
    told, _ = run(printed(called("Write", given)))
    assert [list(each.lines) for each in told] == [[line]]
    assert len(json.dumps(told[0].data)) < 20_000


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        ("a\nb", ["a", "b"]),
        ("", ["(nothing)"]),
        (None, ["(nothing)"]),
        ([{"type": "text", "text": "a"}, {"type": "image", "source": {"data": "x" * 99}}, "b"], ["a", "[image]", "b"]),
        (7, ["7"]),
        ({"odd": True}, ['{"odd":true}']),
    ],
)
def test_a_result_may_have_any_content(content: Any, lines: list[str]) -> None:
    told, _ = run(printed(answered(content)))
    assert texts(told, "tool_result") == lines


def test_a_result_of_five_megabytes_is_kept_in_pieces() -> None:
    told, _ = run(printed(answered("é" * 5_000_000)))
    assert sum(map(len, texts(told, "tool_result"))) == 5_000_000
    told, _ = run(printed(answered("x\n" * 2_500_000)))
    assert len(texts(told, "tool_result")) == LINES_MAX


def test_a_line_that_is_too_long_is_left_out_with_one_warning() -> None:
    pieces = [Output("stdout", ('{"type": "' + "x" * 100,), NOON, is_whole=False)] * 3
    last = Output("stdout", ('the end"}',), NOON)
    told, end = run(printed(spoke("before")), *pieces, last, printed(spoke("after"), ended()))
    assert texts(told, "warning") == ["[a line of more than 32 MiB is left out here]"]
    assert texts(told, "text") == ["before", "after"]
    assert end.at_least_warning == "1 line of its output could not be read"


def test_what_is_no_json_is_text() -> None:
    told, end = run(printed("Segmentation fault", "", '{"type":"assistant","mess', ended()))
    assert texts(told, "text") == ["Segmentation fault", "", '{"type":"assistant","mess']
    assert end.at_least_warning == "2 lines of its output could not be read"


def test_stderr_is_kept_as_it_came() -> None:
    told, _ = run(Output("stderr", ("a", "b"), NOON), Output("stderr", ("c",), NOON, is_whole=False))
    assert [(each.kind, list(each.lines), each.data, each.speaks) for each in told] == [
        ("stderr", ["a", "b"], None, False),
        ("stderr", ["c"], {"continues": True}, False),
    ]


@pytest.mark.parametrize(
    ("event", "line"),
    [
        ({"type": "prophecy", "content": "soon\nor later"}, "prophecy: soon or later"),
        ({"type": "system", "subtype": "weather", "uuid": "u", "wind": 3}, 'system weather: {"wind":3}'),
        ({}, "event: {}"),
        ({"type": ["assistant"]}, '["assistant"]: {}'),
        ({"type": "assistant", "message": [1]}, "assistant: [1]"),
        ({"type": "rate_limit_event", "rate_limit_info": [{}]}, 'rate_limit_event: {"rate_limit_info":[{}]}'),
        ({"type": "assistant", "message": {"content": []}}, 'assistant: {"content":[]}'),
    ],
)
def test_what_nobody_knows_is_a_line_of_the_system(event: dict[str, Any], line: str) -> None:
    told, _ = run(printed(event))
    assert [(each.kind, list(each.lines), each.speaks) for each in told] == [("system", [line], False)]


def test_another_agents_words_are_not_the_runs_own() -> None:
    told, end = run(
        printed(assistant({"type": "text", "text": "I found it"}, parent_tool_use_id="t1"), ended(result=""))
    )
    assert [(each.kind, each.speaks) for each in told[:1]] == [("text", False)]
    assert end.result is None


@pytest.mark.parametrize("kind", [[], {}, None, 7, "failed"])
def test_a_command_of_the_cli_may_come_to_anything(kind: Any) -> None:
    message = {"model": "<synthetic>", "content": [{"type": "text", "text": "No such command"}]}
    event = {"type": "assistant", "message": message, "local_command_outcome": {"kind": kind}}
    told, _ = run(printed(event, ended()))
    assert texts(told, "text") == ["No such command"]


def test_counting_while_it_thinks_makes_no_line() -> None:
    state = claude.begin()
    told, _ = claude.read(printed({"type": "system", "subtype": "thinking_tokens", "estimated_tokens": 3}), state)
    assert told == []
