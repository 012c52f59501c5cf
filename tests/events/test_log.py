"""Events come in the order of commits, and whoever reads on from the last one misses none."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import delete

from conselho.db.session import Database, Tx
from conselho.errors import Conflict
from conselho.events import log
from conselho.events.models import Event
from tests.conftest import Clock

ROOT = Path(__file__).resolve().parents[2]
PROCESSES, THREADS, EACH = 4, 4, 12


def add(tx: Tx) -> None:
    log.append(tx, "test.happened")


@pytest.fixture
def writers(database_url: str) -> Iterator["subprocess.Popen[str]"]:
    """Processes that are ready to write and wait for the word."""
    numbers = [str(number) for number in (PROCESSES, THREADS, EACH)]
    argv = [sys.executable, "-m", "tests.events.writers", database_url, *numbers]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.communicate()


def test_a_reader_misses_nothing_of_sixteen_writers_in_four_processes(
    database: Database, writers: "subprocess.Popen[str]"
) -> None:
    assert writers.stdin is not None
    assert writers.stdout is not None
    writers.stdin.write("go\n")
    writers.stdin.flush()
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(writers.stdout.readline)
        seen: list[log.Entry] = []
        while True:
            is_last_look = done.done()
            page = database.fetch(log.read_after, seen[-1].id if seen else 0).result()
            seen += page
            if is_last_look and not page:
                break
    assert done.result() == "done\n"

    assert len(seen) == 2 * PROCESSES * THREADS * EACH
    assert [each.id for each in seen] == sorted({each.id for each in seen})
    assert set(Counter(each.data["by"] for each in seen).values()) == {2 * EACH}
    for who in {each.data["by"] for each in seen}:
        in_order = [(each.data["number"], each.data["part"]) for each in seen if each.data["by"] == who]
        assert in_order == [(number, part) for number in range(EACH) for part in "ab"]


def test_an_event_says_what_happened_when_and_to_whom(database: Database, clock: Clock) -> None:
    database.submit(lambda tx: log.append(tx, "card.moved", execution_id="x", data={"to": "revisão"})).result()
    database.submit(lambda tx: log.append(tx, "worker.left")).result()
    first, second = database.fetch(log.read_after, 0).result()
    assert (first.at, first.kind, first.execution_id, first.data) == (clock(), "card.moved", "x", {"to": "revisão"})
    assert (second.execution_id, second.data) == (None, {})


def test_a_unit_that_says_no_leaves_no_event(database: Database) -> None:
    def refuse(tx: Tx) -> None:
        add(tx)
        raise Conflict("no")

    with pytest.raises(Conflict):
        database.submit(refuse).result()
    assert database.fetch(log.last_id).result() == 0


def test_a_page_begins_after_what_was_seen_and_has_an_end(database: Database) -> None:
    def add_many(tx: Tx) -> None:
        for number in range(log.PAGE_MAX + 5):
            log.append(tx, "test.happened", data={"number": number})

    database.submit(add_many).result()
    first = database.fetch(log.read_after, 0, 10**6).result()
    rest = database.fetch(log.read_after, first[-1].id).result()
    assert [each.data["number"] for each in first + rest] == list(range(log.PAGE_MAX + 5))
    assert len(first) == log.PAGE_MAX
    assert [each.id for each in database.fetch(log.read_after, first[2].id, 2).result()] == [
        first[3].id, first[4].id,
    ]  # fmt: skip


def test_an_id_that_was_pruned_is_never_given_again(database: Database) -> None:
    database.submit(add).result()
    before = database.fetch(log.last_id).result()

    def prune(tx: Tx) -> None:
        tx.execute(delete(Event))

    database.submit(prune).result()
    database.submit(add).result()
    assert database.fetch(log.last_id).result() > before


def test_the_cursor_names_the_history_and_the_place_in_it(database: Database) -> None:
    epoch = database.fetch(log.epoch).result()
    assert database.fetch(log.cursor).result() == f"{epoch}-0"
    database.submit(add).result()
    last = database.fetch(log.last_id).result()
    assert database.fetch(log.cursor).result() == f"{epoch}-{last}"


def test_a_group_with_events_tells_their_topic_once_and_one_without_does_not(database_url: str) -> None:
    told: list[tuple[str, ...]] = []
    database = Database(database_url, on_commit=told.append)
    database.submit(add).result()
    database.submit(log.last_id).result()
    database.close()
    assert told == [(log.TOPIC,)]


def test_where_a_moment_stands_in_the_log_is_found_through_gaps(database: Database, clock: Clock) -> None:
    def happen() -> datetime:
        database.submit(add).result()
        moment = clock()
        clock.advance(seconds=1)
        return moment

    moments = [happen() for _ in range(12)]
    gaps = {1, 2, 6, 9}  # pruned, or given to what was rolled back

    def prune(tx: Tx) -> None:
        tx.execute(delete(Event).where(Event.id.in_(gaps)))

    database.submit(prune).result()
    for number, moment in enumerate(moments, 1):
        before = database.fetch(log.last_before, moment).result()
        wanted = [each for each in range(number, 13) if each not in gaps]
        assert [entry.id for entry in database.fetch(log.read_after, before).result()] == wanted
    assert database.fetch(log.last_before, clock()).result() == 12
