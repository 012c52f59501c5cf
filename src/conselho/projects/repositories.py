"""What is in a directory: a repository, with which branch, and in what state? Looked at, and nothing in it is changed.

A directory is a repository only where it is the top of one, or a bare one. What lies somewhere inside a repository is
none, and cannot be a project: its runs would work in the user's checkout. What that repository ignores can.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from conselho import errors
from conselho.projects import git as programs
from conselho.projects.git import Git

BRANCH_CHARACTERS_MAX = 200
_USUAL = ("main", "master")
_OF_A_BARE_ONE = ("HEAD", "objects", "refs")
_CONTROL = 0x20


@dataclass(frozen=True, slots=True)
class State:
    """A directory as it was found. Without a repository all the rest is as by default."""

    path: Path
    is_repository: bool = False
    is_bare: bool = False
    branch: str | None = None  # None: detached
    head: str | None = None  # a commit; None: there is none yet
    default_branch: str | None = None
    is_dirty: bool = False


def find(path: Path) -> Git | None:
    """The repository whose top, or whose bare directory, that path is; None where it is neither."""
    if (path / ".git").exists():
        return Git(path / ".git", path)
    if all((path / name).exists() for name in _OF_A_BARE_ONE):
        return Git(path, None)
    return None


def describe(path: Path) -> State:
    """What is there. `path`: a directory, absolute and real.

    Raises: errors.Conflict for a repository that git cannot read; errors.Unavailable where git is missing.
    """
    git = find(path)
    if git is None:
        return State(path)
    git.run("rev-parse", "--git-dir")
    branch, head = git.line("symbolic-ref", "--quiet", "--short", "HEAD"), commit_of(git, "HEAD")
    return State(
        path,
        is_repository=True,
        is_bare=git.tree is None,
        branch=branch,
        head=head,
        default_branch=_default_branch(git, branch),
        is_dirty=git.tree is not None and is_dirty(git),
    )


def shared(git: Git) -> Path:
    """The directory that all worktrees of a repository share. Raises: errors.Conflict for what cannot be read."""
    found = git.run("rev-parse", "--git-common-dir").removesuffix(b"\n").decode("utf-8", "surrogateescape")
    return ((git.tree or git.directory) / found).resolve()


def commit_of(git: Git, reference: str) -> str | None:
    """The commit that a whole name of a reference stands for, None where there is none."""
    return git.line("rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}")


def is_dirty(git: Git) -> bool:
    """Whether there is anything that is not committed: staged, changed, or new and not ignored.

    Of a submodule only the commit counts: to look inside would be to obey its configuration.
    """
    with tempfile.TemporaryFile() as listing:
        arguments = ("--porcelain", "-z", "--no-renames", "--untracked-files=normal", "--ignore-submodules=dirty")
        git.tamed().run("status", *arguments, stdout=listing, grave=programs.UNREAD)
        return listing.seek(0, 2) > 0


def check_branch(git: Git, name: str) -> None:
    """A branch that is there. Raises: errors.Invalid for what is none, or cannot be one."""
    is_long = len(name) > BRANCH_CHARACTERS_MAX
    if is_long or name.startswith("-") or any(ord(character) < _CONTROL for character in name):
        raise errors.Invalid(f"default_branch: {name[:60]!r} is no name of a branch")
    if not git.says("check-ref-format", f"refs/heads/{name}"):
        raise errors.Invalid(f"default_branch: {name[:60]!r} is no name of a branch")
    if commit_of(git, f"refs/heads/{name}") is None and commit_of(git, f"refs/remotes/origin/{name}") is None:
        raise errors.Invalid(f"default_branch: there is no branch {name[:60]!r} with a commit in it")


def around(path: Path) -> Path | None:
    """The repository inside which a directory lies that is none itself, unless it is ignored there."""
    for parent in path.parents:
        git = find(parent)
        if git is not None and git.says("rev-parse", "--git-dir"):  # an empty `.git` is none
            return None if git.tree is None or _ignores(git, path) else parent
    return None


def _ignores(git: Git, path: Path) -> bool:
    return git.seeing(GIT_LITERAL_PATHSPECS="0").says("check-ignore", "--quiet", "--", str(path))


def _default_branch(git: Git, current: str | None) -> str | None:
    told = git.line("symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
    names = [told.removeprefix("origin/")] if told else []
    for name in (*names, *_USUAL):
        if commit_of(git, f"refs/heads/{name}") is not None:
            return name
    return current
