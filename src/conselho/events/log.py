"""How does a change become an event, and how are events read in order?

`append` only collects: a group of units writes all its events in one statement, last before the commit, on
PostgreSQL under a lock. A bare sequence hands out ids before the commits that use them, so a reader of
`id > last` would skip what commits late; under the lock ids rise in the order of commits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Text, bindparam, cast, func, select, update

from conselho.db.many import ManyRows
from conselho.db.session import Sink, Tx
from conselho.events.models import Epoch, Event

TOPIC = "events"
PAGE_MAX = 1000  # events read at once: a page is at most some hundred KB

_ROWS = ManyRows(Event, ("at", "kind", "execution_id", "data"))
_EPOCH = select(Epoch.name)
_LAST_ID = select(func.coalesce(func.max(Event.id), 0))
# Where the log stands, as programs outside name it: `<epoch>-<id>`.
CURSOR = select(Epoch.name + "-" + cast(_LAST_ID.scalar_subquery(), Text)).scalar_subquery()
_CURSOR = select(CURSOR)
_AT_OR_BELOW = select(Event.id, Event.at).where(Event.id <= bindparam("at_most")).order_by(Event.id.desc()).limit(1)
_SUBJECTS = (
    select(Event.id, Event.kind, Event.execution_id)
    .where(Event.id > bindparam("seen"))
    .order_by(Event.id)
    .limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True)
class Entry:
    """An event as it is read: `id` rises, `data` is what its kind says."""

    id: int
    at: datetime
    kind: str
    execution_id: str | None
    data: dict[str, Any]


def append(tx: Tx, kind: str, *, execution_id: str | None = None, data: dict[str, Any] | None = None) -> None:
    """Record that something happened, in the unit that made it happen."""
    row = {"at": tx.now, "kind": kind, "execution_id": execution_id, "data": data or {}}
    tx.collect(_SINK, row)


def read_after(tx: Tx, after: int, limit: int = PAGE_MAX) -> list[Entry]:
    """The next events in order, none skipped, at most `limit`."""
    found = tx.execute(
        select(Event.id, Event.at, Event.kind, Event.execution_id, Event.data)
        .where(Event.id > after)
        .order_by(Event.id)
        .limit(min(limit, PAGE_MAX))
    )
    return [Entry(*row) for row in found]


def subjects_after(tx: Tx, after: int, limit: int) -> Sequence[Row[Any]]:
    """The next events in order, none skipped, as (id, kind, execution_id): for who looks at the rows themselves."""
    return tx.execute(_SUBJECTS, {"seen": after, "most": min(limit, PAGE_MAX)}).all()


def last_before(tx: Tx, moment: datetime) -> int:
    """The id of the last event that happened before `moment`, 0 if none did.

    Moments rise with ids, but for the moments of processes whose clocks differ: so a handful of rows are looked at,
    halving what is left, and no index is kept for it.
    """
    low, high = 0, last_id(tx)
    while low < high:
        middle = (low + high + 1) // 2
        found = tx.execute(_AT_OR_BELOW, {"at_most": middle}).one_or_none()
        if found is None or found.id <= low:
            low = middle  # a gap, or what was pruned: nothing is there
        elif found.at < moment:
            low = middle
        else:
            high = found.id - 1
    return low


def last_id(tx: Tx) -> int:
    """The id of the newest event, 0 if there is none: read it before what a snapshot shows."""
    found: int = tx.execute(_LAST_ID).scalar_one()
    return found


def epoch(tx: Tx) -> str:
    """The name of this history."""
    found: str = tx.execute(_EPOCH).scalar_one()
    return found


def cursor(tx: Tx) -> str:
    """Where the log stands, as CURSOR."""
    found: str = tx.execute(_CURSOR).scalar_one()
    return found


def probe(tx: Tx) -> None:
    """Write and change nothing: it succeeds when the database takes writes and has room.

    There and back, because SQLite writes nothing at all for a row that is set to what it is.
    """
    for _ in range(2):
        tx.execute(update(Epoch).values(id=-Epoch.id))


def _write(tx: Tx, rows: list[dict[str, Any]]) -> None:
    _ROWS.insert(tx, rows)
    tx.signal(TOPIC)


_SINK: Sink[dict[str, Any]] = Sink(name="events", rank=90, apply=_write, lock="events")
