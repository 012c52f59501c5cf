"""A command moves its card and becomes one execution in its place; or it is refused, and nothing is changed."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from conselho import errors, ids
from conselho.cards import commands
from conselho.cards.columns import Column, Command
from conselho.cards.commands import Order
from conselho.db.session import Database
from tests.agents import making as agents
from tests.agents.making import make_agent
from tests.cards.making import (
    NOWHERE,
    change,
    done,
    end,
    give,
    make_card,
    make_project,
    one,
    open_runs,
    run,
    runs_of,
    set_project,
    settle,
    shown,
    told,
    worktree_of,
)
from tests.conftest import Clock
from tests.projects.repositories import git, make_dirty, make_repository, standing


def make_cli(database: Database, slug: str = "claude", **fields: Any) -> str:
    """An agent that is an agent CLI."""
    return make_agent(database, slug, provider="claude", argv=None, **fields)


def test_the_first_command_makes_a_worktree_and_moves_the_card_and_asks_for_a_run(
    database: Database, data_dir: Path, shop: Path, clock: Clock
) -> None:
    make_dirty(shop)
    before, base = standing(shop), git(shop, "rev-parse", "HEAD")
    project = make_project(database, shop, check_argv=("make", "test"))
    make_agent(database, "ana", cwd="/", env={"A": "1"})
    card = make_card(database, "Mend the Door!", priority=7)

    execution_id = give(database, data_dir, card, Command.IMPLEMENT, timeout_seconds=60.0)

    asked = run(database, execution_id)
    worktree = data_dir.resolve() / "worktrees" / project / "1-mend-the-door"
    assert (asked.status, asked.origin, asked.card_id, asked.command) == ("queued", "card", card, "/implement")
    assert (asked.cwd, asked.exclusive, asked.rank, asked.timeout_seconds) == (str(worktree), True, -7, 60.0)
    assert (asked.title, asked.agent) == ("/implement 1: Mend the Door!", "ana")
    assert asked.env == {
        "A": "1", "CONSELHO_CARD": "1", "CONSELHO_COMMAND": "/implement", "CONSELHO_BASE": base,
        "CONSELHO_CHECK": '["make", "test"]',
    }  # fmt: skip
    assert asked.context == {
        "card": {
            "number": 1, "title": "Mend the Door!", "project": "shop", "branch": "conselho/1-mend-the-door",
            "base": base,
        }
    }  # fmt: skip
    found = shown(database, card)
    assert (found["column"], found["branch"], found["base"]) == ("implement", "conselho/1-mend-the-door", base)
    assert (found["worktree"], found["is_settled"], found["version"]) == (str(worktree), False, 2)
    assert found["active_execution"]["id"] == found["latest_execution"]["id"] == execution_id
    assert (found["allowed_moves"], found["allowed_commands"]) == (["cancelled"], [])
    assert found["merge"] == f"git -C {shop} merge --no-ff conselho/1-mend-the-door"
    assert (worktree / "notes.txt").read_text() == "one\ntwo\nthree\n", "as it is committed"
    assert standing(shop) == before
    assert told(database)[-1] == ("card.moved", {"from": "backlog", "column": "implement"})


def test_in_a_plain_directory_it_runs_in_place(database: Database, plain: Path) -> None:
    make_project(database, plain)
    make_agent(database)
    card = make_card(database)
    asked = run(database, give(database, NOWHERE, card))
    assert (asked.cwd, asked.exclusive) == (str(plain), True)
    assert "CONSELHO_BASE" not in asked.env
    assert (one(database, card).branch, one(database, card).worktree) == (None, None)


@pytest.mark.parametrize("column", [each for each in Column if each not in {"done", "archived", "cancelled"}])
def test_any_command_is_given_from_any_column_before_it_is_done(
    database: Database, plain: Path, column: Column
) -> None:
    make_project(database, plain)
    make_agent(database)
    for command in Command:
        card = make_card(database, column=column)
        asked = run(database, give(database, NOWHERE, card, command))
        assert (one(database, card).column, asked.command) == (command.word, command)


@pytest.mark.parametrize("column", [Column.DONE, Column.ARCHIVED, Column.CANCELLED])
def test_a_card_that_is_put_away_takes_no_command(database: Database, plain: Path, column: Column) -> None:
    make_project(database, plain)
    make_agent(database)
    card = make_card(database, column=column)
    with pytest.raises(errors.Conflict, match=f"is {column}: move it first") as refused:
        give(database, NOWHERE, card)
    assert refused.value.members["card"]["allowed_commands"] == ()
    assert runs_of(database, card) == []


def test_a_command_in_the_same_column_is_told_too(database: Database, plain: Path) -> None:
    make_project(database, plain)
    make_agent(database)
    card = make_card(database)
    done(database, NOWHERE, card)
    give(database, NOWHERE, card)
    kind, said = told(database)[-1]
    assert (kind, "latest_execution_id" in said["fields"]) == ("card.changed", True)


def test_a_card_with_an_active_run_takes_no_other_command(database: Database, plain: Path) -> None:
    make_project(database, plain)
    make_agent(database)
    card = make_card(database)
    first = give(database, NOWHERE, card)
    with pytest.raises(errors.Conflict, match=f"has a run that is queued, {first}: wait") as refused:
        give(database, NOWHERE, card, Command.TEST)
    assert refused.value.members["card"]["active_execution"]["id"] == first
    assert open_runs(database, card) == [first]


def test_the_work_of_the_last_run_is_kept_before_the_next_is_accepted(
    database: Database, data_dir: Path, shop: Path
) -> None:
    make_project(database, shop)
    make_agent(database)
    card = make_card(database)
    first = give(database, data_dir, card, Command.IMPLEMENT)
    (worktree_of(database, card) / "notes.txt").write_text("mended\n")
    end(database, first)
    with pytest.raises(errors.Conflict, match="is being kept"):
        database.fetch(commands.look, card, Order(command=Command.TEST)).result()
    give(database, data_dir, card, Command.TEST)
    assert shown(database, card)["changes"] == {"files": 1, "lines_added": 1, "lines_removed": 3}


def test_without_a_project_it_is_not_known_where_to_work(database: Database) -> None:
    make_agent(database)
    card = make_card(database)
    with pytest.raises(errors.Invalid, match="has no project: set one"):
        give(database, NOWHERE, card)


@pytest.mark.parametrize(
    ("order", "word"),
    [
        ({"agent": "nobody"}, "no agent 'nobody'"),
        ({"agent": "\0"}, "no agent"),
        ({"message": "x" * (64 * 1024 + 1)}, "message is longer than 64 KiB"),
        ({"message": "\0"}, "message holds a NUL"),
        ({"message": "\ud800"}, "half a character"),
        ({"model": "\ud800"}, "model holds"),
        ({"timeout_seconds": 0.5}, "timeout_seconds must lie between"),
        ({"timeout_seconds": float("nan")}, "timeout_seconds"),
    ],
)
def test_what_cannot_be_asked_is_refused_and_the_card_stays(
    sqlite_database_url: str, plain: Path, order: dict[str, Any], word: str
) -> None:
    with closing(Database(sqlite_database_url)) as database:
        make_project(database, plain)
        make_agent(database)
        card = make_card(database)
        with pytest.raises(errors.Invalid, match=word):
            give(database, NOWHERE, card, **order)
        assert (one(database, card).version, runs_of(database, card)) == (1, [])


def test_a_place_that_cannot_be_made_is_a_conflict_and_the_card_stays(
    database: Database, data_dir: Path, tmp_path: Path
) -> None:
    make_agent(database)
    empty = make_repository(tmp_path / "empty", commits=False)
    gone = make_repository(tmp_path / "gone")
    cards = [make_card(database, project=make_project(database, each)) for each in (empty, gone)]
    gone.rename(tmp_path / "elsewhere")
    for card, word in zip(cards, ("has no commit yet", "is no git repository"), strict=True):
        with pytest.raises(errors.Conflict, match=word):
            give(database, data_dir, card)
        assert (one(database, card).version, runs_of(database, card)) == (1, [])


def test_who_is_given_a_command_is_named_nearest_first(database: Database, plain: Path) -> None:
    project = make_project(database, plain)
    card = make_card(database)
    make_agent(database, "only")

    def asked(command: Command = Command.PLAN, agent: str | None = None) -> str:
        execution_id = give(database, NOWHERE, card, command, agent=agent)
        end(database, execution_id)
        settle(database, card)
        return str(run(database, execution_id).agent)

    assert asked() == "only"
    for slug in ("of-project", "of-project-plan", "of-card", "of-card-plan", "named"):
        make_agent(database, slug)
    with pytest.raises(errors.Invalid, match=r"nobody is chosen for /plan: .* card 1 or project plain"):
        asked()
    set_project(database, project, agent="of-project")
    assert asked() == "of-project"
    set_project(database, project, agents={"plan": "of-project-plan"})
    assert (asked(), asked(Command.TEST)) == ("of-project-plan", "of-project")
    change(database, card, agent="of-card")
    assert asked() == "of-card"
    change(database, card, agents={"plan": "of-card-plan"})
    assert (asked(), asked(Command.TEST)) == ("of-card-plan", "of-card")
    assert asked(agent="named") == "named"


def test_an_agent_that_is_gone_meanwhile_is_named(database: Database, plain: Path) -> None:
    make_project(database, plain)
    make_agent(database, "ana")
    card = make_card(database, agent="ana")
    agents.remove(database, "ana")
    with pytest.raises(errors.Invalid, match="no agent 'ana'"):
        give(database, NOWHERE, card)


@pytest.mark.parametrize(
    ("own", "command", "options"),
    [
        (None, Command.PLAN, None),
        (None, Command.REVIEW, None),
        (None, Command.IMPLEMENT, {"permission_mode": "edit"}),
        (None, Command.TEST, {"permission_mode": "edit"}),
        ("edit", Command.PLAN, None),
        ("full", Command.PLAN, None),
        ("full", Command.REVIEW, None),
        ("full", Command.IMPLEMENT, {"permission_mode": "full"}),
        ("full", Command.TEST, {"permission_mode": "full"}),
    ],
)
def test_who_only_reads_may_write_nothing_and_who_works_may(
    sqlite_database_url: str, plain: Path, own: str | None, command: Command, options: dict[str, Any] | None
) -> None:
    with closing(Database(sqlite_database_url)) as database:
        make_project(database, plain)
        make_cli(database, options=None if own is None else {"permission_mode": own})
        asked = run(database, give(database, NOWHERE, make_card(database), command))
        assert asked.options == options


def test_other_options_of_its_agent_stay(database: Database, plain: Path) -> None:
    make_project(database, plain)
    make_cli(database, options={"max_turns": 5, "permission_mode": "full"})
    card = make_card(database)
    assert run(database, give(database, NOWHERE, card, model="opus")).options == {"max_turns": 5}
    assert runs_of(database, card)[0].model == "opus"


def test_a_command_that_is_no_agent_cli_has_no_options(database: Database, plain: Path) -> None:
    make_project(database, plain)
    make_agent(database)
    assert run(database, give(database, NOWHERE, make_card(database), Command.IMPLEMENT)).options is None


def test_a_follow_up_goes_on_in_the_conversation_of_the_same_command(database: Database, plain: Path) -> None:
    make_project(database, plain)
    make_cli(database)
    make_cli(database, "other")
    card = make_card(database, agent="claude")
    session = ids.new()
    plan = done(database, NOWHERE, card, Command.PLAN, session=session, result="the plan")
    implement = done(database, NOWHERE, card, Command.IMPLEMENT, session=ids.new())

    def asked(command: Command, message: str | None, agent: str | None = None) -> tuple[str | None, str | None]:
        execution_id = give(database, NOWHERE, card, command, message, agent=agent)
        found = run(database, execution_id)
        end(database, execution_id)
        settle(database, card)
        return found.continue_from, found.resume

    assert asked(Command.TEST, "why?") == (None, None), "there is none yet"
    assert asked(Command.PLAN, "smaller", agent="other") == (None, None), "it is another's"
    assert asked(Command.IMPLEMENT, None) == (None, None), "without a word it is begun anew"
    assert asked(Command.PLAN, "smaller") == (None, None), "the last one was another's"
    again = done(database, NOWHERE, card, Command.PLAN, session=session)
    assert asked(Command.PLAN, "smaller") == (again, session)
    assert plan < implement < again


def test_a_session_that_cannot_go_on_is_not_taken_up(database: Database, plain: Path) -> None:
    make_project(database, plain)
    make_cli(database)
    card = make_card(database)
    execution_id = give(database, NOWHERE, card)
    end(database, execution_id, status="failed", severity="error", session=ids.new(), reason="context_too_long")
    settle(database, card)
    assert run(database, give(database, NOWHERE, card, message="go on")).resume is None


def test_a_worktree_that_was_left_by_a_crash_is_taken_over(database: Database, data_dir: Path, shop: Path) -> None:
    make_project(database, shop)
    make_agent(database)
    card = make_card(database)
    order = Order(command=Command.IMPLEMENT)
    left = commands.make_place(database.fetch(commands.look, card, order).result(), data_dir)
    execution_id = give(database, data_dir, card, Command.IMPLEMENT)
    assert run(database, execution_id).cwd == left.cwd
    assert git(shop, "worktree", "list").count("1-mend-it") == 2, "the path and the branch, in one line"


def test_a_card_that_was_renamed_keeps_its_worktree(database: Database, data_dir: Path, shop: Path) -> None:
    make_project(database, shop)
    make_agent(database)
    card = make_card(database)
    first = run(database, done(database, data_dir, card)).cwd
    change(database, card, title="Another one")
    assert run(database, give(database, data_dir, card)).cwd == first
    assert one(database, card).branch == "conselho/1-mend-it"


def test_a_branch_keeps_its_beginning_though_the_project_goes_on(
    database: Database, data_dir: Path, shop: Path
) -> None:
    make_project(database, shop)
    make_agent(database)
    card = make_card(database)
    done(database, data_dir, card)
    base = one(database, card).base
    (shop / "notes.txt").write_text("later\n")
    git(shop, "commit", "-q", "-a", "-m", "later")
    done(database, data_dir, card, Command.IMPLEMENT)
    assert one(database, card).base == base
    assert shown(database, card)["changes"]["files"] == 0


def test_a_branch_begins_where_the_project_says(database: Database, data_dir: Path, shop: Path) -> None:
    git(shop, "checkout", "-q", "-b", "next")
    (shop / "next.txt").write_text("next\n")
    git(shop, "add", "-A")
    git(shop, "commit", "-q", "-m", "next")
    git(shop, "checkout", "-q", "main")
    make_project(database, shop, default_branch="next")
    make_agent(database)
    card = make_card(database)
    give(database, data_dir, card)
    assert one(database, card).base == git(shop, "rev-parse", "next")
    assert (worktree_of(database, card) / "next.txt").exists()


@pytest.mark.parametrize("title", ["../../etc", "-rf", "é\n", "a" * 255, "conselho", ".git", "x.lock", "@{u}", "日本"])
def test_whatever_a_card_is_called_its_worktree_lies_where_it_belongs(
    sqlite_database_url: str, data_dir: Path, shop: Path, title: str
) -> None:
    with closing(Database(sqlite_database_url)) as database:
        project = make_project(database, shop)
        make_agent(database)
        card = make_card(database, title)
        asked = run(database, give(database, data_dir, card))
        assert Path(asked.cwd).parent == data_dir.resolve() / "worktrees" / project
        assert one(database, card).branch == f"conselho/{Path(asked.cwd).name}"
        assert len(asked.title) <= 200
