"""Who serves events, and who watches, when streams are measured? Three processes' parts, told by lines on stdin.

`ours URL_OF_DATABASE_OR_-  DIRECTORY`: the application as `conselho serve` has it, without a worker. `bare`: one
generator of Starlette's own streaming answer, on the same server and the same way of speaking HTTP, whose event is
encoded once for all and that knows nothing of ids, topics, heartbeats, tables or clients that come back. Both say where
they listen; `say N` makes N events happen, one commit each.

`clients PORT PATH`: connections that count messages. `open N [ID]` opens so many more and says when the answer of each
has begun; `heard N` says when each has had N messages since, how long that took and how many did not; `cut` drops all.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route

from benchmarks import ours
from conselho import clock, supervisor
from conselho.db.session import Tx
from conselho.events import log, messages
from conselho.server import app as application
from conselho.server import listening, wire

KIND = "card.moved"
DATA = {"column": "review", "title": "Make the gauge say what it means", "by": "ana", "version": 17}
STREAMS_MAX = 100_000
MARK = b"\nevent: "
OPENING_AT_ONCE = 200
PATIENCE_SECONDS = 120.0


async def lines() -> AsyncIterator[list[str]]:
    """What is told on stdin, a line at a time."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        yield line.split()


def tell(*words: object) -> None:
    """Answer on stdout."""
    print(*words, flush=True)


async def serve(app: FastAPI | Starlette) -> None:
    """Listen on a free port of loopback, and say on which."""
    with listening.open_tcp("127.0.0.1", 0) as tcp:
        server = wire.Server(app, lambda: tell(listening.address_of(tcp).rpartition(":")[2]))  # type: ignore[arg-type]
        await server.serve([tcp])


async def be_ours(url: str, place: Path) -> None:
    """The product's stream."""
    async with (
        ours.opened(place, None if url == "-" else url, streams_per_client_max=STREAMS_MAX) as held,
        supervisor.supervised(held, None),
    ):
        serving = asyncio.ensure_future(serve(application.create(held)))
        async for words in lines():
            for _ in range(int(words[1])):
                await held.database.write(happen)
            tell(f"{held.broadcast.epoch}-{await held.database.read(log.last_id)}", held.broadcast.watching)
        serving.cancel()


def happen(tx: Tx) -> None:
    """One event."""
    log.append(tx, KIND, data=DATA)


class News:
    """The bare generator's ring: the last message, and what who waits for the next waits for."""

    def __init__(self) -> None:
        self.message = b""
        self.next = asyncio.Event()

    def say(self, message: bytes) -> None:
        """One event."""
        self.message = message
        told, self.next = self.next, asyncio.Event()
        told.set()

    async def follow(self) -> AsyncIterator[bytes]:
        """Each event; one that comes while another is sent is not seen, and none does here."""
        yield b"retry: 1000\n\n"
        while True:
            await self.next.wait()
            yield self.message


async def be_bare() -> None:
    """The peer's stream."""
    news = News()

    async def stream(_: object) -> StreamingResponse:
        return StreamingResponse(news.follow(), media_type="text/event-stream")

    serving = asyncio.ensure_future(serve(Starlette(routes=[Route("/stream", stream)])))
    entry = log.Entry(1, clock.now(), KIND, None, dict(DATA))
    (message,) = messages.encoded("0190c1a2-0000-7000-8000-000000000001", [entry])
    async for words in lines():
        for _ in range(int(words[1])):
            news.say(message.data)
        tell("-", 0)
    serving.cancel()


class Connections:
    """A client: many connections of one process, each a few bytes of state."""

    def __init__(self, port: int, path: str) -> None:
        self.port = port
        self.path = path
        self.begun = 0
        self.heard: list[int] = []
        self.transports: list[asyncio.Transport] = []
        self.changed = asyncio.Event()
        self.last_at = 0.0

    async def open(self, count: int, after: str | None) -> float:
        """Open so many more; seconds until all of them have been answered."""
        began = time.monotonic()
        wanted = self.begun + count
        loop = asyncio.get_running_loop()
        for first in range(0, count, OPENING_AT_ONCE):
            some = range(first, min(count, first + OPENING_AT_ONCE))
            await asyncio.gather(
                *(loop.create_connection(lambda: Watcher(self, after), "127.0.0.1", self.port) for _ in some)
            )
        await self.until(lambda: self.begun >= wanted)
        return time.monotonic() - began

    async def until(self, question: Callable[[], bool]) -> bool:
        """Wait for it, but not for ever."""
        over = time.monotonic() + PATIENCE_SECONDS
        while not question():
            self.changed.clear()
            try:
                await asyncio.wait_for(self.changed.wait(), max(0.0, over - time.monotonic()))
            except TimeoutError:
                return False
        return True

    def have_heard(self, events: int) -> bool:
        """Whether each has so many."""
        return min(self.heard) >= events

    def cut(self) -> None:
        """Drop all of them, without a word."""
        for transport in self.transports:
            transport.abort()
        self.begun = 0
        self.heard, self.transports = [], []


class Watcher(asyncio.Protocol):
    """One connection: counts events, and keeps nothing of them."""

    def __init__(self, all_of_them: Connections, after: str | None) -> None:
        self._all = all_of_them
        self._after = after
        self._number = -1
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        assert isinstance(transport, asyncio.Transport)
        self._all.transports.append(transport)
        last = "" if self._after is None else f"Last-Event-ID: {self._after}\r\n"
        asked = f"GET {self._all.path} HTTP/1.1\r\nHost: 127.0.0.1:{self._all.port}\r\n{last}\r\n"
        transport.write(asked.encode())

    def data_received(self, data: bytes) -> None:
        """Count."""
        if self._number < 0:
            assert data.startswith(b"HTTP/1.1 200"), data[:500]
            self._number = len(self._all.heard)
            self._all.heard.append(0)
            self._all.begun += 1
        whole = self._rest + data
        count = whole.count(MARK)
        self._rest = whole[-len(MARK) + 1 :] if count == 0 or not whole.endswith(MARK) else b""
        if count:
            self._all.heard[self._number] += count
            self._all.last_at = time.monotonic()
        self._all.changed.set()


async def be_clients(port: int, path: str) -> None:
    """Do what is told, and say how it went."""
    all_of_them = Connections(port, path)
    async for words in lines():
        match words:
            case ["open", count, *after]:
                tell(await all_of_them.open(int(count), after[0] if after else None))
            case ["heard", count]:
                wanted = int(count)
                await all_of_them.until(partial(all_of_them.have_heard, wanted))
                missed = sum(max(0, wanted - each) for each in all_of_them.heard)
                more = sum(max(0, each - wanted) for each in all_of_them.heard)
                tell(all_of_them.last_at, missed, more)
            case ["cut"]:
                all_of_them.cut()
                tell("cut")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["ours", url, place]:
            asyncio.run(be_ours(url, Path(place)))
        case ["bare"]:
            asyncio.run(be_bare())
        case ["clients", port, path]:
            asyncio.run(be_clients(int(port), path))
