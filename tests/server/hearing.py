"""What a client hears of a stream of server-sent messages."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True)
class Message:
    """One server-sent message. `event` None: it only says how far the stream has come."""

    event: str | None
    id: str | None
    data: Any


async def messages(answer: httpx.Response) -> AsyncIterator[Message]:
    rest = b""
    async for piece in answer.aiter_bytes():
        *whole, rest = (rest + piece).split(b"\n\n")
        for block in whole:
            fields = dict(line.split(b": ", 1) for line in block.split(b"\n"))
            data = json.loads(fields[b"data"]) if b"data" in fields else None
            event = fields[b"event"].decode() if b"event" in fields else None
            yield Message(event, fields[b"id"].decode() if b"id" in fields else None, data)
