"""Two small tables, a sink, and ways to make units meet in one group."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, Text, insert, select, update

from conselho.db import engine
from conselho.db.session import Database, Sink, Tx
from conselho.errors import Conflict

PATIENCE_SECONDS = 20.0

METADATA = MetaData()
NOTES = Table("notes", METADATA, Column("id", String(40), primary_key=True), Column("body", Text, nullable=False))
HAPPENINGS = Table(
    "happenings",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("what", Text, nullable=False),
    sqlite_autoincrement=True,
)

INSERT_NOTE = insert(NOTES)
INSERT_HAPPENING = insert(HAPPENINGS)


def apply_happenings(tx: Tx, items: list[str]) -> None:
    tx.execute(INSERT_HAPPENING, [{"what": item} for item in items])


HAPPENED = Sink("happenings", 90, apply_happenings, lock="happenings")


@pytest.fixture
def notes_url(database_url: str) -> str:
    """A database with the two tables in it."""
    opened = engine.open_engine(database_url)
    METADATA.create_all(opened)
    opened.dispose()
    return database_url


@pytest.fixture
def notes(notes_url: str) -> Iterator[Database]:
    """It, opened, with the clock it has in the product."""
    database = Database(notes_url)
    yield database
    database.close()


def add_note(tx: Tx, note_id: str, body: str = "") -> str:
    tx.execute(INSERT_NOTE, {"id": note_id, "body": body})
    return note_id


def add_note_and_tell(tx: Tx, note_id: str) -> None:
    add_note(tx, note_id)
    tx.collect(HAPPENED, f"added {note_id}")
    tx.signal(f"note {note_id}")


def set_body(tx: Tx, note_id: str, body: str) -> bool:
    changed = tx.execute(update(NOTES).where(NOTES.c.id == note_id).values(body=body).returning(NOTES.c.id))
    return changed.first() is not None


def refuse(tx: Tx) -> None:
    raise Conflict("not now")


def fail(tx: Tx) -> None:
    raise ValueError("a bug")


def read_notes(tx: Tx) -> list[str]:
    return list(tx.execute(select(NOTES.c.id).order_by(NOTES.c.id)).scalars())


def read_happenings(tx: Tx) -> list[str]:
    return list(tx.execute(select(HAPPENINGS.c.what).order_by(HAPPENINGS.c.id)).scalars())


def found_notes(database: Database) -> list[str]:
    return database.fetch(read_notes).result(PATIENCE_SECONDS)


def found_happenings(database: Database) -> list[str]:
    return database.fetch(read_happenings).result(PATIENCE_SECONDS)


@contextmanager
def held_writer(database: Database) -> Iterator[None]:
    """Keep the writer busy with a unit, so that what is submitted meanwhile meets in the next group."""
    holding, release = threading.Event(), threading.Event()

    def hold(tx: Tx) -> None:
        holding.set()
        release.wait(PATIENCE_SECONDS)

    held = database.submit(hold)
    assert holding.wait(PATIENCE_SECONDS)
    try:
        yield
    finally:
        release.set()
    held.result(PATIENCE_SECONDS)


def together(database: Database, *submits: Callable[[], Future[Any]]) -> list[Any]:
    """Submit all so that they form one group; each one's result, or its exception."""
    with held_writer(database):
        futures = [submit() for submit in submits]
    outcomes: list[Any] = []
    for future in futures:
        error = future.exception(PATIENCE_SECONDS)
        outcomes.append(future.result() if error is None else error)
    return outcomes
