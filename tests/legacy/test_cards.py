"""The older doors to cards: what its clients send is done by real runs, and what they expect comes back."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from conselho.executions import answers
from conselho.legacy.card_shapes import OlderCard, OlderHistory
from conselho.settings import Settings
from tests.legacy.asking import check_shape, get, problem
from tests.legacy.kanban import CARD, LOG, NEVER_RAN, RUN, SAID, add, execute, prepare, send, told_log
from tests.looping import on_a_loop
from tests.projects.repositories import git, make_repository
from tests.server.desk import served


@on_a_loop
async def test_a_card_is_taken_through_its_commands_as_the_older_client_does(
    settings: Settings, tmp_path: Path
) -> None:
    project = make_repository(tmp_path / "repository")
    async with served(settings, works=True) as desk:
        await prepare(desk, project, f'{SAID}; echo "$CONSELHO_COMMAND" >> done.txt; echo careful >&2')
        card = await add(desk)
        assert (set(card), card["columnId"], card["specPath"], card["activeExecution"]) == (CARD, "backlog", None, None)
        assert await get(desk, f"logs/{card['id']}") == NEVER_RAN

        planned = await execute(desk, "plan", card, title=card["title"], description="", model="opus-4.5")
        assert (planned["success"], planned["result"], planned["error"]) == (True, "The plan: mend it", None)
        assert {(each["type"], each["content"]) for each in planned["logs"]} == {
            ("info", "The plan: mend it"),
            ("warning", "careful"),
        }
        assert planned["specPath"] == f"card:{card['number']}"

        for command in ("implement", "test", "review"):
            moved = await send(desk, "PATCH", f"cards/{card['id']}/move", {"columnId": command})
            assert (moved.status_code, moved.json()["columnId"]) == (200, command)
            assert (await execute(desk, command, card, specPath=planned["specPath"]))["success"]

        (listed,) = await get(desk, "cards")
        TypeAdapter(OlderCard).validate_python(listed)
        assert listed == await get(desk, f"cards/{card['number']}")
        active = listed["activeExecution"]
        assert set(active) == {"id", "status", "command", "startedAt", "completedAt"}
        assert (active["status"], active["command"]) == ("success", "/review")
        assert git(Path(listed["worktreePath"]), "show", "HEAD:done.txt").split() == [
            "/plan", "/implement", "/test", "/review"
        ]  # fmt: skip

        told = await get(desk, f"logs/{card['id']}/history")
        check_shape(OlderHistory, told)
        assert (set(told), told["success"], told["cardId"]) == ({"success", "cardId", "history"}, True, card["id"])
        assert [set(run) for run in told["history"]] == [RUN] * 4
        assert [run["command"] for run in told["history"]] == ["/review", "/test", "/implement", "/plan"]
        assert told["history"][-1]["executionId"] == planned["executionId"]
        assert told["history"][-1]["logs"] == planned["logs"]
        assert await told_log(desk, card) == {"cardId": card["id"]} | {
            name: value for name, value in told["history"][0].items() if name in LOG
        }


@on_a_loop
async def test_cards_are_changed_moved_and_taken_away(settings: Settings) -> None:
    async with served(settings) as desk:
        first, second = await add(desk, "First", description="All of it"), await add(desk, "Second")
        assert [each["id"] for each in await get(desk, "cards")] == [first["id"], second["id"]]
        name = f"cards/{first['id']}"
        changed = (await send(desk, "PUT", name, {"title": "New", "columnId": "plan"})).json()
        assert (changed["title"], changed["description"], changed["columnId"]) == ("New", "All of it", "plan")
        changed = (await send(desk, "PATCH", name, {"description": None, "unknown": 1})).json()
        assert (changed["title"], changed["description"]) == ("New", None)

        for too_soon in ({"columnId": "done", "title": "Not this"}, {"columnId": "archived"}):
            status, sentence = problem(await send(desk, "PATCH", name, too_soon))
            assert (status, "it may go to implement" in sentence) == (409, True)
        wrong: list[Any] = [
            {"title": None}, {"title": ""}, {"title": 1}, {"columnId": "nowhere"}, {"description": "x" * 200_000}
        ]  # fmt: skip
        for each in wrong:
            assert problem(await send(desk, "PATCH", name, each))[0] == 422
        assert problem(await send(desk, "PATCH", f"{name}/move", {}))[0] == 422
        assert problem(await send(desk, "POST", "cards", {"description": "no title"}))[0] == 422
        assert (await get(desk, name))["title"] == "New"

        removed = await send(desk, "DELETE", name)
        assert (removed.status_code, removed.json()["success"]) == (200, True)
        assert [each["id"] for each in await get(desk, "cards")] == [second["id"]]
        shown = await get(desk, name)
        assert (shown["archived"], shown["columnId"]) == (True, "archived")


@on_a_loop
async def test_a_card_that_nobody_knows_is_not_found(settings: Settings) -> None:
    async with served(settings) as desk:
        for name in ("0190c1a2-0000-7000-8000-000000000001", "17", "nobody", "9" * 30):
            for method, path, body in (
                ("GET", f"cards/{name}", None),
                ("PATCH", f"cards/{name}", {"title": "x"}),
                ("PATCH", f"cards/{name}/move", {"columnId": "plan"}),
                ("DELETE", f"cards/{name}", None),
                ("POST", "execute-plan", {"cardId": name}),
                ("GET", f"logs/{name}", None),
                ("GET", f"logs/{name}/history", None),
            ):
                assert problem(await send(desk, method, path, body))[0] == 404


@on_a_loop
async def test_a_list_that_would_be_too_large_holds_the_newest_cards(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "PAGE_BYTES_MAX", 100_000)
    async with served(settings) as desk:
        made = [await add(desk, f"Card {number}", description="x" * 2_000) for number in range(60)]
        found = [each["id"] for each in await get(desk, "cards")]
        assert 30 < len(found) < 50
        assert found == [each["id"] for each in made[-len(found) :]]
