"""After a restore nothing that had not ended runs again, whatever it asked for, and old ids of events mean nothing."""

from collections.abc import Callable

import pytest

from conselho.db.session import Database
from conselho.events import log as events
from conselho.executions import counters, logs, restore
from conselho.executions.request import Lane
from tests.conftest import Clock
from tests.executions.making import (
    BRUNO,
    claim,
    finish,
    make_claimed,
    make_ended,
    make_lines,
    make_queued,
    make_running,
    one,
    status,
    told,
)


def begin_anew(database: Database) -> restore.Restored:
    return database.submit(restore.begin_anew).result()


@pytest.mark.parametrize("make", [make_queued, make_claimed, make_running])
@pytest.mark.parametrize("retry_on_loss", [False, True])
def test_what_was_open_is_lost_and_nothing_takes_its_place(
    database: Database, make: Callable[..., str], *, retry_on_loss: bool
) -> None:
    execution_id = make(database, retry_on_loss=retry_on_loss)
    assert begin_anew(database).lost == 1
    row = one(database, execution_id)
    assert (row.status, row.reason, row.severity) == ("lost", "restored", "error")
    assert (row.lease_until, row.completed_at is None) == (None, False)
    assert claim(database, BRUNO) == []
    assert told(database)[-1] == "execution.finished"
    counted = database.fetch(counters.read).result()
    assert (counted.total, dict(counted.by_status), counted.error) == (1, {"lost": 1}, 1)


def test_what_had_ended_stays_as_it_is(database: Database) -> None:
    execution_id = make_ended(database)
    before = told(database)
    assert begin_anew(database).lost == 0
    assert status(database, execution_id) == "succeeded"
    assert told(database) == before


def test_a_lane_has_room_again(database: Database) -> None:
    lanes = (Lane(key="one", room=1),)
    make_running(database, lanes=lanes)
    make_queued(database, lanes=lanes)
    assert begin_anew(database).lost == 2
    later = make_queued(database, lanes=lanes)
    assert claim(database) == [later]


def test_a_late_report_is_kept_beside_the_end(database: Database) -> None:
    execution_id = make_running(database)
    begin_anew(database)
    assert not finish(database, execution_id)
    row = one(database, execution_id)
    assert (row.status, row.reason) == ("lost", "restored")
    assert row.note == "reported later: succeeded, no summary"


def test_a_worker_that_was_there_before_writes_no_line_any_more(database: Database, clock: Clock) -> None:
    execution_id = make_running(database)
    chunk = logs.pack(execution_id, 1, 1, make_lines(["one", "two"], clock))
    assert database.submit(logs.append, chunk).result()
    begin_anew(database)
    late = logs.pack(execution_id, 1, 3, make_lines(["three"], clock))
    assert not database.submit(logs.append, late).result()
    kept = database.fetch(logs.head, execution_id).result()
    row = one(database, execution_id)
    assert (row.log_lines, row.log_bytes) == (kept.last_seq, kept.bytes)
    assert kept.last_seq == 2


def test_another_epoch_begins_and_ids_go_on(database: Database) -> None:
    make_ended(database)
    before = database.fetch(events.cursor).result()
    fresh = begin_anew(database)
    assert database.fetch(events.epoch).result() == fresh.epoch
    assert not before.startswith(fresh.epoch)
    assert database.fetch(events.last_id).result() == int(before.rpartition("-")[2])
    assert begin_anew(database).epoch != fresh.epoch
