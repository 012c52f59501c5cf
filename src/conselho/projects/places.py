"""Can a directory be a project, and what is in it? Looked up where the server runs, outside any transaction."""

import re
from dataclasses import dataclass
from pathlib import Path

from conselho import errors, names
from conselho.projects import repositories

WORKTREES = "worktrees"  # their place in the data directory
PRACTICE = "practice"  # and that of the repository which the demo makes for itself
PATH_BYTES_MAX = 2000  # PostgreSQL indexes no text of more than 2,704


@dataclass(frozen=True, slots=True)
class Place:
    """A directory as a project keeps it: absolute and without links."""

    path: str
    is_repository: bool
    default_branch: str | None


def look(path: str, default_branch: str | None, data_dir: Path) -> Place:
    """What is there; without `default_branch` it is found out.

    Raises: errors.Invalid for what cannot be a project, or has no such branch; errors.Conflict for a repository that
    git cannot read; errors.Unavailable where git is missing.
    """
    real = _real(path)
    _check_apart(real, data_dir.resolve())
    if real.name == ".git" and repositories.find(real.parent) is not None:
        raise errors.Invalid(f"path: {real} is the inside of the repository {real.parent}: name that")
    git = repositories.find(real)
    if git is None:
        _check_plain(real, default_branch)
        return Place(str(real), is_repository=False, default_branch=None)
    state = repositories.describe(real)
    if default_branch is not None:
        repositories.check_branch(git, default_branch)
    found = default_branch or state.default_branch
    return Place(str(real), is_repository=True, default_branch=found if _is_kept(found) else None)


def slug_of(path: str) -> str:
    """A name for the project in that directory: as the directory is called, as far as a name can be that."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", Path(path).name).lstrip("_.-")[: names.SLUG_CHARACTERS_MAX]
    return plain or "project"


def home(data_dir: Path, project_id: str) -> Path:
    """Where the worktrees of a project lie."""
    return data_dir / WORKTREES / project_id


def _real(path: str) -> Path:
    names.check_text("path", path)
    if not path.startswith("/"):
        raise errors.Invalid("path must be an absolute path")
    if len(path.encode()) > PATH_BYTES_MAX:
        raise errors.Invalid(f"path is longer than {PATH_BYTES_MAX} bytes")
    try:
        real = Path(path).resolve(strict=True)
        is_directory = real.is_dir()
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead in a circle
        raise errors.Invalid(f"path: {path[:200]} cannot be read where the server runs: create it first") from error
    if not is_directory:
        raise errors.Invalid(f"path: {path[:200]} is no directory")
    if not names.is_storable(str(real)) or len(bytes(real)) > PATH_BYTES_MAX:
        raise errors.Invalid(f"path: {path[:200]} leads to a directory whose name is too long, or no UTF-8")
    return real


def _check_apart(real: Path, data_dir: Path) -> None:
    if (real == data_dir or data_dir in real.parents) and real != data_dir / PRACTICE:
        raise errors.Invalid(f"path: {real} lies in the data directory: choose another")
    if real in data_dir.parents and repositories.around(data_dir / WORKTREES) == real:
        raise errors.Invalid(
            f"path: the repository {real} contains the data directory {data_dir}: move one, or have git ignore it"
        )


def _check_plain(real: Path, default_branch: str | None) -> None:
    if default_branch is not None:
        raise errors.Invalid(f"default_branch: {real} is no git repository, and has no branches")
    outer = repositories.around(real)
    if outer is not None:
        raise errors.Invalid(f"path: {real} lies inside the repository {outer}: name that")


def _is_kept(branch: str | None) -> bool:
    return branch is not None and names.is_storable(branch) and len(branch) <= repositories.BRANCH_CHARACTERS_MAX
