"""What may a unit of work do? Everything that it does goes through its `Tx`.

A unit is a plain function of a `Tx`. It shares its transaction with the units of other callers, so it obeys:
touch nothing but the transaction; check first, then change (`Refused` raised before a change costs nobody
anything); and bear being run twice.

Surprising: after any database error every further statement is refused, also where the unit caught the error.
PostgreSQL would refuse by itself; SQLite would go on in half a transaction, or, after a full disk, in none.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, cast

from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, CursorResult, Executable, Result, Row, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import ORMExecuteState, Session
from sqlalchemy.sql import visitors

from conselho.db.prepared import Parameters, Rows, Statements, told

T = TypeVar("T")
P = ParamSpec("P")
Unit = Callable[Concatenate["Tx", P], T]

LOCK_ATTRIBUTE = "_conselho_group_lock"
BULK_ATTRIBUTE = "_conselho_bulk"
MANY_ATTRIBUTE = "_conselho_many"

_TAKE_LOCK = text("SELECT pg_advisory_xact_lock(:number)")
_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(:number)")
_CLOCK = "SELECT clock_timestamp()"
_DML = frozenset({"insert", "update", "delete"})


@dataclass(frozen=True, eq=False)
class Sink(Generic[T]):
    """Where a group's units bring what belongs together: sums of counters, events.

    `apply` is called once a group with everything that was collected, lower ranks first; it may itself
    collect for a higher rank. `lock` names an advisory lock, held from just before `apply` to the commit.
    """

    name: str
    rank: int
    apply: Callable[["Tx", list[T]], None]
    lock: str | None = None


def takes_lock(name: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Mark a unit: its group takes the advisory lock `name` before its first unit runs."""

    def mark(unit: Callable[P, T]) -> Callable[P, T]:
        setattr(unit, LOCK_ATTRIBUTE, name)
        return unit

    return mark


