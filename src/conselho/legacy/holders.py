"""Which agents are councilors, as the older clients see it? There an agent was a councilor or was none.

Here an agent may hold several. To the older clients it is the first of them, the one it was promoted to before all
others that it holds: that is shown, changed, paused, fired and demoted, and only that one's runs are reported.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, func, select

from conselho import errors
from conselho.agents import queries as agents
from conselho.agents.models import Agent
from conselho.council import queries
from conselho.council.models import Councilor
from conselho.db.among import among
from conselho.db.session import Tx
from conselho.executions import counters, standings
from conselho.executions.counters import Stats
from conselho.executions.ended import councilor_scope
from conselho.legacy.shapes import OlderAgent, OlderAgents, OlderSchedule

AGENTS_MAX = 1_000  # in one answer: the older list has no pages

_OLDEST = (
    select(func.min(Councilor.id))
    .where(Councilor.demoted_at.is_(None), among(Councilor.__table__.c.agent_id, "agents"))
    .group_by(Councilor.agent_id)
)
_FIRST = queries.ROWS.where(Councilor.id.in_(_OLDEST))
_ALL = agents.AGENTS.order_by(Agent.id).limit(bindparam("most"))
_LISTED = {None: _ALL, True: _ALL.where(Agent.councilors > 0), False: _ALL.where(Agent.councilors == 0)}
_COUNT = select(func.count()).select_from(Agent)
_COUNTED = {
    None: _COUNT,
    True: _COUNT.where(Agent.councilors > 0),
    False: _COUNT.where(Agent.councilors == 0),
}


def first(tx: Tx, name: str) -> tuple[Row[Any], Row[Any]]:
    """The agent of that slug or id, and its first councilor. Raises: errors.NotFound where there is none of either."""
    agent = agents.one(tx, name)
    row = _firsts(tx, [agent.id]).get(agent.id)
    if row is None:
        raise errors.NotFound(f"agent {agent.slug} is no councilor: promote it first")
    return agent, row


def one(tx: Tx, name: str) -> OlderAgent:
    """The agent of that slug or id. Raises: errors.NotFound."""
    (told,) = _told(tx, [agents.one(tx, name)])
    return told


def listed(tx: Tx, is_councilor: bool | None) -> OlderAgents:
    """Agents in the order they were made, AGENTS_MAX at most: only councilors, only the others, or all."""
    rows = tx.execute(_LISTED[is_councilor], {"most": AGENTS_MAX}).all()
    count = len(rows) if len(rows) < AGENTS_MAX else tx.execute(_COUNTED[is_councilor]).scalar_one()
    return OlderAgents(agents=_told(tx, rows), count=count)


def schedule(row: Row[Any]) -> OlderSchedule:
    """When a councilor fires."""
    return OlderSchedule(type=row.schedule_type, value=row.schedule_value, enabled=row.paused_at is None)


def percentage(stats: Stats) -> float:
    """The success rate, 0 to 100; 0 while nothing has ended."""
    return round(100 * (stats.success_rate or 0.0), 1)


def _firsts(tx: Tx, agent_ids: Sequence[str]) -> Mapping[str, Row[Any]]:
    """The first councilor of each of these agents that holds any, by the agent's id."""
    return {row.agent_id: row for row in tx.execute(_FIRST, {"agents": list(agent_ids)})}


def _told(tx: Tx, rows: Sequence[Row[Any]]) -> list[OlderAgent]:
    firsts = _firsts(tx, [row.id for row in rows if row.councilors])
    scopes = [councilor_scope(row.id) for row in firsts.values()]
    counted, standing = counters.read_many(tx, scopes), standings.read_many(tx, scopes)
    found = []
    for agent in rows:
        plain = {"agent_id": agent.slug, "name": agent.title or agent.slug, "is_councilor": agent.id in firsts}
        if (row := firsts.get(agent.id)) is None:
            found.append(OlderAgent.model_validate(plain | _NO_COUNCILOR))
            continue
        scope = councilor_scope(row.id)
        stats = {
            "total_executions": counted[scope].total,
            "last_execution": standing[scope].last_completed_at,
            "success_rate": percentage(counted[scope]),
        }
        found.append(OlderAgent.model_validate(plain | _councilor(row) | {"stats": stats}))
    return found


def _councilor(row: Row[Any]) -> dict[str, Any]:
    task = {name: getattr(row, name) for name in ("prompt", "context_files", "output_format")}
    look = {name: getattr(row, name) for name in ("display_name", "avatar_url", "color")}
    return {
        "councilor_config": {
            "title": row.title,
            "schedule": schedule(row).model_dump(),
            "task": task | {"name": row.task_name},
            "notifications": row.notifications,
        },
        "customization": look | {"enabled": any(each is not None for each in look.values())},
    }


_NO_COUNCILOR: dict[str, Any] = {
    "councilor_config": None,
    "customization": None,
    "stats": {"total_executions": 0, "last_execution": None, "success_rate": 0.0},
}
