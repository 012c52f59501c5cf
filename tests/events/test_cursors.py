"""A follower's place is kept in the unit that did the work, and only one process follows at a time."""

import psycopg
import pytest

from conselho.db import engine
from conselho.db.session import Database, Tx
from conselho.events import cursors

NAME = "search"


def test_a_place_is_kept(database: Database) -> None:
    assert database.submit(cursors.hold, NAME).result() == 0
    database.submit(cursors.move, NAME, 7).result()
    assert database.submit(cursors.hold, NAME).result() == 7


def test_a_place_is_not_moved_by_a_unit_that_fails(database: Database) -> None:
    def move_and_fail(tx: Tx) -> None:
        cursors.move(tx, NAME, 7)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        database.submit(move_and_fail).result()
    assert database.submit(cursors.hold, NAME).result() == 0


def test_nobody_follows_under_a_name_that_is_not_there(database: Database) -> None:
    assert database.submit(cursors.hold, "nobody").result() is None


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_two_processes_do_not_follow_at_once(database: Database, database_url: str) -> None:
    address = engine.database_address(database_url).set(drivername="postgresql")
    with psycopg.connect(address.render_as_string(hide_password=False)) as other:
        other.execute("SELECT event_id FROM event_cursors FOR UPDATE")
        assert database.submit(cursors.hold, NAME).result() is None
        other.rollback()
        assert database.submit(cursors.hold, NAME).result() == 0
