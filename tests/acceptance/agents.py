"""What do the tests let run? Small shell programs that leave a trace of their own.

Each notes its start first, as one line appended to a file all runs share: how often a run really began is said by
the run itself, not by Conselho. `$TMPDIR` is the test's scratch directory, which servers hand on to what they start.
"""

import os
from collections import Counter
from contextlib import suppress
from pathlib import Path

STARTED = 'echo "$CONSELHO_EXECUTION" >> "$TMPDIR/starts"\n'


def shell(script: str) -> list[str]:
    """The argv of a program that notes its start and does as `script` says."""
    return ["/bin/sh", "-c", STARTED + script]


def count(to: int, first: int = 1, pause: str = "") -> str:
    """Print the numbers from `first` to `to`, with a `pause` ("sleep .05") after each."""
    return f"i={first}; while [ $i -le {to} ]; do echo $i; i=$((i+1)); {pause or ':'}; done\n"


class Gate:
    """Where runs wait until the test lets them through: `read` from a FIFO, as many as come."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self.wait = f'read _ < "{path}"\n'

    def open(self, times: int = 1) -> None:
        """Let so many runs through, now or when they come."""
        os.write(self._descriptor, b"\n" * times)

    def close(self) -> None:
        """Forget it; who waits gets the end of the file."""
        with suppress(OSError):
            os.close(self._descriptor)


def starts(scratch: Path) -> Counter[str]:
    """How often each run began, by id, in the order of their first start."""
    try:
        return Counter((scratch / "starts").read_text().split())
    except FileNotFoundError:
        return Counter()
