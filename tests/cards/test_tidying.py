"""When a card's worktree goes: archived or merged, with all its work committed, and nobody at it."""

import asyncio
import shutil
from pathlib import Path

import pytest

from conselho.cards import tidying
from conselho.cards.columns import Column, Command
from conselho.db.session import Database
from conselho.projects import definitions
from tests.agents.making import make_agent
from tests.cards.making import (
    archive,
    end,
    give,
    make_card,
    make_project,
    move,
    one,
    settle,
    shown,
    told,
    worktree_of,
)
from tests.conftest import Clock
from tests.projects.repositories import git, make_dirty, standing

BRANCH = "conselho/1-mend-it"
TO_DONE = (Column.TEST, Column.REVIEW, Column.DONE)


@pytest.fixture
def card(database: Database, data_dir: Path, shop: Path) -> str:
    """A card of the shop whose work is on its branch."""
    make_project(database, shop)
    make_agent(database)
    made = make_card(database, column=Column.PLAN)
    work(database, data_dir, made)
    return made


def work(database: Database, data_dir: Path, card: str, text: str = "work\n") -> None:
    execution_id = give(database, data_dir, card, Command.IMPLEMENT)
    (worktree_of(database, card) / "notes.txt").write_text(text)
    end(database, execution_id)
    settle(database, card)


def tidy(database: Database) -> None:
    asyncio.run(tidying.tidy(database))


def walk(database: Database, card: str, *columns: Column) -> None:
    for column in columns:
        move(database, card, column)


def test_the_worktree_of_an_archived_card_goes_and_its_branch_stays(database: Database, shop: Path, card: str) -> None:
    make_dirty(shop)
    before, tip, worktree = standing(shop), git(shop, "rev-parse", BRANCH), worktree_of(database, card)
    archive(database, card)
    tidy(database)
    found = shown(database, card)
    assert (found["worktree"], found["branch"], found["commit"], found["note"]) == (None, BRANCH, tip, None)
    assert not worktree.exists()
    assert git(shop, "rev-parse", BRANCH) == tip
    assert git(shop, "worktree", "list").count("\n") == 0
    assert standing(shop) == before
    assert told(database)[-1] == ("card.changed", {"fields": ["worktree"]})


@pytest.mark.parametrize("into", ["main", "checked out"])
def test_the_worktree_of_a_card_that_is_done_goes_once_its_branch_is_merged(
    database: Database, shop: Path, card: str, into: str
) -> None:
    walk(database, card, *TO_DONE)
    tidy(database)
    assert worktree_of(database, card).is_dir()
    if into == "checked out":
        git(shop, "checkout", "-q", "-b", "next")
    git(shop, "merge", "-q", "--no-ff", BRANCH)
    before = standing(shop)
    tidy(database)
    assert one(database, card).worktree is None
    assert standing(shop) == before


def test_a_card_that_is_still_worked_on_keeps_its_worktree_though_it_is_merged(
    database: Database, shop: Path, card: str
) -> None:
    git(shop, "merge", "-q", BRANCH)
    for column in (Column.TEST, Column.REVIEW):
        move(database, card, column)
        tidy(database)
        assert worktree_of(database, card).is_dir()


def test_work_that_is_not_committed_keeps_the_worktree_and_is_told_once(database: Database, card: str) -> None:
    worktree = worktree_of(database, card)
    (worktree / "forgotten.txt").write_text("work\n")
    archive(database, card)
    for _ in range(3):
        tidy(database)
    assert one(database, card).note == f"{worktree} has changes that are not committed: kept"
    assert (worktree / "forgotten.txt").read_text() == "work\n"
    assert [fields for kind, fields in told(database) if fields == {"fields": ["note"]}] == [{"fields": ["note"]}]

    (worktree / "forgotten.txt").unlink()
    tidy(database)
    assert (one(database, card).worktree, one(database, card).note, worktree.exists()) == (None, None, False)


def test_a_run_that_is_not_settled_keeps_the_worktree(database: Database, data_dir: Path, card: str) -> None:
    worktree = worktree_of(database, card)
    execution_id = give(database, data_dir, card)
    move(database, card, Column.CANCELLED)
    archive(database, card)
    assert one(database, card).unsettled_execution_id == execution_id
    tidy(database)
    assert worktree.is_dir()
    settle(database, card)
    tidy(database)
    assert not worktree.exists()


def test_a_card_gets_its_worktree_anew_from_its_branch(
    database: Database, data_dir: Path, shop: Path, card: str
) -> None:
    base = one(database, card).base
    walk(database, card, *TO_DONE)
    git(shop, "merge", "-q", "--no-ff", BRANCH)
    tidy(database)
    move(database, card, Column.REVIEW)

    work(database, data_dir, card, "more\n")

    found = shown(database, card)
    assert (found["branch"], found["base"]) == (BRANCH, base)
    assert (worktree_of(database, card) / "notes.txt").read_text() == "more\n"
    assert git(shop, "rev-list", "--count", f"{base}..{BRANCH}") == "2"
    assert found["changes"] == {"files": 1, "lines_added": 1, "lines_removed": 3}


def test_a_card_whose_branch_was_deleted_begins_anew_where_the_project_is(
    database: Database, data_dir: Path, shop: Path, card: str
) -> None:
    walk(database, card, *TO_DONE)
    git(shop, "merge", "-q", "--no-ff", BRANCH)
    tidy(database)
    git(shop, "branch", "-q", "-d", BRANCH)
    move(database, card, Column.REVIEW)
    work(database, data_dir, card, "anew\n")
    assert one(database, card).base == git(shop, "rev-parse", "main")
    assert shown(database, card)["changes"] == {"files": 1, "lines_added": 1, "lines_removed": 1}


def test_a_worktree_that_somebody_deleted_is_forgotten(database: Database, shop: Path, card: str) -> None:
    shutil.rmtree(worktree_of(database, card))
    archive(database, card)
    tidy(database)
    assert one(database, card).worktree is None
    assert git(shop, "worktree", "list").count("\n") == 0


def test_a_repository_that_is_gone_is_told_and_does_not_hold_the_others_up(
    database: Database, data_dir: Path, shop: Path, card: str, tmp_path: Path
) -> None:
    other = make_card(database, "The other", Column.PLAN)
    work(database, data_dir, other)
    for each in (card, other):
        archive(database, each)
    (shop / ".git").rename(tmp_path / "away")
    tidy(database)
    for each in (card, other):
        assert "is no git repository (any more)" in (one(database, each).note or "")
        assert worktree_of(database, each).is_dir()
    (tmp_path / "away").rename(shop / ".git")
    tidy(database)
    assert [one(database, each).worktree for each in (card, other)] == [None, None]


def test_right_after_a_change_only_cards_that_changed_lately_are_looked_at(
    clock: Clock, database: Database, shop: Path, card: str
) -> None:
    walk(database, card, *TO_DONE)
    git(shop, "merge", "-q", BRANCH)
    clock.advance(tidying.LATELY * 2)
    asyncio.run(tidying.tidy(database, tidying.LATELY))
    assert worktree_of(database, card).is_dir()
    tidy(database)
    assert one(database, card).worktree is None


def test_a_project_that_is_gone_takes_no_worktree_along(database: Database, card: str) -> None:
    project = one(database, card).project_id
    archive(database, card)
    database.submit(definitions.remove, project).result()  # as nobody does while there are worktrees
    tidy(database)
    assert worktree_of(database, card).is_dir()
