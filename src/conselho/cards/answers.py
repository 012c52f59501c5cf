"""What does HTTP answer about cards? One, a page, the board: encoded where it is read, in a thread."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Row, Select, bindparam, func, select, tuple_, union_all

from conselho import errors
from conselho.cards import columns, queries
from conselho.cards.columns import Column
from conselho.cards.models import Card, CardDiff
from conselho.db.session import Tx
from conselho.events import log as events
from conselho.executions.answers import encode
from conselho.executions.shown import moment
from conselho.projects import queries as projects
from conselho.projects import worktrees
from conselho.projects.models import Project

COLUMN_CARDS_MAX = 200  # of a column, at once

_MOVES = {column.value: moves for column, moves in columns.MOVES.items()}  # orjson takes no key but plain text
_TOTALS = select(Card.column, func.count().label("total")).group_by(Card.column)
_IN_PROJECT = _TOTALS.where(Card.project_id == bindparam("project"))
_DIFF = select(CardDiff.__table__).where(CardDiff.card_id == bindparam("of_card"))
_PATH = select(Project.path).where(Project.id == bindparam("project"))


def one(tx: Tx, name: str) -> bytes:
    """A card with its texts, encoded. Raises: errors.NotFound."""
    as_of = events.cursor(tx)
    row = queries.one(tx, name)
    path = tx.execute(_PATH, {"project": row.project_id}).scalar_one_or_none()
    merge = None if path is None or row.branch is None else worktrees.merge_line(Path(path), row.branch)
    return encode(queries.told(tx, row) | {"merge": merge, "as_of": as_of})


def page(tx: Tx, limit: int, after: str | None = None, project: str | None = None) -> bytes:
    """A page of cards, encoded. Raises: errors.NotFound; errors.Invalid."""
    as_of = events.cursor(tx)
    found = queries.page(tx, limit, after, None if project is None else projects.one(tx, project).id)
    return encode({"items": queries.told_all(tx, found.rows), "next": found.next, "as_of": as_of})


def board(tx: Tx, limit: int, project: str | None = None, column: Column | None = None, after: str = "") -> bytes:
    """The board, encoded: `limit` cards of each column, or of one behind a cursor. Archived ones only if asked for.

    Raises: errors.NotFound; errors.Invalid.
    """
    as_of = events.cursor(tx)
    project_id = None if project is None else projects.one(tx, project).id
    shown = tuple(each for each in Column if each is not Column.ARCHIVED) if column is None else (column,)
    wish: dict[str, Any] = {"most": limit + 1, "project": project_id}
    if after:
        wish["after_position"], wish["after_id"] = _place(after)
    rows = tx.execute(_cards(shown, project_id is not None, bool(after)), wish).all()
    totals = tx.execute(_IN_PROJECT if project_id is not None else _TOTALS, {"project": project_id}).all()
    counted = {row.column: row.total for row in totals}
    by_column: dict[str, list[Row[Any]]] = {each: [] for each in shown}
    for row in rows:
        by_column[row.column].append(row)
    told = iter(queries.told_all(tx, [row for each in by_column.values() for row in each[:limit]]))
    parts = [
        {
            "name": each,
            "total": counted.get(each, 0),
            "cards": [next(told) for _ in by_column.get(each, ())[:limit]],
            "next": _cursor(by_column.get(each, ()), limit),
        }
        for each in (Column if column is None else shown)
    ]
    return encode({"columns": parts, "moves": _MOVES, "as_of": as_of})


def diff(tx: Tx, row: Row[Any]) -> dict[str, Any] | None:
    """What was kept of a card's changes when its last run ended, None where there is nothing."""
    found = tx.execute(_DIFF, {"of_card": row.id}).one_or_none()
    if found is None:
        return None
    kept: dict[str, Any] = found.data
    return {"card_id": row.id, "execution_id": found.execution_id, "made_at": moment(found.made_at)} | kept


@lru_cache(maxsize=100)
def _cards(shown: Sequence[Column], in_project: bool, is_behind: bool) -> Select[Any]:
    """The first cards of some columns: each read in the order of an index, as far as is asked for."""
    parts = []
    for column in shown:
        part = queries.BRIEF.where(Card.column == column.value)
        if in_project:
            part = part.where(Card.project_id == bindparam("project"))
        if is_behind:
            part = part.where(
                tuple_(Card.position, Card.id) > tuple_(bindparam("after_position"), bindparam("after_id"))
            )
        parts.append(select(part.order_by(Card.position, Card.id).limit(bindparam("most")).subquery()))
    found = union_all(*parts).subquery()
    return select(found).order_by(found.c.column, found.c.position, found.c.id)


def _cursor(rows: Sequence[Row[Any]], limit: int) -> str | None:
    return f"{rows[limit - 1].position}.{rows[limit - 1].id}" if len(rows) > limit else None


def _place(cursor: str) -> tuple[int, str]:
    position, _, card_id = cursor.partition(".")
    if not (position.removeprefix("-").isdecimal() and position.isascii() and len(position) < 19 and card_id):
        raise errors.Invalid("this cursor is none: begin again without it")
    if not card_id.isascii() or not card_id.isprintable():
        raise errors.Invalid("this cursor is none: begin again without it")
    return int(position), card_id
