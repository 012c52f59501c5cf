"""A PostgreSQL that comes back as a copy of itself, under a server that goes on: who watches misses nothing."""

import psycopg
import pytest

from conselho.settings import Settings
from tests.looping import on_a_loop, until
from tests.server.desk import Desk, served
from tests.server.hearing import Message
from tests.server.test_event_stream import following, happen, now, words_heard

LOST = 5


def become_a_copy(url: str) -> None:
    """As a standby that was promoted: its last events never came, and all connections are gone."""
    with psycopg.connect(url, autocommit=True) as other, other.transaction():
        other.execute("LOCK TABLE events")
        other.execute("DELETE FROM events WHERE id > (SELECT max(id) FROM events) - %s", (LOST,))
        other.execute("SELECT setval(pg_get_serial_sequence('events', 'id'), (SELECT max(id) FROM events))")
        other.execute("UPDATE epochs SET bound_to = '7000000000000000000/00000001/16384'")
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def epoch_of(place: str) -> str:
    return place.rpartition("-")[0]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@on_a_loop
async def test_who_watches_is_told_and_hears_all_that_the_copy_adds(settings: Settings, database_url: str) -> None:
    async with served(settings) as desk, following(desk) as heard:
        words = [str(number) for number in range(2 * LOST)]
        await happen(desk, *words)
        assert await words_heard(heard, len(words)) == words
        before = await now(desk)
        become_a_copy(database_url)
        reset = await anext(heard)
        while reset.event is None:
            reset = await anext(heard)
        assert (reset.event, reset.data["reason"]) == ("reset", "epoch")
        after = await now(desk)
        assert epoch_of(after) == epoch_of(reset.data["as_of"]) != epoch_of(before)
        assert number_of(reset.data["as_of"]) <= number_of(after) < number_of(before)
        await happen(desk, "first", "second")  # under numbers that were given before
        assert await words_heard(heard, 2) == ["first", "second"]
        assert (await first_heard(desk, before)).data["reason"] == "epoch"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@on_a_loop
async def test_one_that_stays_where_it_is_goes_on_through_starts_and_cuts(
    settings: Settings, database_url: str
) -> None:
    async with served(settings) as desk:
        before = await now(desk)
    async with served(settings) as desk, following(desk, before) as heard:
        with psycopg.connect(database_url, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        await until(desk.runtime.signals.heard.is_set)
        await happen(desk, "as ever")
        assert await words_heard(heard, 1) == ["as ever"]


def number_of(place: str) -> int:
    return int(place.rpartition("-")[2])


async def first_heard(desk: Desk, after: str) -> Message:
    async with following(desk, after) as heard:
        return await anext(heard)
