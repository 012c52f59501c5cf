"""How is a PostgreSQL database backed up? By PostgreSQL's own `pg_dump`, which knows its server.

It is told which snapshot to take, so that what is said of the dump is what is in it. The password reaches it by its
environment: a command line can be read by every user of the host.
"""

import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import conninfo
from sqlalchemy.engine import URL

from conselho.db import engine
from conselho.errors import DatabaseGone, Unusable

LOCK_WAIT_SECONDS = 60  # for whoever alters a table
LOOK_SECONDS = 0.1

QUESTIONS = (
    "SELECT version_num FROM alembic_version",
    "SELECT count(*) FROM executions",
    "SELECT count(*) FROM events",
)
_SNAPSHOT = (
    # The transaction idles while it is being dumped.
    "SET idle_in_transaction_session_timeout = 0",
    "SET statement_timeout = 0",
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
)


@dataclass(frozen=True, slots=True)
class Content:
    """What a copy holds: the revision of its tables, and how many rows of which there are most."""

    revision: str
    executions: int
    events: int


def write(url: str, file: Path, tell: Callable[[str], None]) -> Content:
    """Dump the database into `file`, in PostgreSQL's custom format, and read the dump once.

    Raises: DatabaseGone; Unusable where pg_dump is missing, or says no.
    """
    address = engine.database_address(url)
    try:
        with engine.connect_directly(url) as connection:
            for statement in _SNAPSHOT:
                connection.execute(statement)
            (snapshot,) = connection.execute("SELECT pg_export_snapshot()").fetchone() or ("",)
            content = Content(*((connection.execute(question).fetchone() or ("",))[0] for question in QUESTIONS))
            _run(
                [
                    "pg_dump", "--format=custom", "--no-password", f"--file={file}", f"--snapshot={snapshot}",
                    f"--lock-wait-timeout={LOCK_WAIT_SECONDS}s", f"--dbname={_without_password(address)}",
                ],
                address, lambda: tell("pg_dump is at work"),
            )  # fmt: skip
    except psycopg.errors.UndefinedTable as error:
        raise Unusable("there is no database of Conselho's at this address: there is nothing to back up") from error
    except psycopg.OperationalError as error:
        raise DatabaseGone(f"PostgreSQL cannot be reached: {str(error).strip().splitlines()[0]}") from error
    # All of it is read and unpacked, so a dump that was cut short is found now.
    _run(["pg_restore", f"--file={os.devnull}", str(file)], address, lambda: tell("checking the dump"))
    return content


def _parameters(address: URL) -> dict[str, str]:
    """What libpq makes of the address."""
    whole = conninfo.conninfo_to_dict(address.set(drivername="postgresql").render_as_string(hide_password=False))
    return {name: str(value) for name, value in whole.items()}


def _without_password(address: URL) -> str:
    return conninfo.make_conninfo(**{name: value for name, value in _parameters(address).items() if name != "password"})


def _run(argv: Sequence[str], address: URL, look: Callable[[], None]) -> None:
    parameters = _parameters(address)
    password = {"PGPASSWORD": parameters["password"]} if "password" in parameters else {}
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                argv, env={**os.environ, **password, "LC_ALL": "C"}, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=said,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise Unusable(
                f"PostgreSQL is backed up by its own {argv[0]}, which is not installed here: install PostgreSQL's"
                " client programs, or run `pg_dump --format=custom` where they are"
            ) from error
        with process:
            try:
                while process.poll() is None:
                    look()
                    _wait(process)
            finally:
                if process.poll() is None:
                    process.terminate()
        said.seek(0)
        words = said.read().decode("utf-8", "replace").strip().splitlines()
    if process.returncode != 0:
        why = words[0].removeprefix(f"{argv[0]}: error: ") if words else f"exit code {process.returncode}"
        raise Unusable(f"{argv[0]} failed: {why}")


def _wait(process: "subprocess.Popen[bytes]") -> None:
    try:
        process.wait(LOOK_SECONDS)
    except subprocess.TimeoutExpired:
        return
