"""How does the rest of the program reach the database? Through one `Database`, with plain functions.

`await db.write(unit, …)` runs `unit(tx, …)` in a group with others and returns when it is durable;
`await db.read(query, …)` runs `query(tx, …)` on a read-only connection, next to the writer. Both have a form
for plain threads that returns a future: `submit` and `fetch`.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, CursorResult, Executable
from sqlalchemy.exc import DBAPIError

from conselho import clock
from conselho.db import engine, failures
from conselho.db.failures import Kind
from conselho.db.group import Groups
from conselho.db.prepared import Parameters, Statements
from conselho.db.riders import Ride
from conselho.db.tx import Sink, Tx, at_once, bulk, takes_lock
from conselho.db.waiting import Job
from conselho.db.watch import ANSWER_SECONDS_MAX, Watch
from conselho.db.writer import OnCommit, OnFatal, Writer, end_process
from conselho.errors import Overloaded, Unavailable

__all__ = ["Database", "Ride", "Sink", "Tx", "at_once", "bulk", "takes_lock"]

T = TypeVar("T")
P = ParamSpec("P")

READER_THREADS = 4  # reads are short; more threads only take turns at the interpreter
_STATEMENTS = "statements"  # of a reading connection, in its `info`
_SLOW = "this takes too long to read: ask for less"
READS_WAITING_MAX = 1_000  # some seconds of pages; who comes later is told to come again


class Database:
    """An open database: one writer, a few readers."""

    def __init__(
        self,
        url: str,
        *,
        on_commit: OnCommit | None = None,
        on_fatal: OnFatal = end_process,
        reader_threads: int = READER_THREADS,
        read_seconds_max: float = engine.READ_SECONDS_MAX,
        answer_seconds_max: float = ANSWER_SECONDS_MAX,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        """Nothing is connected before the first unit, so a database that is away is no obstacle to a start.

        `on_commit` is told the signalled topics on the writer's thread, once they are durable: it must be quick,
        and must not wait for the database. `on_fatal` is told why the writer's thread died. `now` overrules the
        database's clock: for tests that move the time.
        """
        self._writer_engine = engine.open_engine(url)
        self._reader_engine = engine.open_engine(
            url, read_only=True, connections_max=max(2, reader_threads), read_seconds_max=read_seconds_max
        )
        self._read_seconds_max = read_seconds_max
        self._watch = Watch(answer_seconds_max)
        self._now = now or (clock.now if self._reader_engine.dialect.name == "sqlite" else None)
        self._writer = Writer(Groups(self._writer_engine, self._watch, now, clock.now), on_commit, on_fatal)
        self._readers = ThreadPoolExecutor(reader_threads, thread_name_prefix="conselho-reader")
        self._reads_waiting = 0
        self._lock = threading.Lock()
        self._closed = False

    @property
    def kind(self) -> str:
        """What people call it: `sqlite` or `postgresql`."""
        return self._reader_engine.dialect.name

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
        return await asyncio.wrap_future(self.fetch(query, *args, **kwargs))

    def fetch(self, query: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """`read` for plain threads. Raises at once: Overloaded, Unavailable."""
        with self._lock:
            if self._closed:
                raise Unavailable("the service is shutting down: try again shortly")
            if self._reads_waiting >= READS_WAITING_MAX:
                raise Overloaded("too many are reading: try again shortly")
            self._reads_waiting += 1
            future = self._readers.submit(self._fetch, query, args, kwargs)
        future.add_done_callback(self._read_done)
        return future

    def close(self, timeout_seconds: float = 10.0) -> None:
        """Write what waits, then refuse everything. May be called again."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        started = time.monotonic()
        self._writer.close(timeout_seconds)
        self._readers.shutdown(wait=time.monotonic() - started < timeout_seconds, cancel_futures=True)
        self._watch.close()
        self._writer_engine.dispose()
        self._reader_engine.dispose()

    def _read_done(self, _: Future[Any]) -> None:
        with self._lock:
            self._reads_waiting -= 1

    def _fetch(self, query: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        """One read; a second time on a new connection where the first one had broken."""
        for last in (False, True):
            try:
                return self._read_once(query, args, kwargs)
            except Exception as error:  # sorted by what it means, and passed on
                if failures.is_timeout(error):
                    raise Unavailable(_SLOW) from error
                kind = failures.kind_of(error)
                if kind is Kind.UNIT or failures.is_read_only(error):
                    raise
                if last:
                    raise failures.told(kind, error) from error
        raise AssertionError  # unreachable: the second round returns or raises

    def _read_once(self, query: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        with (
            self._reader_engine.connect() as connection,
            self._watch.over(connection),
            connection.begin() as transaction,
        ):
            ends_at = clock.monotonic() + self._read_seconds_max
            if engine.DEADLINE in connection.info:
                connection.info[engine.DEADLINE].at = ends_at
            tx = _Reading(connection, lambda: self._moment(connection), ends_at)
            try:
                return query(tx, *args, **kwargs)
            finally:
                tx.end()
                transaction.rollback()

    def _moment(self, connection: Connection) -> datetime:
        if self._now is not None:
            return self._now()
        moment: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        return moment.astimezone(UTC)


class _Reading(Tx):
    """A transaction for reading, which must not stay open: SQLite's log grows behind it."""

    def __init__(self, connection: Connection, now: Callable[[], datetime], ends_at: float) -> None:
        # What a connection has come to know lives as long as it does; one read at a time uses it.
        statements = connection.info.setdefault(_STATEMENTS, Statements(connection.dialect))
        super().__init__(connection, now, statements)
        self._ends_at = ends_at

    def execute(self, statement: Executable, parameters: Parameters | None = None) -> CursorResult[Any]:
        if clock.monotonic() > self._ends_at:
            raise Unavailable(_SLOW)
        try:
            return super().execute(statement, parameters)
        except DBAPIError as error:
            if error.connection_invalidated and not self._connection.invalidated:
                self._connection.invalidate(error)  # a statement that went past SQLAlchemy broke it: out of the pool
            raise
