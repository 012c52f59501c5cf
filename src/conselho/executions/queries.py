"""What do people ask about executions? Pages in order, single rows, and what a queued one waits for.

Pages are keyset pages, newest first: a cursor is the moment and the id of the last row, opaque to callers. Each filter
has an index that ends with that moment and id, so a page costs the same at any depth; with several filters the database
goes through the rows of one of them until the page is full.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, case, func, select, tuple_

from conselho import errors, ids
from conselho.agents import limits
from conselho.db.among import among
from conselho.db.fulltext import Phrase
from conselho.db.session import Tx, brief, loose
from conselho.db.types import UtcDateTime
from conselho.events.moments import check_moment
from conselho.executions import queue, search, states, words
from conselho.executions.models import ORIGINS, SEVERITIES, Execution, LogHead, Searched
from conselho.executions.states import Status

PAGE_MAX = 200
BRIEF_ROWS = 50  # take about a millisecond
KEYS_MAX = 2_000  # of executions that a search looks at in one go
VALUE_CHARACTERS_MAX = 200  # of a filter; what is longer names nothing

_CROWDED = (
    select(func.min(queue.LANE.c.key)).where(queue.LANE.c.execution_id == Execution.id, queue.IS_CROWDED)
).scalar_subquery()
# Beside an execution's own columns: how far its log goes while it runs, and the lane that a queued one waits for.
BESIDE = (
    LogHead.last_seq.label("live_lines"),
    LogHead.bytes.label("live_bytes"),
    case((and_(Execution.status == Status.QUEUED, Execution.lanes.is_not(None)), _CROWDED)).label("crowded_lane"),
)
ROWS = select(*Execution.__table__.c, *BESIDE).outerjoin(LogHead, LogHead.execution_id == Execution.id)
_NO_CURSOR = "this cursor is none: begin again without it"
_PLACE = tuple_(Execution.created_at, Execution.id)
_KEYS_OF_STATUS = (
    select(Searched.key)
    .join(Execution, Execution.id == Searched.execution_id)
    .where(
        Execution.status == bindparam("status"),
        Searched.key < bindparam("below"),
        Searched.key >= bindparam("at_least"),
    )
    .order_by(Searched.key.desc())
    .limit(bindparam("most"))
)
_COLUMN = Execution.__table__.c
_ASKED = {
    "status": "status",
    "severity": "severity",
    "origin": "origin",
    "agent": "agent",
    "card": "card_id",
    "councilor": "councilor_id",
    "command": "command",
}
_WORDS: Mapping[str, Sequence[str]] = {"status": tuple(Status), "severity": SEVERITIES, "origin": ORIGINS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which executions a page shows; every field given must hold."""

    status: str | None = None
    severity: str | None = None
    origin: str | None = None
    agent: str | None = None  # its name or its id
    card: str | None = None
    councilor: str | None = None
    command: str | None = None  # of a card
    q: str | None = None  # words of the prompt, the result and the error (`words.py`); a blank one is none
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, newest first, and the cursor of the next page, None at the end."""

    rows: Sequence[Row[Any]]
    next: str | None


def is_one_brief(*_: Any) -> bool:
    """A row by its key."""
    return True


def is_page_brief(which: Filter, limit: int, *_: Any) -> bool:
    """A short page in the order of an index; words may be looked for in all rows there are."""
    return limit <= BRIEF_ROWS and not which.q


@loose
@brief(is_one_brief)
def one(tx: Tx, execution_id: str, rows: Select[Any] = ROWS) -> Row[Any]:
    """The row of an execution, with the columns of `rows`. Raises: errors.NotFound."""
    # What is no id is nobody's; one database would say so, the other would break at a NUL in it.
    row = tx.execute(_one(rows), {"run_id": execution_id}).one_or_none() if ids.is_id(execution_id) else None
    if row is None:
        raise errors.NotFound(f"there is no execution {execution_id[:50]}")
    return row


@loose
@brief(is_page_brief)
def page(tx: Tx, which: Filter, limit: int, after: str | None = None, rows: Select[Any] = ROWS) -> Page:
    """A page of executions, with the columns of `rows`. Raises: errors.Invalid for a filter or cursor that is none.

    The cursor of another filter is a place like any other: the page goes on from there.
    """
    if not 1 <= limit <= PAGE_MAX:
        raise errors.Invalid(f"limit must lie between 1 and {PAGE_MAX}")
    wish = _wish(which)
    start = None if after is None else _from_cursor(after)
    if which.q is not None and which.q.strip():
        found = _found(tx, which, words.parse(which.q), wish, limit + 1, start, rows)
    else:
        if start is not None:
            wish |= {"start_at": start[0], "start_id": start[1]}
        found = list(tx.execute(_page(frozenset(wish), rows), wish | {"most": limit + 1}))
    if len(found) <= limit:
        return Page(found, None)
    return Page(found[:limit], cursor_behind(found[limit - 1]))


def cursor_behind(row: Row[Any]) -> str:
    """The cursor of the page that goes on behind that row."""
    return cursor_at(row.created_at, row.id)


def cursor_at(created_at: datetime | str, execution_id: str) -> str:
    """The cursor of the page that goes on behind that execution."""
    if isinstance(created_at, str):
        created_at = datetime.fromisoformat(created_at)
    place = f"{created_at.isoformat()} {execution_id}"
    return base64.urlsafe_b64encode(place.encode("ascii")).decode("ascii").rstrip("=")


def waiting(tx: Tx, rows: Sequence[Row[Any]]) -> dict[str, str]:
    """Why each queued one of `rows` is not started, by id."""
    return {row.id: _why(tx, row) for row in rows if row.status == Status.QUEUED}


def count_open(tx: Tx) -> int:
    """How many executions have not ended."""
    statement = select(func.count()).select_from(Execution).where(Execution.status.in_(states.OPEN))
    found: int = tx.execute(statement).scalar_one()
    return found


def _why(tx: Tx, row: Row[Any]) -> str:
    if row.not_before is not None and row.not_before > tx.now:
        until = f"{row.not_before:%Y-%m-%d %H:%M:%S} UTC"
        return f"{row.waiting_for}, tried again at {until}" if row.waiting_for else f"its time, {until}"
    if row.crowded_lane is not None:
        return f"room in {row.crowded_lane}"
    return "a free seat"


def _wish(which: Filter) -> dict[str, Any]:
    """Every filter that is given, by the name its condition goes by. Raises: errors.Invalid."""
    check_moment("since", which.since)
    check_moment("until", which.until)
    found: dict[str, Any] = {name: getattr(which, name) for name in ("since", "until") if getattr(which, name)}
    for name, column in _equal(which):
        value = getattr(which, name)
        known = _WORDS.get(name)
        if known is not None and value not in known:
            raise errors.Invalid(f"{name} is one of {', '.join(known)}, not {value[:50]!r}")
        if len(value) > VALUE_CHARACTERS_MAX or not limits.is_storable(value):
            raise errors.Invalid(f"{name} is longer than {VALUE_CHARACTERS_MAX} characters, or no valid text")
        found[column] = value
    return found


def _equal(which: Filter) -> Iterator[tuple[str, str]]:
    """The filters that are given and ask for a value, each with its column."""
    for name, column in _ASKED.items():
        value = getattr(which, name)
        if value is not None:
            # An agent may be named or given by its id.
            yield name, "agent_id" if name == "agent" and ids.is_id(value) else column


@lru_cache(maxsize=10)
def _one(rows: Select[Any]) -> Select[Any]:
    return rows.where(Execution.id == bindparam("run_id"))


@lru_cache(maxsize=1_000)
def _page(names: frozenset[str], rows: Select[Any]) -> Select[Any]:
    """The statement of a page with these filters: built once, so that it need not be compiled again."""
    ordered = rows.order_by(Execution.created_at.desc(), Execution.id.desc()).limit(bindparam("most"))
    return ordered.where(*_conditions(names))


@lru_cache(maxsize=1_000)
def _those(names: frozenset[str], rows: Select[Any]) -> Select[Any]:
    """The statement of the rows of some keys, as far as they fulfil these filters."""
    joined = rows.join(Searched, Searched.execution_id == Execution.id).order_by(Searched.key.desc())
    joined = joined.limit(bindparam("most"))
    return joined.where(among(Searched.__table__.c.key, "keys"), *_conditions(names))


def _conditions(names: frozenset[str]) -> Iterator[ColumnElement[bool]]:
    for name in sorted(names - {"start_id"}):
        match name:
            case "since":
                yield Execution.created_at >= bindparam(name)
            case "until":
                yield Execution.created_at < bindparam(name)
            case "start_at":
                yield tuple_(bindparam(name, type_=UtcDateTime), bindparam("start_id")) > _PLACE
            case _:
                yield _COLUMN[name] == bindparam(name)


def _found(
    tx: Tx,
    which: Filter,
    phrases: Sequence[Phrase],
    wish: dict[str, Any],
    limit: int,
    start: tuple[datetime, str] | None,
    rows: Select[Any],
) -> list[Row[Any]]:
    """The newest rows that have the phrases; none, where nothing is asked for that could be found.

    The index may be a moment behind the rows, so these decide.
    """
    if not phrases:
        return []
    tx.hold_still()
    at_least = search.KEY_MIN if which.since is None else search.key_at(which.since)
    below = search.KEY_MAX if which.until is None else search.key_behind(which.until)
    if start is not None:
        key = search.key_of(tx, start[1])
        if key is None:  # that row is gone, or not in the index yet: others of its millisecond may be in it
            key = search.key_behind(start[0])
            wish = wish | {"start_at": start[0], "start_id": start[1]}
        below = min(below, key)
    found: list[Row[Any]] = []
    at_once = limit
    while True:
        seen, keys = _keys(tx, which, phrases, {"below": below, "at_least": at_least, "most": at_once})
        if keys:
            found += tx.execute(_those(frozenset(wish), rows), wish | {"keys": keys, "most": limit - len(found)})
        if len(found) == limit or len(seen) < at_once:
            return found
        below = seen[-1]
        at_once = min(KEYS_MAX, 4 * at_once)  # the rows refuse many of them


def _keys(
    tx: Tx, which: Filter, phrases: Sequence[Phrase], within: Mapping[str, int]
) -> tuple[Sequence[int], Sequence[int]]:
    """The next keys that were looked at, and those of them whose words and marks fit."""
    if which.status in states.ACTIVE:
        # To the index these are just open, as is all that waits; and there are few of them.
        seen = list(tx.execute(_KEYS_OF_STATUS, {**within, "status": which.status}).scalars())
        return seen, search.having(tx, phrases, seen)
    marks = {
        column: getattr(which, name) for name, column in _equal(which) if column in search.MARKED or column == "status"
    }
    keys = search.newest(tx, phrases, marks, below=within["below"], at_least=within["at_least"], limit=within["most"])
    return keys, keys


def _from_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        place = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        moment, _, execution_id = place.partition(" ")
        created_at = datetime.fromisoformat(moment)
        check_moment("the cursor", created_at)
    except (binascii.Error, ValueError, errors.Invalid):
        raise errors.Invalid(_NO_CURSOR) from None
    if not ids.is_id(execution_id):
        raise errors.Invalid(_NO_CURSOR)
    return created_at, execution_id
