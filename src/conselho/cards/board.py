"""How does a card come to be, change, move and go? Each change is checked whole and appends its event.

A card's place in its column is a number with room between two, so that a card moves alone; where there is no room left
the whole column is numbered anew. `version` rises with each change: who changes what has changed since is refused, and
told how it is now.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Row, bindparam, func, select, update

from conselho import errors
from conselho.agents import queries as agents
from conselho.cards import columns, limits, queries
from conselho.cards.columns import Column
from conselho.cards.models import Card
from conselho.db.many import ManyChanges
from conselho.db.session import Tx, takes_lock
from conselho.db.upsert import insert_if_absent
from conselho.events import log as events
from conselho.executions import endings
from conselho.projects import queries as projects

STEP = 1 << 20  # between two cards of a column: twenty times in a row one finds room between the same two
CHANGED = "cards.changed"  # told when there may be something to tidy up


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A card as it is asked for. `project` and `agent`: slug or id."""

    title: str
    description: str | None = None
    plan: str | None = None
    project: str | None = None  # None: the only one there is, if so
    priority: int = 0
    agent: str | None = None
    agents: Mapping[str, str] = field(default_factory=dict)

    def digest(self) -> str:
        """A fingerprint of all of it: the same key must come with the same one."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode("utf-8")).hexdigest()


_NO_WORK = {"branch": None, "worktree": None, "base": None, "commit": None, "note": None}
_INSERT = insert_if_absent(Card, ["id"]).returning(Card.id)
_NEXT_NUMBER = select(func.coalesce(func.max(Card.number), 0) + 1)
_LAST = select(func.max(Card.position)).where(Card.column == bindparam("where"))
_BEFORE = select(func.max(Card.position)).where(
    Card.column == bindparam("where"), Card.position < bindparam("below"), Card.id != bindparam("moving")
)
_IN_ORDER = select(Card.id).where(Card.column == bindparam("where")).order_by(Card.position, Card.id)
_PLACES = ManyChanges(Card, "id", ("position",))


@takes_lock("cards")
def add(tx: Tx, wish: Wish, card_id: str) -> str:
    """Put a card at the end of the backlog; returns its id. Raises: errors.Invalid."""
    project = _project(tx, wish.project) if wish.project is not None else _only_project(tx)
    values = checked(tx, asdict(wish) | {"project_id": project})
    del values["project"]
    row = values | {
        "id": card_id, "number": tx.execute(_NEXT_NUMBER).scalar_one(), "column": Column.BACKLOG,
        "position": _end_of(tx, Column.BACKLOG), "moved_at": tx.now, "version": 1, "created_at": tx.now,
        "updated_at": tx.now,
    }  # fmt: skip
    tx.execute(_INSERT, row).one()
    _told(tx, "card.created", card_id, row["number"], {"title": wish.title, "column": Column.BACKLOG})
    return card_id


def change(tx: Tx, name: str, given: Mapping[str, Any], version: int | None = None) -> str:
    """Change the fields that are given, and no others; returns the id. None clears a field.

    Raises: errors.NotFound; errors.Invalid; errors.Conflict, also for another project once there is a branch.
    """
    row = queries.locked(tx, name)
    _check_version(tx, row, version)
    values = dict(given)
    if "project" in values:
        project = values.pop("project")
        values["project_id"] = None if project is None else _project(tx, project)
        if row.branch is not None and values["project_id"] != row.project_id:
            if row.project_id is not None:
                sentence = f"card {row.number} has a branch in its project: make a new card in the other one"
                raise refused(tx, row, sentence)
            values |= _NO_WORK  # its project is gone, and the branch is that one's
    values = checked(tx, values)
    changed = {each: value for each, value in values.items() if value != getattr(row, each)}
    if changed:
        write(tx, row, changed)
        tell_changed(tx, row, changed)
    return str(row.id)


@takes_lock("cards")
def move(tx: Tx, name: str, column: Column, version: int | None = None, before: str | None = None) -> str:
    """Put a card into a column, at its end or before another card there; returns its id. To cancel it ends its run.

    Raises: errors.NotFound; errors.Invalid for a `before` that is not in that column; errors.Conflict.
    """
    row = queries.locked(tx, name)
    _check_version(tx, row, version)
    if column != row.column:
        active = queries.active(tx, row)
        if column not in columns.allowed_moves(Column(row.column), is_active=active is not None):
            raise refused(tx, row, _why_not(row, column, active))
        if active is not None:
            with suppress(errors.Conflict):  # it has ended meanwhile
                endings.request_cancel(tx, active.id)
    elif before is None:
        return str(row.id)  # it is there
    place(tx, row, column, before)
    return str(row.id)


@takes_lock("cards")
def archive(tx: Tx, name: str, version: int | None = None) -> str:
    """Take a card off the board, from whatever column; returns its id. One that is archived stays so.

    Raises: errors.NotFound; errors.Conflict while a run of it is active.
    """
    row = queries.locked(tx, name)
    _check_version(tx, row, version)
    if row.column == Column.ARCHIVED:
        return str(row.id)
    active = queries.active(tx, row)
    if active is not None:
        raise refused(tx, row, f"card {row.number} is not archived while its run {active.id} is {active.status}")
    place(tx, row, Column.ARCHIVED)
    return str(row.id)


def place(tx: Tx, row: Row[Any], column: Column, before: str | None = None, **values: Any) -> None:
    """Put it there, and write `values` with it; whoever calls has looked whether it may, and has the lock `cards`."""
    position = _end_of(tx, column) if before is None else _place_before(tx, row, column, before)
    values |= {"column": column, "position": position}
    if column != row.column:
        values["moved_at"] = tx.now
    write(tx, row, values)
    kind = "card.archived" if column is Column.ARCHIVED else "card.moved"
    _told(tx, kind, row.id, row.number, {"from": row.column, "column": column})
    tx.signal(CHANGED)


def tell_changed(tx: Tx, row: Row[Any], fields: Iterable[str], execution_id: str | None = None) -> None:
    """Append the event that says which of its fields have changed."""
    _told(tx, "card.changed", row.id, row.number, {"fields": sorted(fields)}, execution_id)


def write(tx: Tx, row: Row[Any], values: Mapping[str, Any]) -> None:
    """Change a card's row, and its version with it; whoever calls appends the event."""
    stored = {**values, "version": row.version + 1, "updated_at": tx.now}
    tx.execute(update(Card).where(Card.id == row.id).values(stored))


