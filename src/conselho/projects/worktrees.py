"""Where does a card's agent work? In a worktree of its own, on a branch of its own.

The user's checkout is never touched. Worktrees lie in the data directory, one a card. One is found by what the
repository has noted of it, never by its own `.git` file, which an agent may rewrite: that is only mended for the next
agent. How a worktree goes is in `removing.py`.
"""

import contextlib
import dataclasses
import os
import re
import shlex
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from conselho import errors
from conselho.projects import repositories, staging, turns
from conselho.projects.git import Git

BRANCHES = "conselho/"
CARD_CHARACTERS_MAX = 64
SLUG_CHARACTERS_MAX = 40  # of a branch; a directory's name has at most 255 bytes
NESTED_SHOWN_MAX = 20
ASIDE = ".removed"  # beside the worktrees: where those that are being deleted lie
LINK_BYTES_MAX = 8192  # of a `.git` file: "gitdir: " and a path

_CARD = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*", re.ASCII)
_UNDER_WAY = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply", "BISECT_START")

Standing = Literal["ready", "missing", "unregistered"]


@dataclass(frozen=True, slots=True)
class Worktree:
    """Where a card is worked on. `base` is the commit at which its branch began."""

    path: Path
    branch: str
    base: str
    head: str
    is_new: bool = field(default=False, compare=False)  # its branch was made just now


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit came to: its id, None where there was nothing to commit, and what had to be left out of it.

    `head`: the last commit of the branch, whoever made it.
    """

    commit: str | None
    left: tuple[str, ...] = ()  # nested repositories, which are no files of this one
    head: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Listed:
    """A worktree as it is found: registered and there, registered but gone, or there but registered nowhere."""

    path: Path
    branch: str | None
    head: str | None
    standing: Standing

    @property
    def is_orphan(self) -> bool:
        """Whether nothing can be done with it any more."""
        return self.standing != "ready"


def name(card: str, title: str) -> str:
    """`<card>-<slug>`, as directory and as branch below `conselho/`, whatever the title holds.

    Raises: errors.Invalid for a card that is no plain word.
    """
    if not _CARD.fullmatch(card) or len(card) > CARD_CHARACTERS_MAX:
        raise errors.Invalid(f"card: {card[:60]!r} is none: letters, digits and -")
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:SLUG_CHARACTERS_MAX].strip("-")
    return f"{card}-{slug or 'card'}"


def add(project: Path, home: Path, called: str, branch_from: str | None = None) -> Worktree:
    """The worktree of a card, made where it is not there yet; what an earlier crash left is taken over.

    `home` is the directory of the project's worktrees, `called` what `name` made, `branch_from` a branch, else HEAD.
    Nobody may work in that worktree meanwhile.

    Raises: errors.Conflict with what is in the way; errors.Unavailable.
    """
    git, path, branch = repository(project), within(home, called), BRANCHES + called
    start = _start(git, branch_from)
    is_new = repositories.commit_of(git, f"refs/heads/{branch}") is None
    found = noted(git, path) or _moved(git, path, branch)
    if found is None or path.is_symlink() or not path.is_dir() or not any(path.iterdir()):
        with turns.listed_alone(repositories.shared(git)):
            _register(git, path, branch, start, is_known=found is not None)
        found = noted(git, path)
    if found is None:
        raise errors.Conflict(f"git made no worktree in {path}: look there")
    _lead_back(found)
    _check_out(found, path, branch)
    head = repositories.commit_of(found, "HEAD") or start
    return Worktree(path, branch, git.line("merge-base", start, head) or start, head, is_new)


def commit_all(project: Path, worktree: Path, branch: str, message: str) -> Committed:
    """Commit every change there is, new files as well, on the card's branch; what is ignored is left out.

    Of a submodule its commit counts, of what is inside only that: its own changes are its own.

    Raises: errors.Conflict where the worktree is gone, on another branch, or cannot be committed; errors.Unavailable.
    """
    git = noted_as(project, worktree)
    on = git.line("symbolic-ref", "--quiet", "HEAD")
    if on != f"refs/heads/{branch}":
        on = "no branch" if on is None else on.removeprefix("refs/heads/")
        raise errors.Conflict(f"{worktree} is on {on}, not on {branch}: nothing was committed")
    if repositories.commit_of(git, "HEAD") is None:
        raise errors.Conflict(f"{branch} is gone: nothing was committed, the work lies in {worktree}")
    if is_under_way(git):
        raise errors.Conflict(f"{worktree} is in the middle of a merge or the like: nothing was committed")
    _unlock(git)
    git = git.tamed()
    nested = staging.stage(git).nested
    left = tuple(each.decode("utf-8", "replace") for each in nested[:NESTED_SHOWN_MAX])
    if git.says("diff-index", "--cached", "--quiet", "--no-ext-diff", "--ignore-submodules=dirty", "HEAD"):
        return Committed(None, left, repositories.commit_of(git, "HEAD"))
    with tempfile.TemporaryFile() as text:
        text.write(message.replace("\0", "").encode("utf-8", "replace"))
        text.seek(0)
        git.run(
            "commit", "--quiet", "--no-verify", "--cleanup=verbatim", "--allow-empty-message", "-F", "-", stdin=text
        )
    made = repositories.commit_of(git, "HEAD")
    return Committed(made, left, made)


def listed(project: Path, home: Path, after: str = "", limit: int | None = None) -> list[Listed]:
    """The worktrees of a project, by name: those registered, and what else lies among them.

    `after`: only those whose name comes later. `limit`: at most so many.

    Raises: errors.Unavailable where git is missing.
    """
    git, home = repositories.find(project), home.resolve()
    known = dict(_all_noted(git)) if git is not None else {}
    registered = {path: entry for path, entry in known.items() if path.parent == home}
    there = {each for each in home.iterdir() if each.is_dir() and each.name != ASIDE} if home.is_dir() else set()
    paths = [path for path in sorted(registered.keys() | there) if path.name > after]
    return [_found(path, registered.get(path)) for path in paths[:limit]]


def merge_line(project: Path, branch: str) -> str:
    """The line for a shell that merges a card's branch into what is checked out in the project."""
    return shlex.join(("git", "-C", str(project), "merge", "--no-ff", branch))


