"""The HTTP doors to cards and the board: make, look, change, move, command, compare."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import Response

from conselho import clock, errors, ids
from conselho.cards import answers, board, giving, limits, queries, settling
from conselho.cards.columns import Column
from conselho.cards.commands import Order
from conselho.cards.schemas import (
    Board,
    CardChange,
    CardDifference,
    CardPage,
    CardSnapshot,
    CommandName,
    GivenCommand,
    Move,
    NewCard,
)
from conselho.db import keys, pages
from conselho.db.session import Database, Tx
from conselho.executions import answers as executions
from conselho.executions import queries as execution_queries
from conselho.executions.answers import ExecutionPage, ExecutionSnapshot, as_response, encode
from conselho.executions.shown import moment
from conselho.projects import diffs
from conselho.projects import queries as projects

KEY_CHARACTERS_MAX = 200

router = APIRouter(prefix="/api/v1", tags=["cards"])


async def database_of(request: Request) -> Database:
    """The process's database."""
    found: Database = request.app.state.database
    return found


async def data_directory_of(request: Request) -> Path:
    """Where worktrees and files of cards are kept."""
    found: Path = request.app.state.runtime.settings.data_dir
    return found


Store = Annotated[Database, Depends(database_of)]
DataDirectory = Annotated[Path, Depends(data_directory_of)]
Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=KEY_CHARACTERS_MAX)]
Version = Annotated[int | None, Query(ge=1, description="only if that is the version in force")]
_ABSENT = errors.documented(errors.NotFound)
_REFUSED = errors.documented(errors.NotFound, errors.Conflict)


@router.get("/board", response_model=Board, responses=_ABSENT, summary="Show the board")
async def show_board(
    database: Store,
    project: Annotated[str | None, Query(description="its slug or its id")] = None,
    column: Annotated[Column | None, Query(description="one column alone, also `archived`")] = None,
    limit: Annotated[int, Query(ge=1, le=answers.COLUMN_CARDS_MAX, description="cards of each column")] = 25,
    after: Annotated[str | None, Query(max_length=100, description="`next` of that column")] = None,
) -> Response:
    """All columns with the first of their cards; of archived ones only how many there are."""
    if after is not None and column is None:
        raise errors.Invalid("after: say the column that it is the cursor of")
    return as_response(await database.read(answers.board, limit, project, column, after or ""))


@router.post("/cards", status_code=201, response_model=CardSnapshot, summary="Make a card")
async def create(database: Store, body: NewCard, idempotency_key: Key = None) -> Response:
    """Put a card into the backlog. Under an `Idempotency-Key` the same body may be sent again, for 7 days."""
    wish = board.Wish(**body.model_dump())
    card_id = await database.write(_add_once, wish, ids.new(), idempotency_key)
    headers = {"Location": f"/api/v1/cards/{card_id}"}
    return as_response(await database.read(answers.one, card_id), 201, headers)


@router.get("/cards", response_model=CardPage, responses=_ABSENT, summary="List cards")
async def find(
    database: Store,
    project: Annotated[str | None, Query(description="its slug or its id")] = None,
    limit: Annotated[int, Query(ge=1, le=pages.PAGE_MAX)] = 50,
    after: Annotated[str | None, Query(description="`next` of the page before")] = None,
) -> Response:
    """A page of cards, in the order they were made, whatever their column."""
    return as_response(await database.read(answers.page, limit, after, project))


@router.get("/cards/{card}", response_model=CardSnapshot, responses=_ABSENT, summary="Show a card")
async def show(database: Store, card: str) -> Response:
    """One card, by its number or id."""
    return as_response(await database.read(answers.one, card))


@router.patch("/cards/{card}", response_model=CardSnapshot, responses=_REFUSED, summary="Change a card")
async def change(database: Store, card: str, body: CardChange) -> Response:
    """Change the fields that are sent; null clears one. What a run that is active was told stays as it is."""
    card_id = await database.write(board.change, card, body.given(), body.version)
    return as_response(await database.read(answers.one, card_id))


