"""Which runs were there, page by page as older clients ask for them? By number, newest first.

A page is found by a walk over an index up to its offset, so how far that may be is bounded; the ids come first and then
their rows, some at a time, until the answer is full. Nothing adds up rows to say how many there are: what has ended is
counted where it ends, and the few that have not are counted here. Only of an agent that was removed, whose name alone
is left, are as many counted as could be asked for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy import ColumnElement, Select, bindparam, func, or_, select, union_all

from conselho import errors, ids
from conselho.agents import limits
from conselho.agents import queries as agents
from conselho.db.among import among
from conselho.db.session import Tx
from conselho.executions import answers, counters, queries
from conselho.executions.ended import EVERYTHING, agent_scope
from conselho.executions.models import Execution
from conselho.executions.states import OPEN, Status
from conselho.legacy import runs
from conselho.legacy.councilors import Store
from conselho.legacy.shapes import OlderTaskDocument, OlderTasks

LIMIT_MAX = 200
OFFSET_MAX = 10_000
COUNTED_MAX = OFFSET_MAX + LIMIT_MAX  # of an agent that was removed
ROWS_AT_ONCE = 20  # one may have 512 KiB of prompt

router = APIRouter(prefix="/api/tasks")

_column = Execution.__table__.c
_NEWEST_FIRST = (Execution.created_at.desc(), Execution.id.desc())
_KEYS = select(Execution.id, Execution.created_at)
_ROWS = runs.TASKS.where(among(_column.id, "ids"))


def _is_owned(column: str, *, is_open: bool) -> ColumnElement[bool]:
    """Whether it is the owner's. `is_open`: of those that have not ended, which are few.

    For these no index of owners must be taken, which would lead through all that have ended.
    """
    owned = func.coalesce(_column[column], "") if is_open else _column[column]
    return owned == bindparam("owner")


_OPEN = select(Execution.status, func.count()).where(Execution.status.in_(OPEN)).group_by(Execution.status)
_OPEN_OF = _OPEN.where(_is_owned("agent_id", is_open=True))


@dataclass(frozen=True, slots=True)
class Wish:
    """Which runs are asked for. `owner`: an agent's slug or id."""

    word: str | None
    owner: str | None
    limit: int
    offset: int


@dataclass(frozen=True, slots=True)
class _Which:
    """The same as the database is asked: `column` has the value `owner`, where there is one."""

    statuses: tuple[Status, ...] | None
    column: str | None = None
    owner: str | None = None


@router.get("", response_model=OlderTasks, summary="List runs, as of old")
async def find_tasks(
    database: Store,
    status: Literal["pending", "processing", "completed", "error"] | None = None,
    agent_id: Annotated[str | None, Query(description="the agent's slug or its id")] = None,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = 50,
    offset: Annotated[
        int, Query(ge=0, description="how many to pass over", json_schema_extra={"maximum": OFFSET_MAX})
    ] = 0,
) -> Response:
    """Runs, newest first, whoever asked for them: `_id` is that of the execution.

    `pending` is queued or claimed, `processing` is running, `completed` is succeeded, `error` is any other end. For new
    clients there is `/api/v1/executions`, whose pages go as far as there are any.
    """
    if offset > OFFSET_MAX:
        raise errors.Invalid(f"offset goes up to {OFFSET_MAX:,}: ask /api/v1/executions, whose `next` leads on")
    return answers.as_response(await database.read(_page, Wish(status, agent_id, limit, offset)))


@router.get(
    "/{task_id}",
    response_model=OlderTaskDocument,
    responses=errors.documented(errors.NotFound),
    summary="Show a run, as of old",
)
async def show_task(database: Store, task_id: str) -> Response:
    """One run, by its `_id`."""
    return answers.as_response(await database.read(_one, task_id))


def _one(tx: Tx, task_id: str) -> bytes:
    return answers.encode(runs.task(queries.one(tx, task_id, runs.TASKS)))


def _page(tx: Tx, wish: Wish) -> bytes:
    which = _which(tx, wish)
    if which is None:
        items, total = [], 0
    else:
        asked = _owned(which) | _window(wish.limit, wish.offset)
        found = tx.execute(_keys(which.statuses, which.column), asked).all()
        items, total = runs.encoded(_documents(tx, [row.id for row in found])), _total(tx, which)
    told = {"success": True, "count": len(items), "total": total}
    return b'{"tasks":[' + b",".join(items) + b"]," + answers.encode(told)[1:]


def _which(tx: Tx, wish: Wish) -> _Which | None:
    """What the wish comes to; None: nothing can be it."""
    statuses = None if wish.word is None else runs.statuses(wish.word)
    if wish.owner is None:
        return _Which(statuses)
    agent = agents.find(tx, wish.owner)
    if agent is not None or ids.is_id(wish.owner):
        return _Which(statuses, "agent_id", wish.owner if agent is None else agent.id)
    if len(wish.owner) > limits.SLUG_CHARACTERS_MAX or not limits.is_storable(wish.owner):
        return None
    return _Which(statuses, "agent", wish.owner)


def _documents(tx: Tx, found: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The runs of these ids, in this order, read some at a time."""
    for first in range(0, len(found), ROWS_AT_ONCE):
        asked = list(found[first : first + ROWS_AT_ONCE])
        rows = {row.id: row for row in tx.execute(_ROWS, {"ids": asked})}
        yield from (runs.task(rows[each]) for each in asked)


def _total(tx: Tx, which: _Which) -> int:
    if which.column == "agent":
        counted: int = tx.execute(
            _count(which.statuses, which.column), _owned(which) | _window(COUNTED_MAX)
        ).scalar_one()
        return counted
    statuses = tuple(Status) if which.statuses is None else which.statuses
    stats = counters.read(tx, EVERYTHING if which.owner is None else agent_scope(which.owner))
    ended = sum(stats.by_status.get(status, 0) for status in statuses)
    rows = tx.execute(_OPEN if which.owner is None else _OPEN_OF, _owned(which)).all()
    waiting: int = sum(count for status, count in rows if status in statuses)
    return ended + waiting


def _window(limit: int, offset: int = 0) -> dict[str, Any]:
    return {"most": limit, "passed": offset, "far": limit + offset}


def _owned(which: _Which) -> dict[str, Any]:
    return {} if which.owner is None else {"owner": which.owner}


@lru_cache(maxsize=100)
def _keys(statuses: tuple[Status, ...] | None, column: str | None) -> Select[Any]:
    """The ids of `most` runs behind the `passed` newest; `far` is the sum of both.

    Of several statuses each one's newest are taken, in the order of the index, and put in one order then.
    """
    if column is None and statuses is not None and len(statuses) > 1:
        each = [
            select(_KEYS.where(Execution.status == status).order_by(*_NEWEST_FIRST).limit(bindparam("far")).subquery())
            for status in statuses
        ]
        keys = union_all(*each).subquery()
        ordered = select(keys).order_by(keys.c.created_at.desc(), keys.c.id.desc())
    else:
        ordered = _KEYS.order_by(*_NEWEST_FIRST)
        if column is not None:
            is_open = statuses is not None and set(statuses) <= set(OPEN)
            ordered = ordered.where(_is_owned(column, is_open=is_open))
        if statuses is not None:
            ordered = ordered.where(or_(*(Execution.status == status for status in statuses)))
    return ordered.limit(bindparam("most")).offset(bindparam("passed"))


@lru_cache(maxsize=100)
def _count(statuses: tuple[Status, ...] | None, column: str | None) -> Select[Any]:
    return select(func.count()).select_from(_keys(statuses, column).subquery())
