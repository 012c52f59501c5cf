"""How is a database copied whole, into one file, while a server works on it?

SQLite's is read page by page under one read transaction: the copy is of one moment, however long it takes, and the
writer goes on. Surprising: the connection is opened for reading only, because one that may write would checkpoint
when it is closed, and before SQLite 3.51.3 two connections that do so at once can corrupt the database. The price of
the open transaction is that the WAL grows meanwhile by what is written, and shrinks again afterwards.

PostgreSQL's is left to its own `pg_dump`: see `dump.py`.
"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from conselho.db import dump, engine, failures
from conselho.db.failures import Kind
from conselho.errors import Conflict, Invalid, StorageFull, Unusable

PAGES_AT_ONCE = 1_000  # some 4 MB between two words about the progress
LOOK_INSTRUCTIONS = 1_000_000  # of SQLite's machine, some 10 ms, between two words while a copy is checked

Tell = Callable[[str], None]
"""Told, often, what is being done."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy that is whole, checked and on the disk, and what is in it."""

    file: Path
    bytes: int
    revision: str
    executions: int
    events: int


def write(url: str, file: Path, *, replace: bool, tell: Tell) -> Backup:
    """Copy the database at `url` into `file`, which appears when it is whole; `replace` one that is there.

    Raises: Conflict where `file` is there; Invalid where it cannot be; Unusable, DatabaseGone, StorageFull.
    """
    _refuse(url, file, replace=replace)
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        part.unlink(missing_ok=True)  # of a process that died and had our number
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        content = dump.write(url, part, tell) if engine.is_shared(url) else _copy(_place(url), part, tell)
        sync(part)
        if not replace and file.exists():
            raise _taken(file)
        size = part.stat().st_size
        part.rename(file)
        sync(file.parent)
    finally:
        _remove(part)
    return Backup(file, size, content.revision, content.executions, content.events)


def check_whole(connection: sqlite3.Connection, tell: Tell) -> str | None:
    """What is wrong with a SQLite database, None where nothing is; reads all of it."""

    def look() -> None:
        tell("checking the copy")

    connection.set_progress_handler(look, LOOK_INSTRUCTIONS)
    try:
        (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        return str(error)
    finally:
        connection.set_progress_handler(None, 0)
    return None if found == "ok" else str(found).splitlines()[-1]


def sync(path: Path) -> None:
    """Have a file, or the names in a directory, on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refuse(url: str, file: Path, *, replace: bool) -> None:
    if not file.parent.is_dir():
        raise Invalid(f"there is no directory {file.parent}: make it, or name another file")
    if file.is_dir():
        raise Invalid(f"{file} is a directory: name a file in it")
    if not engine.is_shared(url):
        place = _place(url)
        if not place.exists():
            raise Unusable(f"there is no database {place}: there is nothing to back up")
        # By name as well: a log that is not there would be taken for one as soon as somebody opens the database.
        if file.resolve() in files_of(place.resolve()) or (file.exists() and file.samefile(place)):
            raise Invalid(f"{file} is the database itself: name another file")
    if file.exists() and not replace:
        raise _taken(file)


def files_of(place: Path) -> tuple[Path, Path, Path]:
    """A SQLite database, its log and the index of that."""
    return place, place.with_name(f"{place.name}-wal"), place.with_name(f"{place.name}-shm")


def _taken(file: Path) -> Conflict:
    return Conflict(f"{file} is there already: name another file, or replace it with --force")


def _place(url: str) -> Path:
    return Path(str(engine.database_address(url).database))


def _copy(place: Path, part: Path, tell: Tell) -> dump.Content:
    def copied(_status: int, remaining: int, total: int) -> None:
        tell(f"copying {100 * (total - remaining) // max(total, 1)} %")

    try:
        with (
            closing(sqlite3.connect(f"{place.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)) as source,
            closing(sqlite3.connect(part, isolation_level=None)) as target,
        ):
            target.execute("PRAGMA synchronous = OFF")  # it is synced at the end, and nobody has seen it before
            source.execute("BEGIN")
            content = dump.Content(*(source.execute(question).fetchone()[0] for question in dump.QUESTIONS))
            source.backup(target, pages=PAGES_AT_ONCE, progress=copied)
            source.execute("ROLLBACK")
            target.execute("PRAGMA journal_mode = DELETE")  # one file, which can be read where nothing can be written
            wrong = check_whole(target, tell)
    except sqlite3.Error as error:
        if failures.kind_of(error) is Kind.FULL:
            raise StorageFull(f"there is no room for the backup in {part.parent}: make some") from error
        raise Unusable(f"the database {place} cannot be copied: {error}") from error
    if wrong is not None:
        raise Unusable(f"the database {place} is damaged, and so would the backup be: {wrong}")
    return content


def _remove(part: Path) -> None:
    for each in (part, part.with_name(f"{part.name}-journal"), *files_of(part)[1:]):
        with suppress(OSError):
            each.unlink()
