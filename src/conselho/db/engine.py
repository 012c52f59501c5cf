"""How is a database opened? With the settings that the promises rest on.

Surprising:
- SQLite's driver would begin transactions by itself, and late. It is told not to; `BEGIN IMMEDIATE` is said
  aloud by the writer, because a deferred transaction that reads and then writes fails at once when another
  connection wrote in between, whatever the timeout.
- `auto_vacuum` only takes effect before anything is in the file, and turning WAL on puts something there, so it
  comes first. Saying it again later would write, and a reader must never wait for the writer.
- Errors never show parameters: they hold prompts and tokens.
"""

import hashlib
import json
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from conselho.errors import Invalid, Unusable

BUSY_MILLISECONDS = 5_000  # how long SQLite waits for another process that writes, such as a backup
JOURNAL_BYTES_MAX = 64 * 1024 * 1024  # the WAL is cut back to this after a burst
READ_SECONDS_MAX = 5.0  # an open reader lets SQLite's WAL grow, and holds PostgreSQL's vacuum back
STATEMENTS_CACHED = 2_000  # compiled statements; the product has a few hundred
DEADLINE = "deadline"  # of a reading SQLite connection, in its `info`
PROGRESS_INSTRUCTIONS = 2_000  # of SQLite's machine between two looks at a reader's deadline, some 20 us

SQLITE_WRITER = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    f"journal_size_limit = {JOURNAL_BYTES_MAX}",
)
SQLITE_READER = ("query_only = ON",)

# A frozen process must not hold the event lock for long, and an unplugged server must be noticed.
POSTGRES_CONNECT = {
    "connect_timeout": 5,  # seconds
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
    "application_name": "conselho",
}
POSTGRES_PORT = 5432  # where an address names none
POSTGRES_SESSION = (
    "SET idle_in_transaction_session_timeout = '5s'; SET lock_timeout = '5s';"
    " SET synchronous_commit = on; SET timezone = 'UTC'; SET client_encoding = 'UTF8';"
)


