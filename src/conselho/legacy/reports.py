"""How is a councilor doing, in the older words? Its last runs and what was counted."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response

from conselho import errors
from conselho.db.session import Tx
from conselho.executions import answers, counters, queries
from conselho.executions.ended import councilor_scope
from conselho.executions.queries import Filter
from conselho.legacy import holders, runs
from conselho.legacy.councilors import Store
from conselho.legacy.shapes import OlderExecution, OlderReport

LATEST_MAX = 100

verbs = APIRouter()

_ABSENT = errors.documented(errors.NotFound)


@verbs.get(
    "/councilor-reports", response_model=OlderReport, responses=_ABSENT, summary="Report on a councilor, as of old"
)
async def report(
    database: Store,
    agent_id: str,
    limit: Annotated[int, Query(ge=1, le=LATEST_MAX, description="how many of its last runs")] = 10,
) -> Response:
    """The last runs of the agent's first councilor, and what was counted of all. 404 where it is no councilor."""
    return answers.as_response(await database.read(_report, agent_id, limit))


@verbs.get(
    "/councilor-reports/latest",
    response_model=OlderExecution | None,
    responses=_ABSENT,
    summary="Show a councilor's last run, as of old",
)
async def latest(database: Store, agent_id: str) -> Response:
    """The last run of the agent's first councilor, whether it has ended or not; null where there was none."""
    return answers.as_response(await database.read(_latest, agent_id))


def _report(tx: Tx, name: str, limit: int) -> bytes:
    agent, row = holders.first(tx, name)
    stats = counters.read(tx, councilor_scope(row.id))
    told = {
        "councilor_id": agent.slug,
        "councilor_name": row.display_name or agent.title or agent.slug,
        "total_executions": stats.total,
        "success_rate": holders.percentage(stats),
        "next_execution": row.next_at,
    }
    recent = runs.encoded(_last(tx, agent.slug, row.id, limit))
    return b'{"recent_executions":[' + b",".join(recent) + b"]," + answers.encode(told)[1:]


def _latest(tx: Tx, name: str) -> bytes:
    agent, row = holders.first(tx, name)
    return answers.encode(next(iter(_last(tx, agent.slug, row.id, 1)), None))


def _last(tx: Tx, slug: str, councilor_id: str, limit: int) -> list[dict[str, Any]]:
    page = queries.page(tx, Filter(councilor=councilor_id), limit, rows=runs.EXECUTIONS)
    return [runs.execution(row, slug) for row in page.rows]
