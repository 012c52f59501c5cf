"""Which files does a repository hold, and what is in them?

Only tracked files count: what git ignores is nobody's work. They are read from the working tree, because a
conflict marker or a new TODO is there before it is in a commit. Paths are bytes from git to the disk,
relative to the root: they may hold anything but NUL. Files are opened folder by folder without following
links, so a repository cannot have the files of its host read.
"""

import contextlib
import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from conselho.analyses import git
from conselho.analyses.text import shown

FILE_BYTES_MAX = 1 << 20
"""Hand-written files are smaller; what is larger is data, and slow to parse."""

BINARY_PROBE_BYTES = 8000
"""git calls a file binary when a NUL is among its first 8,000 bytes; so do we."""

_LINK, _SUBMODULE = b"120000", b"160000"


class UnusableError(Exception):
    """The path cannot be analysed; the message says what to give instead."""


@dataclass
class Repository:
    """A working tree: its root, its tracked text files (sorted), and what was left out, counted by reason."""

    root: Path
    files: list[bytes]
    below: bytes = b""
    shallow: bool = False
    left_out: Counter[str] = field(default_factory=Counter)

    def read(self, path: bytes) -> bytes | None:
        """The bytes of a text file; None when it is left out (and counted)."""
        try:
            descriptor = _open_beneath(self.root, path)
        except FileNotFoundError:
            self.left_out["not in the working tree"] += 1
            return None
        except (OSError, ValueError):
            self.left_out["linked elsewhere or unreadable"] += 1
            return None
        with os.fdopen(descriptor, "rb") as opened:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                self.left_out["no regular file"] += 1
                return None
            if status.st_size > FILE_BYTES_MAX:
                self.left_out["over 1 MiB"] += 1
                return None
            data = opened.read(FILE_BYTES_MAX)
        if b"\0" in data[:BINARY_PROBE_BYTES]:
            self.left_out["binary"] += 1
            return None
        return data


def open_at(path: str) -> Repository:
    """The repository that `path` lies in; where that is a folder in it, only what is below.

    Raises: UnusableError; git's errors.
    """
    place = Path(os.path.realpath(path))
    if not place.is_dir():
        raise UnusableError(f"{shown(path)} is no directory: give the path of a git repository")
    root = _root(place)
    if root is None:
        raise UnusableError(f"{shown(place)} is no git repository: run it inside one or give its path")
    if git.run(root, "rev-parse", "--git-dir").returncode != 0:
        raise UnusableError(f"{shown(root)} is no git repository that git can read: run `git status` there")
    if git.run(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}").returncode != 0:
        raise UnusableError(f"{shown(root)} has no commits yet: make the first one, then run this again")
    below = b"" if place == root else os.fsencode(place.relative_to(root)) + b"/"
    repository = Repository(root, [], below)
    repository.files = list(_tracked(repository))
    if not repository.files and not repository.left_out:
        raise UnusableError(f"{shown(place)} holds no file that git tracks: commit one there or give another path")
    repository.shallow = git.output(root, "rev-parse", "--is-shallow-repository").strip() == b"true"
    return repository


@contextlib.contextmanager
def folder_of(root: Path, path: bytes) -> Iterator[tuple[int, bytes]]:
    """A descriptor of the folder that a path under the root ends in, and the name there.

    Raises: OSError, also where a step on the way is a link; ValueError for a path that would lead out of the root.
    """
    *folders, name = path.split(b"/")
    if any(step in (b"", b".", b"..") for step in (*folders, name)):
        raise ValueError("a path that leaves the repository")
    here = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for folder in folders:
            below = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = below
        yield here, name
    finally:
        os.close(here)


def _root(place: Path) -> Path | None:
    """Found by hand: git would look at ownership first, and at `core.worktree`."""
    return next((folder for folder in (place, *place.parents) if os.path.lexists(folder / ".git")), None)


def _tracked(repository: Repository) -> Iterator[bytes]:
    arguments: list[str | bytes] = ["ls-files", "-z", "--stage"]
    if repository.below:
        arguments += ["--", repository.below]
    last = None
    for entry in git.output(repository.root, *arguments).split(b"\0")[:-1]:
        about, path = entry.split(b"\t", 1)
        if path == last:  # A file in conflict is listed once for each side.
            continue
        last = path
        if about.startswith(_LINK):
            repository.left_out["linked elsewhere"] += 1
        elif about.startswith(_SUBMODULE):
            repository.left_out["kept in a submodule"] += 1
        else:
            yield path


def _open_beneath(root: Path, path: bytes) -> int:
    """A descriptor of a file under the root. Raises: OSError, also where any step of the path is a link."""
    with folder_of(root, path) as (folder, name):
        # A pipe would wait for its writer.
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
