"""Cards, their agents and real runs, as a client of the API has them."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

from tests.server.desk import Desk

PATIENCE_SECONDS = 90.0  # only a test that fails waits so long


async def add(desk: Desk, path: Path, **fields: Any) -> dict[str, Any]:
    """A project; returns it."""
    return told(await desk.http.post("/projects", json={"path": str(path)} | fields), 201)


async def hire(desk: Desk, script: str, slug: str = "sh") -> None:
    """An agent that runs a script of a shell in the card's directory, whatever it is told."""
    told(await desk.http.post("/agents", json={"slug": slug, "argv": ["sh", "-c", script]}), 201)


async def make(desk: Desk, title: str = "Mend it", **fields: Any) -> int:
    """A card; returns its number."""
    return int(told(await desk.http.post("/cards", json={"title": title} | fields), 201)["number"])


async def command(desk: Desk, card: int, word: str = "/implement", **order: Any) -> dict[str, Any]:
    """Its execution, accepted."""
    return told(await desk.http.post(f"/cards/{card}/commands", json={"command": word} | order), 202)


async def work(desk: Desk, card: int, word: str = "/implement", **order: Any) -> dict[str, Any]:
    """Give a command and wait until its run has ended and its work is kept; returns the card."""
    run = await command(desk, card, word, **order)
    return await settled(desk, card, run["id"])


async def settled(desk: Desk, card: int, execution_id: str) -> dict[str, Any]:
    async def is_over() -> bool:
        run = told(await desk.http.get(f"/executions/{execution_id}", params={"wait": 20}))
        return run["completed_at"] is not None and (await shown(desk, card))["is_settled"]

    await until(is_over)
    return await shown(desk, card)


async def until(question: Callable[[], Awaitable[bool]]) -> None:
    """Ask again and again until the answer is yes."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await question():  # noqa: ASYNC110 - other processes know the answer
            await asyncio.sleep(0.02)


async def shown(desk: Desk, card: int) -> dict[str, Any]:
    return told(await desk.http.get(f"/cards/{card}"))


async def move(desk: Desk, card: int, *columns: str) -> None:
    for column in columns:
        told(await desk.http.post(f"/cards/{card}/move", json={"column": column}))


async def changes(desk: Desk, card: int) -> dict[str, dict[str, Any]]:
    """The files that it has changed, by their paths."""
    found = told(await desk.http.get(f"/cards/{card}/diff"))
    return {each["path"]: each for each in found["files"]}


def told(answer: httpx.Response, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


def refused(answer: httpx.Response, status: int = 409) -> str:
    """The sentence that says why."""
    assert answer.status_code == status, answer.text
    return str(answer.json()["detail"])
