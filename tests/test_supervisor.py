"""The loops of a process: woken by signals, right without them, and alive whatever a step does."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from conselho import clock, ids, runtime, supervisor
from conselho.db.session import Database, Tx
from conselho.events import log as events
from conselho.events import tail
from conselho.events.models import Cursor, Event
from conselho.events.signals import Signals
from conselho.executions import endings, leases, logs, queue
from conselho.executions.models import Execution, IdempotencyKey, LogChunk, Rescue
from conselho.runtime import Runtime
from conselho.settings import Settings
from conselho.worker.loop import Worker
from tests.acceptance import traces
from tests.db.proxy import Proxy
from tests.executions.making import finish, make_queued, make_running, one, status, told
from tests.looping import on_a_loop, until
from tests.worker.crew import Gate, make_settings, said, shell

NEVER = 60.0  # seconds of polling: the longest there is; a test that waits for it fails


@pytest.fixture
def settings(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # runs inherit it, and so are found
    yield make_settings(tmp_path / "data", database_url)
    traces.end(str(tmp_path))


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    made = Gate(tmp_path / "gate")
    yield made
    made.close()


@asynccontextmanager
async def house(settings: Settings, *, hears: bool = True, works: bool = True) -> AsyncIterator[Runtime]:
    """A process that works; one that does not hear loses every signal."""
    async with runtime.opened(settings) as held:
        if not hears:
            held.signals.bind(None)
        worker = Worker(held.database, held.signals, settings) if works else None
        async with supervisor.supervised(held, worker):
            yield held


async def has_ended(database: Database, execution_id: str) -> None:
    await until(lambda: one(database, execution_id).completed_at is not None)


def queued(database: Database, script: str, **changes: Any) -> str:
    return make_queued(database, argv=shell(script), **changes)


@on_a_loop
async def test_with_deaf_signals_everything_still_happens_by_looking(settings: Settings, gate: Gate) -> None:
    async with house(settings, hears=False) as held:
        database = held.database
        first, cancelled = queued(database, "echo done"), queued(database, f"echo up; {gate.wait}")
        await has_ended(database, first)
        await until(lambda: said(database, cancelled) == ["up"])
        await database.write(endings.request_cancel, cancelled)
        await has_ended(database, cancelled)
        later = queued(database, "exit 3")
        await has_ended(database, later)
        assert [status(database, each) for each in (first, cancelled, later)] == ["succeeded", "cancelled", "failed"]


@on_a_loop
async def test_with_signals_nobody_waits_for_a_look(settings: Settings, gate: Gate) -> None:
    patient = settings.model_copy(update={"poll_seconds": NEVER, "seats": 1})
    async with house(patient) as held:
        database = held.database
        first = queued(database, f"echo up; {gate.wait}")
        await until(lambda: said(database, first) == ["up"])
        second = queued(database, f"echo up; {gate.wait}")
        gate.open()  # a seat is free: the next is claimed
        await until(lambda: said(database, second) == ["up"])
        await database.write(endings.request_cancel, second)
        await has_ended(database, second)
        assert (status(database, first), status(database, second)) == ("succeeded", "cancelled")


@on_a_loop
async def test_a_process_without_a_worker_runs_nothing_and_still_minds_the_house(settings: Settings) -> None:
    async with house(settings.model_copy(update={"outage_seconds": 3.0}), works=False) as held:
        database = held.database
        waiting = make_queued(database)
        too_late = make_queued(database, start_before=await database.read(lambda tx: tx.now + timedelta(seconds=0.1)))
        await until(lambda: status(database, too_late) == "expired")
        assert status(database, waiting) == "queued"


@on_a_loop
async def test_a_silent_worker_is_noticed_and_at_last_its_run_is_lost(settings: Settings) -> None:
    brief = settings.model_copy(update={"lease_seconds": 1.0, "outage_seconds": 3.0, "lost_after_seconds": 1.0})
    async with house(brief, works=False) as held:
        database = held.database
        execution_id = make_running(database)
        await database.write(expire_lease, execution_id)
        await until(lambda: one(database, execution_id).unreachable_since is not None)
        await has_ended(database, execution_id)
        assert status(database, execution_id) == "lost"
        assert told(database)[-2:] == ["execution.unreachable", "execution.finished"]


def make_logged(database: Database, chunks: int) -> str:
    """A run that has ended, with a log of so many chunks."""
    execution_id = make_running(database)
    for seq in range(1, chunks + 1):
        chunk = logs.pack(execution_id, 1, seq, [logs.Line(clock.now(), "stdout", str(seq))])
        assert database.submit(logs.append, chunk).result()
    assert finish(database, execution_id)
    return execution_id


@on_a_loop
async def test_what_is_old_goes_and_what_has_ended_is_compacted_by_looking(settings: Settings) -> None:
    before = Database(settings.url)
    old, young = make_logged(before, 3), make_logged(before, 3)
    before.submit(end_long_ago, old).result()
    before.close()
    async with house(settings, hears=False, works=False) as held:
        database = held.database
        chunks = select(LogChunk.first_seq).where(LogChunk.execution_id == young)
        await until(lambda: one(database, old).log_purged_at is not None)
        await until(lambda: database.fetch(lambda tx: tx.execute(chunks).scalars().all()).result() == [1])
        assert said(database, young) == ["1", "2", "3"]
        assert said(database, old) == []


@on_a_loop
async def test_events_that_are_old_and_read_by_all_go(settings: Settings) -> None:
    before = Database(settings.url)
    make_logged(before, 1)
    make_logged(before, 1)
    before.submit(happened_long_ago).result()
    before.close()
    async with house(settings, hears=False, works=False) as held:
        await until(lambda: told(held.database) == ["execution.finished"])


def end_long_ago(tx: Tx, execution_id: str) -> None:
    long_ago = tx.now - timedelta(days=31)
    tx.execute(update(Execution).where(Execution.id == execution_id).values(completed_at=long_ago))


def happened_long_ago(tx: Tx) -> None:
    tx.execute(update(Event).values(at=tx.now - timedelta(days=8)))
    tx.execute(update(Cursor).where(Cursor.name != tail.PRUNED).values(event_id=events.last_id(tx)))


def expire_lease(tx: Tx, execution_id: str) -> None:
    past = tx.now - timedelta(seconds=1)
    tx.execute(update(Execution).where(Execution.id == execution_id).values(lease_until=past))


def leave_for(tx: Tx, away: timedelta) -> None:
    """As if nobody had looked for so long."""
    tx.execute(update(Rescue).values(seen_at=tx.now - away))


@on_a_loop
async def test_after_an_outage_nobody_is_rescued_before_having_had_a_chance(settings: Settings) -> None:
    slow = settings.model_copy(update={"lease_seconds": 600.0})
    async with runtime.opened(slow) as held:
        database = held.database
        running, claimed = make_running(database), make_queued(database)
        holder = queue.Holder(ids.new(), "silent")
        assert await database.write(queue.claim, holder, 1, timedelta(seconds=60))
        patience = leases.Patience(lease=timedelta(0), outage=timedelta(seconds=15), lost_after=timedelta(hours=1))
        await database.write(leases.rescue_next, patience)
        for each in (running, claimed):
            await database.write(expire_lease, each)
        await database.write(leave_for, timedelta(minutes=5))
        now = await database.read(lambda tx: tx.now)
        async with supervisor.supervised(held, None):
            await until(lambda: one(database, running).lease_until > now + timedelta(seconds=500))
        assert [status(database, each) for each in (running, claimed)] == ["running", "claimed"]
        assert one(database, claimed).lease_until > now + timedelta(seconds=500)
        assert one(database, running).unreachable_since is None


@on_a_loop
async def test_keys_of_long_ago_are_forgotten(settings: Settings) -> None:
    async with runtime.opened(settings) as held:
        database = held.database
        make_queued(database, "old")
        make_queued(database, "new")

        def age(tx: Tx) -> None:
            old = tx.now - queue.IDEMPOTENCY_KEPT - timedelta(seconds=1)
            tx.execute(update(IdempotencyKey).where(IdempotencyKey.key == "old").values(created_at=old))

        def keys(tx: Tx) -> list[str]:
            return list(tx.execute(select(IdempotencyKey.key)).scalars())

        await database.write(age)
        async with supervisor.supervised(held, None):
            await until(lambda: database.fetch(keys).result() == ["new"])


@on_a_loop
async def test_a_worker_goes_in_good_order_and_its_runs_go_on(settings: Settings, gate: Gate) -> None:
    async with house(settings) as held:
        execution_id = queued(held.database, f"echo one; {gate.wait}; echo two")
        await until(lambda: said(held.database, execution_id) == ["one"])
    async with house(settings) as held:
        gate.open()
        await has_ended(held.database, execution_id)
        assert said(held.database, execution_id) == ["one", "two"]
        kinds = [kind for kind in told(held.database) if kind.startswith("worker.")]
        assert kinds == ["worker.joined", "worker.left", "worker.joined"]


@pytest.fixture
def wire(postgres_database_url: str) -> Iterator[Proxy]:
    """The way to the database, which can be cut."""
    with Proxy(postgres_database_url) as proxy:
        yield proxy


@on_a_loop
async def test_while_the_database_is_away_the_loops_wait_and_then_go_on(
    tmp_path: Path, wire: Proxy, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervisor, "FAILURE_WAIT_SECONDS", 0.05)
    async with house(make_settings(tmp_path / "data", wire.url)) as held:
        wire.refuse()
        await until(lambda: "claim_next waits" in caplog.text)
        assert "Traceback" not in caplog.text, "a database that is away is no bug"
        wire.restore()
        execution_id = await asyncio.to_thread(make_queued, held.database)
        await has_ended(held.database, execution_id)


@on_a_loop
async def test_a_worker_that_cannot_say_goodbye_goes_all_the_same(
    tmp_path: Path, wire: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    async with house(make_settings(tmp_path / "data", wire.url)):
        wire.refuse()
    assert "could not say goodbye" in caplog.text


@on_a_loop
async def test_a_step_that_fails_is_tried_again_and_said_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervisor, "FAILURE_WAIT_SECONDS", 0.0)
    outcomes = iter([ValueError("a bad row"), True, True, False, KeyError("another")])
    done = asyncio.Event()

    async def stumble() -> bool:
        outcome = next(outcomes, None)
        if isinstance(outcome, Exception):
            raise outcome
        if outcome is None:
            done.set()
        return bool(outcome)

    looping = asyncio.ensure_future(supervisor._repeat(stumble, Signals(), (), 0.001))
    await asyncio.wait_for(done.wait(), 30)
    looping.cancel()
    await asyncio.wait([looping])
    failures = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [str(record.exc_info[1]) for record in failures if record.exc_info] == ["a bad row", "'another'"]
    assert all("stumble failed and is tried again" in record.message for record in failures)


@on_a_loop
async def test_what_is_signalled_while_a_step_works_is_looked_at_next() -> None:
    signals = Signals()
    signals.bind(asyncio.get_running_loop())
    looks: asyncio.Queue[int] = asyncio.Queue()
    count = 0

    async def look() -> bool:
        nonlocal count
        count += 1
        if count == 1:
            signals.tell(("a",))
            await asyncio.sleep(0)
        await looks.put(count)
        return False

    looping = asyncio.ensure_future(supervisor._repeat(look, signals, ("a",), NEVER))
    assert [await asyncio.wait_for(looks.get(), 30) for _ in range(2)] == [1, 2]
    looping.cancel()
    await asyncio.wait([looping])
