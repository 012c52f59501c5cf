"""Which files of a worktree changed, and how do they get into an index, without a program of the repository's?

git would look into submodules and nested repositories by starting itself there, under their configuration. So it is
asked only for names, each name is looked at here, and the index is told what to do with it.
"""

import os
import stat
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from conselho import errors
from conselho.projects import git as programs
from conselho.projects.git import Git

NAMED_MAX = 1000  # nested repositories and large files that are named one by one


@dataclass(slots=True)
class Staged:
    """What did not get into the index: nested repositories that are no submodules, and files that are too large."""

    nested: list[bytes] = field(default_factory=list)
    large: list[tuple[bytes, int]] = field(default_factory=list)  # with their bytes


def stage(git: Git, bytes_max: int | None = None) -> Staged:
    """Bring every change of the files into the index, new files as well; what is ignored stays out.

    `git`: tamed, with a tree. Files over `bytes_max` are left as the index has them, and named.

    Raises: errors.Conflict, errors.Unavailable.
    """
    assert git.tree is not None  # noqa: S101 - a bare repository has nothing to be staged
    staged = Staged()
    with tempfile.TemporaryFile() as names, tempfile.TemporaryFile() as kept, tempfile.TemporaryFile() as gone:
        git.run("ls-files", "-z", "-m", "-d", "-o", "--exclude-standard", stdout=names, grave=programs.UNREAD)
        _sort(names, kept, gone, staged, _Place(git.tree), bytes_max)
        for listing, arguments in ((gone, ("--force-remove",)), (kept, ("--add", "--remove", "--replace"))):
            if listing.tell():
                listing.seek(0)
                git.run("update-index", *arguments, "-z", "--stdin", stdin=listing)
    return staged


def _sort(
    names: IO[bytes], kept: IO[bytes], gone: IO[bytes], staged: Staged, place: "_Place", bytes_max: int | None
) -> None:
    for name in programs.fields(names):
        if name.endswith(b"/"):
            if len(staged.nested) < NAMED_MAX:
                staged.nested.append(name)
            continue
        found = place.look(name)
        if found is None:
            gone.write(name + b"\0")
        elif bytes_max is not None and stat.S_ISREG(found.st_mode) and found.st_size > bytes_max:
            if len(staged.large) < NAMED_MAX:
                staged.large.append((name, found.st_size))
        else:
            kept.write(name + b"\0")


class _Place:
    """A tree of files, whose links are not followed."""

    def __init__(self, tree: Path) -> None:
        self._tree = bytes(tree)
        self._within: dict[bytes, bool] = {b"": True}

    def look(self, name: bytes) -> os.stat_result | None:
        """What is there under that name: a file, a link, a directory (of a submodule); None for anything else."""
        if not self._is_within(name.rpartition(b"/")[0]):
            return None
        found = self._status(name)
        if found is None or stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode):
            return found
        is_submodule = stat.S_ISDIR(found.st_mode) and self._status(name + b"/.git") is not None
        return found if is_submodule else None

    def _is_within(self, directory: bytes) -> bool:
        known = self._within.get(directory)
        if known is None:
            found = self._status(directory) if self._is_within(directory.rpartition(b"/")[0]) else None
            known = self._within[directory] = found is not None and stat.S_ISDIR(found.st_mode)
        return known

    def _status(self, name: bytes) -> os.stat_result | None:
        try:
            return os.lstat(self._tree + b"/" + name)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:  # what cannot be seen is not gone
            where = os.fsdecode(self._tree + b"/" + name)
            raise errors.Conflict(f"{where!a} cannot be looked at: {error.strerror}") from error
