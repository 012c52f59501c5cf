"""How does an execution get from a wish to a worker? Enqueue, claim, start, give back.

Every change is one statement that checks what it saw (`states.py`), in the unit that appends its event. A lost
race changes nothing and is no error: the function says False or returns nothing.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    bindparam,
    delete,
    func,
    literal_column,
    or_,
    select,
    text,
    union_all,
    update,
)

from conselho import errors, ids
from conselho.db.many import ManyRows
from conselho.db.session import Sink, Tx, at_once, loose, takes_lock
from conselho.db.upsert import insert_if_absent, or_replace
from conselho.events import log as events
from conselho.executions import endings, rows, states
from conselho.executions.models import Execution, IdempotencyKey, Lane, LogHead
from conselho.executions.request import Lane as LaneRequest
from conselho.executions.request import Request, checked
from conselho.executions.states import Status

WAKE = "executions.queued"  # told when there may be something to claim
IDEMPOTENCY_KEPT = timedelta(days=7)
KEYS_AT_ONCE = 500  # forgotten in one short transaction
LANE_KEY_BYTES_MAX = 1000  # PostgreSQL's index takes 2,700; a path may have 4,096

_INSERT_KEY = insert_if_absent(IdempotencyKey, ["key"]).returning(IdempotencyKey.key)
_KEY = select(IdempotencyKey.request_digest, IdempotencyKey.execution_id, IdempotencyKey.created_at).where(
    IdempotencyKey.key == bindparam("key")
)
_FORGET_KEY = delete(IdempotencyKey).where(IdempotencyKey.key == bindparam("old_key"))
_HEAD = ManyRows(
    LogHead, ("execution_id", "fence", "last_seq", "bytes"), partial(or_replace, ["execution_id"], ["fence"])
)


_ROWS = ManyRows(Execution, rows.COLUMNS)
_LANES = ManyRows(Lane, ("execution_id", "key", "room", "held"))


@dataclass(frozen=True, slots=True)
class Holder:
    """The worker that claims: its lasting id and the name people see."""

    id: str
    name: str


def enqueue(
    tx: Tx, request: Request, execution_id: str, idempotency_key: str | None = None, digest: str | None = None
) -> str:
    """Accept an execution; returns its id, or that of the one the same key made before.

    `digest`: of what was asked for, where the request has more in it than that, from an agent say.

    Raises: errors.Invalid for a request that cannot be, or a key that came with another request.
    """
    request = checked(request)
    if idempotency_key is not None:
        earlier = _claim_key(tx, idempotency_key, digest or request.digest(), execution_id)
        if earlier is not None:
            return earlier
    _ROWS.insert(tx, [rows.as_row(tx, request, execution_id)])
    _accepted(tx, [(execution_id, request.title, request.lanes)])
    return execution_id


def enqueue_alike(tx: Tx, request: Request, wishes: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Accept several executions: each under its id, and each as `request` but for some fields, which were checked."""
    alike = rows.as_row(tx, request, "")
    found = [alike | rows.stored_all(other) | {"id": execution_id} for execution_id, other in wishes]
    said = tuple(name for name in alike if any(row[name] is not None for row in found))
    _rows_of(said).insert(tx, found)
    _accepted(
        tx, [(each, other.get("title", request.title), other.get("lanes", request.lanes)) for each, other in wishes]
    )


def made_before(tx: Tx, idempotency_key: str, digest: str) -> str | None:
    """The execution that this key made before, None where there is none.

    Raises: errors.Invalid for a key that came with another request.
    """
    earlier = tx.execute(_KEY, {"key": idempotency_key}).one_or_none()
    if earlier is None or tx.now - earlier.created_at > IDEMPOTENCY_KEPT:
        return None
    return _same(earlier, digest)


