"""Who may have git work in a card's worktree? One process on this host at a time.

A lock on a file beside the worktree, so that it can be had before there is one. Runs are no party to it: they are kept
apart by whoever starts them.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def taken(worktree: Path) -> Iterator[None]:
    """Wait for the turn, and hold it: for a thread, since another's git may take its time. Raises: OSError."""
    worktree.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(worktree.with_name(f"{worktree.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
