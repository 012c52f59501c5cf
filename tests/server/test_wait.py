"""`GET /executions/{id}?wait=SECONDS`: answers when it ends, or when the time is over."""

import asyncio
from typing import Any

import httpx
import pytest

from conselho import ids
from conselho.executions import endings, patience
from conselho.settings import Settings
from tests.looping import on_a_loop, until
from tests.server.desk import Desk, served

LONG = 60


async def asked(desk: Desk, execution_id: str, seconds: float = LONG) -> "asyncio.Task[dict[str, Any]]":
    """Somebody who waits, and is watched for by the server already."""

    async def ask() -> dict[str, Any]:
        answer = await desk.http.get(f"/executions/{execution_id}", params={"wait": seconds})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    before = watchers(desk, execution_id)
    waiting = asyncio.ensure_future(ask())
    await until(lambda: watchers(desk, execution_id) > before)
    return waiting


def watchers(desk: Desk, execution_id: str) -> int:
    """How many the server watches for."""
    return len(desk.runtime.signals._waiting.get(endings.topic_of(execution_id), ()))


@on_a_loop
async def test_it_answers_when_the_run_ends(settings: Settings) -> None:
    async with served(settings) as desk:
        execution_id = await desk.make("true")
        waiting = await asked(desk, execution_id)
        assert not waiting.done()
        assert (await desk.http.post(f"/executions/{execution_id}/cancel")).status_code == 200
        assert (await waiting)["status"] == "cancelled"


@on_a_loop
async def test_it_answers_when_a_real_run_ends(settings: Settings) -> None:
    async with served(settings, works=True) as desk:
        execution_id = await desk.make("sh", "-c", "exit 3")
        answer = await desk.http.get(f"/executions/{execution_id}", params={"wait": LONG})
        assert (answer.json()["status"], answer.json()["exit_code"]) == ("failed", 3)


@on_a_loop
async def test_it_is_woken_by_a_signal_and_looks_no_oftener(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "LOOK_SECONDS", 3600.0)
    async with served(settings) as desk:
        execution_id = await desk.make("true")
        many = [await asked(desk, execution_id) for _ in range(20)]
        await desk.http.post(f"/executions/{execution_id}/cancel")
        assert {(await each)["status"] for each in many} == {"cancelled"}


@on_a_loop
async def test_a_signal_that_never_comes_costs_a_look(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LOOK_SECONDS", 0.05)
    async with served(settings) as desk:
        execution_id = await desk.make("true")
        waiting = await asked(desk, execution_id)
        desk.runtime.signals.bind(None)  # deaf from here on
        await desk.http.post(f"/executions/{execution_id}/cancel")
        assert (await waiting)["status"] == "cancelled"


@on_a_loop
async def test_it_answers_when_the_time_is_over_with_what_is_then(settings: Settings) -> None:
    async with served(settings) as desk:
        execution_id = await desk.make("true")
        assert (await (await asked(desk, execution_id, 0.05)))["status"] == "queued"


@on_a_loop
async def test_what_has_ended_is_not_waited_for(settings: Settings) -> None:
    async with served(settings) as desk:
        execution_id = await desk.make("true")
        await desk.http.post(f"/executions/{execution_id}/cancel")
        answer = await desk.http.get(f"/executions/{execution_id}", params={"wait": LONG})
        assert answer.json()["status"] == "cancelled"


@on_a_loop
async def test_who_goes_away_is_not_waited_for(settings: Settings) -> None:
    async with served(settings) as desk:
        execution_id = await desk.make("true")
        waiting = [await asked(desk, execution_id) for _ in range(3)]
        for each in waiting:
            each.cancel()
        await until(lambda: not watchers(desk, execution_id))


@on_a_loop
async def test_a_server_that_stops_answers_those_who_wait(settings: Settings) -> None:
    async with served(settings) as desk:
        execution_id = await desk.make("true")
        waiting = await asked(desk, execution_id)
        desk.runtime.signals.close()
        assert (await waiting)["status"] == "queued"


@pytest.mark.parametrize("seconds", ["-1", "60.1", "nan", "inf", "soon", "1e400"])
@on_a_loop
async def test_a_time_that_is_none_is_422(settings: Settings, seconds: str) -> None:
    async with served(settings) as desk:
        answer = await desk.http.get(f"/executions/{await desk.make()}?wait={seconds}")
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


@on_a_loop
async def test_what_there_is_not_is_404_at_once(settings: Settings) -> None:
    async with served(settings) as desk:
        for stranger in (ids.new(), "nobody"):
            answer: httpx.Response = await desk.http.get(f"/executions/{stranger}?wait={LONG}")
            assert answer.status_code == 404
