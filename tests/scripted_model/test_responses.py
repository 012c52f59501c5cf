"""The dialect of OpenAI's Responses API: its events, its tools, its refusals."""

import json
from typing import Any

from tests.scripted_model.dialects import Request
from tests.scripted_model.responses import Responses
from tests.scripted_model.scenario import Call, Part, Say, Think

TOOLS = [
    {"type": "function", "name": "exec_command"},
    {"type": "custom", "name": "apply_patch"},
    {"type": "namespace", "name": "mcp__scripted", "tools": [{"type": "function", "name": "shout"}]},
    {"type": "web_search"},
]


def request(**body: Any) -> Request:
    return Request("POST", "/v1/responses", {}, {"model": "m", "stream": True, "tools": TOOLS} | body)


def events(*parts: Part) -> list[dict[str, Any]]:
    chunks = b"".join(Responses().answer(parts, request()).chunks).decode()
    return [json.loads(line.removeprefix("data: ")) for line in chunks.split("\n") if line.startswith("data: ")]


def items(*parts: Part) -> list[dict[str, Any]]:
    return [each["item"] for each in events(*parts) if each["type"] == "response.output_item.done"]


def test_an_answer_is_streamed_from_its_beginning_to_its_usage() -> None:
    told = events(Think("hm"), Say("All is well"))
    assert told[0]["type"] == "response.created"
    assert "".join(each["delta"] for each in told if each["type"] == "response.output_text.delta") == "All is well"
    assert told[-1]["type"] == "response.completed"
    assert told[-1]["response"]["usage"]["total_tokens"] == 150
    assert [each["type"] for each in told[-1]["response"]["output"]] == ["reasoning", "message"]


def test_each_tool_is_called_as_it_was_declared() -> None:
    plain, free, spaced, unknown = items(
        Call("a", "exec_command", {"cmd": "ls"}),
        Call("b", "apply_patch", {"input": "*** Begin Patch"}),
        Call("c", "shout", {"text": "x"}),
        Call("d", "dream", {}),
    )
    assert (plain["type"], plain["call_id"], json.loads(plain["arguments"])) == ("function_call", "a", {"cmd": "ls"})
    assert (free["type"], free["input"]) == ("custom_tool_call", "*** Begin Patch")
    assert (spaced["namespace"], spaced["name"]) == ("mcp__scripted", "shout")
    assert (unknown["type"], "namespace" in unknown) == ("function_call", False)


def test_what_is_asked_without_tools_takes_no_turn() -> None:
    assert Responses().is_side(request(tools=[]))
    assert not Responses().is_side(request())
    assert not Responses().matches("GET", "/v1/responses")


def test_what_was_asked_is_the_users_last_message() -> None:
    first, last = ({"role": "user", "content": [{"type": "input_text", "text": text}]} for text in ("one", "two"))
    assert Responses().asked(request(input=[first, {"role": "developer", "content": "x"}, last])) == ["two"]
    assert Responses().asked(request()) == []


def test_a_plans_limit_says_when_it_ends() -> None:
    plain, of_plan = (json.loads(Responses().refusal(429, kind, "no")) for kind in ("", "usage_limit_reached"))
    assert (plain["error"]["code"], "resets_at" in plain["error"]) == ("rate_limit_exceeded", False)
    assert of_plan["error"]["resets_at"] > 0
