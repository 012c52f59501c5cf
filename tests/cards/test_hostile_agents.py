"""What agents do to their worktree: nothing of theirs is run, nothing is lost, and the card says what is up."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from conselho.settings import Settings
from tests.cards.asking import add, changes, hire, make, refused, shown, told, work
from tests.looping import on_a_loop
from tests.projects.repositories import git, standing
from tests.server.desk import Desk, served

AS_AGENT = "git -c user.name=a -c user.email=a@localhost"
WORK = "echo work > work.txt"
CONFLICT = (
    f"git checkout -q -b side && echo a > notes.txt && {AS_AGENT} commit -qam a && git checkout -q - &&"
    f" echo b > notes.txt && {AS_AGENT} commit -qam b && ! {AS_AGENT} merge -q side"
)


@pytest.fixture
def settings(data_dir: Path, sqlite_database_url: str) -> Settings:
    """What git finds does not depend on the database."""
    return Settings(data_dir=data_dir, database_url=sqlite_database_url, poll_seconds=0.2, term_grace_seconds=0.5)


async def worked(desk: Desk, shop: Path, script: str) -> dict[str, Any]:
    """The card after a run of that script, which was all right."""
    await add(desk, shop)
    await hire(desk, script)
    card = await work(desk, await make(desk))
    assert card["latest_execution"]["status"] == "succeeded"
    return card


async def works_again(desk: Desk) -> dict[str, Any]:
    """The card after another agent has worked on it, whose git knows where it is."""
    await hire(desk, "git rev-parse --abbrev-ref HEAD > where.txt && echo again > again.txt", "good")
    card = await work(desk, 1, agent="good")
    assert card["latest_execution"]["status"] == "succeeded"
    return card


async def command_refused(desk: Desk) -> str:
    return refused(await desk.http.post("/cards/1/commands", json={"command": "/implement"}))


async def removal_refused(desk: Desk) -> str:
    return refused(await desk.http.delete("/projects/shop/worktrees/1-mend-it"))


def text(card: dict[str, Any], name: str) -> str:
    return (Path(card["worktree"]) / name).read_text()


def committed(shop: Path, card: dict[str, Any], name: str) -> str:
    return git(shop, "show", f"{card['branch']}:{name}")


@on_a_loop
async def test_one_that_deletes_its_worktree(settings: Settings, shop: Path) -> None:
    before = standing(shop)
    async with served(settings, works=True) as desk:
        card = await worked(desk, shop, 'here="$PWD"; cd / && rm -rf "$here"')
        assert "is no worktree of" in card["note"]
        assert (await works_again(desk))["note"] is None
    assert committed(shop, card, "where.txt") == card["branch"]
    assert standing(shop) == before


@on_a_loop
async def test_one_that_switches_the_branch(settings: Settings, shop: Path) -> None:
    async with served(settings, works=True) as desk:
        card = await worked(desk, shop, f"git checkout -q -b elsewhere && {WORK}")
        assert "is on elsewhere, not on conselho/1-mend-it: nothing was committed" in card["note"]
        assert text(card, "work.txt") == "work\n"
        await hire(desk, f"git checkout -q {card['branch']}", "back")
        assert (await work(desk, 1, agent="back"))["note"] is None
    assert committed(shop, card, "work.txt") == "work"


@on_a_loop
async def test_one_that_commits_by_itself(settings: Settings, shop: Path) -> None:
    async with served(settings, works=True) as desk:
        card = await worked(desk, shop, f"{WORK} && git add -A && {AS_AGENT} commit -qm own")
        assert (card["note"], card["commit"]) == (None, git(shop, "rev-parse", card["branch"]))
        assert list(await changes(desk, 1)) == ["work.txt"]
    assert git(shop, "show", "-s", "--format=%an %s", card["branch"]) == "a own"


@on_a_loop
async def test_one_that_leaves_a_merge_in_progress(settings: Settings, shop: Path) -> None:
    async with served(settings, works=True) as desk:
        card = await worked(desk, shop, CONFLICT)
        assert "is in the middle of a merge or the like: nothing was committed" in card["note"]
        assert "<<<<<<<" in text(card, "notes.txt")
        assert "<<<<<<<" not in committed(shop, card, "notes.txt")
        assert (await desk.http.get("/cards/1/diff", params={"now": True})).status_code == 200
        await desk.http.delete("/cards/1")
        assert "in the middle of a merge" in await removal_refused(desk)
        told(await desk.http.post("/cards/1/move", json={"column": "done"}))
        told(await desk.http.post("/cards/1/move", json={"column": "review"}))
        await hire(desk, f"echo c > notes.txt && git add -A && {AS_AGENT} commit -qm merged", "able")
        assert (await work(desk, 1, agent="able"))["note"] is None
    assert committed(shop, card, "notes.txt") == "c"


@on_a_loop
async def test_one_that_makes_a_repository_of_its_own(settings: Settings, shop: Path) -> None:
    before = standing(shop)
    own = f"rm .git && git init -q && {WORK} && git add -A && {AS_AGENT} commit -qm own"
    async with served(settings, works=True) as desk:
        card = await worked(desk, shop, own)
        assert committed(shop, card, "work.txt") == "work"
        assert "somebody's own" in await command_refused(desk)
        assert "somebody's own" in await removal_refused(desk)
        shutil.rmtree(Path(card["worktree"]) / ".git")
        await works_again(desk)
    assert committed(shop, card, "where.txt") == card["branch"]
    assert standing(shop) == before


@pytest.mark.parametrize("link", ["gone", "elsewhere", "a link", "a pipe"])
@on_a_loop
async def test_one_that_rewrites_its_git_file(settings: Settings, shop: Path, link: str) -> None:
    before = standing(shop)
    script = {
        "gone": "rm .git",
        "elsewhere": f"echo 'gitdir: {shop}/.git' > .git",
        "a link": f"rm .git && ln -s '{shop}/.git' .git",
        "a pipe": "rm .git && mkfifo .git",
    }[link]
    async with served(settings, works=True) as desk:
        card = await worked(desk, shop, f"{WORK} && {script}")
        assert committed(shop, card, "work.txt") == "work"
        assert (await works_again(desk))["note"] is None
    assert committed(shop, card, "where.txt") == card["branch"]
    assert standing(shop) == before


@on_a_loop
async def test_one_that_has_programs_started(settings: Settings, shop: Path, tmp_path: Path) -> None:
    traces = tmp_path / "traces"
    traces.mkdir()
    evil = f"touch {traces}/$$; cat"
    hooks = "post-checkout pre-commit post-commit commit-msg reference-transaction post-index-change"
    named = {
        "core.fsmonitor": evil, "diff.external": evil, "diff.evil.textconv": evil, "diff.evil.command": evil,
        "filter.evil.clean": evil, "filter.evil.smudge": evil, "filter.evil.process": evil, "merge.evil.driver": evil,
        "gpg.program": evil, "commit.gpgSign": "true", "core.editor": evil, "core.hooksPath": "/nowhere",
    }  # fmt: skip
    script = [
        WORK,
        "echo '* filter=evil diff=evil merge=evil' > .gitattributes",
        'hooks="$(git rev-parse --git-common-dir)/hooks"',
        f'printf "#!/bin/sh\\ntouch {traces}/\\$\\$" > evil.sh && chmod +x evil.sh',
        f'for each in {hooks}; do cp evil.sh "$hooks/$each"; done',
        "rm evil.sh",
        *(f"git config {name} '{value}'" for name, value in named.items()),
        "git config --unset core.hooksPath",
    ]
    async with served(settings, works=True) as desk:
        card = await worked(desk, shop, " && ".join(script))
        assert card["note"] is None
        assert sorted(await changes(desk, 1)) == [".gitattributes", "work.txt"]
        await hire(desk, "echo again > again.txt", "quiet")
        await work(desk, 1, agent="quiet")
        await work(desk, await make(desk, "Another"), agent="quiet")
        told(await desk.http.get("/cards/1/diff", params={"now": True}))
        for number in (1, 2):
            await desk.http.delete(f"/cards/{number}")
        told(await desk.http.get("/projects/shop/worktrees"))
    assert list(traces.iterdir()) == []
    git(shop, "status")
    assert list(traces.iterdir()) != []  # as it would have been
    assert git(shop, "rev-list", "--count", f"main..{card['branch']}") == "2"


@on_a_loop
async def test_one_that_breaks_the_configuration(settings: Settings, shop: Path) -> None:
    config = (shop / ".git" / "config").read_text()
    async with served(settings, works=True) as desk:
        card = await worked(desk, shop, f'{WORK} && echo "[garbage" >> "$(git rev-parse --git-common-dir)/config"')
        assert "config" in card["note"]
        assert text(card, "work.txt") == "work\n"
        assert "config" in await command_refused(desk)
        (shop / ".git" / "config").write_text(config)
        assert (await works_again(desk))["note"] is None
    assert committed(shop, card, "work.txt") == "work"


@pytest.mark.parametrize("what", ["notes", "pipe", "branch"])
@on_a_loop
async def test_one_that_deletes_what_the_repository_knows_of_it(settings: Settings, shop: Path, what: str) -> None:
    before = standing(shop)
    branch = "git update-ref -d refs/heads/conselho/1-mend-it"
    notes = "$(git rev-parse --git-dir)"
    pipe = f'place="{notes}/gitdir"; rm "$place" && mkfifo "$place"'
    script = {"notes": f'rm -rf "{notes}"', "pipe": pipe, "branch": branch}[what]
    async with served(settings, works=True) as desk:
        card = await worked(desk, shop, f"{WORK} && {script}")
        assert ("is gone: nothing was committed" if what == "branch" else "is no worktree of") in card["note"]
        await removal_refused(desk)
        assert text(card, "work.txt") == "work\n"
    assert standing(shop) == before


@on_a_loop
async def test_one_that_puts_the_checkout_in_the_place_of_its_worktree(settings: Settings, shop: Path) -> None:
    before = standing(shop)
    swap = f'here="$PWD"; cd .. && mv "$here" "$here.away" && ln -s "{shop}" "$here"'
    async with served(settings, works=True) as desk:
        card = await worked(desk, shop, f"{WORK}; {swap}")
        assert "is no worktree of" in card["note"]
        assert "is in the way" in await command_refused(desk)
        await removal_refused(desk)
        await desk.http.delete("/cards/1")
        assert (Path(f"{card['worktree']}.away") / "work.txt").read_text() == "work\n"
    assert standing(shop) == before


@on_a_loop
async def test_one_whose_git_was_killed(settings: Settings, shop: Path) -> None:
    async with served(settings, works=True) as desk:
        card = await worked(desk, shop, f'{WORK} && touch "$(git rev-parse --git-dir)/index.lock"')
        assert card["note"] is None
        await hire(desk, 'touch "$(git rev-parse --git-dir)/index.lock"; exit 1', "killed")
        await work(desk, 1, agent="killed")
        await works_again(desk)
    assert committed(shop, card, "work.txt") == "work"


@on_a_loop
async def test_one_that_takes_its_files_away_from_everybody(settings: Settings, shop: Path) -> None:
    before = standing(shop)
    script = f"{WORK} && mkdir build && touch build/x && chmod 0 work.txt src build"
    async with served(settings, works=True) as desk:
        card = await worked(desk, shop, script)
        worktree = Path(card["worktree"])
        if os.geteuid() == 0:  # whom no mode stops
            assert card["note"] is None
        else:
            assert "ermission denied" in card["note"]
            assert "ermission denied" in await removal_refused(desk)
            for name in ("work.txt", "src"):
                (worktree / name).chmod(0o700)
        (worktree / "work.txt").chmod(0o644)
        await works_again(desk)
        assert (await desk.http.delete("/projects/shop/worktrees/1-mend-it")).status_code == 204
        assert [each.name for each in worktree.parent.iterdir() if each.is_dir() and any(each.iterdir())] == []
    assert committed(shop, card, "work.txt") == "work"
    assert committed(shop, card, "src/main.py").startswith("print")
    assert standing(shop) == before


@on_a_loop
async def test_one_that_fills_its_worktree_with_odd_things(settings: Settings, shop: Path) -> None:
    before = standing(shop)
    odd = "mkfifo pipe src/pipe && ln -s /etc etc && ln -s nowhere dangling && ln -s . circle && mkdir empty"
    async with served(settings, works=True) as desk:
        card = await worked(desk, shop, f"{WORK} && {odd}")
        assert sorted(await changes(desk, 1)) == ["circle", "dangling", "etc", "work.txt"]
        await desk.http.delete("/cards/1")
        assert (await shown(desk, 1))["note"] is None
    assert committed(shop, card, "etc") == "/etc"
    assert standing(shop) == before
