"""What is in a file of a project? Short texts that the user has put there, read without following what leads out."""

import os
import stat
from pathlib import Path

from conselho import errors
from conselho.projects import repositories


def committed(project: Path, commit: str, path: str, bytes_max: int) -> bytes | None:
    """The file as that commit has it, None where it has none. Raises: errors.Conflict for a longer one."""
    git = repositories.find(project)
    name = f"{commit}:{path}"
    size = None if git is None else git.line("cat-file", "-s", name)
    if git is None or size is None or git.line("cat-file", "-t", name) != "blob":
        return None
    _check_size(path, int(size), bytes_max)
    return git.run("cat-file", "blob", name)


def plain(project: Path, path: str, bytes_max: int) -> bytes | None:
    """The file as it lies there, None where there is none. Raises: errors.Conflict for a longer one, or a way out."""
    real = (project / path).resolve()
    if not real.is_relative_to(project.resolve()):
        raise errors.Conflict(f"{path} leads out of the project: it is not read")
    try:
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            return None
        _check_size(path, found.st_size, bytes_max)
        return file.read(bytes_max)


def _check_size(path: str, size: int, bytes_max: int) -> None:
    if size > bytes_max:
        raise errors.Conflict(f"{path} of the project is longer than {bytes_max // 1024} KiB: shorten it")
