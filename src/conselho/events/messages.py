"""What does an event look like to those who watch? JSON, and around it a message of a stream.

Source: HTML Standard, "Server-sent events".
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from conselho.events import topics
from conselho.events.log import Entry
from conselho.events.places import Place

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Message(NamedTuple):
    """An event, ready to be sent."""

    id: int
    topic: str
    data: bytes


def shown(epoch: str, entry: Entry) -> dict[str, Any]:
    """An event as the API tells it."""
    return {
        "id": f"{epoch}-{entry.id}",
        "at": entry.at.isoformat().replace("+00:00", "Z"),
        "kind": entry.kind,
        "execution_id": entry.execution_id,
        "data": entry.data,
    }


def encoded(epoch: str, entries: Sequence[Entry]) -> list[Message]:
    """Messages of events, each as it is."""
    return [
        Message(
            entry.id,
            topics.of_kind(entry.kind),
            message(f"{epoch}-{entry.id}", entry.kind, shown(epoch, entry)),
        )
        for entry in entries
    ]


def message(place: Place | str, event: str, data: dict[str, Any]) -> bytes:
    """A message behind which `place` has been come to; JSON has no line break in it, so `data` is one line."""
    return f"id: {place}\nevent: {event}\ndata: {_ENCODER.encode(data)}\n\n".encode()


def begin(place: Place, retry_milliseconds: int) -> bytes:
    """Where the stream begins, so that who is cut off before the first event comes back to just there."""
    return f"retry: {retry_milliseconds}\nid: {place}\n\n".encode()


def beat(place: Place) -> bytes:
    """That the stream lives, and how far it has come, also where nothing of it was wanted."""
    return f": still here\nid: {place}\n\n".encode()


def reset(place: Place, reason: str) -> bytes:
    """That what comes next does not follow on what was seen: load the snapshot again. The stream goes on from here."""
    return message(place, "reset", {"reason": reason, "as_of": str(place)})
