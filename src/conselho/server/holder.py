"""Who writes in this data directory? At most one process, and it says who it is.

The lock is a flock on `lock`: it is free the moment its holder is gone, however it went. What stands in the file is
for people and for commands that look for the holder; it means something only while the lock is held.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from conselho import clock, errors

LOOK_SECONDS = 0.02
HELD_LOOKS = 10  # so often in a row must it be held to be another's: by then its holder has said who it is
LOOKS_MAX = 250  # a busy machine may stop one who only looks in the middle of it

_NAMES = {"serve": "`conselho serve`", "background": "a background server", "db": "a `conselho db` command"}


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a data directory. `since` is RFC 3339.

    `database` tells the one it works on from others: see `db.engine.fingerprint`; None where it does not say.
    """

    pid: int
    kind: str
    socket: str | None
    since: str
    database: str | None = None

    @property
    def words(self) -> str:
        """How it is called in a sentence."""
        return f"{_NAMES.get(self.kind, self.kind)} (pid {self.pid}, since {self.since})"


@contextmanager
def take(data_dir: Path, kind: str, socket: Path | None, database: str | None = None) -> Iterator[None]:
    """Hold the data directory while the body runs. Raises: errors.DataDirectoryHeld saying who does."""
    prepare(data_dir)
    descriptor = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _lock(descriptor):
            raise refusal(data_dir, look(data_dir))
        since = clock.now().isoformat(timespec="seconds").replace("+00:00", "Z")
        me = Holder(os.getpid(), kind, None if socket is None else str(socket), since, database)
        _sign(descriptor, me, data_dir)
        yield
    finally:
        os.close(descriptor)


def _sign(descriptor: int, me: Holder, data_dir: Path) -> None:
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(asdict(me)).encode(), 0)
    except OSError as error:
        raise errors.StorageFull(
            f"the data directory {data_dir} cannot be written to, {(error.strerror or str(error)).lower()}: make room"
        ) from error


def look(data_dir: Path) -> Holder | None:
    """Who holds the data directory; None when nobody does."""
    try:
        descriptor = os.open(data_dir / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        # Shared, so that two who only look do not see each other.
        return None if _try(descriptor, fcntl.LOCK_SH) else _parse(os.pread(descriptor, 4096, 0))
    finally:
        os.close(descriptor)


def refusal(data_dir: Path, held_by: Holder | None) -> errors.DataDirectoryHeld:
    """What is said to whoever wants to write where another does."""
    words = "another process" if held_by is None else held_by.words
    return errors.DataDirectoryHeld(f"{data_dir} is held by {words}: end it, or use another --data-dir")


def prepare(data_dir: Path) -> None:
    """Make the data directory, for its owner alone. Raises: errors.Invalid where that cannot be."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise errors.Invalid(f"the data directory {data_dir} cannot be made: {error.strerror}") from error


def _lock(descriptor: int) -> bool:
    """Take the lock, past those who only look: they hold it, shared, for less than a millisecond."""
    held = 0
    for _ in range(LOOKS_MAX):
        if _try(descriptor, fcntl.LOCK_EX):
            return True
        held = 0 if _try(descriptor, fcntl.LOCK_SH) else held + 1
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        if held == HELD_LOOKS:
            return False
        time.sleep(LOOK_SECONDS)  # a flock has no waiting with a limit
    return False


def _try(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _parse(content: bytes) -> Holder:
    try:
        found = json.loads(content)
        pid, kind, since = int(found["pid"]), str(found["kind"]), str(found["since"])
        return Holder(pid, kind, found.get("socket"), since, found.get("database"))
    except (ValueError, KeyError, TypeError):
        return Holder(0, "another process", None, "just now")
