"""How often was each file changed, and by whom?

One `git log --numstat`, read as it comes, the newest commit first. A renamed file keeps its history: what
an older commit calls by the old name counts for the name of today. Merges are left out, they repeat what
was changed. Author names are those of `.mailmap`, where the repository has one.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from conselho.analyses import git
from conselho.analyses.repository import Repository
from conselho.analyses.text import shown

SECONDS_MAX = 90.0
"""Then the older part of a very long history is left out, and that is said."""

FILES_IN_COMMIT_MAX = 200
"""A commit that changes more is a mass edit (a formatter, a licence): it tells nothing about a file."""

_COMMIT = b"\x01"


@dataclass
class Changes:
    """What happened to one file. `authors`: commits by name."""

    commits: int = 0
    added: int = 0
    deleted: int = 0
    authors: Counter[str] = field(default_factory=Counter)


@dataclass
class History:
    """All of it: by file of today; whether the time allowed for the whole."""

    files: dict[bytes, Changes] = field(default_factory=dict)
    commits: int = 0
    mass_edits: int = 0
    authors: Counter[str] = field(default_factory=Counter)
    whole: bool = True


@dataclass(frozen=True)
class _Edit:
    added: int
    deleted: int
    path: bytes
    old_path: bytes | None


def read(repository: Repository, since: int | None, progress: Callable[[int], None]) -> History:
    """The history of HEAD since a moment (Unix seconds), None: from the beginning. Raises: git's errors."""
    arguments: list[str | bytes] = [
        "log",
        "--numstat",
        "-z",
        "-M",
        "-l400",
        "--no-merges",
        "--encoding=UTF-8",
    ]
    arguments += ["--no-ext-diff", "--no-textconv", "--no-color", "--no-show-signature", "--format=%x01%aN"]
    if since is not None:
        arguments.append(f"--max-age={since}")
    arguments += ["HEAD", "--", *([repository.below] if repository.below else [])]
    history = History()
    today: dict[bytes, bytes] = {}
    stream = git.fields(repository.root, *arguments, seconds=SECONDS_MAX)
    try:
        for author, edits in _commits(stream):
            _count(history, today, author, edits)
            progress(history.commits)
    except git.TimeUpError:
        history.whole = False
    return history


def _count(history: History, today: dict[bytes, bytes], author: str, edits: list[_Edit]) -> None:
    history.commits += 1
    history.authors[author] += 1
    is_mass_edit = len(edits) > FILES_IN_COMMIT_MAX
    history.mass_edits += is_mass_edit
    for edit in edits:
        name = today.get(edit.path, edit.path)
        if edit.old_path is not None:
            today[edit.old_path] = name
        if is_mass_edit:
            continue
        changes = history.files.setdefault(name, Changes())
        changes.commits += 1
        changes.added += edit.added
        changes.deleted += edit.deleted
        changes.authors[author] += 1


def _commits(stream: Iterator[bytes]) -> Iterator[tuple[str, list[_Edit]]]:
    """A field with the mark opens a commit; the others are edits, a rename followed by its two names."""
    author: str | None = None
    edits: list[_Edit] = []
    for part in stream:
        if part.startswith(_COMMIT):
            if author is not None:
                yield author, edits
            author, edits = shown(part[1:]), []
        elif counts := part.strip(b"\n") if part[:1] == b"\n" else part:
            edits.append(_edit(counts, stream))
    if author is not None:
        yield author, edits


def _edit(counts: bytes, stream: Iterator[bytes]) -> _Edit:
    added, deleted, path = counts.split(b"\t", 2)
    old_path = None
    if not path:
        old_path, path = next(stream), next(stream)
    # A binary file has dashes for numbers.
    return _Edit(_number(added), _number(deleted), path, old_path)


def _number(text: bytes) -> int:
    return int(text) if text.isdigit() else 0
