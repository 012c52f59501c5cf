"""A log that has ended is rewritten into fewer chunks; not a line of it changes, for whoever reads meanwhile either."""

import random
from collections.abc import Sequence
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import select, update

from conselho.db import engine
from conselho.db.session import Database, Tx
from conselho.events import cursors
from conselho.events import log as events
from conselho.executions import compaction, endings, logs, retention
from conselho.executions.compaction import Found
from conselho.executions.endings import LogEnd
from conselho.executions.logs import NumberedLine
from conselho.executions.models import LogChunk, LogHead
from conselho.executions.packing import Line
from tests.conftest import Clock
from tests.executions.making import make_outcome, make_running

TEXTS = ["", "plain", "höher 🦉", "two\nlines", "\r", "\udc80\udcff no UTF-8", "\0", "x" * 3_000]


def make_log(database: Database, clock: Clock, sizes: Sequence[int]) -> str:
    """A run that has ended, with chunks of so many lines."""
    execution_id = make_running(database)
    choice = random.Random(7)
    first = 1
    for size in sizes:
        lines = []
        for number in range(first, first + size):
            data = {"tool": "ls", "number": number} if number % 50 == 0 else None
            at = clock.advance(timedelta(microseconds=choice.randrange(3)))
            lines.append(Line(at, choice.choice(["stdout", "stderr"]), f"{number} {choice.choice(TEXTS)}", data))
        assert database.submit(logs.append, logs.pack(execution_id, 1, first, lines)).result()
        first += size
    end(database, execution_id)
    return execution_id


def end(database: Database, execution_id: str) -> None:
    head = database.fetch(logs.head, execution_id).result()
    outcome = make_outcome(log=LogEnd(head.last_seq, head.bytes))
    assert database.submit(endings.finish, execution_id, 1, outcome).result()


def find(database: Database) -> Found:
    return database.fetch(compaction.find_next).result()


def compact(database: Database) -> bool:
    return database.submit(compaction.store, find(database)).result()


def compact_all(database: Database) -> None:
    while compact(database):
        pass


def lines_of(database: Database, execution_id: str, at_once: int = 1000) -> list[NumberedLine]:
    found: list[NumberedLine] = []
    while portion := database.fetch(logs.read_after, execution_id, len(found), at_once).result():
        found += portion
    return found


def sizes_of(database: Database, execution_id: str) -> list[int]:
    chunks = select(LogChunk.line_count).where(LogChunk.execution_id == execution_id).order_by(LogChunk.first_seq)
    return list(database.fetch(lambda tx: tx.execute(chunks).scalars().all()).result())


def compacted(database: Database, execution_id: str) -> int:
    seq = select(LogHead.compacted_seq).where(LogHead.execution_id == execution_id)
    return int(database.fetch(lambda tx: tx.execute(seq).scalar_one()).result())


def test_chunks_become_large_ones_and_every_line_stays_as_it_was(database: Database, clock: Clock) -> None:
    execution_id = make_log(database, clock, [100] * 23 + [37])
    before = lines_of(database, execution_id)
    head = database.fetch(logs.head, execution_id).result()
    assert [line.seq for line in before] == list(range(1, 2338))

    compact_all(database)

    sizes = sizes_of(database, execution_id)
    assert (sum(sizes), len(sizes) < 8, max(sizes) <= compaction.LINES_MAX) == (2337, True, True)
    assert database.fetch(logs.head, execution_id).result() == head
    for at_once in (1000, 333, 7):
        assert lines_of(database, execution_id, at_once) == before


def test_short_lines_go_a_thousand_to_a_chunk(database: Database, clock: Clock) -> None:
    execution_id = make_running(database)
    for first in range(1, 2551, 50):
        lines = [Line(clock(), "stdout", str(number)) for number in range(first, first + 50)]
        assert database.submit(logs.append, logs.pack(execution_id, 1, first, lines)).result()
    end(database, execution_id)

    compact_all(database)

    assert sizes_of(database, execution_id) == [1000, 1000, 550]
    assert [line.text for line in lines_of(database, execution_id)] == [str(number) for number in range(1, 2551)]
    seen = database.fetch(cursors.at, compaction.FOLLOWER).result()
    assert seen == database.fetch(events.last_id).result()
    assert not compact(database)


