"""What stands in the database, all of it at one moment, and what must be true of it whatever was done?

Nothing here knows the model: these are the promises themselves, checked on rows.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, select

from conselho.db.session import Tx
from conselho.events.models import Event
from conselho.executions import counters, logs, recount, states
from conselho.executions.logs import NumberedLine
from conselho.executions.models import (
    Counter,
    Day,
    Execution,
    Finding,
    IdempotencyKey,
    Lane,
    LogChunk,
    LogHead,
    Rescue,
    Standing,
    Worker,
)
from conselho.executions.states import ACTIVE, OPEN, TERMINAL, Status

_KEPT = (Counter, Day, Standing, Finding)
_TABLES = (Lane, LogChunk, LogHead, IdempotencyKey, *_KEPT, Execution, Event, Worker, Rescue)
_LEADS_TO = {
    "execution.queued": Status.QUEUED,
    "execution.claimed": Status.CLAIMED,
    "execution.started": Status.RUNNING,
    "execution.requeued": Status.QUEUED,
}


@dataclass(frozen=True)
class Picture:
    """All rows that make up executions."""

    rows: dict[str, Row[Any]]
    lanes: list[Row[Any]]
    heads: dict[str, Row[Any]]
    lines: dict[str, list[NumberedLine]]
    keys: dict[str, Row[Any]]
    counted: dict[str, float]
    differences: list[recount.Difference]
    events: list[Row[Any]]

    def told(self, execution_id: str) -> list[Row[Any]]:
        """The events of one execution, in order."""
        return [event for event in self.events if event.execution_id == execution_id]


def take(tx: Tx) -> Picture:
    """Look at everything at once."""
    heads = {row.execution_id: row for row in tx.execute(select(LogHead.__table__))}
    return Picture(
        rows={row.id: row for row in tx.execute(select(Execution.__table__).order_by(Execution.id))},
        lanes=list(tx.execute(select(Lane.__table__))),
        heads=heads,
        lines={each: logs.read_after(tx, each, 0) for each in heads},
        keys={row.key: row for row in tx.execute(select(IdempotencyKey.__table__))},
        counted=counters.counted(tx),
        differences=recount.difference(tx),
        events=list(tx.execute(select(Event.__table__).order_by(Event.id))),
    )


def wipe(tx: Tx) -> None:
    """Leave nothing of what went before."""
    for table in _TABLES:
        tx.execute(delete(table))


def check(now: Picture, before: Picture) -> None:
    """Raise AssertionError where a promise is broken, now or on the way from `before`."""
    _check_events(now, before)
    for row in now.rows.values():
        _check_history(row, now.told(row.id))
        _check_log(row, now)
    for execution_id, earlier in before.rows.items():
        _check_change(now.rows[execution_id], earlier)
    _check_lanes(now)
    _check_counters(now)
    _check_keys(now)


def _check_events(now: Picture, before: Picture) -> None:
    assert now.events[: len(before.events)] == before.events, "an event was changed, or came before one that was told"
    assert all(later.at >= earlier.at for earlier, later in zip(now.events, now.events[1:], strict=False))


def _check_history(row: Row[Any], events: list[Row[Any]]) -> None:
    """The events of an execution walk along the arrows of `states.py`, and end where the row stands."""
    assert events[0].kind == "execution.queued"
    status, fence = Status.QUEUED, 0
    for event in events[1:]:
        if event.kind == "execution.unreachable":
            assert status is Status.RUNNING
            continue
        target = _LEADS_TO.get(event.kind) or Status(event.data["status"])
        assert states.can_become(status, target), f"{status} → {target}"
        if target is Status.CLAIMED:
            assert event.data["fence"] > fence
            fence = event.data["fence"]
        status = target
    assert row.status == status
    assert row.fence >= fence
    assert (row.lease_until is not None) == (status in ACTIVE)
    assert (row.completed_at is not None) == (status in TERMINAL)


def _check_change(row: Row[Any], earlier: Row[Any]) -> None:
    assert row.fence >= earlier.fence
    if earlier.status in TERMINAL:
        assert _without_note(row) == _without_note(earlier), "an end was changed"


def _without_note(row: Row[Any]) -> dict[str, Any]:
    return {name: value for name, value in row._asdict().items() if name != "note"}


def _check_log(row: Row[Any], now: Picture) -> None:
    lines = now.lines.get(row.id, [])
    assert [line.seq for line in lines] == list(range(1, len(lines) + 1))
    head = now.heads.get(row.id)
    if head is not None:
        assert head.last_seq == len(lines)
        assert head.bytes == sum(len(numbered.text) + 1 for numbered in lines)


def _check_lanes(now: Picture) -> None:
    asked = {(row.id, key): room for row in now.rows.values() if row.status in OPEN for key, room in row.lanes or ()}
    assert {(lane.execution_id, lane.key): lane.room for lane in now.lanes} == asked
    holders: dict[str, list[int]] = defaultdict(list)
    for lane in now.lanes:
        assert lane.held == (now.rows[lane.execution_id].status in ACTIVE)
        if lane.held:
            holders[lane.key].append(lane.room)
    assert all(len(rooms) <= min(rooms) for rooms in holders.values()), f"a lane is over its room: {dict(holders)}"


def _check_counters(now: Picture) -> None:
    sums: dict[str, float] = defaultdict(float)
    for row in now.rows.values():
        if row.status in TERMINAL:
            for name in ("total", row.status, f"severity_{row.severity}"):
                sums[name] += 1
            if row.duration_seconds is not None:
                sums["duration_seconds"] += row.duration_seconds
    assert {name: value for name, value in now.counted.items() if name in sums} == sums
    assert now.differences == []


def _check_keys(now: Picture) -> None:
    made = [row.execution_id for row in now.keys.values()]
    assert len(set(made)) == len(made)
    assert set(made) <= now.rows.keys()
