"""Under which paths do older clients find what? Those of the older system, which have no version.

An agent's verbs stood under `/api/agents` before they stood under `/api/councilors`, and clients use either.
"""

from fastapi import APIRouter
from fastapi.routing import APIRoute

from conselho.legacy import cards, councilors, logs, orders, reports, tasks

TAG = "legacy"


def _name_under_agents(route: APIRoute) -> str:
    return f"{TAG}_{route.name}_of_agent"


_under_councilors = APIRouter(prefix="/api/councilors/{agent_id}", tags=[TAG])
_under_agents = APIRouter(prefix="/api/agents/{agent_id}", tags=[TAG], generate_unique_id_function=_name_under_agents)
for _verbs in (councilors.verbs, reports.verbs):
    _under_councilors.include_router(_verbs)
    _under_agents.include_router(_verbs)

router = APIRouter()
router.include_router(councilors.everybody, tags=[TAG])
router.include_router(_under_councilors)
router.include_router(_under_agents)
for _others in (tasks.router, cards.router, logs.router, orders.router):
    router.include_router(_others, tags=[TAG])
