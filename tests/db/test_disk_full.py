"""What happens when SQLite has no room, no file, or a rival?"""

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from conselho.db import engine
from conselho.db.session import Database, Tx
from conselho.errors import DatabaseGone, OutcomeUnknown, StorageFull
from tests.db.conftest import METADATA, PATIENCE_SECONDS, add_note, found_notes, together

LARGE = "x" * 4_000_000


@pytest.fixture
def notes(sqlite_database_url: str) -> Iterator[Database]:
    opened = engine.open_engine(sqlite_database_url)
    METADATA.create_all(opened)
    opened.dispose()
    database = Database(sqlite_database_url)
    yield database
    database.close()


def leave_room(database: Database, pages: int) -> None:
    """Let the database grow by so many pages and no further: the full disk that a test may have."""

    def unit(tx: Tx) -> None:
        size = tx.execute(text("PRAGMA page_count")).scalar_one()
        tx.execute(text(f"PRAGMA max_page_count = {size + pages}")).close()

    database.submit(unit).result(PATIENCE_SECONDS)


def test_a_full_disk_fails_the_group_and_the_writer_lives_on(notes: Database) -> None:
    notes.submit(add_note, "before").result(PATIENCE_SECONDS)
    leave_room(notes, 20)

    outcomes = together(
        notes,
        lambda: notes.submit(add_note, "a"),
        lambda: notes.submit(add_note, "large", LARGE),
        lambda: notes.submit(add_note, "b"),
    )

    assert [type(outcome) for outcome in outcomes] == [StorageFull] * 3
    assert len({id(outcome) for outcome in outcomes}) == 3
    assert found_notes(notes) == ["before"]
    assert notes.submit(add_note, "small").result(PATIENCE_SECONDS) == "small"

    leave_room(notes, 1_000_000)
    assert notes.submit(add_note, "large", LARGE).result(PATIENCE_SECONDS) == "large"


def test_a_unit_that_hides_a_full_disk_commits_nothing_of_its_group(notes: Database) -> None:
    leave_room(notes, 20)
    in_transaction: list[bool] = []

    def swallow(tx: Tx) -> str:
        add_note(tx, "half")
        try:
            add_note(tx, "large", LARGE)
        except DBAPIError as error:
            in_transaction.append(error.orig is not None and tx._driver.in_transaction)
        return "all is well"

    outcomes = together(
        notes,
        lambda: notes.submit(add_note, "a"),
        lambda: notes.submit(swallow),
        lambda: notes.submit(add_note, "b"),
    )

    assert in_transaction == [False]  # SQLite had ended the transaction without a word
    assert [type(outcome) for outcome in outcomes] == [StorageFull] * 3
    assert found_notes(notes) == []


def test_a_rival_that_writes_too_long_is_told_as_a_database_that_does_not_answer(
    sqlite_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_MILLISECONDS", 20)
    database = Database(sqlite_database_url)
    rival = sqlite3.connect(str(make_url(sqlite_database_url).database), isolation_level=None)
    rival.execute("BEGIN IMMEDIATE")

    error = database.submit(lambda tx: tx.now).exception(PATIENCE_SECONDS)
    rival.execute("ROLLBACK")
    rival.close()

    assert isinstance(error, DatabaseGone)
    assert database.submit(lambda tx: tx.now).exception(PATIENCE_SECONDS) is None
    database.close()


def test_a_directory_that_is_not_there_is_told_and_healed(tmp_path: Path) -> None:
    database = Database(engine.sqlite_url(tmp_path / "later" / "conselho.db"))

    assert isinstance(database.submit(lambda tx: tx.now).exception(PATIENCE_SECONDS), DatabaseGone)
    (tmp_path / "later").mkdir()

    assert database.submit(lambda tx: tx.now).exception(PATIENCE_SECONDS) is None
    database.close()


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "conselho.db").write_bytes(b"this is a letter, not a database" * 1000)
    database = Database(engine.sqlite_url(tmp_path / "conselho.db"))

    assert isinstance(database.submit(lambda tx: tx.now).exception(PATIENCE_SECONDS), DatabaseGone)
    database.close()


@contextmanager
def files_at_most(size_bytes: int) -> Iterator[None]:
    """Let every write beyond fail, as a bad disk would: the limit of this process (Python ignores its signal)."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_fails_at_commit_leaves_the_outcome_unknown(notes: Database, sqlite_database_url: str) -> None:
    """After a failed write the log may hold a whole commit that nobody was promised: SQLite itself cannot tell."""
    notes.submit(add_note, "before").result(PATIENCE_SECONDS)
    runs: list[None] = []

    def unit(tx: Tx) -> str:
        runs.append(None)
        return add_note(tx, "unlucky", "x" * 100_000)

    with files_at_most(Path(f"{make_url(sqlite_database_url).database}-wal").stat().st_size):
        error = notes.submit(unit).exception(PATIENCE_SECONDS)

    assert isinstance(error, OutcomeUnknown)
    assert len(runs) == 1
    assert notes.submit(add_note, "after").result(PATIENCE_SECONDS) == "after"
    assert found_notes(notes) == ["after", "before"]
