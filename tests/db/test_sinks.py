"""What a group's units leave for its end: is it applied once, in order, and told only when it is durable?"""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from conselho.db.session import Database, Sink, Tx, takes_lock
from tests.db.conftest import (
    HAPPENED,
    INSERT_NOTE,
    PATIENCE_SECONDS,
    add_note,
    add_note_and_tell,
    fail,
    found_happenings,
    found_notes,
    held_writer,
    together,
)

ADVISORY_LOCKS = (
    "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
    " WHERE locktype = 'advisory' AND datname = current_database()"
)


def test_what_a_unit_collected_badly_fails_that_unit_alone(notes: Database) -> None:
    def apply(tx: Tx, items: list[str]) -> None:
        tx.execute(INSERT_NOTE, [{"id": item, "body": ""} for item in items])

    sink = Sink("notes", 10, apply)

    def collect(tx: Tx, item: str) -> str:
        tx.collect(sink, item)
        return item

    outcomes = together(
        notes,
        lambda: notes.submit(collect, "a"),
        lambda: notes.submit(collect, "b"),
        lambda: notes.submit(collect, "a"),
    )

    assert outcomes[:2] == ["a", "b"]
    assert isinstance(outcomes[2], IntegrityError)
    assert found_notes(notes) == ["a", "b"]


def test_every_caller_gets_an_exception_of_its_own(notes: Database) -> None:
    shared = Sink[str]("broken", 10, lambda tx, _: fail(tx))

    def collect(tx: Tx) -> None:
        tx.collect(shared, "x")

    outcomes = together(notes, *[lambda: notes.submit(collect) for _ in range(5)])

    assert all(isinstance(outcome, ValueError) for outcome in outcomes)
    assert len({id(outcome) for outcome in outcomes}) == 5


def test_sinks_are_applied_once_a_group_in_the_order_of_their_ranks(notes: Database) -> None:
    applied: list[tuple[str, list[int]]] = []

    def record(name: str) -> Any:
        return lambda _, items: applied.append((name, items))

    counters, middle, events = (Sink[int](name, rank, record(name)) for name, rank in (("c", 10), ("m", 50), ("e", 90)))

    def unit(tx: Tx, number: int) -> None:
        tx.collect(events, number)
        tx.collect(counters, number)
        tx.collect(middle, number)

    together(notes, *[lambda n=n: notes.submit(unit, n) for n in range(3)])

    assert applied == [("c", [0, 1, 2]), ("m", [0, 1, 2]), ("e", [0, 1, 2])]


def test_a_sink_may_collect_for_a_later_one_only(notes: Database) -> None:
    def pass_on(tx: Tx, items: list[str]) -> None:
        for item in items:
            tx.collect(HAPPENED, f"counted {item}")

    counted = Sink("counted", 10, pass_on)
    backwards = Sink[str]("backwards", 95, lambda tx, _: tx.collect(counted, "late"))

    notes.submit(lambda tx: tx.collect(counted, "one")).result(PATIENCE_SECONDS)
    error = notes.submit(lambda tx: tx.collect(backwards, "one")).exception(PATIENCE_SECONDS)

    assert found_happenings(notes) == ["counted one"]
    assert isinstance(error, RuntimeError)


def test_a_unit_that_runs_twice_collects_afresh(notes: Database) -> None:
    together(
        notes,
        lambda: notes.submit(add_note_and_tell, "a"),
        lambda: notes.submit(fail),
    )

    assert found_happenings(notes) == ["added a"]


def test_topics_are_told_once_each_in_order_after_the_commit(notes_url: str) -> None:
    told: list[tuple[tuple[str, ...], list[str]]] = []
    databases: list[Database] = []

    def on_commit(topics: tuple[str, ...]) -> None:
        told.append((topics, found_notes(databases[0])))

    notes = Database(notes_url, on_commit=on_commit)
    databases.append(notes)

    def unit(tx: Tx, note_id: str) -> None:
        add_note(tx, note_id)
        tx.signal("shared")
        tx.signal(note_id)

    together(notes, lambda: notes.submit(unit, "b"), lambda: notes.submit(unit, "a"))

    assert told == [(("shared", "b", "a"), ["a", "b"])]
    notes.close()


def test_nothing_is_told_of_what_was_rolled_back(notes_url: str) -> None:
    told: list[tuple[str, ...]] = []
    notes = Database(notes_url, on_commit=told.append)

    def unit(tx: Tx) -> None:
        tx.signal("never")
        fail(tx)

    notes.submit(unit).exception(PATIENCE_SECONDS)
    notes.close()

    assert told == []


def test_a_listener_that_fails_costs_nobody_an_answer(notes_url: str, caplog: pytest.LogCaptureFixture) -> None:
    def on_commit(_: tuple[str, ...]) -> None:
        raise ValueError("a bad listener")

    notes = Database(notes_url, on_commit=on_commit)

    notes.submit(add_note_and_tell, "a").result(PATIENCE_SECONDS)
    notes.submit(add_note_and_tell, "b").result(PATIENCE_SECONDS)
    notes.close()

    assert "a bad listener" in caplog.text


def test_a_group_with_a_marked_unit_takes_the_lock_before_its_first_unit(notes: Database, notes_url: str) -> None:
    held: list[int] = []

    def look(tx: Tx) -> None:
        if tx.dialect == "postgresql":
            held.append(tx.execute(text(ADVISORY_LOCKS)).scalar_one())

    @takes_lock("claim")
    def claim(tx: Tx) -> str:
        return "claimed"

    with held_writer(notes):
        notes.submit(look)
        claimed = notes.submit(claim)

    assert claimed.result(PATIENCE_SECONDS) == "claimed"
    assert held in ([], [1])
    assert bool(held) == notes_url.startswith("postgresql")
