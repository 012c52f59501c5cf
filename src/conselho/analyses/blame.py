"""Who wrote a line, and when?

One `git blame` a file, of HEAD, several at a time, within a bound on files and seconds: blame walks the
history of each file, which in a large repository takes a second apiece. The working tree may differ from
HEAD, so lines are found by what they say and not by number; what HEAD does not have is not committed yet.
Whitespace changes are passed over: who indents a line does not write it. The date is the author's, which a
rebase keeps.
"""

import os
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from conselho.analyses import git
from conselho.analyses.text import shown

FILES_MAX = 500
"""Files blamed in one analysis: at 20 ms each some seconds."""

FILE_SECONDS_MAX = 20.0
"""One file with a very long history must not use up the time of all."""

NOT_AT_HEAD = b"no such path"
"""What git says, untranslated, of a file that is not committed yet."""

AT_ONCE_MAX = 8
"""git runs beside git well, but the machine has other work."""


@dataclass(frozen=True)
class Origin:
    """Who wrote a line; `at` in Unix seconds."""

    author: str
    at: int


Lines = dict[bytes, deque[Origin]]
"""What a line says (stripped) → its origins, from the top of the file; two lines may say the same."""


def origins(
    root: Path, paths: Iterable[bytes], *, seconds: float, progress: Callable[[int, int], None]
) -> dict[bytes, Lines]:
    """The lines of each file at HEAD, by file. A file is missing where the bounds did not allow it.

    A file that HEAD does not have has no lines.
    """
    chosen = list(paths)[:FILES_MAX]
    until = time.monotonic() + seconds

    def blame(path: bytes) -> Lines | None:
        left = until - time.monotonic()
        return _blame(root, path, min(left, FILE_SECONDS_MAX)) if left > 0 else None

    found: dict[bytes, Lines] = {}
    with ThreadPoolExecutor(min(AT_ONCE_MAX, os.cpu_count() or 1)) as pool:
        for number, (path, lines) in enumerate(zip(chosen, pool.map(blame, chosen), strict=True)):
            progress(number, len(chosen))
            if lines is not None:
                found[path] = lines
    return found


def _blame(root: Path, path: bytes, seconds: float) -> Lines | None:
    """The lines of a file at HEAD, none where HEAD does not have it; None where git could not say."""
    # --no-textconv: a repository's own program could be asked to convert the file. --no-ignore-revs-file: one that
    # the configuration names and that is not there would make every blame fail.
    arguments = ("blame", "--porcelain", "-w", "--no-textconv", "--no-ignore-revs-file", "--encoding=UTF-8", "HEAD")
    try:
        done = git.run(root, *arguments, "--", path, seconds=seconds)
    except git.GitFailedError:
        return None
    if done.returncode == 0:
        return _parsed(done.stdout)
    return {} if NOT_AT_HEAD in done.stderr else None


def _parsed(porcelain: bytes) -> Lines:
    """Headers until a line with a tab, the content. A commit's facts come the first time only."""
    lines: Lines = defaultdict(deque)
    authors: dict[bytes, str] = {}
    times: dict[bytes, int] = {}
    commit, at_header = b"", True
    for line in porcelain.split(b"\n"):
        if line.startswith(b"\t"):
            lines[line.strip()].append(Origin(authors.get(commit, "?"), times.get(commit, 0)))
            at_header = True
        elif at_header:
            commit, at_header = line.partition(b" ")[0], False
        elif line.startswith(b"author "):
            authors[commit] = shown(line.removeprefix(b"author "))
        elif line.startswith(b"author-time "):
            times[commit] = int(line.removeprefix(b"author-time "))
    return lines
