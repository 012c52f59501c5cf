"""Real runs of cards in odd repositories, and in directories that are none. The checkout of the user stays as it is."""

import asyncio
import resource
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from conselho.projects import places
from conselho.settings import Settings
from tests.cards.asking import add, changes, command, hire, make, refused, settled, shown, told, until, work
from tests.looping import on_a_loop
from tests.projects.repositories import git, make_dirty, make_repository, standing
from tests.server.desk import Desk, served

MEBIBYTE = 1024 * 1024


def text(directory: str | Path, name: str) -> str:
    return (Path(directory) / name).read_text()


async def ordered(desk: Desk, card: int) -> Any:
    return await desk.http.post(f"/cards/{card}/commands", json={"command": "/implement"})


@on_a_loop
async def test_a_dirty_checkout_stays_as_it_is_and_is_not_worked_on(settings: Settings, shop: Path) -> None:
    make_dirty(shop)
    before, reflog = standing(shop), git(shop, "reflog")
    async with served(settings, works=True) as desk:
        await add(desk, shop)
        await hire(
            desk, "cat notes.txt > seen.txt; test ! -e new.txt && echo work >> notes.txt; git stash list > stashes"
        )
        card = await work(desk, await make(desk))
        files = await changes(desk, 1)
    assert text(card["worktree"], "seen.txt") == "one\ntwo\nthree\n"
    assert sorted(files) == ["notes.txt", "seen.txt", "stashes"]
    assert (card["note"], card["latest_execution"]["status"]) == (None, "succeeded")
    assert (standing(shop), git(shop, "reflog")) == (before, reflog)


@on_a_loop
async def test_a_repository_without_commits_is_refused_until_it_has_one(settings: Settings, tmp_path: Path) -> None:
    empty = make_repository(tmp_path / "empty", commits=False)
    before = standing(empty)
    async with served(settings, works=True) as desk:
        await add(desk, empty)
        await hire(desk, "echo work > work.txt")
        await make(desk)
        assert "has no commit yet: make one" in refused(await ordered(desk, 1))
        assert (await shown(desk, 1))["column"] == "backlog"
        assert standing(empty) == before
        git(empty, "commit", "-q", "--allow-empty", "-m", "first")
        assert (await work(desk, 1))["commit"] == git(empty, "rev-parse", "conselho/1-mend-it")


@on_a_loop
async def test_a_bare_repository_is_worked_on_like_any_other(settings: Settings, shop: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(shop), "bare.git")
    bare = tmp_path / "bare.git"
    before = git(bare, "rev-parse", "HEAD", "main")
    async with served(settings, works=True) as desk:
        await add(desk, bare)
        await hire(desk, "echo work > notes.txt")
        card = await work(desk, await make(desk))
        assert list(await changes(desk, 1)) == ["notes.txt"]
    assert git(bare, "show", f"{card['branch']}:notes.txt") == "work"
    assert git(bare, "rev-parse", "HEAD", "main") == before


@on_a_loop
async def test_of_a_submodule_its_commit_counts(settings: Settings, shop: Path, tmp_path: Path) -> None:
    app = make_repository(tmp_path / "app")
    git(app, "submodule", "add", "-q", str(shop), "lib")
    git(app, "commit", "-q", "-m", "with a submodule")
    before = standing(app)
    fill = "git -c protocol.file.allow=always submodule update -q --init"
    moved = "git -C lib -c user.name=a -c user.email=a@localhost commit -q --allow-empty -m moved"
    async with served(settings, works=True) as desk:
        await add(desk, app)
        await hire(desk, f"{fill} && {moved} && echo inside > lib/new.txt && echo work > notes.txt")
        card = await work(desk, await make(desk))
        files = await changes(desk, 1)
        assert (card["latest_execution"]["status"], card["note"]) == ("succeeded", None)
        assert {path: each["kind"] for path, each in files.items()} == {"lib": "submodule", "notes.txt": "file"}
        why = refused(await desk.http.delete(f"/projects/app/worktrees/{Path(card['worktree']).name}"))
        assert "submodule with files in it: kept" in why
    assert standing(app) == before


@on_a_loop
async def test_names_of_files_are_kept_whatever_they_are(settings: Settings, shop: Path) -> None:
    names = ["a\nb", "-x", "é", "$(touch x)", "a b\t", "'"]
    written = "; ".join(f"printf work > './{name}'" for name in names if name != "'")
    async with served(settings, works=True) as desk:
        await add(desk, shop)
        await hire(desk, written + '; printf work > "./\'"; printf work > "$(printf \'raw\\377\')"')
        card = await work(desk, await make(desk))
        files = await changes(desk, 1)
    assert sorted(files) == sorted([*names, "raw\\xff"])
    assert {each["lines_added"] for each in files.values()} == {1}
    committed = git(shop, "ls-tree", "-r", "-z", "--name-only", card["branch"]).split("\0")
    assert set(names) | {"raw\udcff"} <= set(committed)


@on_a_loop
async def test_a_file_of_100_mb_is_named_and_nobody_holds_it_in_memory(settings: Settings, shop: Path) -> None:
    async with served(settings, works=True) as desk:
        await add(desk, shop)
        await hire(desk, "truncate -s 100M large && echo work > notes.txt")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        card = await work(desk, await make(desk))
        files = await changes(desk, 1)
        more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    large = files["large"]
    assert (large["is_large"], large["patch"], large["lines_added"], large["status"]) == (True, None, None, "added")
    assert card["changes"] == {"files": 2, "lines_added": 1, "lines_removed": 3}
    assert git(shop, "cat-file", "-s", f"{card['branch']}:large") == str(100 * MEBIBYTE)
    assert more < 40 * MEBIBYTE


