"""How is a file replaced by its mended self, whole or not at all?

A new file beside it takes its place, so that a crash leaves one of the two. Nothing is followed on the way, and nothing
is replaced that somebody else changed meanwhile.
"""

import contextlib
import os
import secrets
import stat
from pathlib import Path

from conselho.analyses.repository import FILE_BYTES_MAX, folder_of
from conselho.maintainer import judging


def replace(root: Path, path: bytes, digest: bytes, data: bytes) -> str | None:
    """Write `data` in place of what `digest` stands for, with the same mode and owner. None, or why it was not done."""
    try:
        with folder_of(root, path) as (folder, name):
            status = _unchanged(folder, name, digest)
            if status is None:
                return "it was changed meanwhile"
            if not status.st_mode & stat.S_IWUSR:
                return "it is read-only"
            _write(folder, name, status, data)
    except (OSError, ValueError) as error:
        return f"it could not be written ({getattr(error, 'strerror', None) or error})"
    return None


def _unchanged(folder: int, name: bytes, digest: bytes) -> os.stat_result | None:
    """The file's status, None where it is not what was read."""
    opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    with os.fdopen(opened, "rb") as file:
        status = os.fstat(opened)
        if not stat.S_ISREG(status.st_mode) or judging.digest(file.read(FILE_BYTES_MAX + 1)) != digest:
            return None
        return status


def _write(folder: int, name: bytes, status: os.stat_result, data: bytes) -> None:
    beside = f".conselho-{secrets.token_hex(8)}".encode()
    made = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=folder)
    try:
        with os.fdopen(made, "wb") as file:
            file.write(data)
            file.flush()
            new = os.fstat(made)
            if (new.st_uid, new.st_gid) != (status.st_uid, status.st_gid):
                os.fchown(made, status.st_uid, status.st_gid)
            os.fchmod(made, stat.S_IMODE(status.st_mode))  # after the owner, whose change takes bits away
            os.fsync(made)
        os.rename(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:  # whatever ended it: the half-written file goes
        with contextlib.suppress(OSError):
            os.unlink(beside, dir_fd=folder)
        raise
