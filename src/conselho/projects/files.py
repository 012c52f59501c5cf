"""What is in a file of a project? Short texts that the user has put there, read without following what leads out."""

import os
import stat
from pathlib import Path

from conselho import errors
from conselho.projects import repositories

_LINK = "120000"  # as git writes its mode


def committed(project: Path, commit: str, path: str, bytes_max: int) -> bytes | None:
    """The file as that commit has it, None where it has none. Raises: errors.Conflict for a longer one, or a link."""
    git = repositories.find(project)
    entry = None if git is None else git.line("ls-tree", "--full-tree", commit, "--", path)
    if git is None or entry is None or entry.split()[1] != "blob":
        return None
    if entry.startswith(_LINK):
        raise errors.Conflict(f"{path} of the project is a link: put the text itself there")
    name = f"{commit}:{path}"
    _check_size(path, int(git.run("cat-file", "-s", name)), bytes_max)
    return git.run("cat-file", "blob", name)


def plain(project: Path, path: str, bytes_max: int) -> bytes | None:
    """The file as it lies there, None where there is none. What git keeps is none of the project's.

    Raises: errors.Conflict for a longer one, or a way out.
    """
    top = project.resolve()
    try:
        real = (top / path).resolve()
    except RuntimeError:  # links that lead to each other
        return None
    if not real.is_relative_to(top):
        raise errors.Conflict(f"{path} leads out of the project: it is not read")
    if any(part.casefold() == ".git" for part in real.relative_to(top).parts):
        return None
    try:
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return None
        _check_size(path, found.st_size, bytes_max)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(bytes_max)
    finally:
        os.close(descriptor)


def _check_size(path: str, size: int, bytes_max: int) -> None:
    if size > bytes_max:
        raise errors.Conflict(f"{path} of the project is longer than {bytes_max // 1024} KiB: shorten it")