@on_a_loop
async def test_in_a_plain_directory_one_card_runs_and_the_other_says_what_it_waits_for(
    settings: Settings, tmp_path: Path
) -> None:
    plain, go = tmp_path / "plain", tmp_path / "go"
    plain.mkdir()
    async with served(settings, works=True) as desk:
        await add(desk, plain)
        await hire(
            desk, f"until test -e '{go}'; do sleep 0.05; done; echo $CONSELHO_CARD >> log; sleep 0.2; echo end >> log"
        )
        first = await command(desk, await make(desk))
        second = await command(desk, await make(desk, "The other"))
        await until(lambda: is_running(desk, first["id"]))
        waiting = told(await desk.http.get(f"/executions/{second['id']}"))
        assert waiting["status"] == "queued"
        assert str(plain) in str(waiting["waiting_for"])
        go.touch()
        for number, run in enumerate((first, second), 1):
            card = await settled(desk, number, run["id"])
            assert (card["branch"], card["worktree"], card["changes"]) == (None, None, None)
            assert card["latest_execution"]["status"] == "succeeded"
        assert "has no branch" in refused(await desk.http.get("/cards/1/diff", params={"now": True}), 404)
    assert text(plain, "log") == "1\nend\n2\nend\n"


async def is_running(desk: Desk, execution_id: str) -> bool:
    return bool(told(await desk.http.get(f"/executions/{execution_id}"))["status"] == "running")


@pytest.mark.parametrize("title", ["../../x", "-f", ".git", "x\ny", "$(touch evil)", "ü" * 200, "--upload-pack=evil"])
@on_a_loop
async def test_no_title_leads_out_of_the_project(settings: Settings, shop: Path, title: str) -> None:
    before = standing(shop)
    async with served(settings, works=True) as desk:
        project = await add(desk, shop)
        await hire(desk, "echo work > notes.txt")
        card = await work(desk, await make(desk, title))
        assert Path(card["worktree"]).parent == places.home(settings.data_dir, project["id"])
        assert card["branch"].startswith("conselho/1-")
        assert card["commit"] == git(shop, "rev-parse", card["branch"])
    assert standing(shop) == before


@pytest.mark.parametrize("branch", ["../x", "-x", "a..b", "refs/heads/main", "x" * 300, "main\n", "HEAD~1", "@{-1}"])
@on_a_loop
async def test_no_default_branch_leads_out_of_the_project(settings: Settings, shop: Path, branch: str) -> None:
    async with served(settings) as desk:
        body = {"path": str(shop), "default_branch": branch}
        assert "default_branch" in refused(await desk.http.post("/projects", json=body), 422)


@on_a_loop
async def test_a_branch_that_the_user_has_checked_out_is_left_to_the_user(settings: Settings, shop: Path) -> None:
    async with served(settings, works=True) as desk:
        await add(desk, shop)
        await hire(desk, "echo work > notes.txt")
        card = await work(desk, await make(desk))
        assert (await desk.http.delete(f"/projects/shop/worktrees/{Path(card['worktree']).name}")).status_code == 204
        git(shop, "checkout", "-q", card["branch"])
        before = standing(shop)
        assert str(shop) in refused(await ordered(desk, 1))
        assert standing(shop) == before
        git(shop, "checkout", "-q", "main")
        assert (await work(desk, 1))["commit"] == card["commit"]


@on_a_loop
async def test_a_card_of_two_servers_keeps_its_worktree_and_its_work(
    postgres_database_url: str, data_dir: Path, shop: Path, tmp_path: Path
) -> None:
    before = standing(shop)
    (tmp_path / "other").mkdir()
    one, other = (
        Settings(data_dir=each, database_url=postgres_database_url, poll_seconds=0.2, term_grace_seconds=0.5)
        for each in (data_dir, tmp_path / "other")
    )
    async with served(one, works=True) as first, served(other, works=True) as second:
        await add(first, shop)
        await hire(first, "echo $CONSELHO_COMMAND >> notes.txt")
        cards = [await make(first, f"Card {number}") for number in range(4)]
        made = await asyncio.gather(*(work(desk, card) for desk, card in zip((first, second) * 2, cards, strict=True)))
        again = await asyncio.gather(
            *(work(desk, card, "/review") for desk, card in zip((second, first) * 2, cards, strict=True))
        )
        assert [each["worktree"] for each in again] == [each["worktree"] for each in made]
        for card in again:
            assert (card["note"], card["latest_execution"]["status"]) == (None, "succeeded")
            assert card["commit"] == git(shop, "rev-parse", card["branch"])
            assert text(card["worktree"], "notes.txt").splitlines()[-2:] == ["/implement", "/review"]
            assert git(shop, "rev-list", "--count", f"main..{card['branch']}") == "2"
        for number in cards:
            await second.http.delete(f"/cards/{number}")
        for number in cards:
            await until(partial(has_none, first, number))
    assert standing(shop) == before


async def has_none(desk: Desk, card: int) -> bool:
    return (await shown(desk, card))["worktree"] is None
