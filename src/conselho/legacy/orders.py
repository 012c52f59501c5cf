"""The HTTP door by which older clients command: it answers when the run has ended, however long that takes.

Meanwhile it holds neither a thread nor a connection to the database, only the one to its client; who goes away is not
waited for, and the run goes on. A server that stops does not wait either: whoever asked is told where to look.

The card must be there: as of old its client makes it first. What is sent of it is written on it, once it is known that
the command will be heard.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Request
from fastapi.responses import Response
from sqlalchemy import Row

from conselho import errors
from conselho.cards import board, commands, giving, limits, queries, settling
from conselho.cards.commands import Order
from conselho.cards.routes import DataDirectory
from conselho.db.session import Database, Tx
from conselho.executions import answers, patience, states
from conselho.executions.routes import Hints, leaving
from conselho.legacy import logs, plans
from conselho.legacy.card_shapes import OlderOrder, OlderOutcome
from conselho.legacy.councilors import Store

WAIT_SECONDS_MAX = 6 * 3600.0  # longer than agents work; who still wants to know asks for the log
AT_ONCE = "respond-async"  # RFC 7240

router = APIRouter()


@router.post(
    "/api/execute-{command}",
    response_model=OlderOutcome,
    responses=errors.documented(errors.NotFound, errors.Conflict),
    summary="Give a card a command, as of old",
)
async def execute(
    request: Request,
    database: Store,
    signals: Hints,
    data_dir: DataDirectory,
    command: Literal["plan", "implement", "test", "review"],
    body: OlderOrder,
    prefer: Annotated[str | None, Header(description="`respond-async`: answer at once, with 202")] = None,
) -> Response:
    """Move the card to the command's column, have its agent do it, and answer when the run has ended.

    With `Prefer: respond-async` it answers 202 when the run is accepted; `/api/logs/{cardId}` tells how it goes. 409
    where the card has a run, or may not be given commands where it stands. For new clients there is
    `/api/v1/cards/{card}/commands`.
    """
    order = Order(command=limits.command(command), model=body.model)
    card = await database.read(queries.one, str(body.card_id))
    await _write(database, card, order, body)
    execution_id = await giving.give(database, data_dir, card.id, order)
    if _is_preferred(prefer):
        accepted = await database.read(_accepted, card.id, execution_id)
        headers = {"Location": f"/api/logs/{card.id}", "Preference-Applied": AT_ONCE}
        return answers.as_response(accepted, 202, headers)
    wait = patience.for_the_end(database, signals, execution_id, WAIT_SECONDS_MAX, lambda: leaving(request))
    try:
        if not await wait:
            return Response(status_code=204)  # nobody is there to read it
        await settling.settle(database, card.id)  # so that the plan is there
        return answers.as_response(await database.read(_ended, card.id, execution_id))
    except errors.Unavailable as away:  # to ask again would be to begin another run
        where = f"/api/logs/{card.id}"
        raise errors.Unavailable(f"{away.sentence}; the run was accepted, and {where} tells how it goes") from away


async def _write(database: Database, card: Row[Any], order: Order, body: OlderOrder) -> None:
    """What was sent of the card, on the card. Raises: errors.Conflict where the command would not be heard."""
    sent = {"title": body.title, "description": body.description}
    if body.spec_path:
        sent["plan"] = await plans.read(database, card, body.spec_path)
    given = {name: value for name, value in sent.items() if value and value != getattr(card, name)}
    if given:
        await settling.settle(database, card.id)  # if its last run has ended just now
        await database.read(commands.look, card.id, order)
        await database.write(board.change, card.id, given)


def _accepted(tx: Tx, card_id: str, execution_id: str) -> bytes:
    told = _about(tx, card_id, execution_id)
    return answers.encode(told | {"success": True, "status": logs.RUNNING, "result": None, "error": None, "logs": []})


def _ended(tx: Tx, card_id: str, execution_id: str) -> bytes:
    row = logs.run(tx, execution_id)
    if row.status in states.OPEN:
        raise errors.Unavailable("the end of the run is not waited for any more")
    word = logs.word(row.status)
    error = None if word == logs.SUCCESS else row.error or f"the run ended as {row.status}"
    told = {"success": word == logs.SUCCESS, "status": word, "result": row.result, "error": error}
    return logs.with_lines(told | _about(tx, card_id, execution_id), logs.lines(tx, row))


def _about(tx: Tx, card_id: str, execution_id: str) -> dict[str, Any]:
    card = queries.one(tx, card_id)
    spec_path = plans.path_of(card.number, has_plan=bool(card.plan))
    return {"cardId": card.id, "executionId": execution_id, "specPath": spec_path}


def _is_preferred(prefer: str | None) -> bool:
    wishes = (each.partition(";")[0].strip().lower() for each in (prefer or "").split(","))
    return AT_ONCE in wishes
