"""A project's worktrees and its end, over HTTP, with the cards that they belong to."""

from functools import partial
from pathlib import Path

from conselho.projects import places, worktrees
from conselho.settings import Settings
from tests.cards.asking import add, command, hire, make, move, refused, settled, shown, told, until, work
from tests.looping import on_a_loop
from tests.projects.repositories import git, make_dirty, standing
from tests.server.desk import Desk, served

WORKS = "echo work > notes.txt"


async def names(desk: Desk, project: str = "shop") -> list[str]:
    return [each["name"] for each in told(await desk.http.get(f"/projects/{project}/worktrees"))["items"]]


async def has_none(desk: Desk, card: int) -> bool:
    return (await shown(desk, card))["worktree"] is None


def is_there(path: str) -> bool:
    return Path(path).exists()


@on_a_loop
async def test_worktrees_are_listed_with_their_cards_and_orphans(
    settings: Settings, shop: Path, tmp_path: Path
) -> None:
    async with served(settings, works=True) as desk:
        project = await add(desk, shop)
        await hire(desk, WORKS)
        await work(desk, await make(desk))
        home = places.home(settings.data_dir, project["id"])
        worktrees.add(shop, home, "2-nobody's")
        worktrees.add(shop, home, "3-gone").path.rename(tmp_path / "gone")
        (home / "zzz\udcff").mkdir()

        page = told(await desk.http.get("/projects/shop/worktrees", params={"limit": 3}))
        rest = told(await desk.http.get("/projects/shop/worktrees", params={"after": page["next"]}))

        found = [(each["name"], each["standing"], each["is_orphan"]) for each in page["items"] + rest["items"]]
        assert found == [
            ("1-mend-it", "ready", False),
            ("2-nobody's", "ready", True),
            ("3-gone", "missing", True),
            ("zzz\\xff", "unregistered", True),
        ]
        mine = page["items"][0]
        card = await shown(desk, 1)
        assert mine["card"] == {"id": card["id"], "number": 1, "title": "Mend it", "column": "implement"}
        assert page["items"][1]["card"] is None
        assert (mine["path"], mine["head"]) == (card["worktree"], card["commit"])
        assert mine["merge"] == card["merge"] == f"git -C {shop} merge --no-ff conselho/1-mend-it"


@on_a_loop
async def test_a_worktree_is_removed_when_asked_and_made_anew_when_needed(settings: Settings, shop: Path) -> None:
    make_dirty(shop)
    before = standing(shop)
    async with served(settings, works=True) as desk:
        await add(desk, shop)
        await hire(desk, WORKS)
        card = await work(desk, await make(desk))
        gone = await desk.http.delete("/projects/shop/worktrees/1-mend-it")
        assert (gone.status_code, gone.content) == (204, b"")
        after = await shown(desk, 1)
        assert (after["worktree"], after["branch"], after["commit"]) == (None, card["branch"], card["commit"])
        assert not is_there(card["worktree"])
        assert standing(shop) == before

        again = await work(desk, 1, "/review")
        assert (again["worktree"], again["commit"]) == (card["worktree"], card["commit"])
        assert (Path(again["worktree"]) / "notes.txt").read_text() == "work\n"


@on_a_loop
async def test_a_worktree_is_kept_while_there_is_work_in_it(settings: Settings, shop: Path, tmp_path: Path) -> None:
    go = tmp_path / "go"
    async with served(settings, works=True) as desk:
        project = await add(desk, shop)
        await hire(desk, f"until test -e '{go}'; do sleep 0.05; done")
        run = await command(desk, await make(desk))
        door = "/projects/shop/worktrees"
        assert "card 1 has a run" in refused(await desk.http.delete(f"{door}/1-mend-it"))
        go.touch()
        card = await settled(desk, 1, run["id"])
        (Path(card["worktree"]) / "new.txt").write_text("somebody's\n")
        assert "not committed: kept" in refused(await desk.http.delete(f"{door}/1-mend-it"))
        (places.home(settings.data_dir, project["id"]) / "theirs").mkdir()
        assert "look what is in it" in refused(await desk.http.delete(f"{door}/theirs"))
        for name in ("nowhere", ".removed", "a b", "%2e%2e", "..%2F..", "1-mend-it.lock", "x" * 300, "%00", "zzz%ff"):
            await _is_absent(desk, f"{door}/{name}")
        assert await names(desk) == ["1-mend-it", "theirs"]


