"""What a client hears of a stream of server-sent messages."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import update

from conselho.db.session import Tx
from conselho.events import retention, tail
from conselho.events.models import Cursor
from tests.server.desk import Desk


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


async def lose(desk: Desk, seen: str, reason: str, beyond: int = 1) -> str:
    """A place from which nobody can go on, for that reason. `seen`: where the events end; `beyond`: how far behind."""
    epoch, _, number = seen.rpartition("-")

    def prune(tx: Tx) -> None:
        tx.execute(update(Cursor).where(Cursor.name != tail.PRUNED).values(event_id=int(number)))
        retention.prune_next(tx, timedelta(minutes=-1))  # also what has just happened

    if reason == "expired":
        await desk.runtime.database.write(prune)
    return {"epoch": f"another-{number}", "unknown": f"{epoch}-{int(number) + beyond}", "expired": f"{epoch}-1"}[reason]
