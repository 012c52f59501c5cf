"""How worktrees go: only where all their work is committed, and as a whole."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conselho import errors
from conselho.projects import removing, worktrees
from tests.projects.repositories import git, make_repository

NOBODY = 65534


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "shop")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "worktrees"


@pytest.fixture(autouse=True)
def readable_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody may not look into the home of root."""
    monkeypatch.setenv("HOME", "/")


@contextmanager
def as_somebody() -> Iterator[Path]:
    """A directory of a user's whom modes stop, and that user's eyes: nobody's, where root runs the tests."""
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        if os.geteuid() != 0:
            yield Path(place).resolve()
            return
        os.chown(place, NOBODY, NOBODY)
        os.seteuid(NOBODY)
        try:
            yield Path(place).resolve()
        finally:
            os.seteuid(0)


@pytest.mark.parametrize("work", ["changed", "staged", "new", "nested", "detached", "merging", "locked"])
def test_a_worktree_with_work_in_no_commit_of_its_branch_is_kept_and_named(
    project: Path, home: Path, work: str
) -> None:
    made = worktrees.add(project, home, "c1-x")
    if work in {"changed", "staged"}:
        (made.path / "notes.txt").write_text("work\n")
    if work == "staged":
        git(made.path, "add", "-A")
        (made.path / "notes.txt").write_text("one\ntwo\nthree\n")
    if work == "new":
        (made.path / "new.txt").write_text("work\n")
    if work == "nested":
        make_repository(made.path / "inner")
    if work == "detached":
        git(made.path, "checkout", "-q", "--detach")
        git(made.path, "commit", "-q", "--allow-empty", "-m", "on no branch")
    if work == "merging":
        (project / ".git" / "worktrees" / "c1-x" / "MERGE_HEAD").write_text(made.head + "\n")
    if work == "locked":
        git(project, "worktree", "lock", str(made.path))

    why = removing.remove(project, made.path, made.branch)

    assert why is not None
    assert str(made.path) in why
    assert why.endswith(": kept")
    assert made.path.is_dir()


def test_what_is_no_worktree_of_the_project_is_not_removed(project: Path, home: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert removing.remove(project, tmp_path / "mine", "conselho/x") is not None
    assert removing.remove(project, project, "main") is not None
    made = worktrees.add(project, home, "c1-x")
    made.path.rename(tmp_path / "elsewhere")
    made.path.symlink_to(project)
    assert removing.remove(project, made.path, made.branch) is not None
    assert (project / "notes.txt").exists()


def test_what_cannot_be_seen_is_neither_taken_for_gone_nor_removed() -> None:
    with as_somebody() as place:
        project = make_repository(place / "shop")
        made = worktrees.add(project, place / "home", "c1-x")
        (made.path / "new").mkdir()
        (made.path / "new" / "work.txt").write_text("work\n")
        for name in ("src", "new"):
            (made.path / name).chmod(0)
            with pytest.raises(errors.Conflict, match="ermission denied"):
                worktrees.commit_all(project, made.path, made.branch, "work")
            with pytest.raises(errors.Conflict, match="ermission denied"):
                removing.remove(project, made.path, made.branch)
            (made.path / name).chmod(0o700)
        assert worktrees.commit_all(project, made.path, made.branch, "work").commit is not None
        assert git(project, "ls-tree", "-r", "--name-only", made.branch).split() == [
            ".gitignore", "new/work.txt", "notes.txt", "src/main.py"
        ]  # fmt: skip


def test_what_an_agent_took_from_itself_is_removed_with_its_worktree() -> None:
    with as_somebody() as place:
        project = make_repository(place / "shop")
        made = worktrees.add(project, place / "home", "c1-x")
        (made.path / "build" / "deep").mkdir(parents=True)
        (made.path / "build" / "deep" / "x").write_text("ignored\n")
        for name in ("build/deep", "build"):
            (made.path / name).chmod(0)
        assert removing.remove(project, made.path, made.branch) is None
        assert list((place / "home").glob("**/x")) == []


def test_a_removal_that_was_cut_off_leaves_nothing_half(project: Path, home: Path) -> None:
    made = worktrees.add(project, home, "c1-x")
    aside = home / worktrees.ASIDE / "c1-x-cut-off"
    aside.parent.mkdir()
    made.path.rename(aside)  # and there it was killed
    assert [(each.path.name, each.standing) for each in worktrees.listed(project, home)] == [("c1-x", "missing")]
    again = worktrees.add(project, home, "c1-x")
    assert (again.path / "notes.txt").exists()
    assert removing.remove(project, again.path, again.branch) is None
    assert list(aside.parent.iterdir()) == []
