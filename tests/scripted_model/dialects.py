"""How does one API put what a scenario says? The port that each dialect fills, and the dialects there are.

A dialect knows its API's requests and words, and nothing of scenarios' order or of sockets.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.scripted_model.scenario import Part

EVENT_STREAM, JSON = "text/event-stream", "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """What a CLI asked. `path` with its query; header names in lower case; `body` is {} where it is no JSON object."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What it is answered. A stream may be broken off between two chunks."""

    chunks: Iterable[bytes]
    content_type: str = EVENT_STREAM
    status: int = 200


class Dialect(Protocol):
    """One API of a model."""

    def matches(self, method: str, path: str) -> bool:
        """Whether this is a request of this API."""

    def is_side(self, request: Request) -> bool:
        """Whether it is none of the main conversation: a title, a count of tokens, a list of models."""

    def side(self, request: Request) -> Answer:
        """The answer to one that is not; it takes no turn."""

    def answer(self, parts: Sequence[Part], request: Request) -> Answer:
        """What the scenario says, as the request wants it: as a stream, or whole."""

    def refusal(self, status: int, kind: str, message: str) -> bytes:
        """The body of a refusal; `kind` may be empty."""

    def asked(self, request: Request) -> list[str]:
        """The texts of the last message of the user, for tests to look at."""


def event(data: Mapping[str, Any], name: str | None = None) -> bytes:
    """One server-sent event."""
    head = "" if name is None else f"event: {name}\n"
    return f"{head}data: {json.dumps(data)}\n\n".encode()


def whole(data: Any, status: int = 200) -> Answer:
    """An answer of JSON in one piece."""
    return Answer((json.dumps(data).encode(),), JSON, status)
