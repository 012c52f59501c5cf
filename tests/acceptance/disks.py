"""Where does a test get a disk that it may fill?

Root gets one: a small file system in memory. Where nothing may be mounted, the processes that write are forbidden to
let their files grow, which is an error of the system as well, if another one.
"""

import os
import resource
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from conselho.server.health import DISK_BYTES_NEEDED

SIZE_BYTES = DISK_BYTES_NEEDED + 20_000_000  # empty it is enough for `/readyz`


class MountedDisk:
    """A file system of its own, at a path. Raises: OSError where nothing may be mounted."""

    is_real = True
    refusals = ("storage_full",)

    def __init__(self, path: Path) -> None:
        path.mkdir()
        self.path = path
        options = f"size={SIZE_BYTES},mode=700"
        argv = ["mount", "-t", "tmpfs", "-o", options, "conselho-test", str(path)]
        mounted = subprocess.run(argv, capture_output=True, text=True, check=False)
        if mounted.returncode != 0:
            path.rmdir()
            raise OSError(mounted.stderr)

    def fill(self, _writers: Iterable[int]) -> None:
        """Take all the room there is, to the last block."""
        descriptor = os.open(self.path / "filler", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with suppress(OSError):
            facts = os.fstatvfs(descriptor)
            os.posix_fallocate(descriptor, 0, facts.f_bavail * facts.f_frsize)
        with suppress(OSError):
            while os.write(descriptor, bytes(4096)):
                pass
        os.close(descriptor)

    def free(self) -> None:
        """Give the room back."""
        (self.path / "filler").unlink()

    def close(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.path)], check=True)


class ForbiddenGrowth:
    """The usual disk, on which the writers may be forbidden to make any file longer."""

    is_real = False
    refusals = ("database_gone", "outcome_unknown")

    def __init__(self, path: Path) -> None:
        path.mkdir()
        self.path = path
        self._limited: dict[int, tuple[int, int]] = {}

    def fill(self, writers: Iterable[int], up_to: int = 0) -> None:
        """Let these processes, and those they start, write nothing that lies further than that in a file."""
        for pid in writers:
            self._limited[pid] = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (up_to, self._limited[pid][1]))

    def free(self) -> None:
        """Let them write again."""
        for pid, limits in self._limited.items():
            with suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)
        self._limited.clear()

    def close(self) -> None:
        self.free()


Disk = MountedDisk | ForbiddenGrowth