def refused(tx: Tx, row: Row[Any], sentence: str) -> errors.Conflict:
    """Why something is not done with a card: what it is like, and what may be done, is told with it."""
    return errors.Conflict(sentence, card=queries.told(tx, row))


def checked(tx: Tx, values: dict[str, Any]) -> dict[str, Any]:
    """Fields of a card as they are stored. Raises: errors.Invalid naming the field and its limit."""
    if "title" in values:
        limits.check_title(values["title"])
    if "description" in values:
        limits.check_body("description", values["description"], limits.DESCRIPTION_BYTES_MAX)
    if "plan" in values:
        limits.check_body("plan", values["plan"], limits.PLAN_BYTES_MAX)
    if "priority" in values:
        limits.check_priority(values["priority"])
    if values.get("agent") is not None:
        values["agent"] = agents.asked_for(tx, values["agent"]).slug
    if "agents" in values:
        limits.check_agents(values["agents"])
        values["agents"] = {word: agents.asked_for(tx, agent).slug for word, agent in values["agents"].items()}
    return values


def _check_version(tx: Tx, row: Row[Any], version: int | None) -> None:
    if version is not None and version != row.version:
        sentence = f"card {row.number} is at version {row.version} by now, not {version}: look at it again"
        raise refused(tx, row, sentence)


def _why_not(row: Row[Any], column: Column, active: Row[Any] | None) -> str:
    if active is not None:
        return (
            f"card {row.number} is not moved while its run {active.id} is {active.status}:"
            " wait for its end, or cancel the card"
        )
    moves = ", ".join(columns.MOVES[Column(row.column)])
    return f"card {row.number} is in {row.column}, from where it may go to {moves}, and not to {column}"


def _project(tx: Tx, name: str) -> str:
    row = projects.find(tx, name)
    if row is None:
        raise errors.Invalid(f"project: {projects.absent(name)}")
    return str(row.id)


def _only_project(tx: Tx) -> str | None:
    found = projects.page(tx, 2).rows
    return str(found[0].id) if len(found) == 1 else None


def _end_of(tx: Tx, column: Column) -> int:
    last: int | None = tx.execute(_LAST, {"where": column}).scalar_one()
    return (last or 0) + STEP


def _place_before(tx: Tx, row: Row[Any], column: Column, before: str) -> int:
    """A position right before that card; the column is numbered anew where there is none left."""
    for _ in range(2):
        other = queries.find(tx, before)
        if other is None or other.column != column:
            raise errors.Invalid(f"before: there is no card {before[:50]!r} in {column}")
        if other.id == row.id:
            return int(row.position)
        asked = {"where": column, "below": other.position, "moving": row.id}
        found: int | None = tx.execute(_BEFORE, asked).scalar_one()
        low = other.position - 2 * STEP if found is None else found  # 0 is a place like any other
        if other.position - low > 1:
            return int(low + (other.position - low) // 2)
        in_order = tx.execute(_IN_ORDER, {"where": column}).scalars().all()
        _PLACES.apply(tx, [{"id": each, "position": (at + 1) * STEP} for at, each in enumerate(in_order)])
    raise AssertionError  # unreachable: numbered anew there is room between any two


def _told(tx: Tx, kind: str, card_id: str, number: int, data: dict[str, Any], execution_id: str | None = None) -> None:
    events.append(tx, kind, execution_id=execution_id, data={"card_id": card_id, "card": number} | data)
