"""Does each caller get its own answer, in time, and is nobody left waiting?"""

import asyncio
import gc
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from conselho.db.session import READER_THREADS, Database, Tx, bulk
from conselho.errors import Conflict, Overloaded, Unavailable
from tests.conftest import Clock
from tests.db.conftest import NOTES, PATIENCE_SECONDS, add_note, fail, found_notes, held_writer, read_notes, refuse

ENDLESS = text("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c")


class Chunk:
    def __init__(self, name: str, size_bytes: int) -> None:
        self.name = name
        self.size_bytes = size_bytes


class Order:
    """Units that note in which order, and with whom, they ran."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self._tx: Tx | None = None

    def note(self, tx: Tx, name: str) -> None:
        if tx is not self._tx:
            self._tx = tx
            self.groups.append([])
        self.groups[-1].append(name)

    def chunk(self) -> Callable[[Tx, Chunk], None]:
        @bulk
        def append(tx: Tx, chunk: Chunk) -> None:
            self.note(tx, chunk.name)

        return append


def test_an_awaited_unit_returns_or_raises_what_it_did(notes: Database) -> None:
    async def main() -> None:
        assert await notes.write(add_note, "a", body="text") == "a"
        assert await notes.read(read_notes) == ["a"]
        with pytest.raises(Conflict):
            await notes.write(refuse)
        with pytest.raises(ValueError, match="a bug"):
            await notes.read(fail)

    asyncio.run(main())


def test_a_write_is_seen_by_the_next_read(notes: Database) -> None:
    async def main() -> None:
        for n in range(30):
            await notes.write(add_note, f"{n:02}")
            assert len(await notes.read(read_notes)) == n + 1

    asyncio.run(main())


def test_many_tasks_each_get_their_own_answer(notes: Database) -> None:
    async def one(n: int) -> None:
        if n % 7 == 0:
            with pytest.raises(Conflict):
                await notes.write(refuse)
        elif n % 11 == 0:
            with pytest.raises(ValueError, match="a bug"):
                await notes.write(fail)
        else:
            assert await notes.write(add_note, f"{n:03}") == f"{n:03}"

    async def main() -> None:
        await asyncio.gather(*(one(n) for n in range(300)))

    asyncio.run(main())
    assert found_notes(notes) == [f"{n:03}" for n in range(300) if n % 7 and n % 11]


def test_a_caller_that_left_while_waiting_is_skipped(notes: Database) -> None:
    async def main() -> None:
        with held_writer(notes):
            left = asyncio.create_task(notes.write(add_note, "left"))
            stays = asyncio.create_task(notes.write(add_note, "stays"))
            await asyncio.sleep(0)
            left.cancel()
            await asyncio.gather(left, return_exceptions=True)
            plain = notes.submit(add_note, "cancelled")
            assert plain.cancel()
        assert await stays == "stays"

    asyncio.run(main())
    assert found_notes(notes) == ["stays"]


def test_an_answer_nobody_awaits_is_dropped(notes: Database) -> None:
    running, release = threading.Event(), threading.Event()

    def slow(tx: Tx) -> str:
        running.set()
        release.wait(PATIENCE_SECONDS)
        return add_note(tx, "slow")

    async def main() -> None:
        leaving = asyncio.create_task(notes.write(slow))
        await asyncio.to_thread(running.wait, PATIENCE_SECONDS)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        release.set()
        await notes.write(add_note, "next")

    asyncio.run(main())
    assert found_notes(notes) == ["next", "slow"]


def test_a_caller_whose_loop_is_closed_harms_nobody(notes: Database) -> None:
    with held_writer(notes):
        loop = asyncio.new_event_loop()
        task = loop.create_task(notes.write(add_note, "a"))
        loop.run_until_complete(asyncio.sleep(0))
        task.cancel()
        loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        loop.close()
        other_loop = asyncio.new_event_loop()
        orphan = other_loop.create_task(notes.write(add_note, "orphan"))
        other_loop.run_until_complete(asyncio.sleep(0))
        orphan._log_destroy_pending = False  # type: ignore[attr-defined]  # this loop dies on purpose
        other_loop.close()

    assert notes.submit(add_note, "b").result(PATIENCE_SECONDS) == "b"
    assert found_notes(notes) == ["b", "orphan"]


def test_too_many_waiting_units_are_refused_at_once(notes: Database) -> None:
    with held_writer(notes):
        waiting = [notes.submit(lambda tx: tx.now) for _ in range(2_000)]
        with pytest.raises(Overloaded):
            notes.submit(refuse)

    assert all(future.exception(PATIENCE_SECONDS) is None for future in waiting)
    assert notes.submit(add_note, "a").result(PATIENCE_SECONDS) == "a"


def test_too_many_waiting_bytes_are_refused_at_once(notes: Database) -> None:
    append = Order().chunk()
    with held_writer(notes):
        waiting: list[Future[Any]] = [notes.submit(append, Chunk("x", 4_000_000)) for _ in range(8)]
        with pytest.raises(Overloaded):
            notes.submit(append, chunk=Chunk("one more", 1))  # type: ignore[call-arg]
        waiting.append(notes.submit(read_notes))

    for future in waiting:
        future.result(PATIENCE_SECONDS)
    notes.submit(append, Chunk("room again", 4_000_000)).result(PATIENCE_SECONDS)


def test_chunks_come_after_small_units_and_a_megabyte_a_group(notes: Database) -> None:
    order = Order()
    append = order.chunk()
    with held_writer(notes):
        futures = [notes.submit(append, Chunk(f"chunk {n}", 400_000)) for n in range(3)]
        futures.append(notes.submit(append, Chunk("huge", 5_000_000)))
        futures += [notes.submit(order.note, f"small {n}") for n in range(2)]
    for future in futures:
        future.result(PATIENCE_SECONDS)

    assert order.groups == [["small 0", "small 1", "chunk 0", "chunk 1"], ["chunk 2"], ["huge"]]


def test_a_group_has_one_moment_and_time_never_goes_back(notes_url: str) -> None:
    clock = Clock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC))
    notes = Database(notes_url, now=clock)

    def moment(tx: Tx) -> datetime:
        clock.advance(seconds=1)
        return tx.now

    with held_writer(notes):
        futures = [notes.submit(moment) for _ in range(3)]
    together = [future.result(PATIENCE_SECONDS) for future in futures]
    clock.advance(timedelta(hours=-1))
    later = notes.submit(moment).result(PATIENCE_SECONDS)
    notes.close()

    assert len(set(together)) == 1
    assert later == together[0]


def test_the_standing_clock_is_the_time_of_units_and_reads(database: Database, clock: Clock) -> None:
    clock.advance(timedelta(days=400))

    assert database.submit(lambda tx: tx.now).result(PATIENCE_SECONDS) == clock()
    assert database.fetch(lambda tx: tx.now).result(PATIENCE_SECONDS) == clock()


def test_reads_do_not_wait_for_the_writer(notes: Database) -> None:
    with held_writer(notes):
        assert found_notes(notes) == []


def test_a_read_that_takes_too_long_is_ended(notes_url: str) -> None:
    notes = Database(notes_url, read_seconds_max=0.1)

    def stubborn(tx: Tx) -> None:
        while True:
            tx.execute(text("SELECT 1"))

    for query in (stubborn, lambda tx: tx.execute(ENDLESS).scalar_one()):
        error = notes.fetch(query).exception(PATIENCE_SECONDS)
        assert type(error) is Unavailable
        assert "too long" in str(error)
    assert found_notes(notes) == []
    notes.close()


def test_too_many_waiting_reads_are_refused_at_once(notes: Database) -> None:
    release = threading.Event()

    def wait(tx: Tx) -> bool:
        return release.wait(4)

    reading = [notes.fetch(wait) for _ in range(1_000)]
    with pytest.raises(Overloaded):
        notes.fetch(read_notes)

    release.set()
    assert all(future.result(PATIENCE_SECONDS) for future in reading)
    assert found_notes(notes) == []


def test_closing_writes_what_waits_and_then_refuses(notes_url: str) -> None:
    notes = Database(notes_url)
    with held_writer(notes):
        waiting = [notes.submit(add_note, f"{n:03}") for n in range(300)]
        closing = threading.Thread(target=notes.close)
        closing.start()
    closing.join(PATIENCE_SECONDS)

    assert [future.result(0) for future in waiting] == [f"{n:03}" for n in range(300)]
    with pytest.raises(Unavailable):
        notes.submit(add_note, "late")
    with pytest.raises(Unavailable):
        notes.fetch(read_notes)
    notes.close()


def test_closing_does_not_wait_for_ever(notes_url: str) -> None:
    notes = Database(notes_url)
    with held_writer(notes):
        waiting = notes.submit(add_note, "a")
        notes.close(timeout_seconds=0.05)
        assert isinstance(waiting.exception(0), Unavailable)


@pytest.mark.parametrize("waits", [1, 5])
def test_a_writer_that_dies_is_fatal_and_leaves_nobody_waiting(notes_url: str, waits: int) -> None:
    fatal: list[BaseException] = []
    died = threading.Event()

    def on_fatal(error: BaseException) -> None:
        fatal.append(error)
        died.set()

    def die(tx: Tx) -> None:
        add_note(tx, "half")
        raise SystemExit(3)

    notes = Database(notes_url, on_fatal=on_fatal)
    with held_writer(notes):
        futures = [notes.submit(die) for _ in range(waits)]

    errors = [future.exception(PATIENCE_SECONDS) for future in futures]
    assert died.wait(PATIENCE_SECONDS)
    assert {type(error) for error in errors} == {Unavailable}
    assert len({id(error) for error in errors}) == waits
    assert [type(error) for error in fatal] == [SystemExit]
    with pytest.raises(Unavailable):
        notes.submit(add_note, "late")
    assert found_notes(notes) == []
    notes.close()


def test_a_process_whose_writer_dies_ends(sqlite_database_url: str) -> None:
    program = (
        "import sys\n"
        "from conselho.db.session import Database\n"
        "def die(tx): raise SystemExit(3)\n"
        "Database(sys.argv[1]).submit(die).exception(20)\n"
        "import threading; threading.Event().wait(20)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, sqlite_database_url], capture_output=True, text=True, check=False, timeout=30
    )

    assert ended.returncode == 70
    assert "the writer thread died" in ended.stderr


def test_what_was_acknowledged_survives_a_kill(notes: Database, notes_url: str) -> None:
    program = (
        "import sys\n"
        "from conselho.db.session import Database\n"
        "from tests.db.conftest import add_note\n"
        "database = Database(sys.argv[1])\n"
        "for n in range(10**6): print(database.submit(add_note, f'{n:06}').result(20), flush=True)\n"
    )
    root = str(Path(__file__).parents[2])
    writing = subprocess.Popen(
        [sys.executable, "-c", program, notes_url],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert writing.stdout is not None
    with writing, writing.stdout:
        acknowledged = [writing.stdout.readline().strip() for _ in range(30)]
        writing.kill()
        acknowledged += writing.stdout.read().split()

    found = found_notes(notes)
    assert found[: len(acknowledged)] == acknowledged
    assert len(found) <= len(acknowledged) + 1


def test_nothing_keeps_an_answer_alive_after_it_was_given(notes: Database) -> None:
    """What a unit returned may be large: the writer lets go of it before it waits for the next group."""

    class Large:
        pass

    def make(tx: Tx) -> Large:
        return Large()

    large = notes.submit(make).result(PATIENCE_SECONDS)
    seen = weakref.ref(large)
    del large
    notes.submit(add_note, "a").result(PATIENCE_SECONDS)
    gc.collect()

    assert seen() is None


def test_a_read_that_stops_half_way_does_not_keep_the_next_one_at_its_moment(notes: Database) -> None:
    for note_id in "abc":
        notes.submit(add_note, note_id).result(PATIENCE_SECONDS)

    kept: list[object] = []  # as an error that somebody looks at later keeps what it came through

    def read_one(tx: Tx) -> str:
        result = tx.execute(select(NOTES.c.id).order_by(NOTES.c.id))
        kept.append(result)
        return str(next(iter(result)).id)

    for number in range(2 * READER_THREADS):
        assert notes.fetch(read_one).result(PATIENCE_SECONDS) == "a"
        notes.submit(add_note, f"later {number}").result(PATIENCE_SECONDS)
        assert len(found_notes(notes)) == 3 + number + 1


def test_a_read_that_outlasts_the_end_lets_its_connection_go_by_itself(database_url: str) -> None:
    database = Database(database_url)
    reads, may_end = threading.Event(), threading.Event()

    def read(tx: Tx) -> int:
        found = int(tx.execute(select(1)).scalar_one())
        reads.set()
        may_end.wait(10)
        return found

    waiting = [database.fetch(read) for _ in range(3)]
    assert reads.wait(10)
    database.close(timeout_seconds=0)
    may_end.set()
    assert {each.result(10) for each in waiting if not each.cancelled()} == {1}
    assert not database._readers._idle
    gc.collect()  # a connection that was left open would say so
