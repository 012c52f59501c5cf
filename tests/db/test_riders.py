"""A unit that rides along runs in the transaction that signals its topic, and costs those it rides with nothing."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from conselho.db.session import Database, Tx, takes_lock
from conselho.db.tx import lock_number
from conselho.errors import Conflict, Unavailable
from tests.db.conftest import PATIENCE_SECONDS, add_note, add_note_and_tell, fail, found_notes, read_notes, refuse
from tests.looping import on_a_loop

TOLD = "note a"  # by `add_note_and_tell`


@takes_lock("seats")
def read_notes_alone(tx: Tx) -> list[str]:
    return read_notes(tx)


def add_and_fail(tx: Tx, note_id: str) -> None:
    add_note(tx, note_id)
    raise ValueError("a bug")


@contextmanager
def held_lock(url: str, name: str) -> Iterator[None]:
    """Another process has the lock."""
    other = Database(url)

    def hold(tx: Tx) -> None:
        tx.execute(text(f"SELECT pg_advisory_lock({lock_number(name)})"))

    def let_go(tx: Tx) -> None:
        tx.execute(text(f"SELECT pg_advisory_unlock({lock_number(name)})"))

    other.submit(hold).result(PATIENCE_SECONDS)
    yield
    other.submit(let_go).result(PATIENCE_SECONDS)
    other.close()


@on_a_loop
async def test_it_runs_in_the_transaction_that_signals_its_topic_and_once(notes: Database) -> None:
    seen: list[Tx] = []

    def note_tx(tx: Tx) -> list[str]:
        seen.append(tx)
        return read_notes(tx)

    def add(tx: Tx) -> None:
        seen.append(tx)
        add_note_and_tell(tx, "a")

    ride = notes.ride(TOLD, note_tx)
    await notes.write(add_note, "of another topic")
    assert not ride.result.done()
    await notes.write(add)
    assert await ride.result == ["a", "of another topic"]
    assert seen[0] is seen[1]
    assert not ride.withdraw()
    await notes.write(lambda tx: tx.signal(TOLD))
    assert len(seen) == 2


@on_a_loop
async def test_who_withdraws_does_not_ride(notes: Database) -> None:
    ride = notes.ride(TOLD, add_note, "b")
    assert ride.withdraw()
    assert not ride.withdraw()
    await notes.write(add_note_and_tell, "a")
    assert ride.result.cancelled()
    assert found_notes(notes) == ["a"]


@pytest.mark.parametrize(("unit", "error"), [(fail, ValueError), (refuse, Conflict)])
@on_a_loop
async def test_one_that_fails_costs_the_others_nothing(
    notes: Database, unit: Callable[[Tx], None], error: type[Exception]
) -> None:
    ride = notes.ride(TOLD, unit)
    await notes.write(add_note_and_tell, "a")
    with pytest.raises(error):
        await ride.result
    assert found_notes(notes) == ["a"]


@on_a_loop
async def test_what_a_failed_one_wrote_is_undone_and_the_rest_is_not(notes: Database) -> None:
    ride = notes.ride(TOLD, add_and_fail, "b")
    await notes.write(add_note_and_tell, "a")
    with pytest.raises(ValueError, match="a bug"):
        await ride.result
    assert found_notes(notes) == ["a"]


@on_a_loop
async def test_where_who_signals_fails_it_is_run_all_the_same_and_sees_nothing_of_it(notes: Database) -> None:
    def add_tell_and_fail(tx: Tx) -> None:
        add_note_and_tell(tx, "a")
        raise ValueError("a bug")

    ride = notes.ride(TOLD, read_notes)
    with pytest.raises(ValueError, match="a bug"):
        await notes.write(add_tell_and_fail)
    assert not ride.result.done(), "what was undone signalled nothing"
    await notes.write(add_note_and_tell, "a")
    assert await ride.result == ["a"]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@on_a_loop
async def test_it_never_waits_for_a_lock_of_another_process(notes: Database, notes_url: str) -> None:
    ride = notes.ride(TOLD, read_notes_alone)
    with held_lock(notes_url, "seats"):
        await notes.write(add_note_and_tell, "a")
        with pytest.raises(Unavailable):
            await ride.result
    ride = notes.ride(TOLD, read_notes_alone)
    await notes.write(lambda tx: tx.signal(TOLD))
    assert await ride.result == ["a"]


@on_a_loop
async def test_when_the_database_is_closed_those_who_still_wait_are_told(notes: Database) -> None:
    ride = notes.ride(TOLD, read_notes)
    await asyncio.to_thread(notes.close)
    with pytest.raises(Unavailable):
        await ride.result
    with pytest.raises(Unavailable):
        notes.ride(TOLD, read_notes)
