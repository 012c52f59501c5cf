"""The HTTP doors to the council: promote, look, change, pause, resume, fire, demote."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from conselho import clock, errors, ids
from conselho.agents import queries as agents
from conselho.council import answers, councilors, firing, limits, queries, slots
from conselho.council import report as reports
from conselho.council.answers import CouncilorPage, CouncilorSnapshot, SlotPage
from conselho.council.report import FindingPage, KnownFinding, Report
from conselho.council.schemas import By, CouncilorChange, FireByHand, Promotion
from conselho.db import keys
from conselho.db.session import Database, Tx
from conselho.events import log as events
from conselho.executions import answers as executions
from conselho.executions import queue
from conselho.executions.answers import ExecutionSnapshot

KEY_CHARACTERS_MAX = 200
BY_API = "API"  # who pauses, where nobody says who

router = APIRouter(prefix="/api/v1", tags=["councilors"])


async def database_of(request: Request) -> Database:
    """The process's database."""
    found: Database = request.app.state.database
    return found


Store = Annotated[Database, Depends(database_of)]
Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=KEY_CHARACTERS_MAX)]
_ABSENT = errors.documented(errors.NotFound)
_REFUSED = errors.documented(errors.NotFound, errors.Conflict)


@router.post("/agents/{agent}/promote", status_code=201, responses=_REFUSED, summary="Promote an agent to the council")
async def promote(
    database: Store, agent: str, body: Promotion, response: Response, idempotency_key: Key = None
) -> CouncilorSnapshot:
    """Let an agent do a task on a schedule. One agent may hold several such tasks.

    Under an `Idempotency-Key` the same body may be sent again, for 7 days: the answer is the same.
    """
    row = await database.read(agents.one, agent)
    definition = body.definition()
    files = await asyncio.to_thread(limits.within, row.cwd, definition.context_files)
    wish = councilors.Promotion(
        agent_id=row.id,
        definition=councilors.checked(councilors.with_files(definition, files), clock.now()),
        slug=body.slug,
    )
    if idempotency_key is None:
        made = await database.read(_one, await database.write(councilors.promote, wish, ids.new()))
    else:
        made = await database.write(_promote_once, wish, ids.new(), idempotency_key)
    response.headers["Location"] = f"/api/v1/councilors/{made.id}"
    return made


@router.get("/councilors", responses=errors.documented(errors.Invalid), summary="List councilors")
async def find(
    database: Store,
    agent: Annotated[str | None, Query(description="its slug or its id")] = None,
    paused: Annotated[bool | None, Query(description="only those that are paused, or only the others")] = None,
    limit: Annotated[int, Query(ge=1, le=queries.PAGE_MAX)] = 50,
    after: Annotated[str | None, Query(description="`next` of the page before")] = None,
) -> CouncilorPage:
    """A page of councilors, in the order they were promoted."""
    return await database.read(_page, limit, after, agent, paused)


@router.get("/councilors/{councilor}", responses=_ABSENT, summary="Show a councilor")
async def show(database: Store, councilor: str) -> CouncilorSnapshot:
    """One councilor, by its slug or id."""
    return await database.read(_one, councilor)


@router.patch("/councilors/{councilor}", responses=_REFUSED, summary="Change a councilor")
async def change(database: Store, councilor: str, body: CouncilorChange) -> CouncilorSnapshot:
    """Change what is sent; null brings a field back to its default.

    It holds from the next moment on. Another schedule is counted from now; moments that have passed do not come back.
    """
    given = body.given()
    if "context_files" in given:
        row = await database.read(queries.one, councilor)
        files = given["context_files"] or ()
        given["context_files"] = tuple(await asyncio.to_thread(limits.within, row.agent_cwd, files))
    councilor_id = await database.write(councilors.change, councilor, given, body.version)
    return await database.read(_one, councilor_id)


@router.post("/councilors/{councilor}/pause", responses=_ABSENT, summary="Pause a councilor")
async def pause(database: Store, councilor: str, body: By | None = None) -> CouncilorSnapshot:
    """Let it fire no more by itself. A run that it has goes on."""
    return await database.read(_one, await database.write(councilors.pause, councilor, _who(body)))


@router.post("/councilors/{councilor}/resume", responses=_ABSENT, summary="Resume a councilor")
async def resume(database: Store, councilor: str) -> CouncilorSnapshot:
    """Let it fire again. What was due while it was paused is not caught up."""
    return await database.read(_one, await database.write(councilors.resume, councilor))


@router.post(
    "/councilors/{councilor}/fire",
    status_code=202,
    response_model=ExecutionSnapshot,
    responses=_REFUSED,
    summary="Fire a councilor now",
)
async def fire(
    database: Store, councilor: str, body: FireByHand | None = None, idempotency_key: Key = None
) -> Response:
    """Run it once, now, also while it is paused; its schedule stays as it is. Its overlap holds: 409 says why not.

    Under an `Idempotency-Key` the same request may be sent again, for 7 days: it is fired once.
    """
    origin = (body or FireByHand()).origin
    execution_id = await database.write(_fire, councilor, origin, ids.new(), idempotency_key)
    told = await database.read(executions.accepted, execution_id)
    return executions.as_response(told, 202, {"Location": f"/api/v1/executions/{execution_id}"})


