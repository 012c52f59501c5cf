"""What is looked at before an agent CLI is started."""

import os
import re
from pathlib import Path
from typing import Any

import pytest

from conselho.providers.base import Invocation, Trap
from conselho.worker import premises
from conselho.worker.premises import READ_BYTES_MAX, broken

CODE = Trap(pattern=".cli/plugin/*.js", sentence="{0} is code")
NAMING = Trap(pattern="cli.json", sentence="{0} names plugins", words=re.compile(b"plugin"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project in somebody's home; all above it is as on any machine."""
    made = tmp_path / "home" / "project"
    (made / "deep").mkdir(parents=True)
    return made


def write(path: Path, content: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def looked_at(place: Path, home: Path | None = None, **wish: Any) -> tuple[str, str] | None:
    given = Invocation(argv=("cli",), **{"traps": (CODE, NAMING)} | wish)
    return broken(given, str(place), None if home is None else str(home))


def test_a_plain_project_is_entered(project: Path) -> None:
    write(project / "cli.json", "{}")
    write(project / ".cli" / "plugin" / "notes.md")
    assert looked_at(project) is None


def test_a_place_that_is_not_there_is_no_affair_of_this(project: Path) -> None:
    assert looked_at(project / "gone") is None


@pytest.mark.parametrize("place", [".", "deep"])
def test_code_of_the_project_is_named(project: Path, place: str) -> None:
    found = write(project / ".cli" / "plugin" / "a.js")
    write(project / "deep" / ".git")  # a way up that seems to end here
    assert looked_at(project / place) == ("permission_needed", f"{found} is code")


def test_a_way_round_by_a_link_is_no_way_round(project: Path) -> None:
    found = write(project / ".cli" / "plugin" / "a.js")
    link = project.parent / "link"
    link.symlink_to(project / "deep")
    assert looked_at(link) == ("permission_needed", f"{found} is code")


def test_what_is_the_users_own_is_trusted(project: Path) -> None:
    home = project.parent
    write(home / ".cli" / "plugin" / "a.js")
    assert looked_at(project, home) is None
    assert looked_at(project) is not None


def test_a_file_is_feared_for_its_words(project: Path) -> None:
    found = write(project / "cli.json", '{"plugin": []}')
    assert looked_at(project) == ("permission_needed", f"{found} names plugins")


def test_a_file_that_cannot_be_looked_at_is_feared(project: Path) -> None:
    found = project / "cli.json"
    os.mkfifo(found)
    assert looked_at(project) == ("permission_needed", f"{found} names plugins")
    found.unlink()
    write(found, " " * (READ_BYTES_MAX + 1))
    assert looked_at(project) == ("permission_needed", f"{found} names plugins")
    found.unlink()
    found.symlink_to("/proc/self/mem")
    assert premises.broken(Invocation(argv=("cli",), traps=(NAMING,)), str(project), None) is not None


def test_a_needed_file_must_be_there(project: Path) -> None:
    path = project / "servers.json"
    sentence = f"there is no file {path}, which its options name"
    assert looked_at(project, needed=(str(path),)) == ("bad_input", sentence)
    write(path)
    assert looked_at(project, needed=(str(path),)) is None
