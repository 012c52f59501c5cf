"""What must lie on the disk before an agent CLI is started, and what must not lie in its project?

A provider opens nothing itself, so it names what it needs and what it fears, and it is looked at here. A file that its
CLI would run the code of is feared in the directory of the run and in each above it: where a CLI ends its way up - at
a `.git`, say - a project can make it believe. The home directory is left out: what lies there is the user's own.
"""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from conselho.providers.base import Invocation, Trap

READ_BYTES_MAX = 1024 * 1024  # of a file whose words are looked at: a longer one is feared whatever it says


def broken(invocation: Invocation, cwd: str, home: str | None) -> tuple[str, str] | None:
    """Why it may not be started, as a reason and a sentence; None where nothing is in its way."""
    for path in invocation.needed:
        if not Path(path).is_file():
            return "bad_input", f"there is no file {path}, which its options name"
    if not invocation.traps:
        return None
    place = Path(os.path.realpath(cwd))
    own = None if home is None else Path(os.path.realpath(home))
    for directory in (place, *place.parents):
        for trap in invocation.traps if directory != own else ():
            found = next(_sprung(trap, directory), None)
            if found is not None:
                return "permission_needed", trap.sentence.format(found)
    return None


def _sprung(trap: Trap, directory: Path) -> Iterator[Path]:
    for path in sorted(directory.glob(trap.pattern)):
        if trap.words is None or _has_words(path, trap.words):
            yield path


def _has_words(path: Path, words: re.Pattern[bytes]) -> bool:
    """Also of a file that cannot be looked at: its CLI may be able to."""
    try:
        # A pipe that nobody writes to would keep us waiting.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            is_plain = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            text = file.read(READ_BYTES_MAX + 1) if is_plain else None
    except OSError:
        return True
    return text is None or len(text) > READ_BYTES_MAX or words.search(text) is not None
