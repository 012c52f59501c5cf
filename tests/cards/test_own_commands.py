"""A project's own files of commands, where its setting allows them; and what somebody may have made of them."""

import os
from pathlib import Path

import pytest

from conselho import errors
from conselho.cards import own_commands
from conselho.cards.columns import Command
from conselho.db.session import Database
from tests.agents.making import make_agent
from tests.cards.making import (
    done,
    end,
    give,
    make_card,
    make_project,
    run,
    runs_of,
    set_project,
    settle,
    worktree_of,
)
from tests.projects.repositories import git


def write(project: Path, content: str | bytes, place: str = ".conselho/commands", word: str = "plan") -> Path:
    path = project / place / f"{word}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def commit(project: Path) -> str:
    git(project, "add", "-A", "-f")
    git(project, "commit", "-q", "-m", "commands")
    return git(project, "rev-parse", "HEAD")


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    made = tmp_path / "plain"
    made.mkdir()
    return made


def test_they_win_only_where_the_project_may_use_them(database: Database, data_dir: Path, shop: Path) -> None:
    write(shop, "Do as the house does.")
    commit(shop)
    project = make_project(database, shop)
    make_agent(database)
    assert "Do as the house does." not in run(database, give(database, data_dir, make_card(database))).prompt
    set_project(database, project, may_use_own_commands=True)
    asked = run(database, give(database, data_dir, make_card(database, "Paint it")))
    assert asked.prompt.startswith("Do as the house does.\n\n## Card 2: Paint it")


def test_what_an_agent_has_written_since_instructs_nobody(database: Database, data_dir: Path, shop: Path) -> None:
    write(shop, "As the user wrote it.")
    commit(shop)
    make_project(database, shop, may_use_own_commands=True)
    make_agent(database)
    card = make_card(database)
    give(database, data_dir, card)
    write(worktree_of(database, card), "As the agent would like it.")
    write(shop, "Not committed.")
    end(database, runs_of(database, card)[0].id)
    settle(database, card)
    done(database, data_dir, card, Command.IMPLEMENT)
    assert run(database, give(database, data_dir, card)).prompt.startswith("As the user wrote it.")


@pytest.mark.parametrize("is_repository", [True, False])
def test_the_first_place_that_has_one_counts(shop: Path, plain: Path, *, is_repository: bool) -> None:
    project = shop if is_repository else plain

    def found(command: Command = Command.PLAN) -> str | None:
        return own_commands.find(project, command, commit(project) if is_repository else None)

    write(project, "tests", word="test")
    write(project, "x", place="elsewhere")
    assert found() is None
    write(project, "of claude", place=".claude/commands")
    assert found() == "of claude"
    write(project, "of conselho")
    assert found() == "of conselho"
    base = git(project, "rev-parse", "HEAD") if is_repository else None
    assert own_commands.find(project, Command.TEST, base) == "tests"
    assert own_commands.find(project, Command.REVIEW, base) is None


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("---\nallowed-tools: Bash(*)\n---\n\nDo it.\n", "Do it."),
        ("---\r\nmodel: x\r\n---\r\nDo it.", "Do it."),
        ("---\nno end", "---\nno end"),
        ("Do it.\n---\nand this", "Do it.\n---\nand this"),
        (b"\xef\xbb\xbfDo it.", "Do it."),
        ("---\n---\n", ""),
        ("", ""),
        ("x" * 64 * 1024, "x" * 64 * 1024),
    ],
)
def test_a_front_matter_is_left_out(plain: Path, content: str | bytes, text: str) -> None:
    write(plain, content)
    assert own_commands.find(plain, Command.PLAN, None) == text


@pytest.mark.parametrize("is_repository", [True, False])
@pytest.mark.parametrize(
    ("content", "word"), [(b"\xff\xfe", "no UTF-8"), (b"a\0b", "no text"), (b"x" * (64 * 1024 + 1), "64 KiB")]
)
def test_one_that_is_no_text_or_too_long_is_named(
    shop: Path, plain: Path, content: bytes, word: str, *, is_repository: bool
) -> None:
    project = shop if is_repository else plain
    write(project, content)
    base = commit(project) if is_repository else None
    with pytest.raises(errors.Conflict, match=word) as refused:
        own_commands.find(project, Command.PLAN, base)
    assert ".conselho/commands/plan.md" in refused.value.sentence


def test_a_link_that_leads_out_of_a_plain_directory_is_not_followed(plain: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    path = write(plain, "")
    path.unlink()
    path.symlink_to(tmp_path / "secret")
    with pytest.raises(errors.Conflict, match="leads out of the project"):
        own_commands.find(plain, Command.PLAN, None)


def test_a_committed_link_is_no_file_of_the_project(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    path = write(shop, "")
    path.unlink()
    path.symlink_to(tmp_path / "secret")
    with pytest.raises(errors.Conflict, match="is a link"):
        own_commands.find(shop, Command.PLAN, commit(shop))


def test_what_is_no_plain_file_is_none(plain: Path) -> None:
    place = plain / ".conselho" / "commands"
    (place / "plan.md").mkdir(parents=True)
    os.mkfifo(place / "test.md")
    for command in (Command.PLAN, Command.TEST):
        assert own_commands.find(plain, command, None) is None


def test_a_directory_in_a_commit_is_none(shop: Path) -> None:
    write(shop, "x", place=".conselho/commands/plan.md", word="inner")
    assert own_commands.find(shop, Command.PLAN, commit(shop)) is None
