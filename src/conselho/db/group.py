"""How does a group of units become one commit?

All units run in one transaction without savepoints, which is what makes fifty callers cheaper than fifty
transactions. Where one of them fails the transaction is rolled back and run again with a savepoint a unit, so
that only the guilty one fails; where what they collected fails, each unit runs in a transaction of its own.

This file holds the only COMMIT of the product's work (migrations have their own).
"""

import logging
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from typing import Any, cast

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import RootTransaction

from conselho.db import failures
from conselho.db.failures import Kind
from conselho.db.prepared import Statements
from conselho.db.riders import Riders
from conselho.db.tx import Tx
from conselho.db.waiting import Job
from conselho.db.watch import Watch
from conselho.errors import DatabaseGone, Refused, Unavailable

TRIES_MAX = 5  # of a group that met a deadlock; two rivals with jitter part after two or three
AGAIN_SECONDS = 0.02  # the first pause before another try, doubled each time, half of it jitter
AGAIN_SECONDS_MAX = 10.0  # no group holds the writer for longer than this with tries

_log = logging.getLogger(__name__)


class GroupFailed(Exception):
    """The group's transaction did not come through: nothing of it is there, but for `Kind.UNKNOWN`."""

    def __init__(self, kind: Kind, cause: Exception, *, begun: bool = True) -> None:
        super().__init__(kind.value)
        self.kind = kind
        self.cause = cause
        self.begun = begun  # False: not even BEGIN came through