_DECODER = json.JSONDecoder()
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file. Raises: Unusable for a path that no URL can hold."""
    if "?" in str(path):
        raise Unusable(f"a database's path must not contain a question mark: {path}")
    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


class Deadline:
    """When the read on a SQLite connection must be over, on the monotonic clock; None while there is no read."""

    __slots__ = ("at",)

    def __init__(self) -> None:
        self.at: float | None = None

    def is_over(self) -> bool:
        """Asked by SQLite itself every few thousand instructions; True interrupts the statement."""
        return self.at is not None and time.monotonic() > self.at


def open_engine(url: str, *, read_only: bool = False, read_seconds_max: float = READ_SECONDS_MAX) -> Engine:
    """An engine for `url`; nothing is connected yet. Nothing is pooled: the one who connects keeps the connection.

    `read_only` connections refuse to write, whoever asks; no statement of theirs outlasts `read_seconds_max`
    (on SQLite once a `Deadline`, found in the connection's `info`, is set).

    Raises: Invalid for a URL that is neither SQLite's nor PostgreSQL's.
    """
    address = database_address(url)
    options: dict[str, Any] = {
        "hide_parameters": True,
        "query_cache_size": STATEMENTS_CACHED,
        "json_serializer": json_text,
        "poolclass": NullPool,
    }
    if address.get_backend_name() == "sqlite":
        return _open_sqlite(address, options, read_only=read_only)
    return _open_postgres(address, options, read_seconds_max=read_seconds_max if read_only else None)


def connect_directly(url: str) -> psycopg.Connection:
    """A connection to PostgreSQL of one's own, outside of any pool, on which each statement is a transaction.

    Raises: psycopg.Error.
    """
    address = database_address(url).set(drivername="postgresql")
    options = {name: value for name, value in POSTGRES_CONNECT.items() if name not in address.query}
    connection = psycopg.connect(address.render_as_string(hide_password=False), autocommit=True, **options)  # type: ignore[arg-type]
    connection.execute(POSTGRES_SESSION)
    return connection


def is_shared(url: str) -> bool:
    """Whether processes on several machines may have this database open at once."""
    return database_address(url).get_backend_name() != "sqlite"


def database_address(url: str) -> URL:
    """`url`, parsed, with the driver this program uses.

    Raises: Invalid, with a sentence that shows no password.
    """
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        # The text is not shown: what cannot be parsed may hold a password anywhere.
        raise Invalid("the database URL cannot be read: write sqlite:////path or postgresql://…") from None
    match address.get_backend_name():
        case "sqlite":
            if not address.database or address.database == ":memory:":
                raise Invalid("a database in memory keeps nothing: give SQLite a file")
            if not Path(address.database).is_absolute():
                # A server that a command starts has another working directory: it would make another file.
                raise Invalid(f"give SQLite's file with its whole path: sqlite:///{Path(address.database).absolute()}")
            return address.set(drivername="sqlite+pysqlite")
        case "postgresql" | "postgres":
            return address.set(drivername="postgresql+psycopg")
    raise Invalid(f"{address.get_backend_name()} is no database this program knows: SQLite or PostgreSQL")


def fingerprint(url: str) -> str:
    """A digest of where a database is, to tell two of them apart; whoever reads it learns no password.

    Raises: Invalid.
    """
    address = database_address(url)
    if address.get_backend_name() == "sqlite":
        place = os.path.realpath(str(address.database))
    else:
        query = {name: value for name, value in address.query.items() if name != "password"}
        plain = URL.create(
            address.drivername, address.username, None, (address.host or "").lower(), address.port or POSTGRES_PORT,
            address.database, query,
        )  # fmt: skip
        place = plain.render_as_string()
    return hashlib.sha256(os.fsencode(place)).hexdigest()[:16]


def _open_sqlite(address: URL, options: dict[str, Any], *, read_only: bool) -> Engine:
    # Readers' connections move between threads, one at a time; the driver need not forbid it.
    arguments = {"check_same_thread": False, "isolation_level": None, "timeout": BUSY_MILLISECONDS / 1000}
    engine = create_engine(address, connect_args=arguments, json_deserializer=_json_value, **options)
    begin = "BEGIN" if read_only else "BEGIN IMMEDIATE"

    def connected(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        if read_only:
            deadline = record.info[DEADLINE] = Deadline()
            connection.set_progress_handler(deadline.is_over, PROGRESS_INSTRUCTIONS)
        pragmas = SQLITE_READER if read_only else SQLITE_WRITER
        if not read_only and connection.execute("PRAGMA page_count").fetchone() == (0,):
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    def do_begin(connection: sqlite3.Connection) -> None:
        connection.execute(begin)

    event.listen(engine, "connect", connected)
    # Not the event "begin": an engine with events pays for them at every statement.
    engine.dialect.do_begin = do_begin  # type: ignore[method-assign, assignment]
    return engine


def _open_postgres(address: URL, options: dict[str, Any], *, read_seconds_max: float | None) -> Engine:
    """`read_seconds_max` None: to write."""
    arguments = {name: value for name, value in POSTGRES_CONNECT.items() if name not in address.query}
    session = POSTGRES_SESSION + " SET statement_timeout = '30s'"
    if read_seconds_max is not None:
        # Repeatable read: a page and the cursor read beside it come from one moment, as they do on SQLite.
        session = (
            f"{POSTGRES_SESSION} SET statement_timeout = '{read_seconds_max * 1000:.0f}ms';"
            " SET default_transaction_read_only = on;"
            " SET default_transaction_isolation = 'repeatable read'"
        )
    engine = create_engine(address, connect_args=arguments, **options)

    def connected(connection: psycopg.Connection[Any], _record: object) -> None:
        connection.autocommit = True
        connection.execute(session)
        connection.autocommit = False

    event.listen(engine, "connect", connected)
    return engine


def _json_value(text: str) -> Any:
    """What `json_text` wrote: no space is before or behind it, and not to look for any takes half the time."""
    return _DECODER.raw_decode(text)[0]


def json_text(value: Any) -> str:
    """JSON as it is stored. Raises: ValueError for what has none."""
    return _ENCODER.encode(value)
