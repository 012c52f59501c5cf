"""What a hostile repository cannot do: start a program, have other files read or written, break the report, stop it."""

import os
from pathlib import Path

import pytest

from conselho.maintainer import start
from tests.analyses.conftest import GitRepository
from tests.analyses.test_hostile import HOSTILE_NAMES
from tests.maintainer.conftest import commit_of, maintain

PASSWORDS = Path("/etc/passwd")
every_command = pytest.mark.parametrize("command", start.COMMANDS)


def test_names_of_files_do_not_break_the_report(repository: GitRepository) -> None:
    repository.make({"a.txt": ""})
    for path in [*HOSTILE_NAMES, b"back`tick``s.py", b"`.py"]:
        repository.write(path, "x = 1  \n")

    planned = maintain(repository.root, "plan")
    done = maintain(repository.root, "implement")

    assert sorted(finding["file"] for finding in planned.findings) == sorted(
        [*HOSTILE_NAMES.values(), "back`tick``s.py", "`.py"]
    )
    assert "- ```back`tick``s.py:1``` trailing white space" in planned.lines
    assert done.summary == f"Mended {len(HOSTILE_NAMES) + 2} faults in {len(HOSTILE_NAMES) + 2} files."
    reviewed = maintain(repository.root, "review")
    assert reviewed.severity == "success"
    assert all(line.isprintable() for outcome in (planned, done, reviewed) for line in outcome.lines)


@every_command
def test_no_program_of_the_repository_is_started(repository: GitRepository, trap: Path, command: str) -> None:
    repository.make({"a.py": "x = 1\n"})
    base = commit_of(repository)
    for key in (
        *("core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "core.askPass", "diff.external"),
        *("diff.trap.command", "diff.trap.textconv", "filter.trap.clean", "filter.trap.smudge", "filter.trap.process"),
        *("merge.trap.driver", "gpg.program", "credential.helper", "core.alternateRefsCommand"),
    ):
        repository.git("config", key, str(trap))
    hooks = repository.root / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for hook in ("post-index-change", "reference-transaction", "pre-commit", "post-checkout", "fsmonitor-watchman"):
        (hooks / hook).unlink(missing_ok=True)
        (hooks / hook).symlink_to(trap)
    (repository.root / ".gitattributes").write_text("* filter=trap diff=trap merge=trap\n")
    (repository.root / "a.py").write_text("x = 2  \n")
    (repository.root / "new.py").write_text("x = 3  \n")
    (repository.root / "ruff.toml").write_text(f'extend = "{trap}"\ncache-dir = "{trap}"\n')

    outcome = maintain(repository.root, command, environment={"CONSELHO_BASE": base})

    assert outcome.severity != "error"
    assert not trap.with_suffix(".ran").exists()


@pytest.mark.parametrize("is_tracked", [True, False])
def test_links_are_neither_read_nor_written_through(
    repository: GitRepository, tmp_path: Path, is_tracked: bool
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "b.py").write_text("x = 1  \n")
    repository.make({"folder/b.py": "x = 1\n"})
    (repository.root / "passwords.json").symlink_to(PASSWORDS)
    (repository.root / "direct.py").symlink_to(outside / "b.py")
    if is_tracked:
        repository.git("add", "passwords.json", "direct.py")
        repository.commit()
    (repository.root / "folder" / "b.py").unlink()
    (repository.root / "folder").rmdir()
    (repository.root / "folder").symlink_to(outside)

    outcomes = [maintain(repository.root, command) for command in start.COMMANDS]

    assert (outside / "b.py").read_text() == "x = 1  \n"
    assert (repository.root / "direct.py").is_symlink()
    first = PASSWORDS.read_text().splitlines()[0]
    assert not any(first in line for outcome in outcomes for line in outcome.lines)
    assert all(outcome.exit_code == 0 for outcome in outcomes)
    assert not any("passwords.json:" in line for outcome in outcomes for line in outcome.lines)


@every_command
@pytest.mark.parametrize("is_repository", [True, False])
def test_pipes_and_giants_and_locked_folders_do_not_hold_it_up(
    repository: GitRepository, tmp_path: Path, command: str, is_repository: bool
) -> None:
    here = repository.root if is_repository else tmp_path / "plain"
    here.mkdir(exist_ok=True)
    if is_repository:
        repository.make({"a.py": "x = 1\n", "pipe.py": "x = 1\n"})
        (here / "pipe.py").unlink()
    os.mkfifo(here / "pipe.py")
    with (here / "giant.json").open("wb") as file:
        file.truncate(100 << 20)
    (here / "locked").mkdir()
    (here / "locked" / "b.py").write_text("x = 1\n")
    (here / "locked").chmod(0)
    try:
        outcome = maintain(here, command)
    finally:
        (here / "locked").chmod(0o700)
    assert outcome.severity != "error"


def test_a_file_that_crashes_a_parser_costs_itself_alone(repository: GitRepository) -> None:
    crash = "[x " + "for x in y " * 60_000 + "]  \n"
    repository.make({"a.py": "x = 1  \n", "crash.py": crash, "z.py": "x = 1  \n"})

    done = maintain(repository.root, "implement")

    assert done.summary == "Mended 2 faults in 2 files."
    assert (repository.root / "crash.py").read_text() == crash


def test_deep_nesting_changes_nothing_and_takes_no_time(repository: GitRepository) -> None:
    deep: dict[str, str | bytes] = {
        "a.json": "[" * 100_000,
        "b.yaml": "[" * 100_000 + " \n",
        "c.toml": "a = " + "[" * 100_000 + " \n",
    }
    repository.make(deep)

    for command in start.COMMANDS:
        assert maintain(repository.root, command).exit_code == 0

    assert {path: (repository.root / path).read_text() for path in deep} == deep


def test_a_work_tree_named_in_the_configuration_is_not_followed(repository: GitRepository, tmp_path: Path) -> None:
    repository.make({"a.py": "x = 1  \n"})
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.py").write_text("x = 1  \n")
    repository.git("config", "core.worktree", str(other))

    maintain(repository.root, "implement")

    assert (other / "a.py").read_text() == "x = 1  \n"
    assert (repository.root / "a.py").read_text() == "x = 1\n"
