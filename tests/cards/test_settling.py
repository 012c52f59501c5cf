"""What becomes of a run's work: committed, compared and kept with its card, once, whoever dies meanwhile."""

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from conselho.cards import answers, settling
from conselho.cards.columns import Column, Command
from conselho.cards.models import Card
from conselho.db.session import Database
from conselho.projects.diffs import Difference
from tests.agents.making import make_agent
from tests.cards.making import (
    NOWHERE,
    change,
    done,
    end,
    give,
    make_card,
    make_project,
    move,
    one,
    say,
    settle,
    shown,
    start,
    told,
    worktree_of,
)
from tests.projects.repositories import git, make_dirty, standing

FAILED: dict[str, Any] = {"status": "failed", "severity": "error"}


@pytest.fixture
def card(database: Database, shop: Path) -> str:
    """A card of the shop, with somebody who is given its commands."""
    make_project(database, shop)
    make_agent(database, "ana")
    return make_card(database, "Mend the door")


def worked(database: Database, data_dir: Path, card: str, command: Command = Command.IMPLEMENT) -> tuple[str, Path]:
    """A run that has changed one file, added one and removed one, and has not ended."""
    execution_id = give(database, data_dir, card, command)
    worktree = worktree_of(database, card)
    (worktree / "notes.txt").write_text("one\n2\nthree\n")
    (worktree / "new.txt").write_text("new\n")
    (worktree / "src" / "main.py").unlink(missing_ok=True)
    return execution_id, worktree


def settle_all(database: Database) -> None:
    async def all_of_them() -> None:
        while await settling.settle_next(database):
            pass

    asyncio.run(all_of_them())


def test_what_succeeded_is_committed_on_the_cards_branch(
    database: Database, data_dir: Path, shop: Path, card: str
) -> None:
    make_dirty(shop)
    before = standing(shop)
    execution_id, worktree = worked(database, data_dir, card)
    end(database, execution_id, summary="The door is mended", result="It was the hinge.")
    assert shown(database, card)["is_settled"] is False
    settle_all(database)

    found = shown(database, card)
    tip = git(shop, "rev-parse", "conselho/1-mend-the-door")
    assert (found["is_settled"], found["commit"], found["note"]) == (True, tip, None)
    assert found["changes"] == {"files": 3, "lines_added": 2, "lines_removed": 21}
    assert git(shop, "log", "-1", "--format=%B", tip).strip() == (
        f"/implement 1: Mend the door\n\nThe door is mended\n\nCard: {card}\nExecution: {execution_id}\nAgent: ana"
    )
    assert git(worktree, "status", "--porcelain") == ""
    assert standing(shop) == before
    kind, said = told(database)[-1]
    assert kind == "card.changed"
    assert {"commit", "files_changed", "unsettled_execution_id"} <= set(said["fields"])


@pytest.mark.parametrize("status", ["failed", "timed_out", "cancelled"])
def test_what_did_not_succeed_is_left_where_it_lies(
    database: Database, data_dir: Path, shop: Path, card: str, status: str
) -> None:
    execution_id, worktree = worked(database, data_dir, card)
    end(database, execution_id, status=status, severity="error")
    settle(database, card)
    found = shown(database, card)
    assert (found["commit"], found["note"], found["changes"]["files"]) == (None, None, 3)
    assert (worktree / "new.txt").read_text() == "new\n"
    assert git(shop, "rev-parse", "conselho/1-mend-the-door") == found["base"]
    done(database, data_dir, card, Command.IMPLEMENT)
    assert one(database, card).commit == git(shop, "rev-parse", "conselho/1-mend-the-door") != found["base"]


def test_a_plan_is_kept_with_the_card_only_where_it_succeeded(database: Database, data_dir: Path, card: str) -> None:
    change(database, card, plan="by hand")
    done(database, data_dir, card, **FAILED, result="half a plan")
    assert shown(database, card)["plan"] == "by hand"
    done(database, data_dir, card, result=None)
    assert shown(database, card)["plan"] == "by hand"
    done(database, data_dir, card, Command.IMPLEMENT, result="no plan")
    assert shown(database, card)["plan"] == "by hand"
    done(database, data_dir, card, result="First the hinge.")
    assert (shown(database, card)["plan"], shown(database, card)["has_plan"]) == ("First the hinge.", True)


@pytest.mark.parametrize(
    ("result", "plan"),
    [
        ('First the hinge.\n\nVERDICT: {"severity": "success"}\n', "First the hinge."),
        ("VERDICT: no\nFirst the hinge.", "VERDICT: no\nFirst the hinge."),
        ('VERDICT: {"severity": "success"}', None),
    ],
)
def test_a_plan_is_kept_without_the_verdict_behind_it(
    database: Database, data_dir: Path, card: str, result: str, plan: str | None
) -> None:
    done(database, data_dir, card, result=result)
    assert shown(database, card)["plan"] == plan


