"""How does a backup become the database, so that a crash at any moment leaves one of the two whole?

SQLite: the backup is copied beside the database, checked, upgraded and finished there, and only then takes its name,
in one rename. What was there before keeps a name of its own. The backup itself is only read.

A PostgreSQL database is restored by PostgreSQL's tools: putting the present one aside means making another, which
the role that owns it need not be allowed to. What has to follow is `conselho db restored`, on either database.
"""

import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path

import psycopg

from conselho import clock
from conselho.db import backup, engine, failures, migrate
from conselho.db.backup import Tell
from conselho.db.failures import Kind
from conselho.errors import DatabaseGone, DataDirectoryHeld, Invalid, SchemaNewer, StorageFull, Unusable

CHUNK_BYTES = 4 * 1024 * 1024
GOODBYE_SECONDS = 5.0  # PostgreSQL's processes end some moments after their clients
LOOK_SECONDS = 0.1

_MAGIC = b"SQLite format 3\x00"
_DUMP_MAGIC = b"PGDMP"
_TABLES = ("alembic_version", "epochs", "executions")
_OURS = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN (?, ?, ?)"
_OTHERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name = current_setting('application_name') AND pid <> pg_backend_pid()"
)


@contextmanager
def staged(url: str, file: Path, tell: Tell) -> Iterator[str]:
    """A private copy of the backup `file`, checked and upgraded, beside the database it shall become; its URL.

    Raises: Invalid for a file that is no backup of ours, or where the database is PostgreSQL's; SchemaNewer;
    Unusable for a damaged one; StorageFull.
    """
    place = _place(url)
    if not file.is_file():
        raise Invalid(f"there is no file {file}: name a backup")
    if place.exists() and file.samefile(place):
        raise Invalid(f"{file} is the database itself: name a backup")
    _check_magic(file)
    directory = Path(tempfile.mkdtemp(prefix=f".{place.name}.restore-", dir=_made(place.parent)))
    try:
        copy = directory / place.name
        # What was copied by other means than ours may have a log beside it.
        for source, to in zip(backup.files_of(file)[:2], backup.files_of(copy)[:2], strict=True):
            if source.exists():
                _copy(source, to, tell)
        _check(copy, file, tell)
        yield engine.sqlite_url(copy)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def put_in_place(copy_url: str, url: str) -> Path | None:
    """Let the copy become the database; returns under which name the one before is kept, None where there was none.

    Nobody has the copy open. Raises: DataDirectoryHeld where somebody has the database open.
    """
    copy, place = _place(copy_url), _place(url)
    _settle(copy)
    backup.sync(copy)
    kept = _put_aside(place) if place.exists() else None
    for beside in backup.files_of(place)[1:]:
        beside.unlink(missing_ok=True)  # else the old log would be read into the new database
    copy.rename(place)
    backup.sync(place.parent)
    return kept


def check_alone(url: str) -> None:
    """Raises: DataDirectoryHeld while another process of ours has the database open; DatabaseGone, Unusable."""
    if not engine.is_shared(url):
        if not _place(url).exists():
            raise Unusable(f"there is no database {_place(url)}: restore it first")
        try:
            _settle(_place(url))
        except sqlite3.Error as error:
            raise Unusable(f"the database {_place(url)} cannot be read: {error}") from error
        return
    try:
        with engine.connect_directly(url) as connection:
            until = clock.monotonic() + GOODBYE_SECONDS
            while (found := connection.execute(_OTHERS).fetchone()) and found[0]:
                if clock.monotonic() > until:
                    raise DataDirectoryHeld(
                        f"other processes of Conselho have this database open ({found[0]} connections): end them first"
                    )
                time.sleep(LOOK_SECONDS)  # nothing tells that a connection has gone
    except psycopg.OperationalError as error:
        raise DatabaseGone(f"PostgreSQL cannot be reached: {str(error).strip().splitlines()[0]}") from error


