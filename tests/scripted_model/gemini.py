"""How is the Gemini API spoken? `POST /v1beta/models/MODEL:streamGenerateContent?alt=sse`, and others beside it.

Source: https://ai.google.dev/api/generate-content and what Gemini CLI sends.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from tests.scripted_model.dialects import Answer, Request, event, whole
from tests.scripted_model.scenario import CACHED_TOKENS, INPUT_TOKENS, OUTPUT_TOKENS, Call, Part, Say, Think

THOUGHT_TOKENS = 5  # of each answer, which are among neither the input nor the output
_KINDS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


class Gemini:
    """The dialect of Gemini CLI. Its conversation is streamed; what it asks for itself is not."""

    def matches(self, method: str, path: str) -> bool:
        """Whatever is done with a model, and the list of them."""
        return method in {"GET", "POST"} and path.startswith("/v1beta/models")

    def is_side(self, request: Request) -> bool:
        """Counts of tokens, and what is asked without any tool or in one piece: which model to take, titles."""
        return ":streamGenerateContent" not in request.path or not request.body.get("tools")

    def side(self, request: Request) -> Answer:
        """A count, no models, or an empty object."""
        if ":countTokens" in request.path:
            return whole({"totalTokens": INPUT_TOKENS})
        if request.method == "GET":
            return whole({"models": []})
        return self.answer((Say("{}"),), request)

    def answer(self, parts: Sequence[Part], request: Request) -> Answer:
        """One candidate."""
        if ":streamGenerateContent" in request.path:
            return Answer(_events(parts, request))
        content = [each for part in parts for each in _contents(part)]
        return whole(_response(content, request, is_last=True))

    def refusal(self, status: int, kind: str, message: str) -> bytes:
        """An error as Google's APIs have it."""
        error = {"code": status, "message": message, "status": kind or _KINDS.get(status, "UNKNOWN"), "details": []}
        return json.dumps({"error": error}).encode()

    def asked(self, request: Request) -> list[str]:
        """The text parts of the last content that is the user's."""
        contents = [each for each in request.body.get("contents", ()) if each.get("role") == "user"]
        return [part["text"] for part in contents[-1]["parts"] if "text" in part] if contents else []


def _events(parts: Sequence[Part], request: Request) -> Iterator[bytes]:
    contents = [each for part in parts for each in _contents(part)] or [{"text": ""}]
    for number, content in enumerate(contents, 1):
        yield event(_response([content], request, is_last=number == len(contents)))


def _contents(part: Part) -> list[dict[str, Any]]:
    """A part as the API has it; a text in two halves, since a stream knows nothing of lines."""
    match part:
        case Think(text):
            return [{"text": text, "thought": True}]
        case Say(text):
            half = len(text) // 2
            return [{"text": each} for each in (text[:half], text[half:]) if each]
        case Call(name=name, input=given):
            return [{"functionCall": {"name": name, "args": given}}]


def _response(content: Sequence[dict[str, Any]], request: Request, *, is_last: bool) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(content)}, "index": 0}
    if is_last:
        candidate["finishReason"] = "STOP"
    sent = INPUT_TOKENS + CACHED_TOKENS
    return {
        "candidates": [candidate],
        "usageMetadata": {
            "promptTokenCount": sent,
            "cachedContentTokenCount": CACHED_TOKENS,
            "candidatesTokenCount": OUTPUT_TOKENS,
            "thoughtsTokenCount": THOUGHT_TOKENS,
            "totalTokenCount": sent + OUTPUT_TOKENS + THOUGHT_TOKENS,
        },
        "modelVersion": request.path.rpartition("/")[2].partition(":")[0],
    }
