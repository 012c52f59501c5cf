"""What does a crash do? Leases, their renewal, rescue after a silence, and adoption after a restart.

A worker renews all its leases in one statement. Rescue and the extension after an outage are one step over one
row, `rescue.seen_at`: if nobody has looked for longer than a lease can bear (the database was away, the host
slept, no server ran), every lease is extended and nobody is rescued - the silence was ours, not the workers'.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, bindparam, literal_column, select, update

from conselho import errors, ids
from conselho.db.session import Tx, takes_lock
from conselho.db.upsert import insert_or_replace
from conselho.events import log as events
from conselho.executions import endings, logs, queue, states
from conselho.executions.endings import LogEnd, Outcome
from conselho.executions.models import Execution, LogHead, Rescue, Worker
from conselho.executions.states import Status

LOSS_RETRIES_MAX = 3  # a run that takes its host down must not do so for ever
BATCH = 100  # rows a step rescues: a step stays a short transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFacts:
    """A worker as it introduces itself; `id` outlives its process."""

    id: str
    name: str
    host: str
    pid: int
    boot_id: str
    seats: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long silence is borne."""

    lease: timedelta
    outage: timedelta
    lost_after: timedelta


_WORKER_COLUMNS = ("name", "host", "pid", "boot_id", "seats", "joined_at", "seen_at", "left_at")
_JOIN = insert_or_replace(Worker, ["id"], _WORKER_COLUMNS)
_LEAVE = update(Worker).where(Worker.id == bindparam("worker")).values(left_at=bindparam("now"))
_SEEN = update(Worker).where(Worker.id == bindparam("worker")).values(seen_at=bindparam("now"))

_RENEW = (
    update(Execution)
    .where(Execution.worker_id == bindparam("holder"), Execution.status.in_(states.ACTIVE))
    .values(lease_until=bindparam("until"), unreachable_since=None)
    .returning(Execution.id, Execution.fence, Execution.status, Execution.cancel_requested_at)
)
_CANCELS = select(Execution.id, Execution.fence).where(
    Execution.worker_id == bindparam("holder"),
    Execution.status.in_(states.ACTIVE),
    Execution.cancel_requested_at.is_not(None),
)
_ADOPT = (
    update(Execution)
    .where(Execution.worker_id == bindparam("holder"), Execution.status.in_(states.ACTIVE))
    .values(fence=Execution.fence + 1, lease_until=bindparam("until"), unreachable_since=None)
    .returning(*Execution.__table__.c)
)
_RAISE_HEAD = update(LogHead).where(LogHead.execution_id == bindparam("run_id")).values(fence=bindparam("run_fence"))
_EXTEND = (
    update(Execution)
    .where(Execution.status.in_(states.ACTIVE), Execution.lease_until < bindparam("until"))
    .values(lease_until=bindparam("until"))
)
_SHIFT = select(Execution.id, Execution.unreachable_since).where(
    Execution.status == Status.RUNNING, Execution.unreachable_since.is_not(None)
)
_SHIFT_ONE = update(Execution).where(Execution.id == bindparam("run_id")).values(unreachable_since=bindparam("moved"))
_OVERDUE = (
    select(Execution.__table__)
    .where(Execution.status.in_(states.ACTIVE), Execution.lease_until < bindparam("now"))
    .where((Execution.unreachable_since.is_(None)) | (Execution.unreachable_since <= bindparam("long_ago")))
    .order_by(Execution.id)
    .limit(BATCH)
)
_UNREACHABLE = (
    update(Execution)
    .where(
        Execution.id == bindparam("run_id"),
        Execution.fence == bindparam("run_fence"),
        Execution.status == Status.RUNNING,
        Execution.unreachable_since.is_(None),
    )
    .values(unreachable_since=bindparam("now"))
    .returning(Execution.id)
)
# The status is written out: SQLite uses an index of some rows only where it sees that they are those.
_EXPIRED = (
    select(Execution.id, Execution.fence)
    .where(Execution.status == literal_column(f"'{Status.QUEUED}'"), Execution.start_before <= bindparam("now"))
    .limit(BATCH)
)
_RETRY_FACTS = select(Execution.retry_on_loss, Execution.attempt).where(Execution.id == bindparam("run_id"))
_LOOKED = insert_or_replace(Rescue, ["id"], ["seen_at"])


def join(tx: Tx, facts: WorkerFacts) -> None:
    """Make a worker known."""
    row = {name: getattr(facts, name) for name in ("id", "name", "host", "pid", "boot_id", "seats")}
    tx.execute(_JOIN, row | {"joined_at": tx.now, "seen_at": tx.now, "left_at": None})
    events.append(tx, "worker.joined", data={"worker": facts.name, "seats": facts.seats, "host": facts.host})


