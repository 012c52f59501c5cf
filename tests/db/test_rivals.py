"""What happens when several processes write to one PostgreSQL? Two `Database`s stand for two processes."""

import threading
from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlalchemy import func, select, text, update

from conselho.db.session import Database, Tx, takes_lock
from conselho.db.tx import lock_number
from conselho.errors import DatabaseGone, Unavailable
from tests.db.conftest import (
    HAPPENED,
    HAPPENINGS,
    NOTES,
    PATIENCE_SECONDS,
    add_note,
    found_notes,
    set_body,
)

SERIALIZATION_FAILURE = text("DO $$ BEGIN RAISE EXCEPTION 'rival' USING ERRCODE = '40001'; END $$")


@pytest.fixture
def rival(notes: Database, notes_url: str) -> Iterator[Database]:
    database = Database(notes_url)
    yield database
    database.close()


postgres_only = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@postgres_only
def test_a_deadlock_is_run_again_and_both_come_through(notes: Database, rival: Database) -> None:
    for note_id in ("a", "b"):
        notes.submit(add_note, note_id).result(PATIENCE_SECONDS)
    both_hold_one = threading.Barrier(2)
    runs = {"a": 0, "b": 0}

    def cross(tx: Tx, first: str, second: str) -> str:
        runs[first] += 1
        tx.execute(text("SET LOCAL deadlock_timeout = '10ms'"))
        set_body(tx, first, first)
        if runs[first] == 1:
            both_hold_one.wait(PATIENCE_SECONDS)
        set_body(tx, second, first)
        return first

    one, other = notes.submit(cross, "a", "b"), rival.submit(cross, "b", "a")

    assert {one.result(PATIENCE_SECONDS), other.result(PATIENCE_SECONDS)} == {"a", "b"}
    assert sorted(runs.values()) in ([1, 2], [2, 2])


@postgres_only
def test_a_serialization_failure_is_run_again_up_to_five_times(notes: Database) -> None:
    runs: list[int] = []

    def unlucky(tx: Tx, times: int) -> int:
        runs.append(times)
        add_note(tx, f"{times}")
        if len(runs) <= times:
            tx.execute(SERIALIZATION_FAILURE)
        return len(runs)

    assert notes.submit(unlucky, 4).result(PATIENCE_SECONDS) == 5
    runs.clear()
    error = notes.submit(unlucky, 99).exception(PATIENCE_SECONDS)

    assert type(error) is Unavailable
    assert len(runs) == 5
    assert found_notes(notes) == ["4"]


@postgres_only
def test_a_lock_not_had_in_time_is_asked_for_again(notes: Database, rival: Database) -> None:
    notes.submit(add_note, "a").result(PATIENCE_SECONDS)
    holding, release = threading.Event(), threading.Event()

    def hold(tx: Tx) -> None:
        set_body(tx, "a", "held")
        holding.set()
        release.wait(PATIENCE_SECONDS)

    runs: list[None] = []

    def wait_a_little(tx: Tx) -> bool:
        runs.append(None)
        if len(runs) == 2:
            release.set()
        tx.execute(text(f"SET LOCAL lock_timeout = '{'20ms' if len(runs) == 1 else '5s'}'"))
        return set_body(tx, "a", "had")

    held = rival.submit(hold)
    assert holding.wait(PATIENCE_SECONDS)

    assert notes.submit(wait_a_little).result(PATIENCE_SECONDS) is True
    assert len(runs) == 2
    held.result(PATIENCE_SECONDS)


@postgres_only
def test_the_claim_lock_keeps_a_limit_across_processes(notes: Database, rival: Database) -> None:
    @takes_lock("claim")
    def claim(tx: Tx, note_id: str) -> bool:
        held = tx.execute(select(func.count()).select_from(NOTES).where(NOTES.c.body == "claimed")).scalar_one()
        if held >= 1:
            return False
        return set_body(tx, note_id, "claimed")

    for n in range(20):
        notes.submit(add_note, f"{n:02}").result(PATIENCE_SECONDS)
    futures = [database.submit(claim, f"{n:02}") for n in range(20) for database in (notes, rival)]

    assert [future.result(PATIENCE_SECONDS) for future in futures].count(True) == 1


@postgres_only
def test_a_reader_of_what_comes_after_misses_nothing(notes: Database, rival: Database) -> None:
    """Ids of a sink under its lock rise in the order of commits, so `id > last` finds every one."""
    each = 150

    def happen(tx: Tx, what: str) -> None:
        tx.collect(HAPPENED, what)

    def read_after(tx: Tx, last: int) -> list[tuple[int, str]]:
        found = tx.execute(select(HAPPENINGS).where(HAPPENINGS.c.id > last).order_by(HAPPENINGS.c.id))
        return [(row.id, row.what) for row in found]

    futures = [
        database.submit(happen, f"{name} {n}")
        for n in range(each)
        for name, database in (("one", notes), ("other", rival))
    ]
    seen: list[str] = []
    last = 0
    while not all(future.done() for future in futures):
        page = notes.fetch(read_after, last).result(PATIENCE_SECONDS)
        seen += [what for _, what in page]
        last = page[-1][0] if page else last
    seen += [what for _, what in notes.fetch(read_after, last).result(PATIENCE_SECONDS)]

    assert len(seen) == len(set(seen)) == 2 * each
    assert [what for what in seen if what.startswith("one")] == [f"one {n}" for n in range(each)]


@postgres_only
def test_the_time_is_the_databases(notes: Database) -> None:
    def difference(tx: Tx) -> float:
        clock: datetime = tx.execute(text("SELECT clock_timestamp()")).scalar_one()
        return abs((clock - tx.now).total_seconds())

    assert notes.submit(difference).result(PATIENCE_SECONDS) < 5
    assert notes.fetch(difference).result(PATIENCE_SECONDS) < 5


@postgres_only
def test_a_replica_that_takes_over_reading_only_is_a_database_that_does_not_answer(notes: Database) -> None:
    def write(tx: Tx) -> None:
        tx.execute(text("SET LOCAL transaction_read_only = on"))
        tx.execute(update(NOTES).values(body=""))

    error = notes.submit(write).exception(PATIENCE_SECONDS)

    assert isinstance(error, DatabaseGone)


def test_a_locks_number_is_the_same_for_ever() -> None:
    assert lock_number("events") == lock_number("events")
    assert lock_number("events") != lock_number("claim")
    assert -(2**63) <= lock_number("events") < 2**63
    assert lock_number("claim") == -4209273912181269371