def at_once(many: Callable[["Tx", list[tuple[Any, ...]]], list[Any]]) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Mark a unit: where several callers of it meet in a group, `many` is called once with the arguments of each.

    It returns what each gets, in their order: a value, or a `Refused` that is raised there and changed nothing.
    """

    def mark(unit: Callable[P, T]) -> Callable[P, T]:
        setattr(unit, MANY_ATTRIBUTE, many)
        return unit

    return mark


def bulk(unit: Callable[P, T]) -> Callable[P, T]:
    """Mark a unit that carries much: it runs after the small ones, 1 MB a group.

    Its size is the sum of `size_bytes` of the arguments that have it.
    """
    setattr(unit, BULK_ATTRIBUTE, True)
    return unit


def lock_number(name: str) -> int:
    """The signed 64-bit number that stands for the lock `name`, the same in every process and version."""
    digest = hashlib.sha256(f"conselho {name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


class StatementRefused(RuntimeError):
    """A unit went on after a database error, or after its end."""


class Tx:
    """One transaction, seen by the units that run in it one after the other."""

    def __init__(
        self, connection: Connection, now: datetime | Callable[[], datetime], statements: Statements | None = None
    ) -> None:
        self._now = now
        self._statements = statements
        self.failure: Exception | None = None  # the first database error, kept though a unit may swallow it
        self._connection = connection
        self._driver: Any = connection.connection.dbapi_connection
        self._postgres = connection.dialect.name == "postgresql"
        self._session: _UnitSession | None = None
        self._done: list[tuple[Executable, CursorResult[Any] | Rows]] = []
        self._changes_before = 0
        self._collected: list[tuple[Sink[Any], Any]] = []
        self._collected_before = 0
        self._topics: list[str] = []
        self._topics_before = 0
        self._locks: set[str] = set()

    @property
    def now(self) -> datetime:
        """When what is done here happens: one moment for all of it. A read asks only if somebody wants to know."""
        if not isinstance(self._now, datetime):
            self._now = self._now()
        return self._now

    @now.setter
    def now(self, moment: datetime) -> None:
        self._now = moment

    def hold_still(self) -> bool:
        """Let all that is read from here on come from one moment; True if it did already.

        Only for queries that a reader runs `loose`: whoever writes sees what is committed, statement by statement.
        """
        return False

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`, for the two files outside this room that may know."""
        return self._connection.dialect.name

    @property
    def driver(self) -> Any:
        """The driver's own connection: for this room alone, where SQLAlchemy would be in the way."""
        self.check_unharmed()
        return self._driver

    def execute(self, statement: Executable, parameters: Parameters | None = None) -> CursorResult[Any]:
        """Run a Core statement; a list of parameters runs it once for each.

        The result has rows and a `rowcount`; of a statement that is run often it has nothing else (`prepared.py`).

        Raises: StatementRefused after a database error in this transaction.
        """
        if self.failure is not None:
            self.check_unharmed()
        if type(parameters) is list and len(parameters) == 1:
            parameters = parameters[0]  # PostgreSQL's driver takes half the time for one alone
        prepared = None if self._statements is None else self._statements.find(statement, parameters)
        try:
            result: CursorResult[Any] | Rows
            if prepared is not None:
                result = prepared.execute(self._driver, parameters)
            else:
                result = self._connection.execute(statement, parameters)
        except DBAPIError as error:
            self.failure = error
            raise
        self._done.append((statement, result))
        return cast("CursorResult[Any]", result)

    def execute_each(self, statement: Executable, parameters: Sequence[dict[str, Any]]) -> list[list[Row[Any]]]:
        """Run a statement that returns rows once for each set of parameters, in their order; the rows of each.

        On PostgreSQL that is one way there and back, not one for each.
        """
        if len(parameters) > 1 and self._statements is not None:
            self.check_unharmed()
            prepared = self._statements.find(statement, parameters[0])
            if prepared is not None:
                try:
                    found = prepared.execute_each(self._driver, parameters)
                except DBAPIError as error:
                    self.failure = error
                    raise
                self._done.append((statement, prepared.all_of(found)))
                return found
        return [list(self.execute(statement, each).all()) for each in parameters]

    @property
    def session(self) -> Session:
        """Mapped classes in this transaction: flushed and let go when the unit ends."""
        self.check_unharmed()
        if self._session is None:
            self._session = _UnitSession(self, self._connection)
        return self._session

    def collect(self, sink: Sink[T], item: T) -> None:
        """Leave `item` for the end of the group, where `sink` is applied once to all of them."""
        self._collected.append((sink, item))

    def signal(self, topic: str) -> None:
        """Tell `topic` to whoever listens, once this is committed."""
        self._topics.append(topic)

    # From here on: for those who run units, not for units.

    @property
    def topics(self) -> tuple[str, ...]:
        """What was signalled, each once, in order."""
        return tuple(dict.fromkeys(self._topics))

    def begin(self, locks: Sequence[str]) -> datetime | None:
        """Begin on PostgreSQL, take advisory locks, and return what time it is there then: all in one message.

        SQLite has begun already, has one writer, and no clock.
        """
        if not self._postgres:
            return None
        words = ["BEGIN", *(f"SELECT pg_advisory_xact_lock({lock_number(name)})" for name in locks), _CLOCK]
        sql = "; ".join(words)
        cursor = self._driver.cursor()
        try:
            cursor.execute(sql)
            while cursor.nextset():
                pass
            (moment,) = cursor.fetchone()
        except self._connection.dialect.loaded_dbapi.Error as error:
            raise told(error, sql, self._connection.dialect, self._driver, cursor) from error
        finally:
            cursor.close()
        self._locks.update(locks)
        return cast("datetime", moment)

    def take_lock(self, name: str) -> None:
        """Take the advisory lock `name` until the transaction ends. SQLite has one writer, and needs none."""
        if self._postgres and name not in self._locks:
            self.execute(_TAKE_LOCK, {"number": lock_number(name)}).close()
            self._locks.add(name)

    def try_lock(self, name: str) -> bool:
        """Take the advisory lock `name` until the transaction ends, unless another process has it."""
        if self._postgres and name not in self._locks:
            if not self.execute(_TRY_LOCK, {"number": lock_number(name)}).scalar_one():
                return False
            self._locks.add(name)
        return True

    def unit_begins(self) -> None:
        """Remember where things stand, so that a unit that refuses leaves nothing behind."""
        self._done.clear()
        self._collected_before = len(self._collected)
        self._topics_before = len(self._topics)
        if not self._postgres:
            self._changes_before = self._sqlite_changes()

    def unit_ends(self) -> None:
        """Write what the session holds, and let its objects go.

        Raises: the database's error that the unit swallowed; StatementRefused if the transaction is over.
        """
        if self.failure is not None:
            raise self.failure
        if self._session is not None:
            self._session.flush()
            self._drop_session()
        self.check_alive()

    def unit_refused(self) -> None:
        """Forget what the unit collected and signalled."""
        self._drop_session()
        del self._collected[self._collected_before :]
        del self._topics[self._topics_before :]

    def unit_changed(self) -> bool:
        """Whether the unit has changed a row, or has objects in its session that would."""
        session = self._session
        if session is not None and (session.flushed or session.new or session.dirty or session.deleted):
            return True
        if self._postgres:
            return any(result.rowcount != 0 for statement, result in self._done if _writes(statement))
        # SQLite counts a statement's changes when it is through, so an unread RETURNING counts as a change.
        return self._sqlite_changes() != self._changes_before or any(
            not (isinstance(result, Rows) or result.closed) for statement, result in self._done if _writes(statement)
        )

    def apply_collected(self) -> None:
        """Apply the sinks, lower ranks first, each under its lock."""
        self._done.clear()
        rank_before: int | None = None
        while self._collected:
            rank = min(sink.rank for sink, _ in self._collected)
            if rank_before is not None and rank <= rank_before:
                raise RuntimeError(f"rank {rank} was collected while rank {rank_before} was applied")
            sinks = dict.fromkeys(sink for sink, _ in self._collected if sink.rank == rank)
            collected = self._collected
            self._collected = [pair for pair in collected if pair[0].rank != rank]
            for sink in sorted(sinks, key=lambda each: each.name):
                if sink.lock is not None:
                    self.take_lock(sink.lock)
                sink.apply(self, [item for of, item in collected if of is sink])
            rank_before = rank
        self.unit_ends()

    def end(self) -> None:
        """Refuse all that comes after."""
        self._drop_session()
        for _, result in self._done:
            result.close()  # one that is half read would keep SQLite at its moment, also for the next read
        if self.failure is None:
            self.failure = StatementRefused("this transaction is over")

    def check_unharmed(self) -> None:
        """Raises: StatementRefused after a database error, or when the transaction is over."""
        if self.failure is not None:
            raise StatementRefused("no statement runs after a database error, nor after the end") from self.failure

    def check_alive(self) -> None:
        """Raises: StatementRefused if the connection is no longer in its transaction."""
        if self._postgres:
            # A COMMIT in a failed transaction would roll back, and report success.
            alive = self._driver.pgconn.transaction_status == TransactionStatus.INTRANS
        else:
            alive = self._driver.in_transaction
        if not (alive and self._connection.in_transaction()):
            raise StatementRefused("the transaction ended before its group did")

    def _drop_session(self) -> None:
        if self._session is not None:
            session, self._session = self._session, None
            session.close()

    def _sqlite_changes(self) -> int:
        return int(self._driver.total_changes)


