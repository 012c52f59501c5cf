"""How is OpenAI's Responses API spoken? `POST /v1/responses`, as a stream of events.

Source: https://platform.openai.com/docs/api-reference/responses-streaming and what Codex CLI sends. It declares its
tools in the request: a "function" takes JSON, a "custom" one plain text, and a "namespace" holds the functions of an
MCP server. A scenario calls each by its bare name.
"""

import itertools
import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

from tests.scripted_model.dialects import Answer, Request, event, whole
from tests.scripted_model.scenario import CACHED_TOKENS, INPUT_TOKENS, OUTPUT_TOKENS, Call, Part, Say, Think

LIMIT_SECONDS = 3 * 86400 + 2 * 3600  # how far away the end of a plan's limit is
_KINDS = {
    400: "invalid_request_error",
    401: "invalid_api_key",
    403: "unsupported_country_region_territory",
    404: "model_not_found",
    429: "rate_limit_exceeded",
}


class Responses:
    """The dialect of Codex CLI."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def matches(self, method: str, path: str) -> bool:
        """Answers are asked for by POST; by GET a socket would be opened, which is refused."""
        return method == "POST" and path.partition("?")[0] == "/v1/responses"

    def is_side(self, request: Request) -> bool:
        """What is asked without any tool."""
        return not request.body.get("tools")

    def side(self, request: Request) -> Answer:
        """A word."""
        return self.answer((Say("side"),), request)

    def answer(self, parts: Sequence[Part], request: Request) -> Answer:
        """One response, whose id is new each time."""
        response = f"resp_{next(self._numbers)}"
        tools = _tools(request)
        items = [_item(f"{response}_{index}", part, tools) for index, part in enumerate(parts)]
        if not request.body.get("stream"):
            return whole({**_response(response, request), "status": "completed", "output": items, "usage": _usage()})
        return Answer(_events(_response(response, request), items))

    def refusal(self, status: int, kind: str, message: str) -> bytes:
        """An error object."""
        named = kind or _KINDS.get(status, "server_error")
        error: dict[str, Any] = {"message": message, "type": named, "param": None, "code": named}
        if named == "usage_limit_reached":  # the limit of a plan, and not of a minute
            error |= {"plan_type": "plus", "resets_at": int(time.time()) + LIMIT_SECONDS}
        return json.dumps({"error": error}).encode()

    def asked(self, request: Request) -> list[str]:
        """The texts of the last message of the user."""
        said = [each for each in request.body.get("input", ()) if each.get("role") == "user"]
        content = said[-1]["content"] if said else []
        return [content] if isinstance(content, str) else [each["text"] for each in content if "text" in each]


def _tools(request: Request) -> dict[str, dict[str, Any]]:
    """What is to be said beside a call of each tool: its kind, and the namespace it is in."""
    found: dict[str, dict[str, Any]] = {}
    for tool in request.body.get("tools", ()):
        if tool["type"] == "namespace":
            found |= {each["name"]: {"type": each["type"], "namespace": tool["name"]} for each in tool["tools"]}
        elif "name" in tool:
            found[tool["name"]] = {"type": tool["type"]}
    return found


def _item(item: str, part: Part, tools: dict[str, dict[str, Any]]) -> dict[str, Any]:
    match part:
        case Think(text):
            return {"type": "reasoning", "id": f"rs_{item}", "summary": [{"type": "summary_text", "text": text}]}
        case Say(text):
            content = [{"type": "output_text", "text": text, "annotations": []}]
            return {
                "type": "message",
                "id": f"msg_{item}",
                "role": "assistant",
                "status": "completed",
                "content": content,
            }
        case Call(id=call, name=name, input=given):
            tool = dict(tools.get(name, {"type": "function"}))
            shared = {"call_id": call, "name": name, "status": "completed"}
            if tool.pop("type") == "custom":
                return {"type": "custom_tool_call", "id": f"ctc_{item}", **shared, "input": given["input"]}
            return {"type": "function_call", "id": f"fc_{item}", **shared, **tool, "arguments": json.dumps(given)}


def _response(response: str, request: Request) -> dict[str, Any]:
    return {"id": response, "object": "response", "model": request.body.get("model"), "error": None}


def _usage() -> dict[str, Any]:
    sent = INPUT_TOKENS + CACHED_TOKENS  # here the cached ones are among them
    return {
        "input_tokens": sent,
        "input_tokens_details": {"cached_tokens": CACHED_TOKENS},
        "output_tokens": OUTPUT_TOKENS,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": sent + OUTPUT_TOKENS,
    }


def _events(response: dict[str, Any], items: Sequence[dict[str, Any]]) -> Iterator[bytes]:
    yield _event("response.created", response={**response, "status": "in_progress", "output": []})
    for index, item in enumerate(items):
        yield _event("response.output_item.added", output_index=index, item={**item, "status": "in_progress"})
        yield from _deltas(index, item)
        yield _event("response.output_item.done", output_index=index, item=item)
    yield _event(
        "response.completed", response={**response, "status": "completed", "output": list(items), "usage": _usage()}
    )


def _deltas(index: int, item: dict[str, Any]) -> Iterator[bytes]:
    """The text of a message, in two halves."""
    if item["type"] == "message":
        text = item["content"][0]["text"]
        for half in (text[: len(text) // 2], text[len(text) // 2 :]):
            place = {"item_id": item["id"], "output_index": index, "content_index": 0}
            yield _event("response.output_text.delta", **place, delta=half)


def _event(kind: str, **data: Any) -> bytes:
    return event({"type": kind, **data}, kind)
