"""Commands as the older clients give them: answered when the run ends, or at once where that is preferred."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

from conselho.executions import endings
from conselho.settings import Settings
from tests.legacy.asking import get, problem
from tests.legacy.kanban import (
    add,
    begin,
    contents,
    execute,
    gated,
    log_that,
    prepare,
    send,
    told_log,
)
from tests.looping import on_a_loop, until
from tests.server.desk import Desk, served


@on_a_loop
async def test_a_run_that_fails_is_an_error_and_says_why(settings: Settings, shop: Path) -> None:
    async with served(settings, works=True) as desk:
        await prepare(desk, shop, "exit 3")
        card = await add(desk)
        told = await execute(desk, "plan", card)
        assert (told["success"], told["status"], told["result"], told["specPath"]) == (False, "error", None, None)
        assert "3" in told["error"]
        log = await told_log(desk, card)
        assert (log["status"], log["result"]) == ("error", told["error"])


@on_a_loop
async def test_a_cancelled_run_is_an_error_to_whoever_waits(settings: Settings, shop: Path) -> None:
    async with served(settings) as desk:
        await prepare(desk, shop)
        card = await add(desk)
        waiting = asyncio.ensure_future(execute(desk, "plan", card))
        execution_id = await asked(desk)
        assert (await get(desk, f"logs/{card['id']}"))["startedAt"] is None
        await send(desk, "PATCH", f"cards/{card['id']}/move", {"columnId": "cancelado"})
        told = await waiting
        assert (told["success"], told["executionId"], told["status"]) == (False, execution_id, "error")
        assert told["error"]
        assert (await get(desk, f"cards/{card['id']}"))["columnId"] == "cancelled"


async def asked(desk: Desk) -> str:
    """The one run that is waited for."""

    def waited_for() -> list[str]:
        prefix = endings.topic_of("")
        return [topic.removeprefix(prefix) for topic in desk.runtime.signals._waiting if topic.startswith(prefix)]

    await until(waited_for)
    (execution_id,) = waited_for()
    return execution_id


@on_a_loop
async def test_a_client_that_goes_away_is_not_waited_for_and_its_run_goes_on(
    settings: Settings, shop: Path, tmp_path: Path
) -> None:
    script, gate = gated(tmp_path)
    async with served(settings, works=True) as desk:
        await prepare(desk, shop, script)
        card = await add(desk)
        leaving = asyncio.ensure_future(execute(desk, "plan", card))
        execution_id = await asked(desk)
        leaving.cancel()
        with suppress(asyncio.CancelledError):
            await leaving
        await until(lambda: not desk.runtime.signals._waiting.get(endings.topic_of(execution_id)))
        gate.touch()
        assert contents(await log_that(desk, card, "success", 2)) == ["begun", "ended"]


@on_a_loop
async def test_whoever_waits_when_the_server_stops_is_told_where_to_look(settings: Settings, shop: Path) -> None:
    async with served(settings) as desk:
        await prepare(desk, shop)
        card = await add(desk)
        waiting = asyncio.ensure_future(send(desk, "POST", "execute-plan", {"cardId": card["number"]}))
        await asked(desk)
        desk.runtime.signals.close()
        status, sentence = problem(await waiting)
        assert (status, f"/api/logs/{card['id']}" in sentence) == (503, True)


@on_a_loop
async def test_what_cannot_be_commanded_is_refused_and_nothing_is_written(settings: Settings, shop: Path) -> None:
    async with served(settings) as desk:
        await prepare(desk, shop)
        card = await add(desk)
        unknown = {"cardId": "0190c1a2-0000-7000-8000-000000000001", "title": "A card that is not there"}
        assert problem(await send(desk, "POST", "execute-plan", unknown))[0] == 404
        wrong: list[Any] = [{}, {"cardId": None}, {"cardId": card["id"], "model": "m" * 101}, [], {"cardId": {}}]
        for each in wrong:
            assert problem(await send(desk, "POST", "execute-plan", each))[0] == 422
        assert problem(await send(desk, "POST", "execute-nothing", {"cardId": card["id"]}))[0] == 422

        await begin(desk, "plan", card)
        again = {"cardId": card["id"], "title": "Another title"}
        status, sentence = problem(await send(desk, "POST", "execute-implement", again))
        assert (status, "wait for its end" in sentence) == (409, True)
        assert (await get(desk, f"cards/{card['id']}"))["title"] == card["title"]
        for method, path, body in (
            ("PATCH", f"cards/{card['id']}/move", {"columnId": "implement"}),
            ("DELETE", f"cards/{card['id']}", None),
        ):
            assert problem(await send(desk, method, path, body))[0] == 409


@on_a_loop
async def test_title_and_description_that_are_sent_are_what_the_agent_is_told(settings: Settings, shop: Path) -> None:
    async with served(settings, works=True) as desk:
        await prepare(desk, shop, "cat")
        card = await add(desk, description="As it was")
        told = await execute(desk, "plan", card, title="Another title", description="")
        assert "Another title" in told["result"]
        assert "As it was" in told["result"]
        found = await get(desk, f"cards/{card['id']}")
        assert (found["title"], found["description"]) == ("Another title", "As it was")
