"""The HTTP doors by which older clients keep cards: list, make, look, change, move, take away.

A card goes by its id or its number. To take it away is to archive it: it is not listed any more, and what its runs did
is still there. Moves are those of the board, so what may not be is refused with a sentence in `detail`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy import Row, select

from conselho import errors, ids
from conselho.cards import board, queries
from conselho.cards.columns import Column
from conselho.cards.models import Card
from conselho.db.among import among
from conselho.db.session import Tx, takes_lock
from conselho.executions import answers
from conselho.executions.models import Execution
from conselho.legacy import card_shapes, logs, plans, runs
from conselho.legacy.card_shapes import OlderCard, OlderCardChange, OlderMove, OlderNewCard, OlderRemoved
from conselho.legacy.councilors import Store

CARDS_MAX = 1_000  # in one answer: the older list has no pages
ROWS_AT_ONCE = 50  # one may have 100 KiB of description

router = APIRouter(prefix="/api/cards")

_ABSENT = errors.documented(errors.NotFound)
_REFUSED = errors.documented(errors.NotFound, errors.Conflict)
_CARDS = queries.BRIEF.add_columns(Card.description)
_NEWEST = select(Card.id).where(Card.column != Column.ARCHIVED).order_by(Card.id.desc()).limit(CARDS_MAX)
_THESE = _CARDS.where(among(Card.__table__.c.id, "ids"))
_RUNS = select(
    Execution.id, Execution.status, Execution.command, Execution.started_at, Execution.completed_at
).where(among(Execution.__table__.c.id, "ids"))  # fmt: skip


@router.get("", response_model=list[OlderCard], summary="List cards, as of old")
async def find_cards(database: Store) -> Response:
    """All cards but those that are archived, in the order they were made, each with its last run.

    Of more than 1,000, or of more than 4 MiB, the newest. For new clients there is `/api/v1/board`, page by page.
    """
    return answers.as_response(await database.read(_listed))


@router.post("", status_code=201, response_model=OlderCard, summary="Make a card, as of old")
async def create(database: Store, body: OlderNewCard) -> Response:
    """Put a card into the backlog."""
    wish = board.Wish(title=body.title, description=body.description, project=body.project_id)
    card_id = await database.write(board.add, wish, ids.new())
    return answers.as_response(await database.read(_one, card_id), 201, {"Location": f"/api/cards/{card_id}"})


@router.get("/{card_id}", response_model=OlderCard, responses=_ABSENT, summary="Show a card, as of old")
async def show(database: Store, card_id: str) -> Response:
    """One card, also when it is archived."""
    return answers.as_response(await database.read(_one, card_id))


@router.patch("/{card_id}", response_model=OlderCard, responses=_REFUSED, summary="Change a card, as of old")
async def change(database: Store, card_id: str, body: OlderCardChange) -> Response:
    """Change the fields that are sent; `columnId` moves it. All of it is done, or nothing."""
    return await _changed(database, card_id, body)


@router.put("/{card_id}", response_model=OlderCard, responses=_REFUSED, summary="Change a card, as of old")
async def put(database: Store, card_id: str, body: OlderCardChange) -> Response:
    """The same as PATCH: what is not sent stays as it is."""
    return await _changed(database, card_id, body)


@router.delete("/{card_id}", response_model=OlderRemoved, responses=_REFUSED, summary="Archive a card, as of old")
async def remove(database: Store, card_id: str) -> OlderRemoved:
    """Take a card off the board. What its runs did stays; 409 while one of them is active."""
    found = await database.write(board.archive, card_id)
    row = await database.read(queries.one, found)
    return OlderRemoved(success=True, message=f"Card {row.number} archived")


@router.patch("/{card_id}/move", response_model=OlderCard, responses=_REFUSED, summary="Move a card, as of old")
async def move(database: Store, card_id: str, body: OlderMove) -> Response:
    """Put a card at the end of a column. To cancel it ends its run; with a run it goes nowhere else."""
    found = await database.write(board.move, card_id, card_shapes.column(body.column_id))
    return answers.as_response(await database.read(_one, found))


async def _changed(database: Store, name: str, body: OlderCardChange) -> Response:
    row = await database.read(queries.one, name)
    given = body.given()
    if "spec_path" in body.model_fields_set:
        plan = await plans.read(database, row, body.spec_path) if body.spec_path else ""
        if plan is not None:
            given["plan"] = plan or None
    column = None if body.column_id is None else card_shapes.column(body.column_id)
    await database.write(_change, row.id, given, column)
    return answers.as_response(await database.read(_one, row.id))


@takes_lock("cards")
def _change(tx: Tx, card_id: str, given: dict[str, Any], column: Column | None) -> None:
    board.change(tx, card_id, given)
    if column is not None:
        board.move(tx, card_id, column)


def _one(tx: Tx, name: str) -> bytes:
    row = queries.one(tx, name)
    (told,) = _told(tx, [row], has_plan=bool(row.plan))
    return answers.encode(told)


def _listed(tx: Tx) -> bytes:
    found = tx.execute(_NEWEST).scalars().all()
    return b"[" + b",".join(reversed(runs.encoded(_these(tx, found)))) + b"]"


def _these(tx: Tx, found: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The cards of these ids, in this order, read some at a time."""
    for first in range(0, len(found), ROWS_AT_ONCE):
        asked = list(found[first : first + ROWS_AT_ONCE])
        rows = {row.id: row for row in tx.execute(_THESE, {"ids": asked})}
        yield from _told(tx, [rows[each] for each in asked])


def _told(tx: Tx, rows: Sequence[Row[Any]], *, has_plan: bool | None = None) -> Iterator[dict[str, Any]]:
    last = [row.latest_execution_id for row in rows if row.latest_execution_id is not None]
    active = {run.id: run for run in tx.execute(_RUNS, {"ids": last})} if last else {}
    for row in rows:
        has_one = row.has_plan if has_plan is None else has_plan
        yield _card(row, plans.path_of(row.number, has_plan=has_one), active.get(row.latest_execution_id))


def _card(row: Row[Any], spec_path: str | None, run: Row[Any] | None) -> dict[str, Any]:
    return {
        "id": row.id,
        "number": row.number,
        "title": row.title,
        "description": row.description,
        "columnId": row.column,
        "specPath": spec_path,
        "projectId": row.project_id,
        "branchName": row.branch,
        "worktreePath": row.worktree,
        "archived": row.column == Column.ARCHIVED,
        "createdAt": row.created_at,
        "updatedAt": row.updated_at,
        "activeExecution": None if run is None else _active(run),
    }


def _active(run: Row[Any]) -> dict[str, Any]:
    return {
        "id": run.id,
        "status": logs.word(run.status),
        "command": run.command,
        "startedAt": run.started_at,
        "completedAt": run.completed_at,
    }
