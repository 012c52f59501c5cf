"""Which databases is this program met with, and are they new enough?"""

import sqlite3

import psycopg

from conselho import errors
from conselho.db import engine

SQLITE_NEEDED = (3, 35, 0)  # UPDATE … RETURNING, which says who won a race
SQLITE_RESET_MENDED = (3, 51, 3)  # before, two connections that reset a WAL at the same moment could corrupt it
POSTGRESQL_NEEDED = 13  # what this program is written for


def sqlite() -> tuple[int, int, int]:
    """The version of the SQLite that Python brings."""
    major, minor, patch = sqlite3.sqlite_version_info
    return major, minor, patch


def postgresql(url: str) -> int | None:
    """The major version of the server at `url`, None where it is SQLite's.

    Raises: errors.DatabaseGone, with a sentence that shows no password; errors.Unusable for another database.
    """
    address = engine.database_address(url)
    if address.get_backend_name() == "sqlite":
        return None
    try:
        at = address.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(at, connect_timeout=5) as connection:
            return connection.info.server_version // 10_000
    except psycopg.OperationalError as error:
        # What the driver says names the address only, never the password.
        raise errors.DatabaseGone(f"PostgreSQL cannot be reached: {str(error).strip()}") from error
