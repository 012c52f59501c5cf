"""How is everything? What is open, what was counted, who fires next: for a dashboard, in one answer."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from sqlalchemy import func, literal_column, select

from conselho import errors
from conselho.agents import queries as agents
from conselho.agents.models import Agent
from conselho.council import answers
from conselho.council.answers import ShownDay, ShownStanding, ShownStats
from conselho.council.models import Councilor
from conselho.council.report import since
from conselho.db.session import Tx, loose
from conselho.events import log as events
from conselho.executions import counters, standings
from conselho.executions.ended import EVERYTHING
from conselho.executions.models import Execution
from conselho.executions.severity import Severity
from conselho.executions.states import OPEN, Status
from conselho.runtime import Runtime

LATEST = 10
NEXT = 5

router = APIRouter(prefix="/api/v1/stats", tags=["stats"])

_OPEN = (
    select(Execution.status, func.count())
    .where(Execution.status.in_([literal_column(f"'{status}'") for status in OPEN]))
    .group_by(Execution.status)
)
_COUNCIL = select(func.count(), func.count(Councilor.paused_at)).where(Councilor.demoted_at.is_(None))
_NEXT = (
    select(Councilor.id, Councilor.slug, Councilor.title, Councilor.next_at)
    .where(Councilor.due_at.is_not(None))
    .order_by(Councilor.due_at, Councilor.id)
    .limit(NEXT)
)
_LATEST = (
    select(
        Execution.id,
        Execution.title,
        Execution.agent,
        Execution.councilor_id,
        Execution.card_id,
        Execution.origin,
        Execution.status,
        Execution.severity,
        Execution.summary,
        Execution.created_at,
        Execution.completed_at,
    )
    .order_by(Execution.created_at.desc(), Execution.id.desc())
    .limit(LATEST)
)


class Open(BaseModel):
    """Executions that have not ended."""

    queued: int
    claimed: int
    running: int


class Council(BaseModel):
    """How many councilors there are, and how many of them are paused."""

    total: int
    paused: int


class NextMoment(BaseModel):
    """Who fires next."""

    councilor_id: str
    councilor: Annotated[str, Field(description="its slug")]
    title: str
    next_at: datetime


class Latest(BaseModel):
    """An execution in a few words."""

    id: str
    title: str | None
    agent: str | None
    councilor_id: str | None
    card_id: str | None
    origin: str
    status: Status
    severity: Severity | None
    summary: str | None
    created_at: datetime
    completed_at: datetime | None


class Overview(BaseModel):
    """How everything is."""

    open: Open
    stats: Annotated[ShownStats, Field(description="of all executions that have ended")]
    days: Annotated[list[ShownDay], Field(description="of the last 30, those on which anything ended")]
    agents: int
    councilors: Council
    next: Annotated[list[NextMoment], Field(description="the next five moments")]
    latest: Annotated[list[Latest], Field(description="the newest ten executions")]
    as_of: str


class AgentStats(BaseModel):
    """What was counted of an agent's executions."""

    agent_id: str
    agent: str
    stats: ShownStats
    days: Annotated[list[ShownDay], Field(description="of the last 30, those on which anything ended")]
    last: ShownStanding | None
    as_of: str


@router.get("/overview", summary="Show how everything is")
async def overview(request: Request) -> Overview:
    """What is open, what was counted, the days of the last month, who fires next, and the newest executions."""
    runtime: Runtime = request.app.state.runtime
    return await runtime.database.read(_overview)


@router.get("/agents/{agent}", responses=errors.documented(errors.NotFound), summary="Show an agent's numbers")
async def of_agent(request: Request, agent: str) -> AgentStats:
    """What was counted of one agent, by its slug or id, and its days of the last month."""
    runtime: Runtime = request.app.state.runtime
    return await runtime.database.read(_of_agent, agent)


def _overview(tx: Tx) -> Overview:
    as_of = events.cursor(tx)
    is_open = {str(status): count for status, count in tx.execute(_OPEN)}
    total, paused = tx.execute(_COUNCIL).one()
    return Overview(
        open=Open(**{status: is_open.get(status, 0) for status in Open.model_fields}),
        stats=ShownStats.of(counters.read(tx)),
        days=_days(tx, EVERYTHING),
        agents=tx.execute(select(func.count()).select_from(Agent)).scalar_one(),
        councilors=Council(total=total, paused=paused),
        next=[
            NextMoment(councilor_id=row.id, councilor=row.slug, title=row.title, next_at=row.next_at)
            for row in tx.execute(_NEXT)
        ],
        latest=[Latest(**row._mapping) for row in tx.execute(_LATEST)],
        as_of=as_of,
    )


@loose
def _of_agent(tx: Tx, name: str) -> AgentStats:
    as_of = events.cursor(tx)
    row = agents.one(tx, name)
    scope = f"agent:{row.id}"
    return AgentStats(
        agent_id=row.id,
        agent=row.slug,
        stats=ShownStats.of(counters.read(tx, scope)),
        days=_days(tx, scope),
        last=answers.last(standings.read_many(tx, [scope])[scope]),
        as_of=as_of,
    )


def _days(tx: Tx, scope: str) -> list[ShownDay]:
    return [ShownDay.model_validate(day) for day in counters.days(tx, scope, since(tx.now))]