class Groups:
    """The write connection, and what runs on it. Used by one thread."""

    def __init__(
        self, engine: Engine, watch: Watch, now: Callable[[], datetime] | None, wall: Callable[[], datetime]
    ) -> None:
        """`now` overrules the database's clock; `wall` is read where the database has none."""
        self.riders = Riders()
        self._engine = engine
        self._watch = watch
        self._now = now or (None if engine.dialect.name == "postgresql" else wall)
        self._latest = datetime.min.replace(tzinfo=UTC)
        self._connection: Connection | None = None
        self._statements = Statements(engine.dialect)
        self._tx: Tx | None = None
        self._trouble: Kind | None = None

    def run(self, jobs: list[Job]) -> tuple[str, ...]:
        """Run the units and commit; each job then holds its value or its error. Returns the topics.

        Riders that come along are added to `jobs`.
        """
        savepoints = False
        reconnected = False
        tries = 0
        gives_up_at = time.monotonic() + AGAIN_SECONDS_MAX
        while True:
            try:
                return self._attempt(jobs, savepoints=savepoints)
            except GroupFailed as failed:
                kind, cause, begun = failed.kind, failed.cause, failed.begun
            if kind is Kind.AGAIN and tries + 1 < TRIES_MAX and time.monotonic() < gives_up_at:
                # The rival's transaction tells nobody when it is through; the writer has nothing else to do meanwhile.
                time.sleep(AGAIN_SECONDS * 2**tries * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
                tries += 1
            elif kind is Kind.GONE and begun and not reconnected:
                reconnected = True  # a server that was restarted: nothing was committed, so run it there
            elif kind is not Kind.UNIT:
                return self._fail_all(jobs, kind, cause)
            elif len(jobs) == 1:
                jobs[0].error = cause
                return ()
            elif savepoints:
                return self._run_alone(jobs, cause)
            else:
                savepoints = True

    def _run_alone(self, jobs: Sequence[Job], cause: Exception) -> tuple[str, ...]:
        """Each unit in a transaction of its own: what they collected failed, and nobody knows whose it was."""
        topics: list[str] = []
        for number, job in enumerate(jobs):
            topics += self.run([job])
            if isinstance(job.error, DatabaseGone):
                self._fail_all(jobs[number + 1 :], Kind.GONE, cause)  # connecting for each would take for ever
                break
        return tuple(dict.fromkeys(topics))

    def close(self) -> None:
        """Let the connection go; the next group opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except Exception:  # noqa: BLE001 - a broken connection may fail in any way; it is gone either way
                connection.invalidate()

    def _attempt(self, jobs: list[Job], *, savepoints: bool) -> tuple[str, ...]:
        """One transaction, from BEGIN to COMMIT. Raises: GroupFailed."""
        connection, transaction = self._begin()
        with self._watch.over(connection):
            return self._run_and_commit(connection, transaction, jobs, savepoints=savepoints)

    def _run_and_commit(
        self, connection: Connection, transaction: RootTransaction, jobs: list[Job], *, savepoints: bool
    ) -> tuple[str, ...]:
        tx = self._tx = Tx(connection, self._latest, self._statements)
        try:
            tx.now = self._later(tx.begin(sorted({job.lock for job in jobs if job.lock is not None})))
            run = partial(_run_in_savepoint, connection, tx) if savepoints else partial(_run, tx)
            for some in _alike(jobs, apart=savepoints):
                if len(some) > 1:
                    _run_at_once(tx, some)
                else:
                    run(some[0])
            for rider in self.riders.board(tx.topics):
                jobs.append(rider)
                if rider.lock is None or tx.try_lock(rider.lock):
                    run(rider)
                else:
                    rider.error = Unavailable("this could not be done along with another: do it by itself")
            tx.apply_collected()
        except Exception as error:  # noqa: BLE001 - whatever a unit raises, the others must not feel it
            raise self._rolled_back(transaction, error) from None
        finally:
            self._tx = None
        topics = tx.topics
        try:
            transaction.commit()
        except Exception as error:  # noqa: BLE001 - sorted by what it means, and passed on
            kind = failures.kind_of_commit(error)
            self.close()  # in whose transaction, if in any, only a new connection knows
            raise GroupFailed(kind, error) from None
        finally:
            tx.end()
        if self._trouble is not None:
            _log.warning("the database can be written again")
            self._trouble = None
        return topics

    def _begin(self) -> tuple[Connection, RootTransaction]:
        try:
            if self._connection is None:
                self._connection = self._connect()
            return self._connection, self._connection.begin()
        except Exception as error:  # noqa: BLE001 - sorted by what it means, and passed on
            kind = failures.kind_of(error)
            self.close()
            raise GroupFailed(Kind.GONE if kind is Kind.UNIT else kind, error, begun=False) from None

    def _connect(self) -> Connection:
        connection = self._engine.connect()
        driver: Any = connection.connection.dbapi_connection
        if connection.dialect.name == "postgresql":
            driver.autocommit = True  # else the driver says BEGIN by itself, which is a message of its own
        return connection

    def _later(self, moment: datetime | None) -> datetime:
        """The database's moment, or that of our clock where it has none, and never one before the last."""
        told = cast("datetime", moment) if self._now is None else self._now()
        self._latest = max(self._latest, told.astimezone(UTC))
        return self._latest

    def _rolled_back(self, transaction: RootTransaction, error: Exception) -> GroupFailed:
        """What to raise for `error`; a database error that a unit hid behind another one counts first."""
        tx = self._tx
        cause = error if tx is None or tx.failure is None else tx.failure
        kind = failures.kind_of(cause)
        if tx is not None:
            tx.end()
        self._give_up(transaction, kind)
        return GroupFailed(kind, cause)

    def _give_up(self, transaction: RootTransaction, kind: Kind) -> None:
        try:
            if transaction.is_active:
                transaction.rollback()
        except Exception:  # noqa: BLE001 - whatever it was, this connection is not to be trusted again
            kind = Kind.GONE
        if kind is Kind.GONE:
            self.close()

    def _fail_all(self, jobs: Sequence[Job], kind: Kind, cause: Exception) -> tuple[str, ...]:
        if kind is not self._trouble:  # a full disk fails a hundred groups a second: once is enough
            _log.warning("a group of %d units failed (%s): %s", len(jobs), kind.value, cause)
            self._trouble = kind
        _forget_frames(cause)
        for job in jobs:
            job.value = None
            job.error = failures.told(kind, cause)
        return ()


def _forget_frames(cause: BaseException) -> None:
    """Drop the tracebacks: they would keep all of the group alive for as long as one caller keeps its error."""
    error: BaseException | None = cause
    while error is not None and error.__traceback__ is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


def _alike(jobs: Sequence[Job], *, apart: bool) -> list[list[Job]]:
    """The units in their order; those that follow each other and can be done at once, together."""
    if apart:
        return [[job] for job in jobs]
    return [list(some) for _, some in groupby(jobs, lambda job: job if job.many is None else job.unit)]


def _run_at_once(tx: Tx, jobs: Sequence[Job]) -> None:
    """Run several units as one. A failure ends all, and then each is run by itself."""
    many = jobs[0].many
    assert many is not None  # noqa: S101 - that is why they are together
    tx.unit_begins()
    outcomes = many(tx, [job.args for job in jobs])
    tx.unit_ends()
    for job, outcome in zip(jobs, outcomes, strict=True):
        job.value, job.error = (None, outcome) if isinstance(outcome, Refused) else (outcome, None)


def _run(tx: Tx, job: Job) -> None:
    """Run one unit among others. A refusal before any change is the caller's alone; all else ends all."""
    tx.unit_begins()
    job.error = None
    try:
        job.value = job.unit(tx, *job.args, **job.kwargs)
    except Refused as refused:
        if tx.failure is not None or tx.unit_changed():
            raise
        tx.unit_refused()
        tx.check_alive()
        job.error = refused
        return
    tx.unit_ends()


def _run_in_savepoint(connection: Connection, tx: Tx, job: Job) -> None:
    """Run one unit so that its failure is undone and the others go on."""
    savepoint = connection.begin_nested()
    tx.unit_begins()
    job.error = None
    try:
        job.value = job.unit(tx, *job.args, **job.kwargs)
        tx.unit_ends()
    except Exception as error:  # whatever a unit raises, the others must not feel it
        cause = tx.failure or error
        if failures.kind_of(cause) is not Kind.UNIT:
            raise
        tx.failure = None
        tx.unit_refused()
        if savepoint.is_active:  # a session whose flush failed has rolled it back already
            savepoint.rollback()
        tx.check_alive()
        job.value, job.error = None, cause
        return
    savepoint.commit()
