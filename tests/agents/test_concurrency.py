"""So many runs of an agent at once as it is defined to have, however many workers there are."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from conselho import runtime, supervisor
from conselho.settings import Settings
from conselho.worker.loop import Worker
from tests.looping import on_a_loop
from tests.server.desk import Desk, served

RUNS = 20
# Fails if another one is at it. A directory is made by one alone, which is what makes it a witness.
ALONE = "mkdir busy && sleep .02 && rmdir busy"


@on_a_loop
async def test_an_agent_that_runs_once_at_a_time_never_does_so_twice(
    settings: Settings, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with AsyncExitStack() as stack:
        desk = await stack.enter_async_context(served(settings, works=True))
        await another_worker(stack, settings, tmp_path_factory.mktemp("second"))
        await add(desk, concurrency=1, argv=["sh", "-c", ALONE], cwd=str(tmp_path))

        made = [await ask(desk) for _ in range(RUNS)]

        assert await statuses(desk, made) == {"succeeded": RUNS}


@on_a_loop
async def test_an_agent_without_a_limit_has_as_many_runs_as_there_are_seats(settings: Settings, tmp_path: Path) -> None:
    async with served(settings, works=True) as desk:
        # Each waits for the other, so that one at a time would never end.
        met = "touch $CONSELHO_EXECUTION; until [ $(ls | wc -l) = 2 ]; do sleep .02; done"
        await add(desk, argv=["sh", "-c", met], cwd=str(tmp_path / "meeting"))
        (tmp_path / "meeting").mkdir()

        made = [await ask(desk) for _ in range(2)]

        assert await statuses(desk, made) == {"succeeded": 2}


@on_a_loop
async def test_a_limit_that_is_set_later_counts_the_runs_there_are(settings: Settings) -> None:
    async with served(settings, works=True) as desk:
        await add(desk, argv=["sleep", "60"], cwd="/")
        first = await ask(desk)
        await until_running(desk, first)

        await desk.http.patch("/agents/a", json={"concurrency": 1})
        second = await ask(desk)

        assert (await show(desk, second))["waiting_for"] == "room in agent a"
        await desk.http.post(f"/executions/{first}/cancel", json={})
        await until_running(desk, second)
        await desk.http.post(f"/executions/{second}/cancel", json={})
        assert await statuses(desk, [first, second]) == {"cancelled": 2}


async def another_worker(stack: AsyncExitStack, settings: Settings, data_dir: Path) -> None:
    """A second worker with a place and a writer of its own on the same database, as another process has them."""
    own = settings.model_copy(update={"data_dir": data_dir, "worker_name": "second"})
    held = await stack.enter_async_context(runtime.opened(own))
    await stack.enter_async_context(supervisor.supervised(held, Worker(held.database, held.signals, own)))


async def add(desk: Desk, **fields: Any) -> None:
    answer = await desk.http.post("/agents", json={"slug": "a"} | fields)
    assert answer.status_code == 201, answer.text


async def ask(desk: Desk) -> str:
    answer = await desk.http.post("/executions", json={"agent": "a"})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def show(desk: Desk, execution_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await desk.http.get(f"/executions/{execution_id}")).json()
    return found


async def statuses(desk: Desk, made: list[str]) -> dict[str, int]:
    """How many of them ended how."""
    found: dict[str, int] = {}
    for execution_id in made:
        async with desk.http.stream("GET", f"/executions/{execution_id}/log/stream") as response:
            async for _ in response.aiter_lines():
                pass
        status = (await show(desk, execution_id))["status"]
        found[status] = found.get(status, 0) + 1
    return found


async def until_running(desk: Desk, execution_id: str) -> None:
    with desk.runtime.signals.watch("events") as watch:
        async with asyncio.timeout(40):
            while (await show(desk, execution_id))["status"] != "running":
                await watch.wait(0.2)
