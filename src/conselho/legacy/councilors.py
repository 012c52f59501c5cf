"""The HTTP doors by which older clients rule the council: promote, configure, pause, fire, demote, list.

An agent goes by its slug there, and is a councilor or none: `holders.py` says which councilor of one that holds several
is meant. `doors.py` puts these under the paths that they have.
"""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy import bindparam, select

from conselho import clock, errors, ids
from conselho.agents import queries as agents
from conselho.agents.models import Agent
from conselho.council import councilors, firing, limits, queries
from conselho.council.councilors import Definition
from conselho.db.session import Database, Tx
from conselho.legacy import holders, runs
from conselho.legacy.requests import OlderConfigChange, OlderPromotion, OlderScheduleChange
from conselho.legacy.shapes import OlderAgents, OlderDone, OlderFired, OlderScheduleDone

ORIGIN = "api"
BY = "API"  # who pauses: the older clients do not say

verbs = APIRouter()
everybody = APIRouter()


async def database_of(request: Request) -> Database:
    """The process's database."""
    found: Database = request.app.state.database
    return found


Store = Annotated[Database, Depends(database_of)]
_ABSENT = errors.documented(errors.NotFound)
_REFUSED = errors.documented(errors.NotFound, errors.Conflict)
_HELD = select(Agent.slug, Agent.councilors).where(Agent.id == bindparam("agent")).with_for_update()


@everybody.get("/api/councilors", responses=errors.documented(errors.Invalid), summary="List agents, as of old")
async def find_agents(
    database: Store,
    is_councilor: Annotated[bool | None, Query(description="only councilors, or only the others")] = None,
) -> OlderAgents:
    """Agents in the order they were made, with the first councilor of each that holds any; 1,000 at most.

    For new clients there are `/api/v1/agents` and `/api/v1/councilors`, page by page.
    """
    return await database.read(holders.listed, is_councilor)


@verbs.post("/promote-councilor", responses=_REFUSED, summary="Promote an agent, as of old")
async def promote(database: Store, agent_id: str, body: OlderPromotion) -> OlderDone:
    """Make an agent a councilor, at once or, with `schedule.enabled: false`, paused; 409 where it is one already.

    For new clients, which may give an agent several tasks, there is `/api/v1/agents/{agent}/promote`.
    """
    agent = await database.read(agents.one, agent_id)
    definition = body.definition()
    files = await asyncio.to_thread(limits.within, agent.cwd, definition.context_files)
    definition = councilors.checked(councilors.with_files(definition, files), clock.now())
    is_paused = body.councilor_config.enabled is False
    await database.write(_promote, agent.id, definition, ids.new(), is_paused=is_paused)
    told = await database.read(holders.one, agent.id)
    return OlderDone(success=True, message=f"Agent '{agent.slug}' promoted to councilor", agent=told)


@verbs.delete("/demote-councilor", responses=_ABSENT, summary="Demote an agent, as of old")
async def demote(database: Store, agent_id: str) -> OlderDone:
    """Take the agent's first councilor out of the council. An agent that holds others is a councilor still."""
    found = await database.write(_demote, agent_id)
    told = await database.read(holders.one, found)
    message = f"Agent '{told.agent_id}' demoted from councilor"
    if told.is_councilor:
        message += "; it holds another task, and is one still"
    return OlderDone(success=True, message=message, agent=told)


@verbs.patch("/councilor-config", responses=_REFUSED, summary="Change a councilor, as of old")
async def configure(database: Store, agent_id: str, body: OlderConfigChange) -> OlderDone:
    """Change what is sent of the agent's first councilor; null brings a field back to its default.

    It holds from the next moment on. The fields may also stand within `councilor_config`.
    """
    given = body.given()
    if "context_files" in given:
        _, row = await database.read(holders.first, agent_id)
        files = given["context_files"] or ()
        given["context_files"] = tuple(await asyncio.to_thread(limits.within, row.agent_cwd, files))
    found = await database.write(_configure, agent_id, given, body.config().enabled)
    told = await database.read(holders.one, found)
    return OlderDone(success=True, message="Councilor configuration updated", agent=told)


@verbs.patch("/councilor-schedule", responses=_ABSENT, summary="Pause or resume a councilor, as of old")
async def reschedule(database: Store, agent_id: str, body: OlderScheduleChange) -> OlderScheduleDone:
    """Let the agent's first councilor fire by itself, or no more. What was due while it was paused is not caught up."""
    found = await database.write(_configure, agent_id, {}, body.enabled)
    _, row = await database.read(holders.first, found)
    message = f"Schedule {'resumed' if body.enabled else 'paused'}"
    return OlderScheduleDone(success=True, message=message, schedule=holders.schedule(row))


@verbs.post("/execute-now", responses=_REFUSED, summary="Fire a councilor now, as of old")
async def fire(database: Store, agent_id: str) -> OlderFired:
    """Run the agent's first councilor once, now, also while it is paused. Its overlap holds: 409 says why not.

    It answers when the run is accepted; `/api/tasks/{task_id}` and the reports tell how it went.
    """
    execution_id = ids.new()
    slug = await database.write(_fire, agent_id, execution_id)
    return OlderFired(
        success=True,
        message=f"Councilor '{slug}' is executed now",
        execution_id=execution_id,
        councilor_id=slug,
        status=runs.PENDING,
    )


def _promote(tx: Tx, agent_id: str, definition: Definition, councilor_id: str, *, is_paused: bool) -> None:
    held = tx.execute(_HELD, {"agent": agent_id}).one_or_none()
    if held is not None and held.councilors:
        raise errors.Conflict(f"agent {held.slug} is a councilor already: change its councilor-config, or demote it")
    councilors.promote(tx, councilors.Promotion(agent_id, definition), councilor_id)
    if is_paused:
        councilors.pause(tx, councilor_id, BY)


def _demote(tx: Tx, name: str) -> str:
    agent, row = holders.first(tx, name)
    councilors.demote(tx, row.id)
    return str(agent.id)


def _configure(tx: Tx, name: str, given: dict[str, object], enabled: bool | None) -> str:
    agent, row = holders.first(tx, name)
    if given:
        councilors.change(tx, row.id, given)
    if enabled is True:
        councilors.resume(tx, row.id)
    elif enabled is False:
        councilors.pause(tx, row.id, BY)
    return str(agent.id)


def _fire(tx: Tx, name: str, execution_id: str) -> str:
    agent, row = holders.first(tx, name)
    firing.fire_now(tx, queries.locked(tx, row.id), "api", execution_id)
    return str(agent.slug)