def retry(tx: Tx, execution_id: str, new_id: str, idempotency_key: str | None = None) -> str:
    """Enqueue a new execution with what an ended one was asked to do.

    Raises: errors.NotFound; errors.Conflict while it has not ended, and for a card's, which gets commands.
    """
    row = ended(tx, execution_id, "retry")
    if row.card_id is not None:
        raise errors.Conflict(f"execution {execution_id} is a card's: give the card its command {row.command} again")
    return enqueue(tx, rows.as_request(row), new_id, idempotency_key)


@loose
def ended(tx: Tx, execution_id: str, verb: str) -> Row[Any]:
    """The whole row of an execution that has ended; `verb`: what for.

    Raises: errors.NotFound; errors.Conflict while it has not ended.
    """
    asked = select(Execution.__table__).where(Execution.id == execution_id)
    row = tx.execute(asked).one_or_none() if ids.is_id(execution_id) else None
    if row is None:
        raise errors.NotFound(f"there is no execution {execution_id[:50]}")
    if row.status not in states.TERMINAL:
        raise errors.Conflict(f"execution {execution_id} is {row.status}: cancel it, or wait for its end, then {verb}")
    return row


_other = Lane.__table__.alias("other")
_mine = Lane.__table__.alias("mine")
# A partial index serves a condition that reads word for word as its own: a bare `held`, which would otherwise be
# compared with 1 on SQLite, and 'queued' as it stands, where a parameter could be anything.
_is_held = text("other.held")
_QUEUED: ColumnElement[str] = literal_column(f"'{Status.QUEUED}'")
_in_lane = select(func.count()).where(_other.c.key == _mine.c.key, _is_held).scalar_subquery()
_smallest = select(func.min(_other.c.room)).where(_other.c.key == _mine.c.key, _is_held).scalar_subquery()
IS_CROWDED = or_(_in_lane >= _mine.c.room, _in_lane >= _smallest)
LANE = _mine

_candidate = Execution.__table__.alias("candidate")


_next = (
    select(_candidate.c.id, _candidate.c.rank, _candidate.c.lanes)
    .where(
        _candidate.c.status == _QUEUED,
        or_(_candidate.c.not_before.is_(None), _candidate.c.not_before <= bindparam("now")),
        or_(_candidate.c.start_before.is_(None), _candidate.c.start_before > bindparam("now")),
        ~select(_mine.c.key).where(_mine.c.execution_id == _candidate.c.id, IS_CROWDED).exists(),
    )
    .order_by(_candidate.c.rank, _candidate.c.id)
    .limit(bindparam("seats", type_=Integer))
    .cte("next")
)
_laneless = select(_next.c.id).where(_next.c.lanes.is_(None))
_first_in_a_lane = select(_next.c.id).where(_next.c.lanes.is_not(None)).order_by(_next.c.rank, _next.c.id).limit(1)
# Looked at in the rows that were found, and of no use to an index: SQLite would go through the whole queue by it.
_still_queued = Execution.status.concat("") == Status.QUEUED
_CLAIM = (
    update(Execution)
    .where(
        Execution.id.in_(union_all(_laneless, select(_first_in_a_lane.subquery().c.id))),
        _still_queued,
    )
    .values(
        status=Status.CLAIMED,
        fence=Execution.fence + 1,
        worker_id=bindparam("holder_id"),
        worker=bindparam("holder_name"),
        lease_until=bindparam("until"),
        waiting_for=None,
    )
    .returning(*Execution.__table__.c)
)
_HOLD_LANES = update(Lane).where(Lane.execution_id == bindparam("held_id")).values(held=True)
_FREE_LANES = update(Lane).where(Lane.execution_id == bindparam("held_id")).values(held=False)