def noted_as(project: Path, worktree: Path) -> Git:
    """The repository as seen from a worktree of it that is there. Raises: errors.Conflict for what is none."""
    found = noted(repository(project), worktree)
    if found is None or not worktree.is_dir() or worktree.is_symlink():
        raise errors.Conflict(f"{worktree} is no worktree of {project} (any more)")
    return found


def noted(git: Git, path: Path) -> Git | None:
    """The repository as seen from that worktree, None where it knows none there; the directory may be gone."""
    return dict(_all_noted(git)).get(path.resolve())


def is_under_way(git: Git) -> bool:
    """Whether a worktree is in the middle of something: what its files are then is nobody's wish."""
    return any((git.directory / each).exists() for each in _UNDER_WAY)


def has_own_link(git: Git) -> bool:
    """Whether the `.git` file of a worktree is the one that it was given."""
    assert git.tree is not None  # noqa: S101 - a worktree has one
    try:
        return _read(git.tree / ".git") == _link(git)
    except OSError:
        return False


def repository(project: Path) -> Git:
    """The project's repository. Raises: errors.Conflict where there is none that git can read; errors.Unavailable."""
    git = repositories.find(project)
    if git is None:
        raise errors.Conflict(f"{project} is no git repository (any more): its cards run in place")
    git.run("rev-parse", "--git-dir")  # it says what is wrong with one that cannot be read
    return git


def within(home: Path, called: str) -> Path:
    """Where the worktree of that name lies. Raises: errors.Invalid for what leads elsewhere."""
    if not called or "/" in called or called.startswith(".") or not called.isprintable():
        raise errors.Invalid(f"{called[:60]!r} is no name of a worktree")
    return home.resolve() / called


