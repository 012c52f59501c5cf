"""What has a card changed since its branch began? Committed, staged, unstaged and new files, as one difference.

Nothing of the repository is changed to find out: new contents go into a directory of their own that is removed after.
Large files are compared by git neither as lines nor for renames, so what is held in memory has a limit.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from conselho import errors
from conselho.projects import git as programs
from conselho.projects import repositories, staging, worktrees
from conselho.projects.git import Git

FILE_BYTES_MAX = 1024 * 1024  # larger ones are named with their size, and no more
FILES_MAX = 2000  # that are named one by one; the totals count all
PATCH_BYTES_MAX = 64 * 1024  # of one file
PATCHES_BYTES_MAX = 2 * 1024 * 1024  # of all files

Status = Literal["added", "changed", "removed", "renamed", "retyped"]
_STATUS: dict[str, Status] = {"A": "added", "M": "changed", "D": "removed", "R": "renamed", "T": "retyped"}
_SUBMODULE = "160000"
_SYMLINK = "120000"
_PLAIN = ("--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty", "--submodule=short", "--no-color")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """One file. `name` is its path as bytes; `path` shows it, with `\\xff` for what is no UTF-8."""

    name: bytes
    status: Status
    old_name: bytes | None = None  # of one that was renamed
    mode: str = ""  # as git writes it, of what it is now, or was before it was removed
    lines_added: int | None = None  # None: not counted, as of binary and large files
    lines_removed: int | None = None
    is_binary: bool = False
    is_large: bool = False
    patch: str | None = None
    is_cut: bool = False  # there is more of the patch than is kept

    @property
    def path(self) -> str:
        """The path for people and JSON."""
        return self.name.decode("utf-8", "backslashreplace")

    @property
    def old_path(self) -> str | None:
        """The path before, for people and JSON."""
        return None if self.old_name is None else self.old_name.decode("utf-8", "backslashreplace")

    @property
    def kind(self) -> Literal["file", "link", "submodule"]:
        """What it is: of a link its target is compared, of a submodule its commit."""
        return "submodule" if self.mode == _SUBMODULE else "link" if self.mode == _SYMLINK else "file"


@dataclass(frozen=True, slots=True)
class Difference:
    """All changes between `base` and now. The totals count also what `files` has no room for."""

    base: str
    files: tuple[FileChange, ...]
    files_total: int
    lines_added: int
    lines_removed: int
    nested: tuple[str, ...] = ()  # repositories inside that are no submodules: not looked into


def of_worktree(project: Path, worktree: Path, base: str) -> Difference:
    """What is different in a worktree, its uncommitted changes included. `base`: a commit.

    Raises: errors.Conflict for what is no worktree of the project, or no commit; errors.Unavailable.
    """
    return of_tree(worktrees.noted_as(project, worktree).tamed(), base)


def of_tree(git: Git, base: str) -> Difference:
    """The same, in whatever tree of files `git` is, tamed, with the directory of its index. `base`: a commit.

    Raises: errors.Conflict for what is no commit; errors.Unavailable.
    """
    with tempfile.TemporaryDirectory(prefix="conselho-diff-") as scratch:
        apart = _apart(git, Path(scratch))
        index = git.directory / "index"
        if index.exists():
            shutil.copy2(index, Path(scratch) / "index")  # with its time, by which git knows what to look at again
        else:
            apart.run("read-tree", "HEAD")
        staged = staging.stage(apart, FILE_BYTES_MAX)
        return _difference(apart, Path(scratch), _commit(git, base), staged)


def of_branch(project: Path, branch: str, base: str) -> Difference:
    """What is different on a branch, whether or not it has a worktree. `base`: a commit.

    Raises: errors.Conflict where one of them is not there; errors.Unavailable.
    """
    git = repositories.find(project)
    if git is None:
        raise errors.Conflict(f"{project} is no git repository (any more)")
    tip = _commit(git, f"refs/heads/{branch}")
    with tempfile.TemporaryDirectory(prefix="conselho-diff-") as scratch:
        apart = _apart(git, Path(scratch))
        apart.run("read-tree", tip)
        return _difference(apart, Path(scratch), _commit(git, base), staging.Staged())


def _apart(git: Git, scratch: Path) -> Git:
    """The same repository with an index, and a place for new contents, of its own."""
    objects = scratch / "objects"
    (objects / "info").mkdir(parents=True)
    (scratch / "shared").symlink_to(repositories.shared(git) / "objects")
    (objects / "info" / "alternates").write_text("../shared\n")  # no name that would have to be quoted
    return git.seeing(GIT_INDEX_FILE=str(scratch / "index"), GIT_OBJECT_DIRECTORY=str(objects))


def _commit(git: Git, name: str) -> str:
    commit = repositories.commit_of(git, name)
    if commit is None:
        raise errors.Conflict(f"there is no commit {name[:100]} in {git.tree or git.directory} (any more)")
    return commit


def _difference(git: Git, scratch: Path, base: str, staged: staging.Staged) -> Difference:
    large = [*_large_in_tree(git, base, staged)]
    before = git.seeing(GIT_INDEX_FILE=str(scratch / "base"))
    before.run("read-tree", base)
    with tempfile.TemporaryFile() as names:
        names.writelines(change.name + b"\0" for change in large)
        names.flush()
        for each in (git, before):
            names.seek(0)
            each.run("update-index", "--force-remove", "-z", "--stdin", stdin=names)
    trees = [each.run("write-tree").decode().strip() for each in (before, git)]
    files, total, added, removed = _small(git, trees)
    return Difference(
        base,
        tuple(sorted([*files, *large], key=lambda change: change.name)[:FILES_MAX]),
        total + len(large),
        added,
        removed,
        tuple(name.decode("utf-8", "backslashreplace") for name in staged.nested),
    )


def _large_in_tree(git: Git, base: str, staged: staging.Staged) -> Iterator[FileChange]:
    """What is too large to be compared, on either side."""
    unstaged = {name for name, _ in staged.large}
    with tempfile.TemporaryFile() as raw, tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as sizes:
        git.run("diff-index", "--cached", "--raw", "-z", "--no-renames", "--no-abbrev", *_PLAIN, base, stdout=raw)
        for modes, _, _ in _raw(raw):
            asked.write(f"{modes[2]}\n{modes[3]}\n".encode())
        asked.seek(0)
        git.run("cat-file", "--batch-check=%(objectsize)", stdin=asked, stdout=sizes)
        sizes.seek(0)
        for modes, name, _ in _raw(raw):
            bytes_most = max(_size(sizes.readline()), _size(sizes.readline()))
            if bytes_most > FILE_BYTES_MAX and name not in unstaged:
                mode = modes[1] if modes[4] != "D" else modes[0]
                yield FileChange(name=name, status=_STATUS[modes[4]], mode=mode, is_large=True)
    for name in sorted(unstaged):
        is_known = git.says("cat-file", "-e", os.fsencode(base) + b":" + name)
        yield FileChange(name=name, status="changed" if is_known else "added", mode="100644", is_large=True)


def _small(git: Git, trees: list[str]) -> tuple[list[FileChange], int, int, int]:
    """The files that can be compared, the first of them with their patches; and how many files and lines in all."""
    files: list[FileChange] = []
    total = added = removed = 0
    with tempfile.TemporaryFile() as raw, tempfile.TemporaryFile() as counted:
        compare = ("diff-tree", "-r", "-M", "-l1000", "--no-abbrev", *_PLAIN)
        git.run(*compare, "--raw", "-z", *trees, stdout=raw)
        git.run(*compare, "--numstat", "-z", *trees, stdout=counted)
        with git.lines(*compare, "-p", *trees) as printed:
            patches = _patches(printed)
            for (modes, name, old_name), (more, less) in zip(_raw(raw), _counts(counted), strict=True):
                total, added, removed = total + 1, added + (more or 0), removed + (less or 0)
                if len(files) == FILES_MAX:
                    continue
                status = _STATUS[modes[4][0]]
                patch, is_cut = _next_patch(patches, 2 if status == "retyped" else 1)
                files.append(
                    FileChange(
                        name=name,
                        status=status,
                        old_name=old_name,
                        mode=modes[0] if status == "removed" else modes[1],
                        lines_added=more,
                        lines_removed=less,
                        is_binary=more is None,
                        patch=patch if more is not None else None,
                        is_cut=is_cut and more is not None,
                    )
                )
    return files, total, added, removed


def _raw(stream: IO[bytes]) -> Iterator[tuple[list[str], bytes, bytes | None]]:
    """Mode and object before and now with a letter, the path, and the one before of what was renamed."""
    fields = programs.fields(stream)
    for field in fields:
        modes = field.decode("ascii").removeprefix(":").split(" ")
        first = next(fields)
        yield (modes, next(fields), first) if modes[4][0] in "RC" else (modes, first, None)


def _counts(stream: IO[bytes]) -> Iterator[tuple[int | None, int | None]]:
    """Lines added and removed, None for what has none."""
    fields = programs.fields(stream)
    for field in fields:
        more, less, name = field.split(b"\t", 2)
        if not name:  # renamed: both names follow
            next(fields), next(fields)
        yield (None, None) if more == b"-" else (int(more), int(less))


def _size(line: bytes) -> int:
    return int(line) if line.strip().isdigit() else 0  # a submodule's commit, or nothing, is not there to be measured


def _patches(printed: IO[bytes]) -> Iterator[tuple[bytes, bool]]:
    """The patch of each file in turn, and whether it was cut. No line of a file begins as a patch does."""
    room = PATCHES_BYTES_MAX
    kept: list[bytes] | None = None
    left, is_cut = 0, False
    for line in printed:
        if line.startswith(b"diff --git "):
            if kept is not None:
                yield b"".join(kept), is_cut
            kept, left, is_cut = [], min(PATCH_BYTES_MAX, room), False
        if kept is None:
            continue
        if is_cut or len(line) > left:
            is_cut = True
            continue
        kept.append(line)
        left, room = left - len(line), room - len(line)
    if kept is not None:
        yield b"".join(kept), is_cut


def _next_patch(patches: Iterator[tuple[bytes, bool]], sections: int) -> tuple[str | None, bool]:
    """One file's patch; of one that became something else it has two parts."""
    found = [next(patches, (b"", True)) for _ in range(sections)]
    text = b"".join(part for part, _ in found).decode("utf-8", "replace").replace("\0", "\ufffd")
    return text or None, any(is_cut for _, is_cut in found)
