"""What does a database's error mean for those whose work it met?

Only the driver's own codes are asked, never its sentences.
"""

import enum
import sqlite3
from typing import Any

import psycopg
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from conselho.errors import DatabaseGone, OutcomeUnknown, StorageFull, Unavailable


class Kind(enum.Enum):
    """What is to be done about a failure."""

    UNIT = "unit"  # something a unit did: find out which
    AGAIN = "again"  # two transactions stood in each other's way: run again
    GONE = "gone"  # the database or the way to it: connect again
    FULL = "full"  # no room on the disk
    UNKNOWN = "unknown"  # nobody can say whether it is committed: never run again


_AGAIN_STATES = frozenset({"40001", "40P01", "55P03"})  # serialization, deadlock, a lock not had in time
_FULL_STATES = frozenset({"53100"})
_GONE_STATES = frozenset(
    {
        "25006",  # read only: what answers has become a standby
        "25P03",  # the session was ended for idling in its transaction
        "25P04",  # or for the length of it
        "53300",  # too many connections
    }
)
_GONE_CLASSES = frozenset({"08", "57P", "58"})  # connections; shutdown and start; the server's own disk
_SQLITE_GONE = frozenset(
    {
        sqlite3.SQLITE_BUSY,  # another process has been writing for longer than we wait
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PROTOCOL,
    }
)


def kind_of(error: BaseException) -> Kind:
    """What `error`, raised before COMMIT was sent, asks for."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        return _sqlite_kind(cause)
    if isinstance(cause, psycopg.Error):
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            return Kind.GONE
        return _postgres_kind(cause)
    return Kind.UNIT


def kind_of_commit(error: BaseException) -> Kind:
    """What `error`, raised by COMMIT itself, asks for."""
    kind = kind_of(error)
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        # After a failed fsync the log may hold a whole commit that nobody was promised.
        return Kind.UNKNOWN if _primary_code(cause) == sqlite3.SQLITE_IOERR else kind
    if isinstance(cause, psycopg.Error) and kind in {Kind.AGAIN, Kind.FULL, Kind.UNIT} and cause.sqlstate:
        return kind
    return Kind.UNKNOWN


def is_timeout(error: BaseException) -> bool:
    """Whether a statement was ended because it took too long."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        return _primary_code(cause) == sqlite3.SQLITE_INTERRUPT
    return isinstance(cause, psycopg.errors.QueryCanceled)


def is_read_only(error: BaseException) -> bool:
    """Whether a statement wanted to write where that is forbidden: a query's bug, a writer's standby."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        return _primary_code(cause) == sqlite3.SQLITE_READONLY
    return isinstance(cause, psycopg.errors.ReadOnlySqlTransaction)


def told(kind: Kind, cause: BaseException) -> Exception:
    """A fresh exception for one caller: a shared one would grow a traceback with every caller."""
    error: Exception
    match kind:
        case Kind.FULL:
            error = StorageFull()
        case Kind.GONE:
            error = DatabaseGone()
        case Kind.UNKNOWN:
            error = OutcomeUnknown()
        case _:
            error = Unavailable("others kept changing the same rows: try again shortly")
    error.__cause__ = cause
    return error


def unreachable(address: URL, error: DBAPIError) -> DatabaseGone:
    """Why a database could not even be connected to, for whoever has to mend that. No password is in it."""
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        return DatabaseGone(f"the database {address.database} cannot be opened: {cause}")
    place = f"{address.host or 'the local socket'}:{address.port or 5432}"
    if "does not exist" in str(cause) and f'database "{address.database}"' in str(cause):
        return DatabaseGone(f"there is no database {address.database} at {place}: make it with `createdb`")
    reason = str(cause).strip().splitlines()[0].rpartition("failed: ")[2].removeprefix("FATAL:").strip()
    return DatabaseGone(f"PostgreSQL at {place} cannot be reached: {reason[:1].lower() + reason[1:]}")


def _sqlite_kind(error: sqlite3.Error) -> Kind:
    code = _primary_code(error)
    if code == sqlite3.SQLITE_FULL or _code(error) == sqlite3.SQLITE_IOERR_SHMSIZE:
        return Kind.FULL
    if code in _SQLITE_GONE:
        return Kind.GONE
    return Kind.UNIT


def _postgres_kind(error: psycopg.Error) -> Kind:
    state = error.sqlstate
    if state is None:
        # The server has not answered: the connection, unless the driver refuses what it was given.
        return Kind.GONE if isinstance(error, psycopg.OperationalError) else Kind.UNIT
    if state in _AGAIN_STATES:
        return Kind.AGAIN
    if state in _FULL_STATES:
        return Kind.FULL
    if state in _GONE_STATES or state[:2] in _GONE_CLASSES or state[:3] in _GONE_CLASSES:
        return Kind.GONE
    return Kind.UNIT


def _code(error: sqlite3.Error) -> int:
    code: Any = getattr(error, "sqlite_errorcode", 0)  # absent where the driver itself raised it
    return int(code or 0)


def _primary_code(error: sqlite3.Error) -> int:
    return _code(error) & 0xFF
