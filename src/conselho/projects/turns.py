"""Who may have git work in a card's worktree? One process on this host at a time.

A lock on a file beside the worktree, so that it can be had before there is one. Runs are no party to it: they are kept
apart by whoever starts them. Worktrees come and go one at a time in each repository, behind a lock on its directory:
git reads the notes of all of them then, and fails on those that another one has only half written.
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
    with _held(os.open(worktree.with_name(f"{worktree.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)):
        yield


@contextmanager
def listed_alone(shared: Path) -> Iterator[None]:
    """Wait until no other worktree comes or goes in the repository of that directory. Raises: OSError."""
    with _held(os.open(shared, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)):
        yield


@contextmanager
def _held(lock: int) -> Iterator[None]:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
