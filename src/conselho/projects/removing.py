"""When may a card's worktree go, and how does it? When all of its work is on its branch, and never by force.

Its directory is moved aside in one step before it is deleted: whatever happens meanwhile, there is never a worktree
with half of its files, in which those that are gone would look like an agent's work.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from conselho import errors, ids
from conselho.projects import git as programs
from conselho.projects import repositories, turns, worktrees
from conselho.projects.git import Git


def remove(project: Path, worktree: Path, branch: str) -> str | None:
    """Remove a worktree all of whose work is on its branch, which stays. None, or why the worktree was kept.

    Nobody may work there meanwhile. What is ignored goes with it.

    Raises: errors.Conflict, errors.Unavailable.
    """
    git = worktrees.repository(project)
    noted = worktrees.noted(git, worktree)
    if noted is None:
        return _why_unknown(worktree, project) if worktree.exists() or worktree.is_symlink() else None
    if worktree.is_symlink():
        return f"{worktree} is a link: kept"
    if worktree.exists():
        why = _work_left(noted, branch)
        if why is not None:
            return f"{worktree} {why}: kept"
        _put_aside(worktree)
    with turns.listed_alone(repositories.shared(git)):
        git.run("worktree", "remove", str(worktree))  # one that is gone: it looks at no files, and starts nothing there
    _clear(worktree.parent / worktrees.ASIDE)
    return None


def is_merged(project: Path, branch: str, into: str | None) -> bool:
    """Whether all of a branch is in the branch `into`, or in what is checked out in the project.

    Raises: errors.Conflict, errors.Unavailable.
    """
    git = worktrees.repository(project)
    tip = repositories.commit_of(git, f"refs/heads/{branch}")
    if tip is None:
        return False
    names = ("HEAD",) if into is None else ("HEAD", f"refs/heads/{into}", f"refs/remotes/origin/{into}")
    commits = {repositories.commit_of(git, name) for name in names} - {None}
    return any(git.says("merge-base", "--is-ancestor", tip, str(commit)) for commit in commits)


def _why_unknown(worktree: Path, project: Path) -> str:
    return f"{worktree} is not known to the repository {project}: look what is in it, and remove it yourself"


def _work_left(git: Git, branch: str) -> str | None:
    if (git.directory / "locked").exists():
        return "is locked"
    if worktrees.is_under_way(git):
        return "is in the middle of a merge or the like"
    assert git.tree is not None  # noqa: S101 - it is there
    if not worktrees.has_own_link(git) and os.path.lexists(git.tree / ".git"):
        return "has a `.git` of somebody's own"
    head = repositories.commit_of(git, "HEAD")
    tip = repositories.commit_of(git, f"refs/heads/{branch}")
    if head is None or tip is None or not git.says("merge-base", "--is-ancestor", head, tip):
        return f"has commits that are not on {branch}"
    if repositories.is_dirty(git):
        return "has changes that are not committed"
    if any(_submodules(git)):
        return "has a submodule with files in it"
    return None


def _submodules(git: Git) -> Iterator[Path]:
    """Submodules that are there: what is changed in one, only its own configuration could say."""
    assert git.tree is not None  # noqa: S101 - a worktree has one
    if (git.directory / "modules").exists():
        yield git.directory / "modules"
    with tempfile.TemporaryFile() as listing:
        git.run("ls-files", "--stage", "-z", stdout=listing)
        for line in programs.fields(listing):
            if line.startswith(b"160000 "):
                directory = git.tree / line.partition(b"\t")[2].decode("utf-8", "surrogateescape")
                with contextlib.suppress(OSError):
                    if any(directory.iterdir()):
                        yield directory


def _put_aside(worktree: Path) -> None:
    aside = worktree.parent / worktrees.ASIDE
    aside.mkdir(mode=0o700, exist_ok=True)
    try:
        worktree.rename(aside / f"{worktree.name}-{ids.new()}")
    except OSError as error:
        raise errors.Conflict(f"{worktree} cannot be moved: {error.strerror or error}") from error


def _clear(aside: Path) -> None:
    """Delete what lies there, also what an earlier try left. What cannot be deleted is tried again the next time."""
    for directory, names, _ in os.walk(aside):
        for path in (Path(directory, name) for name in names):
            with contextlib.suppress(OSError):
                if not path.is_symlink():
                    path.chmod(0o700)  # an agent may have taken its own files away from itself
    for each in aside.glob("*") if aside.is_dir() else ():
        shutil.rmtree(each, ignore_errors=True)