def _start(git: Git, branch: str | None) -> str:
    names = [] if branch is None else [f"refs/heads/{branch}", f"refs/remotes/origin/{branch}"]
    for reference in (*names, "HEAD"):
        commit = repositories.commit_of(git, reference)
        if commit is not None:
            return commit
    where = git.tree or git.directory
    raise errors.Conflict(f"{where} has no commit yet: make one, so that a branch has something to begin at")


def _register(git: Git, path: Path, branch: str, start: str, *, is_known: bool) -> None:
    if path.is_symlink() or (path.exists() and (not path.is_dir() or any(path.iterdir()))):
        raise errors.Conflict(f"{path} is in the way: look what it is, and move it away")
    if is_known:
        git.run("worktree", "remove", str(path))  # its directory is gone, and with it the reason to keep it
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    is_there = repositories.commit_of(git, f"refs/heads/{branch}") is not None
    named = (str(path), branch) if is_there else ("-b", branch, str(path), start)
    git.run("worktree", "add", "--quiet", "--no-checkout", *named)


def _moved(git: Git, path: Path, branch: str) -> Git | None:
    """A worktree that was moved here, with the data directory: its notes are told where it is now."""
    for _, known in _all_noted(git):
        here = dataclasses.replace(known, tree=path)
        if known.tree is not None or path.is_symlink() or not has_own_link(here):
            continue
        if here.line("symbolic-ref", "--quiet", "HEAD") == f"refs/heads/{branch}":
            (here.directory / "gitdir").write_bytes(bytes(path / ".git") + b"\n")
            return here
    return None


def _check_out(git: Git, path: Path, branch: str) -> None:
    """Bring the files of a worktree there that has never had them all: its index is written last."""
    _unlock(git)
    if (git.directory / "index").exists():
        return
    if git.line("symbolic-ref", "--quiet", "HEAD") != f"refs/heads/{branch}":
        raise errors.Conflict(f"{path} is not on {branch}: look what it is, and move it away")
    git.tamed().run("reset", "--quiet", "--hard", "HEAD")


def _lead_back(git: Git) -> None:
    """Have programs that are started in a worktree find their repository again, whatever an agent made of that."""
    assert git.tree is not None  # noqa: S101 - it is there
    if has_own_link(git):
        return
    link = git.tree / ".git"
    if link.is_dir() and not link.is_symlink():
        raise errors.Conflict(f"{link} is a repository of somebody's own: look what it is, and move it away")
    link.unlink(missing_ok=True)
    with link.open("xb") as file:
        file.write(_link(git))


def _link(git: Git) -> bytes:
    return b"gitdir: " + bytes(git.directory) + b"\n"


def _unlock(git: Git) -> None:
    """Take away the lock of a git that was killed with its run; nobody works there now."""
    (git.directory / "index.lock").unlink(missing_ok=True)


def _found(path: Path, git: Git | None) -> Listed:
    if git is None:
        return Listed(path, None, None, "unregistered")
    branch, head = git.line("symbolic-ref", "--quiet", "--short", "HEAD"), repositories.commit_of(git, "HEAD")
    return Listed(path, branch, head, "missing" if git.tree is None else "ready")


def _all_noted(git: Git) -> Iterator[tuple[Path, Git]]:
    """Each worktree that the repository knows, by its path. Where its directory is gone, git runs beside the notes."""
    for notes in sorted((repositories.shared(git) / "worktrees").glob("*")):
        with contextlib.suppress(OSError):
            path = (notes / os.fsdecode(_read(notes / "gitdir").removesuffix(b"\n"))).parent
            yield path, Git(notes, path if path.is_dir() else None)


def _read(path: Path) -> bytes:
    """A short file, of which an agent may have made anything. Raises: OSError, also for what has no end."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise OSError(f"{path} is no file")
    with path.open("rb") as file:
        return file.read(LINK_BYTES_MAX)