@router.delete("/councilors/{councilor}", status_code=204, responses=_ABSENT, summary="Demote a councilor")
async def demote(database: Store, councilor: str) -> None:
    """Take it out of the council. Its agent and its executions stay, and a run that it has goes on."""
    await database.write(councilors.demote, councilor)


@router.get("/councilors/{councilor}/slots", responses=_ABSENT, summary="List what became of its moments")
async def slots_of(
    database: Store,
    councilor: str,
    limit: Annotated[int, Query(ge=1, le=slots.PAGE_MAX)] = 50,
    after: Annotated[str | None, Query(description="`next` of the page before")] = None,
) -> SlotPage:
    """Every moment, the newest first: fired, skipped or missed, and why."""
    return await database.read(_slots, councilor, limit, after)


@router.get(
    "/councilors/{councilor}/report", response_model=Report, responses=_ABSENT, summary="Show how a councilor is doing"
)
async def report(
    database: Store,
    councilor: str,
    limit: Annotated[int, Query(ge=1, le=reports.LATEST_MAX, description="of its latest executions")] = 10,
) -> Response:
    """Its latest executions, totals, success rate and next moment; which findings are new, remain and are gone."""
    return executions.as_response(await database.read(reports.report, councilor, limit))


@router.get("/councilors/{councilor}/findings", responses=_ABSENT, summary="List a councilor's findings")
async def findings_of(
    database: Store,
    councilor: str,
    state: Literal["open", "acknowledged", "resolved", "regressed"] | None = None,
    limit: Annotated[int, Query(ge=1, le=queries.PAGE_MAX)] = 50,
    after: Annotated[str | None, Query(max_length=36, description="`next` of the page before")] = None,
) -> FindingPage:
    """What its runs have found, last first seen first; each once, in however many runs."""
    check_cursor(after)
    return await database.read(reports.page_of_findings, councilor, state, limit, after)


@router.post(
    "/councilors/{councilor}/findings/{finding}/acknowledge", responses=_REFUSED, summary="Acknowledge a finding"
)
async def acknowledge(database: Store, councilor: str, finding: str, body: By | None = None) -> KnownFinding:
    """Say that it is known. It stays so until no run names it any more; named after that, it has regressed."""
    return await database.write(_acknowledge, councilor, finding, _who(body))


def check_cursor(after: str | None) -> None:
    """Raises: errors.Invalid for what is no id."""
    if after is not None and not ids.is_id(after):
        raise errors.Invalid("this cursor is none: begin again without it")


def _acknowledge(tx: Tx, name: str, finding_id: str, by: str) -> KnownFinding:
    return reports.acknowledge(tx, queries.locked(tx, name), finding_id, by)


def _who(body: By | None) -> str:
    return (None if body is None else body.by) or BY_API


def _promote_once(tx: Tx, wish: councilors.Promotion, councilor_id: str, key: str) -> CouncilorSnapshot:
    digest = wish.digest()
    earlier = keys.said(tx, key, digest)
    if earlier is None:
        councilors.check_free(tx, wish.slug)
        earlier = keys.claim(tx, key, digest)
    if earlier is not None:
        return CouncilorSnapshot.model_validate(earlier)
    councilors.promote(tx, wish, councilor_id)
    made = _one(tx, councilor_id)
    keys.keep(tx, key, made.model_dump(mode="json"))
    return made


def _fire(tx: Tx, name: str, origin: str, execution_id: str, key: str | None) -> str:
    row = queries.locked(tx, name)
    if key is None:
        return firing.fire_now(tx, row, origin, execution_id)
    digest = f"fire {row.id}"
    earlier = queue.made_before(tx, key, digest)
    return earlier or firing.fire_now(tx, row, origin, execution_id, key, digest)


def _one(tx: Tx, name: str) -> CouncilorSnapshot:
    as_of = events.cursor(tx)
    (told,) = reports.told(tx, [queries.one(tx, name)])
    return CouncilorSnapshot(**told.model_dump(), as_of=as_of)


def _page(tx: Tx, limit: int, after: str | None, agent: str | None, paused: bool | None) -> CouncilorPage:
    as_of = events.cursor(tx)
    page = queries.page(tx, limit, after, agent, paused)
    return CouncilorPage(items=reports.told(tx, page.rows), next=page.next, as_of=as_of)


def _slots(tx: Tx, name: str, limit: int, after: str | None) -> SlotPage:
    as_of = events.cursor(tx)
    page = slots.page(tx, queries.one(tx, name).id, limit, after)
    return SlotPage(items=answers.slots(page.rows), next=page.next, as_of=as_of)
