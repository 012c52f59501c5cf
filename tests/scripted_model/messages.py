"""How is Anthropic's Messages API spoken? `POST /v1/messages`, as a stream or whole.

Source: https://docs.anthropic.com/en/api/messages-streaming and what Claude Code sends.
"""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.scripted_model.dialects import Answer, Request, event, whole
from tests.scripted_model.scenario import CACHED_TOKENS, INPUT_TOKENS, OUTPUT_TOKENS, Call, Part, Say, Think

_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


class Messages:
    """The dialect of Claude Code."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def matches(self, method: str, path: str) -> bool:
        """Everything of this API begins with /v1/messages."""
        return method == "POST" and path.startswith("/v1/messages")

    def is_side(self, request: Request) -> bool:
        """Counts of tokens, and what is asked without any tool: titles, and whether the key is good."""
        return "/count_tokens" in request.path or not request.body.get("tools")

    def side(self, request: Request) -> Answer:
        """A count, or a word."""
        if "/count_tokens" in request.path:
            return whole({"input_tokens": INPUT_TOKENS})
        return self.answer((Say("side"),), request)

    def answer(self, parts: Sequence[Part], request: Request) -> Answer:
        """One message, whose id is new each time."""
        message = _message(f"msg_{next(self._numbers)}", parts, request)
        return Answer(_events(message)) if request.body.get("stream") else whole(message)

    def refusal(self, status: int, kind: str, message: str) -> bytes:
        """An error object."""
        error = {"type": kind or _KINDS.get(status, "api_error"), "message": message}
        return json.dumps({"type": "error", "error": error, "request_id": "req_scripted"}).encode()

    def asked(self, request: Request) -> list[str]:
        """The text blocks of the last message that is the user's."""
        messages = [each for each in request.body.get("messages", ()) if each.get("role") == "user"]
        content = messages[-1]["content"] if messages else []
        return [content] if isinstance(content, str) else [each["text"] for each in content if each["type"] == "text"]


def _message(message_id: str, parts: Sequence[Part], request: Request) -> dict[str, Any]:
    calls = any(isinstance(part, Call) for part in parts)
    return {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": request.body.get("model"),
        "content": [_block(part) for part in parts],
        "stop_reason": "tool_use" if calls else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": INPUT_TOKENS,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": CACHED_TOKENS,
            "output_tokens": OUTPUT_TOKENS,
        },
    }


def _block(part: Part) -> dict[str, Any]:
    match part:
        case Think(text):
            return {"type": "thinking", "thinking": text, "signature": "scripted"}
        case Say(text):
            return {"type": "text", "text": text}
        case Call(id=call, name=name, input=given):
            return {"type": "tool_use", "id": f"toolu_{call}", "name": name, "input": given}


def _events(message: Mapping[str, Any]) -> Iterator[bytes]:
    usage = message["usage"]
    begun = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    yield _event("message_start", message=begun)
    for index, block in enumerate(message["content"]):
        empty, deltas = _deltas(block)
        yield _event("content_block_start", index=index, content_block=empty)
        for delta in deltas:
            yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    delta = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield _event("message_delta", delta=delta, usage={"output_tokens": usage["output_tokens"]})
    yield _event("message_stop")


def _deltas(block: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A block without its content, and its content."""
    match block["type"]:
        case "thinking":
            thought = {"type": "thinking_delta", "thinking": block["thinking"]}
            return {**block, "thinking": "", "signature": ""}, [
                thought,
                {"type": "signature_delta", "signature": "scripted"},
            ]
        case "text":
            half = len(block["text"]) // 2
            texts = (block["text"][:half], block["text"][half:])
            return {**block, "text": ""}, [{"type": "text_delta", "text": text} for text in texts]
        case _:
            return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]


def _event(kind: str, **data: Any) -> bytes:
    return event({"type": kind, **data}, kind)
