"""Who watches a stream, as a browser does, on a wire that is cut at any byte.

What it has read of a message that was cut is worth nothing: only a whole one counts, and moves the id that it comes
back with. Source: HTML Standard, "Server-sent events".
"""

import http.client
import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance.waiting import PATIENCE_SECONDS

PIECE_BYTES = 65_536


# Where a wire is cut, by what has been read of the next message.
PLACES: dict[str, Callable[[bytes], bool]] = {
    "in a line": lambda rest: rest != b"" and not rest.endswith(b"\n"),
    "between lines": lambda rest: rest.endswith(b"\n"),
    "between messages": lambda rest: rest == b"",
}


@dataclass(frozen=True)
class Cut:
    """After so many bytes, at the next such place."""

    bytes: int
    place: str


@dataclass(frozen=True)
class Message:
    """`event` None: there is no data, it only says how far the stream has come, or that it lives."""

    event: str | None
    id: str | None
    data: Any


class Watcher:
    """One client of one stream, and where it has come to."""

    def __init__(self, last_id: str | None = None) -> None:
        self.last_id = last_id

    def hear(self, door: Path, path: str, cut: Cut | None = None) -> Iterator[Message]:
        """Messages until the stream ends or the wire is cut, which it is as well when this is closed.

        Raises: OSError, http.client.HTTPException where nobody answers.
        """
        connection = http.client.HTTPConnection("conselho")
        with socket.socket(socket.AF_UNIX) as wire:
            wire.settimeout(PATIENCE_SECONDS)
            wire.connect(str(door))
            connection.sock = wire
            headers = {} if self.last_id is None else {"Last-Event-ID": self.last_id}
            connection.request("GET", f"/api/v1{path}", headers=headers)
            with connection.getresponse() as answer:
                if answer.status == http.HTTPStatus.SERVICE_UNAVAILABLE:
                    return  # to be asked again, as after a stream that has ended
                assert answer.status == http.HTTPStatus.OK, answer.read()
                for block in _blocks(answer, cut):
                    message = parsed(block)
                    self.last_id = message.id or self.last_id
                    yield message


def _blocks(answer: http.client.HTTPResponse, cut: Cut | None) -> Iterator[bytes]:
    rest, left = b"", None if cut is None else cut.bytes
    while cut is None or left or not PLACES[cut.place](rest):
        piece = answer.read1(PIECE_BYTES if left is None else max(1, min(PIECE_BYTES, left)))
        if not piece:
            return
        left = None if left is None else max(0, left - len(piece))
        *blocks, rest = (rest + piece).split(b"\n\n")
        yield from blocks


def parsed(block: bytes) -> Message:
    """A whole message, without the empty line behind it."""
    fields = dict(line.partition(b": ")[::2] for line in block.split(b"\n"))
    data = json.loads(fields[b"data"]) if b"data" in fields else None
    event = fields.get(b"event", b"message").decode() if b"data" in fields else None
    return Message(event, fields[b"id"].decode() if b"id" in fields else None, data)