@takes_lock("claim")
def claim(tx: Tx, holder: Holder, seats: int, lease: timedelta) -> list[Row[Any]]:
    """Take up to `seats` executions, highest priority and oldest first, none whose lane is full.

    The lock makes counting a lane and entering it one act also between processes. One statement takes all that are in
    no lane, and one that is: it may fill the lane of the next, so that is looked at again.
    """
    claimed: list[Row[Any]] = []
    wish = {"now": tx.now, "holder_id": holder.id, "holder_name": holder.name, "until": tx.now + lease}
    while len(claimed) < seats:
        rows = tx.execute(_CLAIM, wish | {"seats": seats - len(claimed)}).all()
        claimed += rows
        in_lanes = [row for row in rows if row.lanes]
        if not in_lanes:
            break
        tx.execute(_HOLD_LANES, [{"held_id": row.id} for row in in_lanes])
    claimed.sort(key=lambda row: (row.rank, row.id))
    for row in claimed:
        events.append(tx, "execution.claimed", execution_id=row.id, data={"worker": holder.name, "fence": row.fence})
    return claimed


_START = (
    update(Execution)
    .where(
        Execution.id == bindparam("run_id"),
        Execution.status == Status.CLAIMED,
        Execution.fence == bindparam("run_fence"),
        Execution.cancel_requested_at.is_(None),
    )
    .values(status=Status.RUNNING, started_at=bindparam("now"), lease_until=bindparam("until"))
    .returning(Execution.id)
)


def start_all(tx: Tx, runs: Sequence[tuple[str, int, timedelta]]) -> list[bool]:
    """`start` for several, in their order."""
    now = tx.now
    wishes = [{"run_id": run_id, "run_fence": fence, "now": now, "until": now + lease} for run_id, fence, lease in runs]
    found = [bool(rows) for rows in tx.execute_each(_START, wishes)]
    for (run_id, fence, _), is_started in zip(runs, found, strict=True):
        if is_started:
            tx.collect(_HEADS, {"execution_id": run_id, "fence": fence, "last_seq": 0, "bytes": 0})
            events.append(tx, "execution.started", execution_id=run_id, data={"fence": fence})
    return found


@at_once(start_all)
def start(tx: Tx, execution_id: str, fence: int, lease: timedelta) -> bool:
    """Commit the intent to fork; False if it was cancelled or is no longer held under that fence."""
    return start_all(tx, [(execution_id, fence, lease)])[0]


def _begin_logs(tx: Tx, heads: list[dict[str, Any]]) -> None:
    _HEAD.insert(tx, heads)


_HEADS: Sink[dict[str, Any]] = Sink(name="log_heads", rank=20, apply=_begin_logs)


_GIVE_BACK = (
    update(Execution)
    .where(
        Execution.id == bindparam("run_id"),
        Execution.status == bindparam("source"),
        Execution.fence == bindparam("run_fence"),
        Execution.cancel_requested_at.is_(None),
    )
    .values(
        status=Status.QUEUED,
        worker_id=None,
        worker=None,
        lease_until=None,
        unreachable_since=None,
        started_at=None,
        not_before=func.coalesce(bindparam("later", type_=Execution.__table__.c.not_before.type), Execution.not_before),
        waiting_for=bindparam("waiting"),
    )
    .returning(Execution.id, Execution.lanes)
)


def give_back(
    tx: Tx,
    execution_id: str,
    fence: int,
    *,
    source: Status,
    waiting_for: str | None = None,
    not_before: datetime | None = None,
) -> bool:
    """Return an execution of which nothing was forked; one that was asked to end ends as cancelled.

    `source` is RUNNING only where the holder of the fence has proof: lock free and no `spawned`.
    """
    wish = {
        "run_id": execution_id,
        "run_fence": fence,
        "source": source,
        "later": not_before,
        "waiting": waiting_for,
    }
    row = tx.execute(_GIVE_BACK, wish).one_or_none()
    if row is None:
        return endings.cancel_unforked(tx, execution_id, fence, source)
    if row.lanes:
        tx.execute(_FREE_LANES, {"held_id": execution_id})
    events.append(tx, "execution.requeued", execution_id=execution_id, data={"waiting_for": waiting_for})
    tx.signal(WAKE)
    return True


