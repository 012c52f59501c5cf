"""Events go when they are old and everybody has read them; a cursor says where the rest begins."""

from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import insert, update

from conselho.db import engine
from conselho.db.session import Database, Tx
from conselho.events import cursors, log, retention, tail
from conselho.events.models import Cursor, Event
from conselho.events.places import Place
from tests.conftest import Clock

KEPT = timedelta(days=7)
DAY = 86400.0


def happen(database: Database, *kinds: str) -> None:
    for kind in kinds:
        database.submit(log.append, kind).result()


def everybody_has_read(database: Database, up_to: int = 1_000_000) -> None:
    def move(tx: Tx) -> None:
        tx.execute(update(Cursor).where(Cursor.name != tail.PRUNED).values(event_id=up_to))

    database.submit(move).result()


def prune(database: Database, kept: timedelta = KEPT) -> bool:
    return database.submit(retention.prune_next, kept).result()


def left(database: Database) -> list[tuple[int, str]]:
    return [(each.id, each.kind) for each in database.fetch(log.read_after, 0).result()]


def why_not(database: Database, place: int) -> str | None:
    return database.fetch(lambda tx: tail.why_not(tx, Place(log.epoch(tx), place))).result()


def test_what_is_old_goes_and_what_is_young_stays(database: Database, clock: Clock) -> None:
    happen(database, "worker.joined", "execution.queued")
    clock.advance(seconds=4 * DAY)
    happen(database, "execution.started", "execution.finished")
    everybody_has_read(database)

    clock.advance(seconds=3 * DAY)
    assert not prune(database)
    assert len(left(database)) == 4
    clock.advance(seconds=1)
    assert not prune(database)

    assert left(database) == [(3, "execution.started"), (4, "execution.finished")]
    assert [why_not(database, place) for place in (0, 1, 2, 3, 4)] == ["expired", "expired", None, None, None]


def test_the_newest_event_stays_and_ids_go_on_behind_it(database: Database, clock: Clock) -> None:
    happen(database, "execution.queued", "execution.finished")
    everybody_has_read(database)
    clock.advance(seconds=100 * DAY)

    assert not prune(database)
    assert left(database) == [(2, "execution.finished")]
    assert database.fetch(log.last_id).result() == 2
    happen(database, "execution.queued")
    assert left(database) == [(2, "execution.finished"), (3, "execution.queued")]
    assert not prune(database)
    assert left(database) == [(3, "execution.queued")]


def test_what_a_follower_has_not_read_stays(database: Database, clock: Clock) -> None:
    happen(database, *["execution.queued"] * 5)
    everybody_has_read(database, 4)
    database.submit(cursors.move, "search", 2).result()
    clock.advance(seconds=30 * DAY)

    assert not prune(database)
    assert [number for number, _ in left(database)] == [3, 4, 5]
    everybody_has_read(database)
    assert not prune(database)
    assert [number for number, _ in left(database)] == [5]


def test_what_happened_to_cards_and_councilors_stays(database: Database, clock: Clock) -> None:
    happen(database, "card.moved", "execution.queued", "councilor.fired", "delivery.sent", "worker.left")
    everybody_has_read(database)
    clock.advance(seconds=30 * DAY)

    assert not prune(database)
    assert left(database) == [(1, "card.moved"), (3, "councilor.fired"), (5, "worker.left")]
    assert not prune(database)
    happen(database, "worker.joined")
    clock.advance(seconds=30 * DAY)
    assert not prune(database)
    assert left(database) == [(1, "card.moved"), (3, "councilor.fired"), (6, "worker.joined")]
    assert why_not(database, 5) is None


def test_much_goes_step_by_step(database: Database, clock: Clock) -> None:
    happen(database, *["execution.queued"] * (2 * retention.EVENTS_AT_ONCE + 10))
    everybody_has_read(database)
    clock.advance(seconds=30 * DAY)

    assert prune(database)
    assert database.fetch(cursors.at, tail.PRUNED).result() == retention.EVENTS_AT_ONCE
    assert prune(database)
    assert not prune(database)
    assert [number for number, _ in left(database)] == [2 * retention.EVENTS_AT_ONCE + 10]


def test_a_clock_that_was_ahead_lets_nothing_be_taken_out_of_turn(database: Database, clock: Clock) -> None:
    moments = [clock() + timedelta(days=20), clock(), clock()]

    def write(tx: Tx) -> None:
        tx.execute(insert(Event), [{"at": at, "kind": "execution.queued", "data": {}} for at in moments])

    database.submit(write).result()
    everybody_has_read(database)
    clock.advance(seconds=8 * DAY)

    assert not prune(database)
    assert len(left(database)) == 3
    clock.advance(seconds=20 * DAY)
    assert not prune(database)
    assert len(left(database)) == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_two_processes_do_not_prune_at_once(database: Database, database_url: str, clock: Clock) -> None:
    happen(database, "execution.queued", "execution.finished")
    everybody_has_read(database)
    clock.advance(seconds=30 * DAY)
    address = engine.database_address(database_url).set(drivername="postgresql")
    with psycopg.connect(address.render_as_string(hide_password=False)) as other:
        other.execute("SELECT event_id FROM event_cursors WHERE name = 'pruned' FOR UPDATE")
        assert not prune(database)
        assert len(left(database)) == 2
        other.rollback()
    prune(database)
    assert len(left(database)) == 1
