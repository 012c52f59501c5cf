"""The HTTP doors to executions: accept, look, wait, cancel and retry."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import Response

from conselho import errors, ids
from conselho.agents import queries as agents
from conselho.db.session import Database
from conselho.events.moments import Moment
from conselho.events.signals import Signals
from conselho.executions import answers, continuing, endings, patience, queries, queue
from conselho.executions.answers import ExecutionPage, ExecutionSnapshot
from conselho.executions.models import ORIGINS
from conselho.executions.schemas import NewExecution
from conselho.executions.severity import Severity
from conselho.executions.states import Status

KEY_CHARACTERS_MAX = 200

router = APIRouter(prefix="/api/v1/executions", tags=["executions"])


async def database_of(request: Request) -> Database:
    """The process's database."""
    found: Database = request.app.state.database
    return found


async def signals_of(request: Request) -> Signals:
    """The process's signals."""
    found: Signals = request.app.state.signals
    return found


Store = Annotated[Database, Depends(database_of)]
Hints = Annotated[Signals, Depends(signals_of)]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=KEY_CHARACTERS_MAX,
        description="the caller's name for this one request",
    ),
]


@router.post(
    "",
    status_code=202,
    response_model=ExecutionSnapshot,
    responses=errors.documented(errors.NotFound, errors.Conflict),
    summary="Ask for an execution",
)
async def create(database: Store, body: NewExecution, idempotency_key: Key = None) -> Response:
    """Accept an execution; it is durable when this answers.

    Under an `Idempotency-Key` the same body may be sent again, for 7 days: the answer is the same, and it is run once.
    """
    digest = None if idempotency_key is None else body.digest()
    if idempotency_key is not None and digest is not None and (body.agent or body.continue_from) is not None:
        # What it refers to may have changed since, or be gone: what was accepted then is the answer still.
        made = await database.read(queue.made_before, idempotency_key, digest)
        if made is not None:
            return await _accepted(database, made, body.not_before)
    if body.continue_from is not None:
        request = continuing.request(body, await database.read(queue.ended, body.continue_from, "continue"))
    else:
        agent = None if body.agent is None else await database.read(agents.asked_for, body.agent)
        request = body.as_request(agent)
    execution_id = await database.write(queue.enqueue, request, ids.new(), idempotency_key, digest)
    return await _accepted(database, execution_id, request.not_before)


@router.get("", response_model=ExecutionPage, summary="List executions")
async def find(  # noqa: PLR0913 - one parameter a filter
    database: Store,
    status: Status | None = None,
    severity: Severity | None = None,
    origin: Annotated[str | None, Query(description=f"one of {', '.join(ORIGINS)}")] = None,
    agent: Annotated[str | None, Query(description="its slug or its id")] = None,
    card: Annotated[str | None, Query(description="its id")] = None,
    councilor: Annotated[str | None, Query(description="its id")] = None,
    q: Annotated[
        str | None, Query(description='words of the prompt, the result or the error, `"a phrase"`, `begin*`')
    ] = None,
    since: Annotated[Moment | None, Query(description="accepted then or later")] = None,
    until: Annotated[Moment | None, Query(description="accepted before")] = None,
    limit: Annotated[int, Query(ge=1, le=queries.PAGE_MAX)] = 50,
    after: Annotated[str | None, Query(description="`next` of the page before")] = None,
) -> Response:
    """A page of executions, newest first; every filter that is given must hold."""
    if councilor is not None and not ids.is_id(councilor):
        raise errors.Invalid("councilor: it takes an id, which /api/v1/councilors shows beside the slug")
    which = queries.Filter(
        status=status,
        severity=severity,
        origin=origin,
        agent=agent,
        card=card,
        councilor=councilor,
        q=q,
        since=since,
        until=until,
    )
    return answers.as_response(await database.read(answers.page, which, limit, after))


@router.get(
    "/{execution_id}",
    response_model=ExecutionSnapshot,
    responses=errors.documented(errors.NotFound),
    summary="Show an execution",
)
async def show(
    request: Request,
    database: Store,
    signals: Hints,
    execution_id: str,
    wait: Annotated[
        float, Query(ge=0, le=patience.WAIT_SECONDS_MAX, description="seconds to wait for its end, if it has not ended")
    ] = 0,
) -> Response:
    """One execution. With `wait` the answer comes when it has ended or the time is over, whichever is first."""
    if wait and not await patience.for_the_end(database, signals, execution_id, wait, lambda: leaving(request)):
        return Response(status_code=204)  # nobody is there to read it
    return answers.as_response(await database.read(answers.one, execution_id))


@router.post(
    "/{execution_id}/cancel",
    response_model=ExecutionSnapshot,
    responses=errors.documented(errors.NotFound, errors.Conflict),
    summary="Cancel an execution",
)
async def cancel(database: Store, execution_id: str) -> Response:
    """Ask it to end. A running one is `cancelled` once its process tree is gone."""
    await database.write(endings.request_cancel, execution_id)
    return answers.as_response(await database.read(answers.one, execution_id))


@router.post(
    "/{execution_id}/retry",
    status_code=202,
    response_model=ExecutionSnapshot,
    responses=errors.documented(errors.NotFound, errors.Conflict),
    summary="Retry an execution",
)
async def retry(database: Store, execution_id: str, idempotency_key: Key = None) -> Response:
    """Enqueue a new execution of what an ended one was asked to do; the old one stays as it is."""
    return await _accepted(database, await database.write(queue.retry, execution_id, ids.new(), idempotency_key))


async def leaving(request: Request) -> None:
    """Return when the client has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _accepted(database: Database, execution_id: str, not_before: datetime | None = None) -> Response:
    body = await database.read(answers.accepted, execution_id, not_before)
    return answers.as_response(body, 202, {"Location": f"/api/v1/executions/{execution_id}"})