def test_who_is_in_the_middle_of_a_log_reads_on_as_if_nothing_had_happened(database: Database, clock: Clock) -> None:
    execution_id = make_log(database, clock, [30] * 70)
    whole = lines_of(database, execution_id)

    found: list[NumberedLine] = []
    more = True
    while portion := database.fetch(logs.read_after, execution_id, len(found), 217).result():
        found += portion
        more = more and compact(database)

    assert found == whole
    assert len(sizes_of(database, execution_id)) < 70


def test_a_reader_that_began_before_sees_the_log_as_it_was(database: Database, clock: Clock) -> None:
    execution_id = make_log(database, clock, [10] * 30)
    whole = lines_of(database, execution_id)

    def read(tx: Tx) -> list[NumberedLine]:
        first = logs.read_after(tx, execution_id, 0, 100)
        compact_all(database)  # with another reader, and the writer
        return first + logs.read_after(tx, execution_id, 100)

    assert database.fetch(read).result() == whole
    assert len(sizes_of(database, execution_id)) == 1
    assert lines_of(database, execution_id) == whole


def test_lines_that_are_long_make_chunks_of_fewer(database: Database, clock: Clock) -> None:
    execution_id = make_running(database)
    text = "long " * 10_000
    for first in range(1, 31):
        chunk = logs.pack(execution_id, 1, first, [Line(clock(), "stdout", f"{first} {text}")])
        assert database.submit(logs.append, chunk).result()
    huge = "h" * (compaction.CHARACTERS_MAX + 1)
    for first in (31, 32):
        chunk = logs.pack(execution_id, 1, first, [Line(clock(), "stdout", huge)])
        assert database.submit(logs.append, chunk).result()
    end(database, execution_id)
    before = lines_of(database, execution_id)

    compact_all(database)

    assert sizes_of(database, execution_id) == [13, 13, 4, 1, 1]
    assert lines_of(database, execution_id) == before


def test_what_still_runs_and_what_is_short_is_left_alone(database: Database, clock: Clock) -> None:
    running, short = make_running(database), make_log(database, clock, [20])
    for first in (1, 2, 3):
        assert database.submit(logs.append, logs.pack(running, 1, first, [Line(clock(), "stdout", "x")])).result()
    compact_all(database)
    assert (sizes_of(database, running), sizes_of(database, short)) == ([1, 1, 1], [20])

    end(database, running)
    compact_all(database)
    assert sizes_of(database, running) == [3]


def test_what_changed_since_it_was_read_is_not_touched(database: Database, clock: Clock) -> None:
    first, second = make_log(database, clock, [5, 5, 5]), make_log(database, clock, [5, 5])
    stale = find(database)
    assert compact(database)
    assert database.submit(compaction.store, stale).result()
    assert sizes_of(database, first) == [15]

    stale = find(database)
    clock.advance(timedelta(days=31))
    while database.submit(retention.purge_next, timedelta(days=30)).result():
        pass
    assert database.submit(compaction.store, stale).result()
    assert sizes_of(database, second) == []
    compact_all(database)
    assert database.fetch(cursors.at, compaction.FOLLOWER).result() == database.fetch(events.last_id).result()


@pytest.mark.parametrize("damage", ["data", "count"])
def test_a_damaged_log_stays_as_it_is_and_holds_up_nobody(database: Database, clock: Clock, damage: str) -> None:
    bad, good = make_log(database, clock, [5, 5, 5]), make_log(database, clock, [5, 5])
    change = {"data": b"no zstd"} if damage == "data" else {"line_count": 4}

    def harm(tx: Tx) -> None:
        tx.execute(update(LogChunk).where(LogChunk.execution_id == bad, LogChunk.first_seq == 6).values(**change))

    database.submit(harm).result()
    compact_all(database)

    assert len(sizes_of(database, bad)) == 3
    assert sizes_of(database, good) == [10]
    assert compacted(database, bad) == 0


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_two_processes_do_not_compact_at_once(database: Database, database_url: str, clock: Clock) -> None:
    execution_id = make_log(database, clock, [5, 5])
    address = engine.database_address(database_url).set(drivername="postgresql")
    with psycopg.connect(address.render_as_string(hide_password=False)) as other:
        other.execute("SELECT event_id FROM event_cursors WHERE name = 'compaction' FOR UPDATE")
        assert not compact(database)
        assert sizes_of(database, execution_id) == [5, 5]
        other.rollback()
    compact_all(database)
    assert sizes_of(database, execution_id) == [10]
