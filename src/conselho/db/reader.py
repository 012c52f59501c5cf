"""Who reads? A few threads, each read on a connection that nobody else has meanwhile.

Surprising:
- Connections are kept between reads with all that goes with them: to take one from SQLAlchemy's pool and to give it
  back takes longer than a row by its key. No thread ever waits for one: where a brief read has the last of them, it
  opens another.
- Where the database is a file, what is read in less time than a thread takes to wake is read where it is asked for
  (`brief`), also on the event loop. It gets two milliseconds; then it is interrupted, and begun again by a thread.
- A read's statements all see one moment, which costs PostgreSQL two messages beside the statement's own. A query that
  does without says so (`loose`).
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Connection, CursorResult, Engine, Executable

from conselho import clock
from conselho.db import engine, failures
from conselho.db.engine import Deadline
from conselho.db.failures import Kind
from conselho.db.prepared import Parameters, Statements
from conselho.db.tx import Tx
from conselho.db.watch import Watch
from conselho.errors import Overloaded, Unavailable

T = TypeVar("T")
P = ParamSpec("P")

READS_WAITING_MAX = 1_000  # some seconds of pages; who comes later is told to come again
LOOSE_ATTRIBUTE = "_conselho_loose"
BRIEF_ATTRIBUTE = "_conselho_brief"
BRIEF_SECONDS_MAX = 0.002  # how long a brief read may keep its caller, who may be the event loop
BRIEF_PAUSE_TIMES = 50  # as long as one took that was not brief, nobody is kept again: the disk may be slow
_SLOW = "this takes too long to read: ask for less"


def loose(query: Callable[P, T]) -> Callable[P, T]:
    """Mark a query whose statements need not all see one moment, unless it asks for that with `Tx.hold_still`."""
    setattr(query, LOOSE_ATTRIBUTE, True)
    return query


def brief(is_brief: Callable[..., bool]) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Mark a query that takes about a millisecond where `is_brief` is true of what it is asked, its `tx` left out."""

    def mark(query: Callable[P, T]) -> Callable[P, T]:
        setattr(query, BRIEF_ATTRIBUTE, is_brief)
        return query

    return mark


@dataclass(frozen=True, slots=True)
class _Seat:
    """An open connection, and what has come to be known on it."""

    connection: Connection
    driver: Any
    statements: Statements
    deadline: Deadline | None  # SQLite's own


