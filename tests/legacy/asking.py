"""Requests as the older clients make them, in the shape of their own examples."""

import asyncio
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict

from tests.agents.making import make_agent
from tests.server.desk import Desk

OLDER = "http://conselho/api"
NAME = "TestQuickValidation_Agent"
CONFIG: dict[str, Any] = {
    "title": "Conselheiro de Qualidade",
    "schedule": {"type": "interval", "value": "30m", "enabled": True},
    "task": {
        "name": "Verificar arquivos",
        "prompt": "Quais arquivos cresceram demais?",
        "context_files": ["README.md"],
        "output_format": "checklist",
    },
    "notifications": {"on_success": False, "on_warning": True, "on_error": True, "channels": ["panel", "toast"]},
}
LOOK: dict[str, Any] = {
    "enabled": True, "display_name": "Dra. Testa", "avatar_url": "https://example.org/testa.png", "color": "#10b981"
}  # fmt: skip
PROMOTION: dict[str, Any] = {"councilor_config": CONFIG, "customization": LOOK}
NO_STATS = {"total_executions": 0, "last_execution": None, "success_rate": 0.0}


async def add_agent(desk: Desk, slug: str = NAME, **fields: Any) -> str:
    return await asyncio.to_thread(make_agent, desk.runtime.database, slug, **{"cwd": "/tmp", **fields})


async def promote(desk: Desk, name: str = NAME, body: Any = None) -> dict[str, Any]:
    """An agent that is a councilor."""
    await add_agent(desk, name)
    answer = await ask(desk, "POST", f"{name}/promote-councilor", body or PROMOTION)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()["agent"]
    return told


async def ask(desk: Desk, method: str, what: str, body: Any = None, under: str = "councilors") -> httpx.Response:
    return await desk.http.request(method, f"{OLDER}/{under}/{what}", json=body)


async def get(desk: Desk, path: str, **query: Any) -> Any:
    answer = await desk.http.get(f"{OLDER}/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def check_shape(shape: type[BaseModel], told: Any) -> None:
    """What is told is what `/openapi.json` says, and nothing beside it."""
    strict: type[BaseModel] = type(shape.__name__, (shape,), {"model_config": ConfigDict(extra="forbid")})
    strict.model_validate(told)


def problem(answer: httpx.Response) -> tuple[int, str]:
    """What went wrong; the older clients read `detail`."""
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["detail"]
