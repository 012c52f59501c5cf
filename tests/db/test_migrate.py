"""Does a database arrive at the shape that the models have, from anywhere, with its rows?"""

import importlib
import logging
import pkgutil
import threading
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import conselho
from conselho.db import engine, migrate
from conselho.errors import SchemaNewer, SchemaOlder, Unusable

FAMILY = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "family", None

def upgrade():
    op.create_table("parents", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text))
    op.create_table(
        "children",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("parent_id", sa.Integer, sa.ForeignKey("parents.id", ondelete="CASCADE"), nullable=False),
    )
    op.execute("INSERT INTO parents VALUES (1, 'one')")
    op.execute("INSERT INTO children VALUES (1, 1), (2, 1)")

def downgrade():
    op.drop_table("children")
    op.drop_table("parents")
"""

REBUILD = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "rebuild", "family"

def upgrade():
    with op.batch_alter_table("parents") as batch:
        batch.alter_column("name", nullable=False, existing_type=sa.Text())

def downgrade():
    with op.batch_alter_table("parents") as batch:
        batch.alter_column("name", nullable=True, existing_type=sa.Text())
"""

ORPHAN = """
from alembic import op

revision, down_revision = "orphan", "rebuild"

def upgrade():
    op.execute("DELETE FROM parents")
"""

HALF = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "half", "family"

def upgrade():
    op.create_table("half", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("UPDATE parents SET name = 'changed'")
    op.execute("SELECT * FROM nowhere")
"""


def import_models() -> None:
    for package in pkgutil.iter_modules(conselho.__path__, "conselho."):
        if package.ispkg and (Path(conselho.__path__[0]) / package.name.split(".")[1] / "models.py").exists():
            importlib.import_module(f"{package.name}.models")
    importlib.import_module("conselho.db.keys")  # the one table that is no room's own


def rows(url: str, statement: str) -> list[tuple[object, ...]]:
    opened = engine.open_engine(url)
    with opened.begin() as connection:
        found = [tuple(row) for row in connection.execute(text(statement))]
    opened.dispose()
    return found


def change(url: str, *statements: str) -> None:
    opened = engine.open_engine(url)
    with opened.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    opened.dispose()


@pytest.fixture
def empty_url(database_url: str) -> str:
    """A database without tables."""
    migrate.downgrade(database_url, "base")
    change(database_url, "DROP TABLE alembic_version")
    return database_url


@pytest.fixture
def story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of migrations to be written by the test."""
    directory = tmp_path / "migrations"
    (directory / "versions").mkdir(parents=True)
    (directory / "env.py").write_text((migrate.DIRECTORY / "env.py").read_text())
    (directory / "versions" / "family.py").write_text(FAMILY)
    monkeypatch.setattr(migrate, "DIRECTORY", directory)
    return directory / "versions"


def test_a_database_upgraded_from_empty_equals_the_models(empty_url: str) -> None:
    import_models()

    assert migrate.upgrade(empty_url) == (None, migrate.head())
    assert migrate.differences(empty_url) == []


def test_a_database_goes_up_and_down_and_up(empty_url: str) -> None:
    import_models()
    migrate.upgrade(empty_url)

    assert migrate.downgrade(empty_url, "base") == (migrate.head(), "")
    assert migrate.upgrade(empty_url) == (None, migrate.head())
    assert migrate.differences(empty_url) == []


def test_an_upgrade_of_what_is_up_to_date_changes_nothing(database_url: str) -> None:
    assert migrate.upgrade(database_url) == (migrate.head(), migrate.head())
    migrate.check(database_url)


def test_an_empty_database_is_older(empty_url: str) -> None:
    assert migrate.revision(empty_url) is None
    with pytest.raises(SchemaOlder, match="conselho db upgrade"):
        migrate.check(empty_url)


def test_looking_at_a_file_that_is_not_there_does_not_make_it(tmp_path: Path) -> None:
    url = engine.sqlite_url(tmp_path / "conselho.db")

    assert migrate.revision(url) is None
    assert list(tmp_path.iterdir()) == []


def test_a_newer_database_is_refused_and_left_alone(database_url: str) -> None:
    change(database_url, "UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(SchemaNewer, match="9999"):
        migrate.check(database_url)
    with pytest.raises(SchemaNewer, match="9999"):
        migrate.upgrade(database_url)
    assert migrate.revision(database_url) == "9999"


def test_a_table_written_anew_keeps_its_children(empty_url: str, story: Path) -> None:
    """With foreign keys on, SQLite would delete them with the old table, and say nothing."""
    migrate.upgrade(empty_url)
    (story / "rebuild.py").write_text(REBUILD)

    assert migrate.upgrade(empty_url) == ("family", "rebuild")
    assert rows(empty_url, "SELECT id, parent_id FROM children ORDER BY id") == [(1, 1), (2, 1)]
    assert migrate.downgrade(empty_url, "family") == ("rebuild", "family")
    assert rows(empty_url, "SELECT id, parent_id FROM children ORDER BY id") == [(1, 1), (2, 1)]


def test_a_migration_that_would_orphan_rows_is_refused(sqlite_database_url: str, story: Path) -> None:
    migrate_from_empty(sqlite_database_url)
    (story / "rebuild.py").write_text(REBUILD)
    (story / "orphan.py").write_text(ORPHAN)

    with pytest.raises(Unusable, match="2 rows without their parent, the first in children"):
        migrate.upgrade(sqlite_database_url)

    assert migrate.revision(sqlite_database_url) == "family"
    assert rows(sqlite_database_url, "SELECT count(*) FROM parents") == [(1,)]


def test_a_migration_that_fails_half_way_leaves_nothing(empty_url: str, story: Path) -> None:
    migrate.upgrade(empty_url)
    (story / "half.py").write_text(HALF)

    with pytest.raises(DBAPIError, match="nowhere"):
        migrate.upgrade(empty_url)

    assert migrate.revision(empty_url) == "family"
    assert rows(empty_url, "SELECT name FROM parents") == [("one",)]
    with pytest.raises(DBAPIError):
        rows(empty_url, "SELECT * FROM half")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_two_upgrades_at_once_wait_for_each_other(empty_url: str) -> None:
    results: list[tuple[str | None, str]] = []
    start = threading.Barrier(2)

    def upgrade() -> None:
        start.wait(10)
        results.append(migrate.upgrade(empty_url))

    threads = [threading.Thread(target=upgrade) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(results, key=str) == sorted([(None, migrate.head()), (migrate.head(), migrate.head())], key=str)


def test_an_upgrade_changes_no_logging(empty_url: str) -> None:
    before = logging.getLogger().level, list(logging.getLogger().handlers)
    migrate.upgrade(empty_url)

    assert (logging.getLogger().level, list(logging.getLogger().handlers)) == before


def migrate_from_empty(url: str) -> None:
    path = Path(str(engine.database_address(url).database))
    path.unlink()
    migrate.upgrade(url)
