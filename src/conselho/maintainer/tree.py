"""Which files does the maintainer look at?

Those below the directory it was started in that people wrote: in a repository the tracked and the new ones, elsewhere
all but what lies in folders of tools. No link is followed, no submodule entered. Paths are bytes, relative to that
directory; files are read as the analyses read theirs (`analyses/repository.py`).
"""

import os
import stat
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from conselho import errors
from conselho.analyses import languages
from conselho.analyses.repository import Repository, folder_of
from conselho.projects import git as programs
from conselho.projects import repositories
from conselho.projects.git import Git

FILES_MAX = 20_000
"""Looked at; of more, the first ones by name. So many take some minutes."""

ENTRIES_MAX = 200_000
"""Looked for, where no repository says which files there are."""

_OF_TOOLS = frozenset((b".git", b".hg", b".svn", b".venv", b"venv", b"__pycache__"))
# Who puts one of these into a folder says that nobody wrote what is in it, or that it is another repository's.
_MARKS = (b"pyvenv.cfg", b"CACHEDIR.TAG", b".git")
_LINK, _SUBMODULE = b"120000", b"160000"


@dataclass
class Tree:
    """The directory, its files, and the repository around it; `below`: where in that, with a slash at the end."""

    files: Repository
    git: Git | None = None
    below: bytes = b""

    @property
    def here(self) -> Path:
        """The directory."""
        return self.files.root

    def readable(self, paths: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
        """(path, data) of those that are text files; the others are counted as left out."""
        for path in paths:
            data = self.files.read(path)
            if data is None:
                continue
            if b"\0" in data:
                self.files.left_out["binary"] += 1
            else:
                yield path, data

    def peek(self, path: bytes) -> bytes:
        """What a file holds that is read for its own sake; nothing where it cannot be read."""
        return (Repository(self.here, []).read(path) or b"") if path in self.files.files else b""


def opened(here: Path) -> Tree:
    """The directory as it stands. Raises: errors.Conflict for a repository that git cannot read; errors.Unavailable."""
    here = here.resolve()
    git, below = _repository(here)
    tree = Tree(Repository(here, [], below), git, below)
    left_out = tree.files.left_out
    found = sorted(set(_walked(here, left_out) if git is None else _listed(git, below, left_out)))
    if len(found) > FILES_MAX:
        left_out[f"past the first {FILES_MAX:,}"] += len(found) - FILES_MAX
    tree.files.files = found[:FILES_MAX]
    return tree


def _repository(here: Path) -> tuple[Git | None, bytes]:
    top = here if os.path.lexists(here / ".git") else repositories.around(here)
    if top is None:
        return None, b""
    found = Git(top / ".git", top).line("rev-parse", "--absolute-git-dir")
    if found is None:
        raise errors.Conflict(f"{top} is no git repository that git can read: run `git status` there")
    below = b"" if top == here else os.fsencode(here.relative_to(top)) + b"/"
    return Git(Path(found), top).tamed(), below


def _listed(git: Git, below: bytes, left_out: Counter[str]) -> Iterator[bytes]:
    """Tracked files, and new ones that are not ignored."""
    within = ("--", below) if below else ()
    with tempfile.TemporaryFile() as tracked, tempfile.TemporaryFile() as new:
        git.run("ls-files", "-z", "--stage", *within, stdout=tracked)
        git.run("ls-files", "-z", "--others", "--exclude-standard", *within, stdout=new)
        for entry in programs.fields(tracked):
            about, _, path = entry.partition(b"\t")
            if about.startswith(_LINK):
                left_out["linked elsewhere"] += 1
            elif about.startswith(_SUBMODULE):
                left_out["kept in a submodule"] += 1
            else:
                yield path.removeprefix(below)
        yield from _new(new, below, left_out)


def _new(names: IO[bytes], below: bytes, left_out: Counter[str]) -> Iterator[bytes]:
    for path in programs.fields(names):
        if path.endswith(b"/"):
            left_out["kept in another repository"] += 1
        else:
            yield path.removeprefix(below)


def _walked(here: Path, left_out: Counter[str]) -> Iterator[bytes]:
    """All files of a directory that is in no repository, folder by folder."""
    folders, seen = [b""], 0
    while folders:
        folder = folders.pop()
        try:
            entries = _entries(here, folder)
        except (OSError, ValueError):
            left_out["in a folder that cannot be read"] += 1
            continue
        if folder and any(mark in entries for mark in _MARKS):
            left_out["in a folder of a tool"] += 1
            continue
        for name, mode in sorted(entries.items()):
            seen += 1
            if stat.S_ISDIR(mode):
                if name not in _OF_TOOLS and not languages.is_foreign(folder + name + b"/x"):
                    folders.append(folder + name + b"/")
            elif stat.S_ISREG(mode):
                yield folder + name
            else:
                left_out["linked elsewhere" if stat.S_ISLNK(mode) else "no regular file"] += 1
        if seen > ENTRIES_MAX:
            left_out[f"in folders past the first {ENTRIES_MAX:,} entries"] += len(folders)
            return


def _entries(here: Path, folder: bytes) -> dict[bytes, int]:
    """The names in a folder, with what they are. Raises: OSError, ValueError."""
    with folder_of(here, folder + b"x") as (descriptor, _), os.scandir(descriptor) as found:
        return {os.fsencode(each.name): each.stat(follow_symlinks=False).st_mode for each in found}