class Readers:
    """The threads and their connections."""

    def __init__(
        self,
        source: Engine,
        watch: Watch,
        threads: int,
        seconds_max: float,
        now: Callable[[], datetime] | None,
        brief_seconds_max: float = BRIEF_SECONDS_MAX,
    ) -> None:
        """`source`: an engine for reading only. `now` overrules the database's clock; SQLite has none."""
        self._engine = source
        self._is_postgres = source.dialect.name == "postgresql"
        self._watch = watch
        self._seconds_max = seconds_max
        self._brief_seconds_max = brief_seconds_max
        self._now = now or (None if self._is_postgres else clock.now)
        self._idle_max = threads
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="conselho-reader")
        self._idle: deque[_Seat] = deque()
        self._lock = threading.Lock()
        self._waiting = 0
        self._closed = False
        self._threads_until = 0.0  # on the monotonic clock: until then no read is brief

    @property
    def waiting(self) -> int:
        """How many reads have not ended."""
        return self._waiting

    def fetch(self, query: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Future[T]:
        """Run `query` on one of the threads. Raises at once: Overloaded, Unavailable."""
        with self._lock:
            if self._closed:
                raise Unavailable("the service is shutting down: try again shortly")
            if self._waiting >= READS_WAITING_MAX:
                raise Overloaded("too many are reading: try again shortly")
            self._waiting += 1
            future = self._threads.submit(self._fetch, query, args, kwargs)
        future.add_done_callback(self._done)
        return future

    def fetch_at_once(self, query: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[T] | None:
        """Run a brief query in the caller's thread. None where a thread has to run it: nothing was done then.

        Raises: what the query raised.
        """
        is_brief = None if self._is_postgres else getattr(query, BRIEF_ATTRIBUTE, None)
        if is_brief is None or self._closed or not is_brief(*args, **kwargs):
            return None
        began = clock.monotonic()
        if began < self._threads_until:
            return None
        try:
            seat = self._idle.pop()
        except IndexError:
            return None  # to connect is not brief
        try:
            return (self._read_on(seat, began + self._brief_seconds_max, query, args, kwargs),)
        except Unavailable:
            return None  # its time was over between two statements
        except Exception as error:  # what a thread may do better is left to it, all else passed on
            if failures.kind_of(error) is Kind.UNIT and not failures.is_timeout(error):
                raise
            return None
        finally:
            took = clock.monotonic() - began
            if took > self._brief_seconds_max:
                self._threads_until = began + took * BRIEF_PAUSE_TIMES

    def close(self, timeout_seconds: float) -> None:
        """Refuse everything from now on; what is being read may end, if there is time for that."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._threads.shutdown(wait=timeout_seconds > 0, cancel_futures=True)
        self._forget_idle()
        self._engine.dispose()

    def _done(self, _: Future[Any]) -> None:
        with self._lock:
            self._waiting -= 1

    def _fetch(self, query: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        """One read; a second time on a new connection where the first one had broken."""
        for last in (False, True):
            try:
                return self._read(query, args, kwargs)
            except Exception as error:  # sorted by what it means, and passed on
                if failures.is_timeout(error):
                    raise Unavailable(_SLOW) from error
                kind = failures.kind_of(error)
                if kind is Kind.UNIT or failures.is_read_only(error):
                    raise
                self._forget_idle()  # what broke this one has broken them all
                if last:
                    raise failures.told(kind, error) from error
        raise AssertionError  # unreachable: the second round returns or raises

    def _read(self, query: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        return self._read_on(self._seat(), clock.monotonic() + self._seconds_max, query, args, kwargs)

    def _read_on(
        self, seat: _Seat, ends_at: float, query: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> T:
        tx = _Reading(seat, self._now, ends_at)
        try:
            with self._watch.over(seat.connection):
                if not (self._is_postgres and hasattr(query, LOOSE_ATTRIBUTE)):
                    tx.hold_still()
                return query(tx, *args, **kwargs)
        finally:
            tx.end()
            self._take_back(seat, sound=tx.is_sound)

    def _seat(self) -> _Seat:
        try:
            return self._idle.pop()  # the one used last: its pages are in memory
        except IndexError:
            connection = self._engine.connect()
        driver: Any = connection.connection.dbapi_connection
        if self._is_postgres:
            driver.autocommit = True  # else the driver says BEGIN by itself, for a single statement too
        statements = Statements(connection.dialect)
        return _Seat(connection, driver, statements, connection.info.get(engine.DEADLINE))

    def _take_back(self, seat: _Seat, *, sound: bool) -> None:
        with self._lock:  # else one that closes meanwhile would miss it, or close it as well
            is_kept = sound and not self._closed and len(self._idle) < self._idle_max
            if is_kept:
                self._idle.append(seat)
        if not is_kept:
            _drop(seat)

    def _forget_idle(self) -> None:
        while True:
            try:
                seat = self._idle.pop()
            except IndexError:
                return
            _drop(seat)


def _drop(seat: _Seat) -> None:
    seat.connection.invalidate()
    seat.connection.close()


class _Reading(Tx):
    """A transaction for reading, which must not stay open: SQLite's log grows behind it."""

    def __init__(self, seat: _Seat, now: Callable[[], datetime] | None, ends_at: float) -> None:
        super().__init__(seat.connection, now or self._moment, seat.statements)
        self.is_sound = False  # whether its connection can be used again, when it is over
        self._ends_at = ends_at
        self._is_still = False
        if seat.deadline is not None:
            seat.deadline.at = ends_at

    def hold_still(self) -> bool:
        if self._is_still:
            return True
        try:
            if not self._connection.in_transaction():
                self._connection.begin()
            if self._postgres:
                self._driver.execute("BEGIN")
        except Exception as error:  # passed on: it is only remembered that the connection is not to be used again
            self.failure = error
            raise
        self._is_still = True
        return False

    def execute(self, statement: Executable, parameters: Parameters | None = None) -> CursorResult[Any]:
        if clock.monotonic() > self._ends_at:
            raise Unavailable(_SLOW)
        return super().execute(statement, parameters)

    def end(self) -> None:
        """Let go of the moment that was looked at."""
        is_sound = self.failure is None
        super().end()
        if is_sound and self._connection.in_transaction():
            try:
                self._connection.rollback()
            except Exception:  # noqa: BLE001 - what was read is read; this connection is not to be trusted again
                is_sound = False
        self.is_sound = is_sound

    def _moment(self) -> datetime:
        moment: datetime = self._driver.execute("SELECT clock_timestamp()").fetchone()[0]
        return moment.astimezone(UTC)
