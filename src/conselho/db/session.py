"""How does the rest of the program reach the database? Through one `Database`, with plain functions.

`await db.write(unit, …)` runs `unit(tx, …)` in a group with others and returns when it is durable;
`await db.read(query, …)` runs `query(tx, …)` on a read-only connection, next to the writer. Both have a form
for plain threads that returns a future: `submit` and `fetch`.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from conselho import clock
from conselho.db import engine
from conselho.db.group import Groups
from conselho.db.reader import BRIEF_SECONDS_MAX, Readers, brief, loose
from conselho.db.riders import Ride
from conselho.db.tx import Sink, Tx, at_once, bulk, takes_lock
from conselho.db.waiting import Job
from conselho.db.watch import ANSWER_SECONDS_MAX, Watch
from conselho.db.writer import OnCommit, OnFatal, Writer, end_process

__all__ = ["Database", "Ride", "Sink", "Tx", "at_once", "brief", "bulk", "loose", "takes_lock"]

T = TypeVar("T")
P = ParamSpec("P")

READER_THREADS = 4  # reads are short; more threads only take turns at the interpreter


class Database:
    """An open database: one writer, a few readers."""

    def __init__(
        self,
        url: str,
        *,
        on_commit: OnCommit | None = None,
        on_fatal: OnFatal = end_process,
        read_seconds_max: float = engine.READ_SECONDS_MAX,
        answer_seconds_max: float = ANSWER_SECONDS_MAX,
        brief_seconds_max: float = BRIEF_SECONDS_MAX,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        """Nothing is connected before the first unit, so a database that is away is no obstacle to a start.

        `on_commit` is told the signalled topics on the writer's thread, once they are durable: it must be quick,
        and must not wait for the database. `on_fatal` is told why the writer's thread died. `now` overrules the
        database's clock: for tests that move the time.
        """
        self._writer_engine = engine.open_engine(url)
        reader_engine = engine.open_engine(url, read_only=True, read_seconds_max=read_seconds_max)
        self.kind = reader_engine.dialect.name  # what people call it: `sqlite` or `postgresql`
        self._watch = Watch(answer_seconds_max)
        self._readers = Readers(reader_engine, self._watch, READER_THREADS, read_seconds_max, now, brief_seconds_max)
        self._writer = Writer(Groups(self._writer_engine, self._watch, now, clock.now), on_commit, on_fatal)
        self._lock = threading.Lock()
        self._closed = False

    async def write(self, unit: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `unit` in a group and return what it returned, once it is durable.

        Raises: what the unit raised; Unavailable and its kinds where nothing was written, but for
        OutcomeUnknown: read back before acting.
        """
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[T] = loop.create_future()
        self._writer.put(Job(unit, args, kwargs, waiter, loop))
        return await waiter

    def ride(self, topic: str, unit: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> Ride[T]:
        """Run `unit` once, as the last one of the next transaction here that signals `topic`.

        It may never come to that: other processes signal too, and what they commit takes nobody along.

        Raises: Unavailable after `close`.
        """
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[T] = loop.create_future()
        job = Job(unit, args, kwargs, waiter, loop)
        self._writer.put_along(topic, job)
        return Ride(waiter, partial(self._writer.withdraw, job))

    def submit(self, unit: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """`write` for plain threads. Raises at once: Overloaded, Unavailable."""
        waiter: Future[T] = Future()
        self._writer.put(Job(unit, args, kwargs, waiter))
        return waiter

    async def read(self, query: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `query` in a read-only transaction of at most 5 seconds.

        Raises: what the query raised; Unavailable and its kinds.
        """
        answer = self._readers.fetch_at_once(query, args, kwargs)
        if answer is None:
            return await asyncio.wrap_future(self._readers.fetch(query, args, kwargs))
        await asyncio.sleep(0)  # whoever reads in a loop leaves the others their turn
        return answer[0]

    def fetch(self, query: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """`read` for plain threads. Raises at once: Overloaded, Unavailable."""
        answer: Future[T] = Future()
        try:
            found = self._readers.fetch_at_once(query, args, kwargs)
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asks for the answer
            answer.set_exception(error)
            return answer
        if found is None:
            return self._readers.fetch(query, args, kwargs)
        answer.set_result(found[0])
        return answer

    def close(self, timeout_seconds: float = 10.0) -> None:
        """Write what waits, then refuse everything. May be called again."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        started = time.monotonic()
        self._writer.close(timeout_seconds)
        self._readers.close(timeout_seconds - (time.monotonic() - started))
        self._watch.close()
        self._writer_engine.dispose()