def _writes(statement: Executable) -> bool:
    """Whether `statement` may change rows; raw text is believed to, unless it begins with SELECT."""
    if statement.is_select:
        return any(part.__visit_name__ in _DML for part in visitors.iterate(statement))  # type: ignore[arg-type]
    if getattr(statement, "is_text", False):
        return not str(statement).lstrip().upper().startswith("SELECT")
    return True


class _UnitSession(Session):
    """A session that leaves the transaction to those who own it, and tells them of the database's errors."""

    def __init__(self, tx: "Tx", connection: Connection) -> None:
        super().__init__(connection, expire_on_commit=False, join_transaction_mode="rollback_only")
        self._tx = tx
        self.flushed = False
        event.listen(self, "do_orm_execute", self._watch)

    def commit(self) -> None:
        raise StatementRefused("a unit does not commit: its group does")

    def rollback(self) -> None:
        raise StatementRefused("a unit does not roll back: it raises")

    def flush(self, objects: Sequence[Any] | None = None) -> None:
        if not (self.new or self.dirty or self.deleted):
            return
        self._tx.check_unharmed()
        self.flushed = True
        try:
            super().flush(objects)
        except DBAPIError as error:
            self._tx.failure = error
            raise

    def _watch(self, state: ORMExecuteState) -> Result[Any]:
        self._tx.check_unharmed()
        if not state.is_select:
            self.flushed = True
        try:
            return state.invoke_statement()
        except DBAPIError as error:
            self._tx.failure = error
            raise
