"""What became of each moment of a councilor? One row a moment: fired, skipped or missed, and why.

Nobody writes a moment's row twice: where it is there already, whoever comes later leaves the moment alone.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Row, bindparam, delete, select

from conselho import errors
from conselho.council.models import Slot
from conselho.council.planning import Missed
from conselho.db.among import among
from conselho.db.many import ManyRows
from conselho.db.session import Tx, loose
from conselho.db.types import UtcDateTime
from conselho.db.upsert import or_leave
from conselho.events import log as events

PAGE_MAX = 200
REMOVED_AT_ONCE = 500

_COLUMNS = (
    "councilor_id", "moment", "until", "state", "reason", "execution_id", "is_manual", "is_caught_up", "decided_at"
)  # fmt: skip
_ROWS = ManyRows(Slot, _COLUMNS)  # one that is there already is an error, and nobody fires
_IF_ABSENT = ManyRows(Slot, _COLUMNS, partial(or_leave, ["councilor_id", "moment"]))
_HAD = select(Slot.councilor_id, Slot.moment).where(
    among(Slot.__table__.c.councilor_id, "councilors"), Slot.moment >= bindparam("since", type_=UtcDateTime)
)
_BEFORE = bindparam("before", type_=UtcDateTime)
_NEWEST = select(Slot.__table__).where(Slot.councilor_id == bindparam("councilor")).order_by(Slot.moment.desc())
_FIRST_PAGE = _NEWEST.limit(bindparam("most"))
_PAGE = _NEWEST.where(Slot.moment < _BEFORE).limit(bindparam("most"))
_OLD = select(Slot.councilor_id, Slot.moment).where(Slot.decided_at < _BEFORE).order_by(Slot.decided_at)
_OLDEST = _OLD.limit(REMOVED_AT_ONCE).with_for_update(skip_locked=True)
_REMOVE = delete(Slot).where(Slot.councilor_id == bindparam("councilor"), Slot.moment == bindparam("at"))


@dataclass(frozen=True, slots=True)
class Slotted:
    """A moment that fires, and its run."""

    councilor_id: str
    moment: datetime
    execution_id: str
    is_manual: bool = False
    is_caught_up: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Some slots, the newest moment first, and the cursor of the next page, None at the end."""

    rows: Sequence[Row[Any]]
    next: str | None


def had(tx: Tx, councilor_ids: Sequence[str], since: datetime) -> set[tuple[str, datetime]]:
    """The moments of some councilors, from `since` on, of which something has become already."""
    rows = tx.execute(_HAD, {"councilors": list(councilor_ids), "since": since})
    return {(row.councilor_id, row.moment) for row in rows}


def take_all(tx: Tx, fired: Sequence[Slotted]) -> None:
    """Say that moments fire, of which nothing has become before."""
    if fired:
        _ROWS.insert(tx, [_row(tx, each.councilor_id, each.moment, "fired") | _with(each) for each in fired])


def skip(tx: Tx, councilor_id: str, councilor: str, moments: Sequence[Missed], state: str = "skipped") -> None:
    """Say that moments do not fire, and why."""
    if not moments:
        return
    rows = [
        _row(tx, councilor_id, each.moment, state) | {"until": each.until, "reason": each.reason} for each in moments
    ]
    _IF_ABSENT.insert(tx, rows)
    first, last = moments[0], moments[-1]
    data = {
        "councilor_id": councilor_id,
        "councilor": councilor,
        "state": state,
        "moments": len(moments),
        "first": first.moment.isoformat(),
        "last": (last.until or last.moment).isoformat(),
        "reason": last.reason,
    }
    events.append(tx, "councilor.skipped", data=data)


@loose
def page(tx: Tx, councilor_id: str, limit: int, after: str | None = None) -> Page:
    """A page of a councilor's slots. Raises: errors.Invalid for a cursor that is none."""
    if not 1 <= limit <= PAGE_MAX:
        raise errors.Invalid(f"limit must lie between 1 and {PAGE_MAX}")
    wish: dict[str, Any] = {"councilor": councilor_id, "most": limit + 1}
    if after is None:
        rows = tx.execute(_FIRST_PAGE, wish).all()
    else:
        rows = tx.execute(_PAGE, wish | {"before": _from_cursor(after)}).all()
    return Page(rows[:limit], _cursor(rows[limit - 1].moment) if len(rows) > limit else None)


def prune_next(tx: Tx, kept: timedelta) -> bool:
    """Forget moments that were decided longer than `kept` ago; True if there may be more."""
    rows = tx.execute(_OLDEST, {"before": tx.now - kept}).all()
    if rows:
        tx.execute(_REMOVE, [{"councilor": row.councilor_id, "at": row.moment} for row in rows])
    return len(rows) == REMOVED_AT_ONCE


def _with(fired: Slotted) -> dict[str, Any]:
    return {
        "execution_id": fired.execution_id,
        "is_manual": fired.is_manual,
        "is_caught_up": fired.is_caught_up,
    }


def _row(tx: Tx, councilor_id: str, moment: datetime, state: str) -> dict[str, Any]:
    return {
        "councilor_id": councilor_id,
        "moment": moment,
        "until": None,
        "state": state,
        "reason": None,
        "execution_id": None,
        "is_manual": False,
        "is_caught_up": False,
        "decided_at": tx.now,
    }


def _cursor(moment: datetime) -> str:
    return base64.urlsafe_b64encode(moment.isoformat().encode("ascii")).decode("ascii").rstrip("=")


def _from_cursor(cursor: str) -> datetime:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        moment = datetime.fromisoformat(text)
    except (binascii.Error, ValueError):
        raise errors.Invalid("this cursor is none: begin again without it") from None
    if moment.tzinfo is None:
        raise errors.Invalid("this cursor is none: begin again without it")
    return moment
