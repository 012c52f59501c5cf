"""The HTTP doors to agents: make, look, change, remove."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from conselho import errors, ids
from conselho.agents import definitions, keys, queries
from conselho.agents.schemas import AgentChange, AgentPage, AgentSnapshot, NewAgent, ShownAgent
from conselho.db.session import Database, Tx
from conselho.events import log as events

KEY_CHARACTERS_MAX = 200

router = APIRouter(prefix="/api/v1/agents", tags=["agents"])


async def database_of(request: Request) -> Database:
    """The process's database."""
    found: Database = request.app.state.database
    return found


Store = Annotated[Database, Depends(database_of)]
Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=KEY_CHARACTERS_MAX)]


@router.post("", status_code=201, responses=errors.documented(errors.Conflict), summary="Make an agent")
async def create(database: Store, body: NewAgent, response: Response, idempotency_key: Key = None) -> AgentSnapshot:
    """Make an agent. Under an `Idempotency-Key` the same body may be sent again, for 7 days: the answer is the same."""
    if idempotency_key is None:
        made = await database.read(_one, await database.write(definitions.add, body.definition(), ids.new()))
    else:
        made = await database.write(keys.add_once, body.definition(), ids.new(), idempotency_key)
    response.headers["Location"] = f"/api/v1/agents/{made.id}"
    return made


@router.get("", summary="List agents")
async def find(
    database: Store, limit: Annotated[int, Query(ge=1, le=queries.PAGE_MAX)] = 50, after: str | None = None
) -> AgentPage:
    """A page of agents, in the order they were made."""
    return await database.read(_page, limit, after)


@router.get("/{agent}", responses=errors.documented(errors.NotFound), summary="Show an agent")
async def show(database: Store, agent: str) -> AgentSnapshot:
    """One agent, by its slug or id."""
    return await database.read(_one, agent)


@router.patch("/{agent}", responses=errors.documented(errors.NotFound, errors.Conflict), summary="Change an agent")
async def change(database: Store, agent: str, body: AgentChange) -> AgentSnapshot:
    """Change the fields that are sent; null brings a field back to its default."""
    agent_id = await database.write(definitions.change, agent, body.given(), body.version)
    return await database.read(_one, agent_id)


@router.delete(
    "/{agent}",
    status_code=204,
    responses=errors.documented(errors.NotFound, errors.Conflict),
    summary="Remove an agent",
)
async def remove(database: Store, agent: str) -> None:
    """Forget an agent that is not in the council. Its runs stay, and those that are queued or running go on."""
    await database.write(definitions.remove, agent)


def _one(tx: Tx, name: str) -> AgentSnapshot:
    as_of = events.cursor(tx)
    return AgentSnapshot(**ShownAgent.of(queries.one(tx, name)).model_dump(), as_of=as_of)


def _page(tx: Tx, limit: int, after: str | None) -> AgentPage:
    as_of = events.cursor(tx)
    page = queries.page(tx, limit, after)
    return AgentPage(items=[ShownAgent.of(row) for row in page.rows], next=page.next, as_of=as_of)
