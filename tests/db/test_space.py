"""SQLite's file becomes smaller, piece by piece, within the group's transaction; PostgreSQL is left alone."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import delete, func, insert, select

from conselho.db import engine, space
from conselho.db.session import Database, Tx
from tests.db.conftest import NOTES

BODY_BYTES = 4_000  # a page each, nearly


@pytest.fixture
def notes(notes_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setattr(space, "SPARE_PAGES", 20)
    database = Database(notes_url)
    yield database
    database.close()


def write(database: Database, count: int) -> None:
    def add(tx: Tx) -> None:
        tx.execute(insert(NOTES), [{"id": str(number), "body": "x" * BODY_BYTES} for number in range(count)])

    database.submit(add).result()


def take_all_but_last(database: Database, count: int) -> None:
    """The last one lies at the file's end, so that pages have to move."""
    database.submit(lambda tx: tx.execute(delete(NOTES).where(NOTES.c.id != str(count - 1))).close()).result()


def free_pages(url: str) -> int:
    with closing(sqlite3.connect(str(engine.database_address(url).database))) as connection:
        return int(connection.execute("PRAGMA freelist_count").fetchone()[0])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_free_pages_are_returned_a_few_at_a_time_but_for_some(notes: Database, notes_url: str) -> None:
    count = 3 * space.PAGES_AT_ONCE
    write(notes, count)
    take_all_but_last(notes, count)
    free = free_pages(notes_url)
    assert free > 2 * space.PAGES_AT_ONCE

    while notes.submit(space.give_back).result():
        assert free_pages(notes_url) == (free := free - space.PAGES_AT_ONCE)
    assert free_pages(notes_url) == space.SPARE_PAGES
    assert not notes.submit(space.give_back).result()
    assert free_pages(notes_url) == space.SPARE_PAGES

    assert notes.fetch(lambda tx: tx.execute(select(NOTES.c.id)).scalars().all()).result() == [str(count - 1)]
    notes.close()
    path = Path(str(engine.database_address(notes_url).database))
    assert path.stat().st_size < count * BODY_BYTES / 4
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_shares_its_transaction_is_committed_or_undone_with_it(notes: Database, notes_url: str) -> None:
    write(notes, 300)
    take_all_but_last(notes, 300)
    free = free_pages(notes_url)

    def give_back_and_fail(tx: Tx) -> None:
        assert space.give_back(tx)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        notes.submit(give_back_and_fail).result()
    assert free_pages(notes_url) == free

    def give_back_and_add(tx: Tx) -> None:
        space.give_back(tx)
        tx.execute(insert(NOTES).values(id="beside", body="kept"))

    notes.submit(give_back_and_add).result()
    assert free_pages(notes_url) < free
    assert notes.fetch(lambda tx: tx.execute(select(func.count()).select_from(NOTES)).scalar_one()).result() == 2


def test_a_file_that_was_made_otherwise_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space, "SPARE_PAGES", 20)
    path = tmp_path / "foreign.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (id VARCHAR(40) PRIMARY KEY, body TEXT NOT NULL)")
    database = Database(engine.sqlite_url(path))
    write(database, 500)
    take_all_but_last(database, 500)

    assert not database.submit(space.give_back).result()
    database.close()
    assert path.stat().st_size > 500 * BODY_BYTES


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_postgresql_needs_nothing(notes: Database) -> None:
    write(notes, 10)
    take_all_but_last(notes, 10)
    assert not notes.submit(space.give_back).result()