async def _is_absent(desk: Desk, path: str) -> None:
    answer = await desk.http.delete(path)
    assert answer.status_code in {404, 405, 409, 422}, (path, answer.text)


@on_a_loop
async def test_orphans_are_removed_when_asked(settings: Settings, shop: Path, tmp_path: Path) -> None:
    async with served(settings) as desk:
        project = await add(desk, shop)
        home = places.home(settings.data_dir, project["id"])
        worktrees.add(shop, home, "7-nobody")
        worktrees.add(shop, home, "8-gone").path.rename(tmp_path / "gone")
        for name in ("7-nobody", "8-gone"):
            told_of = await desk.http.delete(f"/projects/shop/worktrees/{name}")
            assert told_of.status_code == 204, told_of.text
        assert await names(desk) == []
        assert git(shop, "worktree", "list").count("\n") == 0


@on_a_loop
async def test_a_project_goes_when_its_cards_are_archived_and_they_stay(settings: Settings, shop: Path) -> None:
    async with served(settings, works=True) as desk:
        await add(desk, shop)
        await hire(desk, WORKS)
        card = await work(desk, await make(desk))
        await make(desk, "Another")
        await move(desk, 2, "cancelled")
        assert "has 2 cards that are not archived" in refused(await desk.http.delete("/projects/shop"))
        await desk.http.delete("/cards/2")
        assert "has 1 card that is not archived" in refused(await desk.http.delete("/projects/shop"))
        (Path(card["worktree"]) / "new.txt").write_text("somebody's\n")
        await desk.http.delete("/cards/1")
        assert card["worktree"] in refused(await desk.http.delete("/projects/shop"))
        (Path(card["worktree"]) / "new.txt").unlink()
        assert (await desk.http.delete("/projects/shop/worktrees/1-mend-it")).status_code == 204
        assert (await desk.http.delete("/projects/shop")).status_code == 204
        left = await shown(desk, 1)
        assert (left["project"], left["column"], left["branch"]) == (None, "archived", card["branch"])
        assert git(shop, "rev-parse", card["branch"]) == card["commit"]
        assert (await desk.http.delete("/projects/shop")).status_code == 404


@on_a_loop
async def test_a_card_that_is_archived_loses_its_worktree_by_itself(settings: Settings, shop: Path) -> None:
    async with served(settings, works=True) as desk:
        await add(desk, shop)
        await hire(desk, WORKS)
        card = await work(desk, await make(desk))
        await desk.http.delete("/cards/1")
        await until(partial(has_none, desk, 1))
        assert not is_there(card["worktree"])


@on_a_loop
async def test_a_card_of_a_project_that_is_gone_begins_anew_in_another(
    settings: Settings, shop: Path, tmp_path: Path
) -> None:
    async with served(settings, works=True) as desk:
        await add(desk, shop)
        await hire(desk, WORKS)
        await work(desk, await make(desk))
        await desk.http.delete("/cards/1")
        await until(partial(has_none, desk, 1))
        assert (await desk.http.delete("/projects/shop")).status_code == 204
        (tmp_path / "plain").mkdir()
        await add(desk, tmp_path / "plain")
        await move(desk, 1, "done", "review")
        assert "no project" in refused(await desk.http.post("/cards/1/commands", json={"command": "/plan"}), 422)
        changed = told(await desk.http.patch("/cards/1", json={"project": "plain"}))
        assert (changed["project"], changed["branch"], changed["base"]) == ("plain", None, None)
        await work(desk, 1)
        assert (tmp_path / "plain" / "notes.txt").read_text() == "work\n"