def test_a_plan_that_is_too_long_is_cut_between_two_characters(database: Database, data_dir: Path, card: str) -> None:
    done(database, data_dir, card, result="x" + "é" * 110_000)
    plan = shown(database, card)["plan"]
    assert len(plan.encode()) == 200 * 1024 - 1
    assert plan.endswith("é")


def test_the_difference_is_kept_as_it_was_when_the_run_ended(
    database: Database, data_dir: Path, shop: Path, card: str
) -> None:
    execution_id, worktree = worked(database, data_dir, card)
    (worktree / "odd\nname").write_text("x\n")
    (worktree / "\udcff.bin").write_bytes(b"\0\1")
    end(database, execution_id)
    settle(database, card)
    (worktree / "later.txt").write_text("later\n")
    row = one(database, card)
    found = database.fetch(answers.diff, row).result()
    assert found is not None
    assert (found["card_id"], found["execution_id"], found["base"]) == (card, execution_id, row.base)
    files = {each["path"]: each for each in found["files"]}
    assert files.keys() == {"new.txt", "notes.txt", "src/main.py", "odd\nname", "\\xff.bin"}
    assert (files["new.txt"]["status"], files["src/main.py"]["status"]) == ("added", "removed")
    assert (files["\\xff.bin"]["is_binary"], files["\\xff.bin"]["patch"]) == (True, None)
    assert "-two\n+2\n" in files["notes.txt"]["patch"]


def test_the_last_line_is_kept_for_the_board(database: Database, data_dir: Path, card: str) -> None:
    execution_id = give(database, data_dir, card)
    start(database, execution_id)
    say(database, execution_id, "first", "x" * 400 + "\udcff")
    assert shown(database, card)["last_line"]["text"] == "x" * 300, "while it runs, from its log"
    assert one(database, card).last_line is None
    end(database, execution_id)
    settle(database, card)
    kept = one(database, card).last_line
    assert (kept["seq"], kept["kind"], kept["text"]) == (2, "stdout", "x" * 300)
    assert shown(database, card)["last_line"] == kept
    give(database, data_dir, card)
    assert shown(database, card)["last_line"] is None, "it was another run's"


def test_settled_twice_it_is_settled_once(database: Database, data_dir: Path, shop: Path, card: str) -> None:
    execution_id, _ = worked(database, data_dir, card)
    end(database, execution_id)
    settle(database, card)
    settled, events = one(database, card), len(told(database))
    settle(database, card)
    settle_all(database)
    assert (one(database, card), len(told(database))) == (settled, events)
    assert git(shop, "rev-list", "--count", f"{settled.base}..{settled.branch}") == "1"


def test_what_was_committed_before_a_crash_is_kept_after_it(
    database: Database, data_dir: Path, shop: Path, card: str
) -> None:
    execution_id, _ = worked(database, data_dir, card)
    end(database, execution_id, result="done")
    row = database.fetch(settling._of_card, card).result()
    assert row is not None
    settling._work(row)  # and there the process died
    settle(database, card)
    found = shown(database, card)
    assert (found["is_settled"], found["changes"]["files"]) == (True, 3)
    assert found["commit"] == git(shop, "rev-parse", found["branch"]) != found["base"]
    assert git(shop, "rev-list", "--count", f"{found['base']}..{found['branch']}") == "1"


def test_two_processes_that_settle_one_card_make_one_commit(database_url: str, data_dir: Path, shop: Path) -> None:
    with closing(Database(database_url)) as here, closing(Database(database_url)) as there:
        make_project(here, shop)
        make_agent(here)
        card = make_card(here)
        execution_id, _ = worked(here, data_dir, card)
        end(here, execution_id)
        other = here if here.kind == "sqlite" else there
        rows = [each.fetch(settling._of_card, card).result() for each in (here, other)]
        works = [settling._work(row) for row in rows if row is not None]
        kept = [each.submit(settling.keep, row, came).result() for each, row, came in zip(
            (other, here), reversed(rows), reversed(works), strict=True
        ) if row is not None]  # fmt: skip
        assert kept == [True, False]
        found = shown(here, card)
        assert found["commit"] == git(shop, "rev-parse", found["branch"]) != found["base"]
        assert git(shop, "rev-list", "--count", f"{found['base']}..{found['branch']}") == "1"


def test_what_a_run_committed_itself_is_its_work_too(database: Database, data_dir: Path, shop: Path, card: str) -> None:
    execution_id, worktree = worked(database, data_dir, card)
    git(worktree, "add", "-A")
    git(worktree, "commit", "-q", "-m", "by the agent")
    end(database, execution_id)
    settle(database, card)
    found = shown(database, card)
    assert found["commit"] == git(worktree, "rev-parse", "HEAD") != found["base"]
    assert found["changes"]["files"] == 3


def test_a_run_that_changed_nothing_has_no_commit(database: Database, data_dir: Path, card: str) -> None:
    done(database, data_dir, card)
    found = shown(database, card)
    assert (found["commit"], found["changes"]) == (None, {"files": 0, "lines_added": 0, "lines_removed": 0})


