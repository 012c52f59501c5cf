"""Which processes has a test started, directly or not, and how are they all ended?

A process is a test's own if it carries a word of the test - the path of its directory - in its environment or in its
command line: the servers and the agents by `TMPDIR`, the shims by the run directory they are given.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path

from tests.acceptance.waiting import until


def found(word: str) -> dict[int, str]:
    """The living processes with that word, and how they are called."""
    sought = word.encode()
    return {pid: command for pid in _pids() if (command := _command_if_ours(pid, sought)) is not None}


def end(word: str) -> None:
    """Kill them all, each by its id, until none is left."""

    def is_clear() -> bool:
        for pid in found(word):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not found(word)

    until(is_clear, f"the processes of {word} to be gone")


def parent(pid: int) -> int | None:
    """The process that started it, None where it has gone meanwhile."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return None


def _pids() -> list[int]:
    own = os.getpid()
    return [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit() and int(each.name) != own]


def _command_if_ours(pid: int, sought: bytes) -> str | None:
    """None for a stranger, and for a zombie, which has no environment any more."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        if sought not in command and sought not in Path(f"/proc/{pid}/environ").read_bytes():
            return None
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
            return None
    except OSError:
        return None
    return command.replace(b"\0", b" ").decode(errors="replace").strip()
