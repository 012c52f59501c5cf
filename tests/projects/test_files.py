"""What is read of a project's files, and what is not, whatever lies there under their names."""

import os
from pathlib import Path

import pytest

from conselho import errors
from conselho.projects import files
from tests.projects.repositories import make_repository


def test_a_file_is_read_by_its_path_in_the_project_or_its_whole_one(tmp_path: Path) -> None:
    (tmp_path / "plan.md").write_text("First this")
    assert files.plain(tmp_path, "plan.md", 10) == b"First this"
    assert files.plain(tmp_path, str(tmp_path / "plan.md"), 10) == b"First this"


def test_what_is_no_plain_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    before = set(Path("/proc/self/fd").iterdir())
    for name in ("directory", "loop", "pipe", "nothing", "x" * 5_000):
        assert files.plain(tmp_path, name, 10) is None
    assert set(Path("/proc/self/fd").iterdir()) == before


def test_what_git_keeps_is_not_read(tmp_path: Path) -> None:
    project = make_repository(tmp_path / "repository")
    (project / "git").symlink_to(".git")
    for name in (".git/config", "git/HEAD", ".GIT/config"):
        assert files.plain(project, name, 1_000) is None


def test_what_is_too_long_or_leads_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "project" / "link").symlink_to("../secret")
    (tmp_path / "project" / "long").write_bytes(b"x" * 11)
    for name in ("../secret", "link", str(tmp_path / "secret"), "long"):
        with pytest.raises(errors.Conflict, match=r"leads out|longer than"):
            files.plain(tmp_path / "project", name, 10)
