"""Cards as the older clients keep and command them, with real runs behind."""

import asyncio
from pathlib import Path
from typing import Any

import httpx

from conselho.legacy.card_shapes import OlderLog, OlderOutcome
from tests.legacy.asking import OLDER, add_agent, check_shape, get
from tests.server.desk import Desk

AGENT = "shell"
CARD = {
    "id", "number", "title", "description", "columnId", "specPath", "projectId", "branchName", "worktreePath",
    "archived", "createdAt", "updatedAt", "activeExecution",
}  # fmt: skip
LOG = {"cardId", "status", "startedAt", "completedAt", "duration", "result", "logs"}
RUN = {"executionId", "command", "title"} | LOG - {"cardId"}
OUTCOME = {"success", "cardId", "executionId", "status", "result", "error", "logs", "specPath"}
NEVER_RAN = {"status": "idle", "logs": []}
SAID = "echo The plan: mend it"


async def send(desk: Desk, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
    return await desk.http.request(method, f"{OLDER}/{path}", json=body, headers=headers)


async def prepare(desk: Desk, project: Path, script: str = SAID) -> None:
    """A project, and one agent that does what a shell is told."""
    answer = await desk.http.post("/projects", json={"path": str(project)})
    assert answer.status_code == 201, answer.text
    await add_agent(desk, AGENT, argv=["sh", "-c", script], cwd=None)


async def add(desk: Desk, title: str = "Persistir o estado", **fields: Any) -> dict[str, Any]:
    """A card, as the older client makes one: with more fields than anybody knows."""
    body = {"title": title, "description": None, "modelPlan": "opus-4.5"} | fields
    answer = await send(desk, "POST", "cards", body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def execute(desk: Desk, command: str, card: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A command and its end."""
    answer = await send(desk, "POST", f"execute-{command}", {"cardId": card["id"]} | fields)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    check_shape(OlderOutcome, told)
    assert set(told) == OUTCOME
    return told


async def begin(desk: Desk, command: str, card: dict[str, Any]) -> dict[str, Any]:
    """A command that is not waited for."""
    answer = await send(desk, "POST", f"execute-{command}", {"cardId": card["id"]}, Prefer="respond-async, wait=10")
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/api/logs/{card['id']}"
    assert answer.headers["Preference-Applied"] == "respond-async"
    told: dict[str, Any] = answer.json()
    assert (set(told), told["success"], told["status"], told["logs"]) == (OUTCOME, True, "running", [])
    return told


async def told_log(desk: Desk, card: dict[str, Any]) -> dict[str, Any]:
    """The log of a card that has run."""
    told: dict[str, Any] = await get(desk, f"logs/{card['id']}")
    check_shape(OlderLog, told)
    assert (set(told), told["cardId"]) == (LOG, card["id"])
    return told


async def log_that(desk: Desk, card: dict[str, Any], status: str, lines: int) -> dict[str, Any]:
    """The log of a card once it stands so, with so many lines."""
    async with asyncio.timeout(60):
        while True:
            told = await told_log(desk, card)
            if told["status"] == status and len(told["logs"]) >= lines:
                return told
            await asyncio.sleep(0.02)  # what is asked for has no event here


def contents(told: dict[str, Any]) -> list[str]:
    return [line["content"] for line in told["logs"]]


def gated(tmp_path: Path) -> tuple[str, Path]:
    """A script that says something and goes on when the file is there."""
    gate = tmp_path / "gate"
    return f"echo begun; while [ ! -e {gate} ]; do sleep .05; done; echo ended", gate
