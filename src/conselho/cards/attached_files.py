"""Where does the content of attachments lie, and how does it get there? In the data directory, a directory a card.

A file is there, whole and on the disk itself, before its row is; it is removed after its row was. So whenever this
process dies there is no row without a file, and a file without a row is found by its age.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Self

from conselho import clock, errors, ids
from conselho.cards import limits
from conselho.cards.media import Inspection

UNFINISHED = ".part"
_ID_CHARACTERS = 36


@dataclass(frozen=True, slots=True)
class Lying:
    """A file that lies there, and the row that it says it belongs to."""

    card_id: str
    attachment_id: str
    path: Path


def home(data_dir: Path) -> Path:
    """Where all of them lie."""
    return data_dir / "attachments"


def path(data_dir: Path, card_id: str, file: str) -> Path:
    """Where the content of one lies. `file`: as its row has it."""
    return home(data_dir) / card_id / file


class Incoming:
    """A file that is being received. Use it in a `with`: what was not kept is removed. Each call writes to the disk."""

    def __init__(self, data_dir: Path, card_id: str, attachment_id: str) -> None:
        self.attachment_id = attachment_id
        folder = home(data_dir) / card_id
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / f"{attachment_id}{UNFINISHED}"
        self._file: BinaryIO = self._path.open("xb")
        self._inspection = Inspection()
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    def write(self, piece: bytes) -> None:
        """The next piece. Raises: errors.TooLarge; errors.UnknownKind as soon as that is sure."""
        self.size_bytes += len(piece)
        if self.size_bytes > limits.ATTACHMENT_BYTES_MAX:
            raise errors.TooLarge(limits.FILE_TOO_LARGE)
        self._inspection.look_at(piece)
        self._digest.update(piece)
        self._file.write(piece)

    @property
    def media_type(self) -> str:
        """What it is. Raises: errors.UnknownKind; errors.Invalid for an empty one."""
        return self._inspection.media_type()

    @property
    def sha256(self) -> str:
        """Of all that was written."""
        return self._digest.hexdigest()

    def keep(self, file: str) -> Path:
        """Give it its name, and see to it that it is on the disk; nobody writes to it any more."""
        self._file.flush()
        os.fchmod(self._file.fileno(), 0o400)
        os.fsync(self._file.fileno())
        self._file.close()
        kept = self._path.with_name(file)
        self._path.rename(kept)
        for folder in (kept.parent, kept.parent.parent, kept.parent.parent.parent):  # the first of a card made them
            _sync(folder)
        return kept


def opened(path: Path) -> BinaryIO:
    """The content, to be read. Raises: errors.Gone where it is not there, or is no plain file any more."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise errors.Gone(f"its content is not in the data directory any more: {error.strerror}") from error
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise errors.Gone("its content is not in the data directory any more: something else has its name")


def lying(data_dir: Path, older_than: timedelta) -> Iterator[Lying]:
    """All that was written before, whether there are rows of it or not."""
    before = (clock.now() - older_than).timestamp()
    for folder in _listed(home(data_dir)):
        if ids.is_id(folder.name) and folder.is_dir(follow_symlinks=False):
            for each in _listed(folder.path):
                attachment_id = each.name[:_ID_CHARACTERS]
                if ids.is_id(attachment_id) and each.stat(follow_symlinks=False).st_mtime < before:
                    yield Lying(folder.name, attachment_id, Path(each.path))


def _listed(folder: str | Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