def test_a_worktree_that_is_gone_is_noted_and_the_card_takes_commands_again(
    database: Database, data_dir: Path, card: str, tmp_path: Path
) -> None:
    execution_id, worktree = worked(database, data_dir, card)
    worktree.rename(tmp_path / "taken")
    end(database, execution_id)
    settle(database, card)
    found = shown(database, card)
    assert (found["is_settled"], found["changes"]) == (True, None)
    assert str(worktree) in found["note"]
    done(database, data_dir, card, Command.IMPLEMENT)
    assert shown(database, card)["note"] is None
    assert (worktree_of(database, card) / "notes.txt").exists()


def test_a_run_that_left_for_another_branch_is_noted_and_nothing_is_lost(
    database: Database, data_dir: Path, shop: Path, card: str
) -> None:
    execution_id, worktree = worked(database, data_dir, card)
    git(worktree, "checkout", "-q", "-b", "mine")
    end(database, execution_id)
    settle(database, card)
    found = shown(database, card)
    assert "not on conselho/1-mend-the-door: nothing was committed" in found["note"]
    assert found["changes"]["files"] > 0, "what it changed is compared all the same"
    assert (worktree / "new.txt").exists()
    assert git(shop, "rev-parse", found["branch"]) == found["base"]


def test_a_project_whose_directory_is_gone_is_noted(
    database: Database, data_dir: Path, shop: Path, card: str, tmp_path: Path
) -> None:
    execution_id, _ = worked(database, data_dir, card)
    shop.rename(tmp_path / "gone")
    end(database, execution_id)
    settle(database, card)
    assert "is no git repository" in shown(database, card)["note"]
    assert shown(database, card)["is_settled"] is True


def test_a_row_that_makes_no_sense_is_noted_and_keeps_no_other_card_waiting(
    database: Database, data_dir: Path, card: str
) -> None:
    execution_id, worktree = worked(database, data_dir, card)
    database.submit(lambda tx: tx.execute(update(Card).values(base=None))).result()
    end(database, execution_id)
    settle_all(database)
    found = shown(database, card)
    assert (found["is_settled"], found["changes"]) == (True, None)
    assert "could not be settled: the server's log says why" in found["note"]
    assert (worktree / "new.txt").exists()


def test_a_repository_inside_is_not_committed_and_named(database: Database, data_dir: Path, card: str) -> None:
    execution_id, worktree = worked(database, data_dir, card)
    git(worktree, "init", "-q", "nested")
    (worktree / "nested" / "x").write_text("x")
    end(database, execution_id)
    settle(database, card)
    found = shown(database, card)
    assert "not committed, as they are repositories of their own: nested" in found["note"]
    assert found["commit"] is not None


def test_in_a_plain_directory_nothing_is_committed(database: Database, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    make_project(database, tmp_path / "plain")
    make_agent(database)
    card = make_card(database)
    done(database, NOWHERE, card, Command.PLAN, result="So.")
    found = shown(database, card)
    assert (found["is_settled"], found["commit"], found["changes"], found["plan"]) == (True, None, None, "So.")


def test_what_was_changed_on_the_card_meanwhile_stays(database: Database, data_dir: Path, card: str) -> None:
    execution_id, _ = worked(database, data_dir, card)
    change(database, card, title="Paint the door", description="in red")
    end(database, execution_id)
    row = database.fetch(settling._of_card, card).result()
    assert row is not None
    change(database, card, priority=5)
    database.submit(settling.keep, row, settling._work(row)).result()
    found = shown(database, card)
    assert (found["title"], found["description"], found["priority"]) == ("Paint the door", "in red", 5)


def test_the_work_of_a_cancelled_card_is_kept_too(database: Database, data_dir: Path, card: str) -> None:
    execution_id, _ = worked(database, data_dir, card)
    start(database, execution_id)
    move(database, card, Column.CANCELLED)
    end(database, execution_id, status="cancelled", severity="warning")
    settle_all(database)
    found = shown(database, card)
    assert (found["is_settled"], found["column"], found["changes"]["files"]) == (True, "cancelled", 3)


def test_many_that_have_ended_are_all_settled(database: Database, data_dir: Path, shop: Path) -> None:
    make_project(database, shop)
    make_agent(database)
    cards = [make_card(database, f"card {number}") for number in range(settling.AT_ONCE * 2 + 1)]
    runs = [worked(database, data_dir, card)[0] for card in cards]
    for each in runs[:-1]:
        end(database, each)
    settle_all(database)
    assert [shown(database, card)["is_settled"] for card in cards] == [True] * (len(cards) - 1) + [False]
    for number, card in enumerate(cards[:-1], 1):
        found = shown(database, card)
        assert git(shop, "log", "-1", "--format=%s", found["commit"]) == f"/implement {number}: card {number - 1}"


def test_a_difference_says_all_that_it_knows() -> None:
    found = settling.told(Difference("abc", (), 0, 0, 0, ("nested",)))
    assert found == {
        "base": "abc", "files_total": 0, "lines_added": 0, "lines_removed": 0, "nested": ["nested"], "files": []
    }  # fmt: skip
