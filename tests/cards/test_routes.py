"""Cards and the board over HTTP: what is sent, what comes back, and what is refused."""

import asyncio
from pathlib import Path
from typing import Any

import httpx

from conselho import ids
from conselho.settings import Settings
from tests.looping import on_a_loop
from tests.projects.repositories import git, standing
from tests.server.desk import PATIENCE_SECONDS, Desk, served

KIB = 1024


async def have(desk: Desk, door: str, **body: Any) -> dict[str, Any]:
    answer = await desk.http.post(door, json=body)
    assert answer.status_code in {201, 202}, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def prepare(desk: Desk, shop: Path, script: str = "true") -> None:
    await have(desk, "/projects", path=str(shop))
    await have(desk, "/agents", slug="ana", argv=["sh", "-c", script])


async def settled(desk: Desk, card: str) -> dict[str, Any]:
    """The card once the work of its last run is kept."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found: dict[str, Any] = (await desk.http.get(f"/cards/{card}")).json()
            if found["is_settled"]:
                return found
            await asyncio.sleep(0.05)


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["detail"]


@on_a_loop
async def test_a_card_is_made_looked_at_changed_moved_and_archived(settings: Settings, shop: Path) -> None:
    async with served(settings) as desk:
        await prepare(desk, shop)
        whole = {
            "title": "Mend the door", "description": "It squeaks.", "plan": "Oil it.", "project": "shop",
            "priority": 5, "agent": "ana", "agents": {"test": "ana"},
        }  # fmt: skip
        made = await desk.http.post("/cards", json=whole)
        told = made.json()
        assert (made.status_code, made.headers["Location"]) == (201, f"/api/v1/cards/{told['id']}")
        assert told | whole == told
        for name in ("1", told["id"]):
            assert (await desk.http.get(f"/cards/{name}")).json() == told

        cleared = {"description": None, "plan": None, "project": None, "priority": None, "agent": None, "agents": None}
        changed = await desk.http.patch("/cards/1", json=cleared | {"version": 1})
        after = changed.json()
        assert changed.status_code == 200, changed.text
        assert after | cleared | {"priority": 0, "agents": {}, "version": 2, "title": "Mend the door"} == after

        moved = await desk.http.post("/cards/1/move", json={"column": "plan", "version": 2})
        assert (moved.json()["column"], moved.json()["allowed_moves"]) == (
            "plan", ["implement", "backlog", "cancelled"]
        )  # fmt: skip
        assert (await desk.http.delete("/cards/1", params={"version": 2})).status_code == 409
        assert (await desk.http.delete("/cards/1", params={"version": 3})).status_code == 204
        assert (await desk.http.delete("/cards/1")).status_code == 204
        board = (await desk.http.get("/board")).json()
        assert {each["name"]: each["total"] for each in board["columns"] if each["total"]} == {"archived": 1}
        (shelf,) = (await desk.http.get("/board", params={"column": "archived"})).json()["columns"]
        assert [each["number"] for each in shelf["cards"]] == [1]


@on_a_loop
async def test_a_card_goes_all_the_way(settings: Settings, shop: Path) -> None:
    before = standing(shop)
    async with served(settings, works=True) as desk:
        await prepare(
            desk, shop, 'echo "did $CONSELHO_COMMAND"; [ $CONSELHO_COMMAND != /implement ] || echo x > new.txt'
        )
        await have(desk, "/cards", title="Mend the door")
        runs: list[str] = []
        found: dict[str, Any] = {}
        for word in ("/plan", "implement", "/test", "review"):
            runs.append((await have(desk, "/cards/1/commands", command=word))["id"])
            found = await settled(desk, "1")
            assert found["latest_execution"]["status"] == "succeeded", found
            assert found["last_line"]["text"] == f"did /{word.removeprefix('/')}"
        assert (found["column"], found["runs"], found["changes"]["files"]) == ("review", 4, 1)
        history = (await desk.http.get("/cards/1/executions")).json()["items"]
        assert [each["id"] for each in history] == runs[::-1]
        tests = (await desk.http.get("/cards/1/executions", params={"command": "test"})).json()["items"]
        assert [each["id"] for each in tests] == [runs[2]]
        assert (await desk.http.get("/executions", params={"card": found["id"]})).json()["items"] == history
        kept = (await desk.http.get("/cards/1/diff")).json()
        now = (await desk.http.get("/cards/1/diff", params={"now": True})).json()
        assert kept | {"execution_id": None, "made_at": now["made_at"]} == now
        assert (kept["execution_id"], kept["files"][0]["path"]) == (runs[3], "new.txt")
        assert found["merge"] == f"git -C {shop} merge --no-ff conselho/1-mend-the-door"
        assert standing(shop) == before
    git(shop, "show", "conselho/1-mend-the-door:new.txt")


@on_a_loop
async def test_who_is_refused_gets_the_card_with_it(settings: Settings, shop: Path) -> None:
    async with served(settings) as desk:
        await prepare(desk, shop)
        await have(desk, "/cards", title="Mend the door")
        run = await have(desk, "/cards/1/commands", command="/plan")
        for answer in (
            await desk.http.post("/cards/1/commands", json={"command": "/test"}),
            await desk.http.post("/cards/1/move", json={"column": "implement"}),
            await desk.http.patch("/cards/1", json={"title": "x", "version": 1}),
            await desk.http.delete("/cards/1"),
        ):
            status, sentence = problem(answer)
            card = answer.json()["card"]
            assert (status, card["allowed_moves"], card["allowed_commands"]) == (409, ["cancelled"], []), sentence
            assert (card["active_execution"]["id"], card["version"]) == (run["id"], 2)
        moved = await desk.http.post("/cards/1/move", json={"column": "cancelled"})
        assert moved.json()["latest_execution"]["status"] == "cancelled"
        assert (await desk.http.get(f"/executions/{run['id']}")).json()["status"] == "cancelled"


@on_a_loop
async def test_what_cannot_be_is_refused_and_names_the_field(settings: Settings, shop: Path) -> None:
    async with served(settings) as desk:
        await prepare(desk, shop)
        await have(desk, "/cards", title="Mend the door")
        for path, body, word in (
            ("/cards", {}, "title"),
            ("/cards", {"title": ""}, "title"),
            ("/cards", {"title": "x" * 256}, "255"),
            ("/cards", {"title": 5}, "title"),
            ("/cards", {"title": "x", "description": "x" * (100 * KIB + 1)}, "description"),
            ("/cards", {"title": "x", "project": "nowhere"}, "project"),
            ("/cards", {"title": "x", "column": "done"}, "column"),
            ("/cards", {"title": "x", "priority": 10**30}, "priority"),
            ("/cards", [], ""),
            ("/cards/1/move", {}, "column"),
            ("/cards/1/move", {"column": "heaven"}, "column"),
            ("/cards/1/move", {"column": "plan", "before": "99"}, "before"),
            ("/cards/1/move", {"column": "plan", "version": 0}, "version"),
            ("/cards/1/commands", {}, "command"),
            ("/cards/1/commands", {"command": "/dance"}, "command"),
            ("/cards/1/commands", {"command": "/plan", "agent": "nobody"}, "agent"),
            ("/cards/1/commands", {"command": "/plan", "message": "x" * (64 * KIB + 1)}, "message"),
            ("/cards/1/commands", {"command": "/plan", "timeout_seconds": 0}, "timeout_seconds"),
            ("/cards/1/commands", {"command": "/plan", "model": "x" * 101}, "model"),
            ("/cards/1/commands", {"command": "/plan", "colour": "red"}, "colour"),
        ):
            status, sentence = problem(await desk.http.post(path, json=body))
            assert (status, word in sentence) == (422, True), (path, body, sentence)
        changes: tuple[dict[str, Any], ...] = (
            {"title": None}, {"title": ""}, {"version": 0}, {"colour": "red"}, {"agents": {"dance": "ana"}}
        )  # fmt: skip
        for change in changes:
            assert problem(await desk.http.patch("/cards/1", json=change))[0] == 422, change
        for query in (
            {"limit": 0}, {"limit": 201}, {"column": "heaven"}, {"after": "1.x"}, {"column": "plan", "after": "x"},
        ):  # fmt: skip
            assert problem(await desk.http.get("/board", params=query))[0] == 422, query
        assert problem(await desk.http.get("/cards", params={"after": "x"}))[0] == 422
        for name in ("2", "%00", "é", "x" * 200, ids.new(), "-1", "9" * 40):
            for path in ("", "/executions", "/diff"):
                assert problem(await desk.http.get(f"/cards/{name}{path}"))[0] == 404
            assert problem(await desk.http.post(f"/cards/{name}/commands", json={"command": "plan"}))[0] == 404
            assert problem(await desk.http.post(f"/cards/{name}/move", json={"column": "plan"}))[0] == 404
            assert problem(await desk.http.patch(f"/cards/{name}", json={"title": "x"}))[0] == 404
            assert problem(await desk.http.delete(f"/cards/{name}"))[0] == 404
        assert problem(await desk.http.get("/board", params={"project": "nowhere"}))[0] == 404
        found = (await desk.http.get("/cards")).json()["items"]
        assert [(each["number"], each["version"]) for each in found] == [(1, 1)]
        assert problem(await desk.http.get("/cards/1/diff")) == (
            404, "nothing is kept yet of what card 1 has changed: no run of it has ended in a worktree"
        )  # fmt: skip
        assert problem(await desk.http.get("/cards/1/diff", params={"now": True}))[0] == 404


@on_a_loop
async def test_many_posts_of_one_key_are_one_card_and_one_run(settings: Settings, shop: Path) -> None:
    async with served(settings) as desk:
        await prepare(desk, shop)
        headers = {"Idempotency-Key": "k"}

        async def ask(path: str, body: dict[str, Any]) -> httpx.Response:
            return await desk.http.post(path, json=body, headers=headers)

        answers = await asyncio.gather(*(ask("/cards", {"title": "Mend"}) for _ in range(20)))
        assert {each.status_code for each in answers} == {201}
        assert len({each.json()["id"] for each in answers}) == 1
        assert problem(await ask("/cards", {"title": "Other"}))[0] == 422
        headers = {"Idempotency-Key": "l"}
        told = await asyncio.gather(*(ask("/cards/1/commands", {"command": "plan"}) for _ in range(20)))
        assert {each.status_code for each in told} == {202}
        assert len({each.json()["id"] for each in told}) == 1
        assert problem(await ask("/cards/1/commands", {"command": "test"}))[0] == 422
        assert await desk.count() == 1


@on_a_loop
async def test_pages_of_cards_follow_each_other(settings: Settings) -> None:
    async with served(settings) as desk:
        for number in range(5):
            await have(desk, "/cards", title=str(number))
        found: list[str] = []
        query: dict[str, Any] = {"limit": 2}
        while True:
            page = (await desk.http.get("/cards", params=query)).json()
            found += [each["title"] for each in page["items"]]
            if page["next"] is None:
                break
            query["after"] = page["next"]
        assert found == list("01234")
