"""`GET /executions?q=`: what was accepted is found some moments later, and no query breaks anything."""

import asyncio
import json

import pytest

from conselho.settings import Settings
from tests.looping import on_a_loop
from tests.server.desk import PATIENCE_SECONDS, Desk, served

HOSTILE = [
    '"',
    "*",
    "a* OR b",
    "'; DROP TABLE executions; --",
    "NEAR(",
    "a & !b | c:*",
    "%",
    "\0",
    "\ud800",
    "¶",
    "{a}:b",
]


async def found(desk: Desk, q: str, **filters: str) -> list[str]:
    answer = await desk.http.get("/executions", params={"q": q, **filters})
    assert answer.status_code == 200, answer.text
    return [execution["id"] for execution in answer.json()["items"]]


async def until_found(desk: Desk, q: str, execution_id: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while execution_id not in await found(desk, q):  # noqa: ASYNC110 - nobody is told when it can be found
            await asyncio.sleep(0.02)


@on_a_loop
async def test_what_was_accepted_is_found_by_its_prompt(settings: Settings) -> None:
    async with served(settings) as desk:
        execution_id = await desk.make(prompt="Refaça a revisão do módulo")
        await until_found(desk, "revisao modul*", execution_id)
        assert await found(desk, "revisao", origin="api", status="queued") == [execution_id]
        assert await found(desk, "revisao", origin="cli") == []


@on_a_loop
async def test_what_ended_is_found_by_its_result_and_its_error(settings: Settings) -> None:
    async with served(settings, works=True) as desk:
        execution_id = await desk.make("sh", "-c", "echo the quokka was seen; exit 3")
        await until_found(desk, '"quokka was seen"', execution_id)
        assert await found(desk, "quokka", status="failed", severity="error") == [execution_id]


@on_a_loop
async def test_it_is_found_without_any_signal(settings: Settings) -> None:
    async with served(settings) as desk:
        desk.runtime.signals.bind(None)
        execution_id = await desk.make(prompt="wombat")
        await until_found(desk, "wombat", execution_id)


@on_a_loop
async def test_no_query_breaks_anything(settings: Settings) -> None:
    async with served(settings) as desk:
        execution_id = await desk.make(prompt="alpha")
        await until_found(desk, "alpha", execution_id)
        for q in HOSTILE:
            assert execution_id not in await found(desk, q.encode("utf-8", "replace").decode())
        raw = await desk.http.get("/executions?q=%ff%fe%00%ed%a0%80")
        assert raw.status_code == 200, raw.text
        assert await found(desk, " ") == [execution_id]


@pytest.mark.parametrize("q", ["x" * 301, "x " * 21])
@on_a_loop
async def test_a_query_that_is_too_long_is_refused(settings: Settings, q: str) -> None:
    async with served(settings) as desk:
        answer = await desk.http.get("/executions", params={"q": q})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
        assert json.loads(answer.content)["detail"].startswith("q ")
