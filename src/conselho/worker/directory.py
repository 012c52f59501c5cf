"""What may the worker read from a run's directory, and what does that prove?

`<data_dir>/runs/<execution>.<fence>/` is all that worker and shim share. The worker makes it and takes its lock
before anything is committed or forked; the shim inherits the lock and holds it until its last word is durable.
So: lock free means the shim is dead; lock free and no `spawned` means that nothing was ever started.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SPEC, SPAWNED, SPOOL = "spec.json", "spawned", "spool"
EXIT, EXIT_UNNAMED = "exit.json", "exit.json.reserved"
LOCK, BELL, CONTROL, CANCEL, STDIN, DEADLINE = "lock", "bell", "control", "cancel", "stdin", "deadline"
FILES = "files"  # what the agent is given to read
SCRATCH = "tmp"  # what it may write, and nobody reads
WORD_BYTES_MAX = 64  # of what `cancel` says


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """The directory of one run under one fence."""

    path: Path

    @classmethod
    def of(cls, runs: Path, execution_id: str, fence: int) -> "RunDirectory":
        """The directory a worker makes for a run it holds under `fence`."""
        return cls(runs / f"{execution_id}.{fence}")

    @classmethod
    def find(cls, runs: Path, execution_id: str) -> "RunDirectory | None":
        """The newest directory of a run, under whatever fence it was made."""
        found = [each for each in all_in(runs) if each.execution_id == execution_id]
        return max(found, key=lambda each: int(each.path.suffix[1:]), default=None)

    @property
    def execution_id(self) -> str:
        """The run it belongs to."""
        return self.path.name.partition(".")[0]

    @property
    def files(self) -> Path:
        """Where the files lie that its agent is given."""
        return self.path / FILES

    @property
    def scratch(self) -> Path:
        """Where its agent's CLI may put what is of no use to anybody later."""
        return self.path / SCRATCH

    def make(
        self,
        spec: dict[str, Any],
        stdin: bytes | None,
        files: Mapping[str, str] | None = None,
        *,
        has_scratch: bool = False,
    ) -> int:
        """Make it and take its lock; returns the lock's descriptor, to be inherited by the shim alone."""
        self.remove()  # the same fence made one that never got as far as a commit
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.mkdir(mode=0o700)
        lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if stdin is not None:
                self._write(STDIN, stdin)
            if has_scratch:
                self.scratch.mkdir(mode=0o700)
            if files:
                self.files.mkdir(mode=0o700)
            for name, text in (files or {}).items():
                self._write(f"{FILES}/{name}", text.encode("utf-8"))
            self._write(SPEC, json.dumps(spec).encode("ascii"))
            self._reserve(CANCEL)
            os.mkfifo(self.path / BELL, 0o600)
            os.mkfifo(self.path / CONTROL, 0o600)
        except BaseException:  # also a cancelled task must let go of the lock
            os.close(lock)
            raise
        return lock

    def is_shim_alive(self) -> bool:
        """Whether somebody holds the lock."""
        try:
            descriptor = os.open(self.path / LOCK, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(descriptor)

    def spec(self) -> dict[str, Any]:
        """What was to run; empty where that cannot be read."""
        return self._read(SPEC) or {}

    def spawned(self) -> dict[str, Any] | None:
        """The fact that there was an agent: None where there is none, empty where it cannot be read."""
        if not (self.path / SPAWNED).exists():
            return None
        return self._read(SPAWNED) or {}

    def exit(self) -> dict[str, Any] | None:
        """The shim's last word, or None while there is none.

        It stands under the name of the room that was kept for it until it is on the disk, and after a power cut or the
        shim's death at that moment it stays there.
        """
        return self._read(EXIT) or self._read(EXIT_UNNAMED)

    def ask_to_end(self, reason: str) -> None:
        """Ask the shim to end the tree; asking again changes nothing."""
        with suppress(FileNotFoundError):  # the run is over and its directory gone
            if not (self.path / CANCEL).exists():
                self._write(CANCEL, reason.encode("ascii"))
            self._ring()

    def move_deadline(self, boot_seconds: float) -> None:
        """Let a run that must not outlive its lease go on until that moment of the boot clock."""
        with suppress(FileNotFoundError):
            self._write(DEADLINE, f"{boot_seconds:.3f}".encode("ascii"))

    def remove(self) -> None:
        """Take it away, once what it told is committed."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _ring(self) -> None:
        # ENXIO: nobody listens (yet), the shim looks at the files when it starts; EAGAIN: it has rings to answer.
        with suppress(OSError):
            control = os.open(self.path / CONTROL, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                os.write(control, b"c")
            finally:
                os.close(control)

    def _reserve(self, name: str) -> None:
        """Have room for a word that must be told on a full disk as well, to a run that fills it, say."""
        self._write(f"{name}.new", b" " * WORD_BYTES_MAX)

    def _write(self, name: str, content: bytes) -> None:
        """Make the file hold just this, in the room that was reserved for it, if any was."""
        fresh = self.path / f"{name}.new"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.truncate()
        fresh.rename(self.path / name)

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            found = json.loads((self.path / name).read_bytes())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None


def all_in(runs: Path) -> list[RunDirectory]:
    """Every run directory that lies there."""
    if not runs.is_dir():
        return []
    return [RunDirectory(path) for path in sorted(runs.iterdir()) if path.suffix[1:].isdecimal()]


class DirectoryBusy(Exception):
    """Another run has the working directory."""


class DirectoryUnlockable(Exception):
    """This file system locks no directories, as some network ones do not."""


@contextmanager
def working_directory(path: str, *, exclusive: bool) -> Iterator[int]:
    """Hold a lock on the working directory itself while the shim is started, which inherits it.

    The lock is on the directory's inode, so it holds for every server on the host, whatever its database says,
    until the last process of the run that holds it is gone.

    Raises: DirectoryBusy; DirectoryUnlockable; OSError where it cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DirectoryBusy from None
        except OSError as error:
            if exclusive:  # who only shares is not harmed by a lock that nobody there can take
                raise DirectoryUnlockable(error.strerror) from error
        yield descriptor
    finally:
        os.close(descriptor)