_BEGIN_ANEW = (
    update(Execution)
    .where(
        Execution.id == bindparam("run_id"),
        Execution.status == Status.RUNNING,
        Execution.fence == bindparam("run_fence"),
        Execution.resume.is_not(None),  # so it happens once
        Execution.cancel_requested_at.is_(None),
    )
    .values(
        status=Status.QUEUED,
        resume=None,
        worker_id=None,
        worker=None,
        lease_until=None,
        unreachable_since=None,
        started_at=None,
        start_before=None,  # it was started in time
        waiting_for=bindparam("waiting"),
    )
    .returning(Execution.lanes)
)


def begin_anew(tx: Tx, execution_id: str, fence: int) -> bool:
    """Return an execution whose CLI did not know the session that it was to take up, and did nothing; at most once.

    False where it is not held under that fence any more, was to take up none, or was asked to end.
    """
    waiting_for = "its agent CLI, to begin a new session"
    row = tx.execute(_BEGIN_ANEW, {"run_id": execution_id, "run_fence": fence, "waiting": waiting_for}).one_or_none()
    if row is None:
        return False
    if row.lanes:
        tx.execute(_FREE_LANES, {"held_id": execution_id})
    events.append(tx, "execution.requeued", execution_id=execution_id, data={"waiting_for": waiting_for})
    tx.signal(WAKE)
    return True


def forget_keys(tx: Tx) -> bool:
    """Drop idempotency keys that are too old to be asked for; True if there may be more."""
    old = select(IdempotencyKey.key).where(IdempotencyKey.created_at < tx.now - IDEMPOTENCY_KEPT).limit(KEYS_AT_ONCE)
    result = tx.execute(delete(IdempotencyKey).where(IdempotencyKey.key.in_(old.scalar_subquery())))
    return result.rowcount == KEYS_AT_ONCE


def _claim_key(tx: Tx, key: str, digest: str, execution_id: str) -> str | None:
    earlier = tx.execute(_KEY, {"key": key}).one_or_none()
    if earlier is not None and tx.now - earlier.created_at > IDEMPOTENCY_KEPT:
        tx.execute(_FORGET_KEY, {"old_key": key})
        earlier = None
    if earlier is None:
        row = {"key": key, "request_digest": digest, "execution_id": execution_id, "created_at": tx.now}
        if tx.execute(_INSERT_KEY, row).one_or_none() is not None:
            return None
        earlier = tx.execute(_KEY, {"key": key}).one()
    return _same(earlier, digest)


def _same(earlier: Row[Any], digest: str) -> str:
    if earlier.request_digest != digest:
        raise errors.Invalid("this Idempotency-Key came with another request before: use a new key for a new request")
    return str(earlier.execution_id)


def _short(key: str) -> str:
    """A lane's key as it is stored: of a long one the beginning, for people, and what tells it from all others."""
    data = key.encode("utf-8")
    if len(data) <= LANE_KEY_BYTES_MAX:
        return key
    return f"{data[: LANE_KEY_BYTES_MAX // 2].decode('utf-8', 'ignore')}… {hashlib.sha256(data).hexdigest()}"


@lru_cache(maxsize=200)
def _rows_of(columns: tuple[str, ...]) -> ManyRows:
    """For rows that have nothing in the other columns."""
    return ManyRows(Execution, columns)


def _accepted(tx: Tx, several: Sequence[tuple[str, str | None, Sequence[LaneRequest]]]) -> None:
    """What belongs to being accepted, beside the row: of each its id, its title and its lanes."""
    lanes = [
        {"execution_id": execution_id, "key": _short(lane.key), "room": lane.room, "held": False}
        for execution_id, _, wanted in several
        for lane in wanted
    ]
    if lanes:
        _LANES.insert(tx, lanes)
    for execution_id, title, _ in several:
        events.append(tx, "execution.queued", execution_id=execution_id, data={"title": title})
    tx.signal(WAKE)