@router.delete("/cards/{card}", status_code=204, responses=_REFUSED, summary="Archive a card")
async def archive(database: Store, card: str, version: Version = None) -> None:
    """Take a card off the board. Its history stays, and its branch; its worktree goes where all is committed."""
    await database.write(board.archive, card, version)


@router.post("/cards/{card}/move", response_model=CardSnapshot, responses=_REFUSED, summary="Move a card")
async def move(database: Store, card: str, body: Move) -> Response:
    """Put a card into a column, or to another place in its own. To cancel it ends its run."""
    card_id = await database.write(board.move, card, body.column, body.version, body.before)
    return as_response(await database.read(answers.one, card_id))


@router.post(
    "/cards/{card}/commands",
    status_code=202,
    response_model=ExecutionSnapshot,
    responses=_REFUSED,
    summary="Give a card a command",
)
async def command(
    database: Store, data_dir: DataDirectory, card: str, body: GivenCommand, idempotency_key: Key = None
) -> Response:
    """Move the card to the command's column and have its agent do it; answers with the execution.

    Under an `Idempotency-Key` the same body may be sent again, for 7 days: the answer is the same, and it is run once.
    """
    order = Order(
        command=limits.command(body.command),
        message=body.message,
        agent=body.agent,
        model=body.model,
        timeout_seconds=body.timeout_seconds,
    )
    execution_id = await giving.give(database, data_dir, card, order, idempotency_key)
    told = await database.read(executions.accepted, execution_id)
    return as_response(told, 202, {"Location": f"/api/v1/executions/{execution_id}"})


@router.get(
    "/cards/{card}/executions", response_model=ExecutionPage, responses=_ABSENT, summary="List a card's executions"
)
async def find_executions(
    database: Store,
    card: str,
    command: Annotated[CommandName | None, Query(description="only those of one command")] = None,
    limit: Annotated[int, Query(ge=1, le=execution_queries.PAGE_MAX)] = 50,
    after: Annotated[str | None, Query(description="`next` of the page before")] = None,
) -> Response:
    """A page of a card's executions, newest first."""
    row = await database.read(queries.one, card)
    which = execution_queries.Filter(card=row.id, command=None if command is None else limits.command(command))
    return as_response(await database.read(executions.page, which, limit, after))


@router.get("/cards/{card}/diff", response_model=CardDifference, responses=_REFUSED, summary="Show what a card changed")
async def diff(
    database: Store,
    card: str,
    now: Annotated[bool, Query(description="as it is at this moment, and not when its last run ended")] = False,
) -> Response:
    """What a card has changed since its branch began: committed, staged, changed and new files, with their patches."""
    row = await database.read(queries.one, card)
    found = await _diff_now(database, row) if now else await database.read(answers.diff, row)
    if found is None:
        why = row.note or "no run of it has ended in a worktree"
        raise errors.NotFound(f"nothing is kept yet of what card {row.number} has changed: {why}")
    return as_response(encode(found))


async def _diff_now(database: Database, row: Any) -> dict[str, Any]:
    if row.project_id is None or row.branch is None:
        raise errors.NotFound(f"card {row.number} has no branch yet: give it a command")
    project = await database.read(projects.one, row.project_id)
    path = Path(project.path)
    if row.worktree is None:
        found = await asyncio.to_thread(diffs.of_branch, path, row.branch, row.base)
    else:
        found = await asyncio.to_thread(diffs.of_worktree, path, Path(row.worktree), row.base)
    return {"card_id": row.id, "execution_id": None, "made_at": moment(clock.now())} | settling.told(found)


def _add_once(tx: Tx, wish: board.Wish, card_id: str, key: str | None) -> str:
    """Make a card; under a key that made one already, its id again."""
    if key is None:
        return board.add(tx, wish, card_id)
    earlier = keys.said(tx, key, wish.digest()) or keys.claim(tx, key, wish.digest())
    if earlier is not None:
        return str(earlier["card_id"])
    made = board.add(tx, wish, card_id)
    keys.keep(tx, key, {"card_id": made})
    return made