def _place(url: str) -> Path:
    if engine.is_shared(url):
        raise Invalid(
            "a PostgreSQL database is restored by PostgreSQL's own tools: put the backup into an empty one with"
            " `pg_restore --no-owner --dbname=… FILE`, then run `conselho db restored`"
        )
    # A link is followed: what it points to is replaced.
    return Path(os.path.realpath(str(engine.database_address(url).database)))


def _made(directory: Path) -> Path:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory


def _check_magic(file: Path) -> None:
    with file.open("rb") as opened:
        magic = opened.read(len(_MAGIC))
    if magic.startswith(_DUMP_MAGIC):
        raise Invalid(
            f"{file} is a dump of a PostgreSQL database, and this one is SQLite's: put it into a PostgreSQL database"
            " with `pg_restore`, then run `conselho db restored` with its --database-url"
        )
    if magic != _MAGIC:
        raise Invalid(f"{file} is no backup of Conselho: it is not a SQLite database")


def _copy(source: Path, to: Path, tell: Tell) -> None:
    total, done = max(source.stat().st_size, 1), 0
    try:
        with source.open("rb") as reading, os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as writing:
            while chunk := reading.read(CHUNK_BYTES):
                writing.write(chunk)
                done += len(chunk)
                tell(f"copying {100 * done // total} %")
    except OSError as error:
        raise StorageFull(f"{source} cannot be copied to {to.parent.parent}: {error.strerror}") from error


def _check(copy: Path, file: Path, tell: Tell) -> None:
    try:
        with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
            wrong = backup.check_whole(connection, tell)
            tables = connection.execute(_OURS, _TABLES).fetchone()[0] if wrong is None else 0
    except sqlite3.Error as error:
        wrong, tables = str(error), 0
    if wrong is not None:
        raise Unusable(f"{file} is damaged, use another backup: {wrong}")
    if tables != len(_TABLES):
        raise Invalid(f"{file} is no backup of Conselho: it is another program's database")
    tell("upgrading the copy")
    try:
        migrate.upgrade(engine.sqlite_url(copy))
    except SchemaNewer as error:
        raise SchemaNewer(f"{file} was written by a newer Conselho: restore it with that version") from error


def _settle(place: Path) -> None:
    """Bring a database's log into it. Raises: DataDirectoryHeld where another has it open; sqlite3.Error."""
    try:
        with closing(sqlite3.connect(place, isolation_level=None, timeout=engine.BUSY_MILLISECONDS / 1000)) as opened:
            opened.execute("PRAGMA locking_mode = EXCLUSIVE")
            opened.execute("PRAGMA synchronous = FULL")
            # The first look takes the lock, or finds that it cannot be had.
            opened.execute("SELECT count(*) FROM sqlite_master").fetchone()
            opened.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError as error:
        if failures.kind_of(error) is Kind.GONE and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            raise DataDirectoryHeld(f"another process has {place} open: end it first") from error
        raise


def _put_aside(place: Path) -> Path:
    """Give what is there another name as well; returns that.

    The log gets its second name before anybody looks: SQLite deletes one that it finds to be of no database. Where the
    database is whole the log is then brought into it, and empty under both names.
    """
    kept = _linked(place)
    log, kept_log = backup.files_of(place)[1], backup.files_of(kept)[1]
    if log.exists():
        os.link(log, kept_log)
    try:
        with suppress(sqlite3.Error):  # it is damaged, which may be why it is replaced
            _settle(place)
    except DataDirectoryHeld:
        for each in (kept, kept_log):
            each.unlink(missing_ok=True)
        raise
    if kept_log.exists() and kept_log.stat().st_size == 0:
        kept_log.unlink()
    backup.sync(place.parent)
    return kept


def _linked(place: Path) -> Path:
    moment = clock.now().strftime("%Y%m%dT%H%M%SZ")
    numbers = count(2)
    kept = place.with_name(f"{place.name}.before-restore-{moment}")
    while True:
        try:
            os.link(place, kept)
        except FileExistsError:
            kept = place.with_name(f"{place.name}.before-restore-{moment}-{next(numbers)}")
        else:
            return kept
