"""Which shape does a database have, and how does it get the one this program needs?

Alembic, driven from code: there is no `alembic.ini`. An upgrade is one transaction on both databases.

Surprising: on SQLite foreign keys are off meanwhile and checked before the commit. A table that is altered is
written anew and the old one dropped; with foreign keys on, that drop would silently delete all child rows.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import autogenerate, command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from conselho.db import engine, failures, fulltext
from conselho.db.base import Base
from conselho.db.failures import Kind
from conselho.db.tx import lock_number
from conselho.errors import SchemaNewer, SchemaOlder, Unusable

NOTHING = ""  # the head of a program without migrations

DIRECTORY = Path(__file__).with_name("migrations")
# A rewrite of a large table takes longer than any unit may; another process that upgrades is waited for.
_PATIENCE = (
    "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '120s';"
    " SET LOCAL idle_in_transaction_session_timeout = 0"
)


def upgrade(url: str) -> tuple[str | None, str]:
    """Bring the database to this program's revision; returns the revisions (before, after).

    The caller holds the data directory's lock. On PostgreSQL two upgrades at once wait for each other.

    Raises: SchemaNewer, and then nothing was changed; DatabaseGone, StorageFull; Unusable for a file that cannot be.
    """
    address = engine.database_address(url)
    if address.get_backend_name() == "sqlite" and address.database not in {None, "", ":memory:"}:
        # Prompts and logs are nobody else's business, whatever the umask; SQLite's other files take this mode over.
        try:
            Path(str(address.database)).touch(mode=0o600, exist_ok=True)
        except OSError as error:
            raise Unusable(f"the database {address.database} cannot be made: {error.strerror}") from error
    return _move(url, head())


def downgrade(url: str, to: str) -> tuple[str | None, str]:
    """Bring the database back to the revision `to`, `base` for an empty one: for tests of the way down."""
    return _move(url, to)


def revision(url: str) -> str | None:
    """The revision the database has; None where there is none yet, or no database."""
    address = engine.database_address(url)
    if address.get_backend_name() == "sqlite" and not Path(str(address.database)).exists():
        return None  # opening it would make it
    with _connected(url, read_only=True) as connection, connection.begin():
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str:
    """The revision this program needs."""
    return _scripts().get_current_head() or NOTHING


def check(url: str) -> None:
    """Raises: SchemaNewer, SchemaOlder; DatabaseGone."""
    found, wanted = revision(url), head()
    if found is not None:
        _refuse_newer(found)
    if (found or NOTHING) != wanted:
        raise SchemaOlder(
            f"the database is at revision {found or 'none'}, this program needs {wanted}: run `conselho db upgrade`"
        )


def differences(url: str) -> list[str]:
    """What would have to change in the database to equal the models that were imported; empty when they agree."""
    with _connected(url, read_only=True) as connection, connection.begin():
        opts = {"compare_type": True, "target_metadata": Base.metadata, "include_name": _is_of_models}
        context = MigrationContext.configure(connection, opts=opts)
        return [repr(each) for each in autogenerate.compare_metadata(context, Base.metadata)]


def _is_of_models(name: str | None, _kind: str, _parents: object) -> bool:
    return not fulltext.is_own(name)


def _move(url: str, to: str) -> tuple[str | None, str]:
    with _connected(url) as connection:
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            # Only outside a transaction does this have an effect.
            connection.connection.dbapi_connection.execute("PRAGMA foreign_keys = OFF")  # type: ignore[union-attr]
        with connection.begin():
            if not sqlite:
                connection.exec_driver_sql(_PATIENCE)
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": lock_number("migrate")})
            before = MigrationContext.configure(connection).get_current_revision()
            if before is not None:
                _refuse_newer(before)
            is_moved = to not in {NOTHING, before}
            if is_moved:
                _run(connection, to, down=to == "base" or _is_before(to, before))
            if sqlite and is_moved:  # it reads all there is: minutes of a large database that is not in memory
                _check_foreign_keys(connection)
            after = MigrationContext.configure(connection).get_current_revision()
    return before, after or NOTHING


def _run(connection: Connection, to: str, *, down: bool) -> None:
    config = _config()
    config.attributes["connection"] = connection
    (command.downgrade if down else command.upgrade)(config, to)


def _is_before(to: str, before: str | None) -> bool:
    """Whether the way from `before` to `to` leads down."""
    if before is None:
        return False
    return any(script.revision == to for script in _scripts().iterate_revisions(before, "base"))


def _check_foreign_keys(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        table, row, parent, _ = broken[0]
        raise Unusable(
            f"the migration would leave {len(broken)} rows without their parent, the first in {table}"
            f" (row {row}, parent {parent}): nothing was changed"
        )


def _refuse_newer(found: str) -> None:
    known = {script.revision for script in _scripts().walk_revisions()}
    if found not in known:
        raise SchemaNewer(
            f"the database is at revision {found}, which this program does not know: a newer Conselho wrote it."
            " Use that version, or restore a backup"
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(DIRECTORY).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


@contextmanager
def _connected(url: str, *, read_only: bool = False) -> Iterator[Connection]:
    """A connection of its own. Raises: DatabaseGone, StorageFull in place of the driver's errors for them."""
    opened = engine.open_engine(url, read_only=read_only)
    try:
        try:
            connection = opened.connect()
        except DBAPIError as error:
            if failures.kind_of(error) is Kind.FULL:
                raise
            raise failures.unreachable(engine.database_address(url), error) from error
        with connection:
            yield connection
    except DBAPIError as error:
        kind = failures.kind_of(error)
        if kind is Kind.UNIT:
            raise
        raise failures.told(kind, error) from error
    finally:
        opened.dispose()
