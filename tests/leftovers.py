"""Which databases on a server were left by test runs that were killed, and which belong to one that goes on?

A run's databases carry its mark in their names. The connection by which the run makes them holds the lock of that
mark: the server lets go of it when the connection ends, however the run's process ended and wherever it ran. So a
database whose mark nobody holds has no owner, and none can come. One with another kind of name is not looked at.
"""

import contextlib
import re
import secrets
import threading
from typing import Any

import psycopg
from psycopg import sql

Connection = psycopg.Connection[Any]

CLASS = 0xC05E  # of all advisory locks of a server, the marks of test runs
_OF_A_RUN = re.compile(r"conselho_(?:test|template)_([0-9a-f]{8})(?:_\w+)?")
_NAMES = """
SELECT datname FROM pg_database
WHERE datname LIKE 'conselho%' AND datname NOT IN (
    SELECT datname FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname IS NOT NULL
)
"""
# Such locks belong to one database each, but are shown for all: the run may have connected to another one than we.
_HELD = "SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objsubid = 2"


def take_mark(connection: Connection) -> str:
    """A mark that is ours for as long as the connection lasts."""
    while True:
        number = secrets.randbits(31)
        held = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", (CLASS, number)).fetchone()
        if held is not None and held[0]:
            return f"{number:08x}"


def without_owner(connection: Connection) -> list[str]:
    """The databases that are nobody's and that nobody is connected to. The connection must commit by itself."""
    # In this order: a run has its mark before its first database, and gives it up after its last.
    names = [str(name) for (name,) in connection.execute(_NAMES)]
    held = {f"{number:08x}" for (number,) in connection.execute(_HELD, (CLASS,))}
    marks = {name: found[1] for name in names if (found := _OF_A_RUN.fullmatch(name))}
    return [name for name, mark in marks.items() if mark not in held]


def drop(url: str, stop: threading.Event) -> None:
    """Drop them, one after the other, until `stop` is set: each may take seconds on a server that is busy."""
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        for name in without_owner(connection):
            if stop.is_set():
                return
            # Without FORCE: somebody may look at it, or another run be dropping it at this moment.
            with contextlib.suppress(psycopg.OperationalError, psycopg.InternalError, psycopg.ProgrammingError):
                connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
