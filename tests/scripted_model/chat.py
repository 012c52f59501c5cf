"""How is OpenAI's Chat Completions API spoken? `POST …/chat/completions`, as a stream or whole.

Source: https://platform.openai.com/docs/api-reference/chat/streaming and what OpenCode sends. `reasoning_content` is
no part of that reference, but what most servers of this dialect send and their clients read.
"""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.scripted_model.dialects import Answer, Request, event, whole
from tests.scripted_model.scenario import CACHED_TOKENS, INPUT_TOKENS, OUTPUT_TOKENS, Call, Part, Say, Think

TITLE_WANTED = "You are a title generator"  # how OpenCode asks for the title of a session
_KINDS = {
    400: "invalid_request_error",
    401: "invalid_api_key",
    403: "permission_denied",
    429: "rate_limit_exceeded",
    500: "server_error",
}
_USAGE = {
    "prompt_tokens": INPUT_TOKENS + CACHED_TOKENS,
    "completion_tokens": OUTPUT_TOKENS,
    "total_tokens": INPUT_TOKENS + CACHED_TOKENS + OUTPUT_TOKENS,
    "prompt_tokens_details": {"cached_tokens": CACHED_TOKENS},
    "completion_tokens_details": {"reasoning_tokens": 0},
}


class Chat:
    """The dialect of OpenCode."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def matches(self, method: str, path: str) -> bool:
        """The one path of this API, whatever stands before it."""
        return method == "POST" and path.partition("?")[0].endswith("/chat/completions")

    def is_side(self, request: Request) -> bool:
        """A title is asked for."""
        return any(TITLE_WANTED in text for text in _texts(request, "system"))

    def side(self, request: Request) -> Answer:
        """A title."""
        return self.answer((Say("A scripted title"),), request)

    def answer(self, parts: Sequence[Part], request: Request) -> Answer:
        """One completion, whose id is new each time."""
        frame = {"id": f"chatcmpl-{next(self._numbers)}", "created": 0, "model": request.body.get("model")}
        if request.body.get("stream"):
            return Answer(_chunks(frame, parts))
        return whole(frame | {"object": "chat.completion", "choices": [_choice(parts)], "usage": _USAGE})

    def refusal(self, status: int, kind: str, message: str) -> bytes:
        """An error object."""
        word = kind or _KINDS.get(status, "api_error")
        return json.dumps({"error": {"message": message, "type": word, "code": word, "param": None}}).encode()

    def asked(self, request: Request) -> list[str]:
        """The texts of the last message that is the user's."""
        return _texts(request, "user", only_last=True)


def _choice(parts: Sequence[Part]) -> dict[str, Any]:
    message = {
        "role": "assistant",
        "content": "".join(part.text for part in parts if isinstance(part, Say)),
        "reasoning_content": "".join(part.text for part in parts if isinstance(part, Think)),
        "tool_calls": [_call(index, part) for index, part in enumerate(_calls(parts))],
    }
    return {"index": 0, "message": message, "finish_reason": _finish(parts)}


def _chunks(frame: Mapping[str, Any], parts: Sequence[Part]) -> Iterator[bytes]:
    """Texts and arguments come in two pieces each, as real servers cut them anywhere."""
    yield _chunk(frame, {"role": "assistant", "content": ""})
    calls = itertools.count()
    for part in parts:
        match part:
            case Think(text):
                yield from (_chunk(frame, {"reasoning_content": half}) for half in _halves(text))
            case Say(text):
                yield from (_chunk(frame, {"content": half}) for half in _halves(text))
            case Call():
                yield from _called(frame, next(calls), part)
    yield _chunk(frame, {}, _finish(parts))
    yield event({**frame, "object": "chat.completion.chunk", "choices": [], "usage": _USAGE})
    yield b"data: [DONE]\n\n"


def _called(frame: Mapping[str, Any], index: int, call: Call) -> Iterator[bytes]:
    whole_call = _call(index, call)
    arguments = whole_call["function"].pop("arguments")
    yield _chunk(frame, {"tool_calls": [whole_call | {"function": {"name": call.name, "arguments": ""}}]})
    for half in _halves(arguments):
        yield _chunk(frame, {"tool_calls": [{"index": index, "function": {"arguments": half}}]})


def _call(index: int, call: Call) -> dict[str, Any]:
    function = {"name": call.name, "arguments": json.dumps(call.input)}
    return {"index": index, "id": call.id, "type": "function", "function": function}


def _calls(parts: Sequence[Part]) -> list[Call]:
    return [part for part in parts if isinstance(part, Call)]


def _finish(parts: Sequence[Part]) -> str:
    return "tool_calls" if _calls(parts) else "stop"


def _chunk(frame: Mapping[str, Any], delta: Mapping[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return event({**frame, "object": "chat.completion.chunk", "choices": [choice]})


def _halves(text: str) -> list[str]:
    middle = len(text) // 2
    return [half for half in (text[:middle], text[middle:]) if half]


def _texts(request: Request, role: str, *, only_last: bool = False) -> list[str]:
    contents = [each.get("content") for each in request.body.get("messages", ()) if each.get("role") == role]
    return [text for content in contents[-1 if only_last else 0 :] for text in _pieces(content)]


def _pieces(content: Any) -> list[str]:
    if isinstance(content, str):
        return [content]
    return [each["text"] for each in content or () if each.get("type") == "text"]