def leave(tx: Tx, facts: WorkerFacts) -> None:
    """Say that a worker stopped in good order; the runs it holds go on without it."""
    tx.execute(_LEAVE, {"worker": facts.id, "now": tx.now})
    events.append(tx, "worker.left", data={"worker": facts.name})


def renew(tx: Tx, worker_id: str, lease: timedelta) -> Sequence[Row[Any]]:
    """Extend all leases of a worker: what it still holds, as (id, fence, status, cancel_requested_at)."""
    tx.execute(_SEEN, {"worker": worker_id, "now": tx.now})
    return tx.execute(_RENEW, {"holder": worker_id, "until": tx.now + lease}).all()


def asked_to_end(tx: Tx, worker_id: str) -> Sequence[Row[Any]]:
    """What a worker holds and was asked to end, as (id, fence)."""
    return tx.execute(_CANCELS, {"holder": worker_id}).all()


def adopt(tx: Tx, worker_id: str, lease: timedelta) -> Sequence[Row[Any]]:
    """Take up, under raised fences, what this worker held before it started again.

    Whoever still acts under the old fence - a frozen copy of the worker - writes nothing from here on.
    """
    rows = tx.execute(_ADOPT, {"holder": worker_id, "until": tx.now + lease}).all()
    if rows:
        tx.execute(_RAISE_HEAD, [{"run_id": row.id, "run_fence": row.fence} for row in rows])
    return rows


@takes_lock("rescue")
def rescue_next(tx: Tx, patience: Patience) -> bool:
    """Look once for runs whose worker is silent; True if there may be more at once."""
    seen_at = tx.execute(select(Rescue.seen_at)).scalar_one_or_none()
    tx.execute(_LOOKED, {"id": 1, "seen_at": tx.now})
    if seen_at is None or tx.now - seen_at > patience.outage:
        _extend_all(tx, patience, timedelta(0) if seen_at is None else tx.now - seen_at)
        return False
    long_ago = tx.now - patience.lost_after
    overdue = tx.execute(_OVERDUE, {"now": tx.now, "long_ago": long_ago}).all()
    for row in overdue:
        _rescue(tx, row)
    return _expire(tx) or len(overdue) == BATCH


def _extend_all(tx: Tx, patience: Patience, gap: timedelta) -> None:
    tx.execute(_EXTEND, {"until": tx.now + patience.lease})
    # Time without a server does not count towards `lost`.
    moved = [{"run_id": row.id, "moved": row.unreachable_since + gap} for row in tx.execute(_SHIFT).all()]
    if moved:
        tx.execute(_SHIFT_ONE, moved)


def _rescue(tx: Tx, row: Row[Any]) -> None:
    if row.status == Status.CLAIMED:
        queue.give_back(tx, row.id, row.fence, source=Status.CLAIMED)
    elif row.retry_on_loss:
        # The shim ended the tree at a deadline well before the lease could pass.
        _lose(tx, row, "its worker fell silent, and the run was ended")
    elif row.unreachable_since is None:
        if tx.execute(_UNREACHABLE, {"run_id": row.id, "run_fence": row.fence, "now": tx.now}).one_or_none():
            events.append(tx, "execution.unreachable", execution_id=row.id, data={"worker": row.worker})
    else:
        _lose(tx, row, f"worker {row.worker} did not come back")


def lose(tx: Tx, execution_id: str, fence: int, outcome: Outcome) -> bool:
    """End a running execution as lost; where its request allows it, a new one takes its place.

    False if it is not held under that fence any more.
    """
    if not endings.finish(tx, execution_id, fence, outcome):
        return False
    row = tx.execute(_RETRY_FACTS, {"run_id": execution_id}).one()
    if row.retry_on_loss and row.attempt <= LOSS_RETRIES_MAX:
        with suppress(errors.Invalid):  # this program cannot do any more what was asked of an earlier one
            queue.retry(tx, execution_id, ids.new())
    return True


def _lose(tx: Tx, row: Row[Any], sentence: str) -> None:
    stored = logs.head(tx, row.id)
    if lose(tx, row.id, row.fence, endings.lost(sentence, LogEnd(stored.last_seq, stored.bytes))):
        # Its worker may come back, and would go on with a log whose end has been told.
        tx.execute(_RAISE_HEAD, {"run_id": row.id, "run_fence": row.fence + 1})


def _expire(tx: Tx) -> bool:
    rows = tx.execute(_EXPIRED, {"now": tx.now}).all()
    for row in rows:
        sentence = "it was not started in time (start_before)"
        outcome = Outcome(
            status=Status.EXPIRED,
            severity="warning",
            summary=sentence,
            reason="start_before",
            evidence={"source": "ending", "text": sentence},
        )
        endings.end_by_rule(tx, row, Status.QUEUED, outcome)
    return len(rows) == BATCH
