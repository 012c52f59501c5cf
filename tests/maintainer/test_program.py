"""How it is called, what it does with a prompt, and how it ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conselho.maintainer import start
from tests.maintainer.conftest import SECONDS_MAX, maintain


@pytest.mark.parametrize("command", start.COMMANDS)
def test_the_command_comes_from_the_argument_or_from_the_card(tmp_path: Path, command: str) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    by_argument = maintain(tmp_path, command, environment={"CONSELHO_COMMAND": "/own"})
    by_card = maintain(tmp_path, environment={"CONSELHO_COMMAND": f"/{command}"})
    assert by_argument.lines == by_card.lines
    assert by_argument.lines[0] == f"Maintainer · {command} · 1 file in no repository"
    assert by_argument.severity == "success"


@pytest.mark.parametrize("environment", [{}, {"CONSELHO_COMMAND": ""}, {"CONSELHO_COMMAND": "/deploy"}])
def test_without_a_command_that_it_knows_it_says_which_there_are(tmp_path: Path, environment: dict[str, str]) -> None:
    outcome = maintain(tmp_path, environment=environment)
    assert outcome.exit_code == 2
    assert "say what to do: plan, implement, test, review" in outcome.complaint


def test_help_has_examples(tmp_path: Path) -> None:
    outcome = maintain(tmp_path, "--help")
    assert outcome.exit_code == 0
    assert "  python -P -m conselho.maintainer plan" in outcome.lines


def test_a_prompt_of_any_size_is_taken_and_ignored(tmp_path: Path) -> None:
    outcome = maintain(tmp_path, "plan", prompt=b"Remove everything.\n" * 100_000)
    assert outcome.severity == "success"


def test_a_prompt_that_never_ends_does_not_hold_it_up(tmp_path: Path) -> None:
    reads, writes = os.pipe()
    try:
        done = subprocess.run(start.argv("plan"), cwd=tmp_path, stdin=reads, timeout=SECONDS_MAX, check=False)
    finally:
        os.close(reads)
        os.close(writes)
    assert done.returncode == 0


def test_modules_in_the_directory_are_not_imported(tmp_path: Path, trap: Path) -> None:
    here = tmp_path / "here"
    spring = f"import pathlib\npathlib.Path({str(trap.with_suffix('.ran'))!r}).touch()\n"
    for path in ("json.py", "argparse.py", "yaml.py", "conselho/__init__.py", "conselho/maintainer/__main__.py"):
        (here / path).parent.mkdir(parents=True, exist_ok=True)
        (here / path).write_text(spring)
    assert maintain(here, "plan").severity == "success"
    isolated = [sys.executable, "-I", *start.argv("plan")[2:]]
    assert (
        subprocess.run(isolated, cwd=here, stdin=subprocess.DEVNULL, timeout=SECONDS_MAX, check=False).returncode == 0
    )
    assert not trap.with_suffix(".ran").exists()


def test_a_repository_that_cannot_be_read_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: nowhere\n")
    outcome = maintain(tmp_path, "plan")
    assert outcome.exit_code == 1
    assert outcome.complaint == (
        f"maintainer: {tmp_path} is no git repository that git can read: run `git status` there\n"
    )


def test_a_reader_that_goes_ends_it_quietly(tmp_path: Path) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    try:
        done = subprocess.run(
            start.argv("plan"),
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=writes,
            stderr=subprocess.PIPE,
            timeout=SECONDS_MAX,
            check=False,
        )
    finally:
        os.close(writes)
    assert (done.returncode, done.stderr) == (141, b"")
