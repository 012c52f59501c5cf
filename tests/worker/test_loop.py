"""What a worker does at each turn. Nothing wakes it here: every signal is lost, and the steps are called by hand."""

import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from conselho import ids
from conselho.db.session import Database
from conselho.events import log as events
from conselho.events.signals import Signals
from conselho.executions import endings, leases, queue
from conselho.executions.request import Lane
from conselho.settings import Settings
from conselho.worker import directory, loop
from conselho.worker.loop import Worker
from tests.executions.making import LEASE, cancel, make_queued, one, status, told
from tests.looping import on_a_loop, until
from tests.worker.crew import Gate, alive, said, shell


@asynccontextmanager
async def employed(database: Database, settings: Settings) -> AsyncIterator[Worker]:
    """A worker between its start and its stop."""
    worker = Worker(database, Signals(), settings)
    await worker.start()
    try:
        yield worker
    finally:
        await worker.stop()


def queued(database: Database, script: str, **changes: Any) -> str:
    return make_queued(database, argv=shell(script), **changes)


async def has_ended(database: Database, *execution_ids: str) -> None:
    await until(lambda: all(one(database, each).completed_at is not None for each in execution_ids))


async def has_said(database: Database, execution_id: str, *lines: str) -> None:
    await until(lambda: said(database, execution_id) == list(lines))


@on_a_loop
async def test_it_takes_as_many_as_it_has_seats_and_another_when_one_is_free(
    database: Database, settings: Settings, gate: Gate
) -> None:
    made = [queued(database, gate.wait) for _ in range(4)]
    async with employed(database, settings) as worker:
        assert worker.facts.seats == 2
        await worker.claim_next()
        assert worker.running == 2
        assert [status(database, each) for each in made[2:]] == ["queued", "queued"]
        await worker.claim_next()
        assert worker.running == 2, "full"
        gate.open()
        await until(lambda: worker.running == 1)
        await worker.claim_next()
        assert worker.running == 2
        gate.open(3)
        await until(lambda: worker.running == 0)
        await worker.claim_next()
        await has_ended(database, *made)
    assert [status(database, each) for each in made] == ["succeeded"] * 4


@on_a_loop
async def test_what_is_enqueued_here_is_claimed_by_the_commit_that_enqueues_it(
    database: Database, settings: Settings
) -> None:
    async with employed(database, settings) as worker:
        await worker.claim_next()
        made = queued(database, "echo at once")
        await has_ended(database, made)
        at = {event.kind: event.at for event in database.fetch(events.read_after, 0).result()}
        assert at["execution.queued"] == at["execution.claimed"], "one transaction has one moment"


@on_a_loop
async def test_who_has_ended_claiming_takes_nothing_along_either(database: Database, settings: Settings) -> None:
    async with employed(database, settings) as worker:
        await worker.claim_next()
        worker.end_claiming()
        made = queued(database, "echo too late")
        await worker.claim_next()
    assert status(database, made) == "queued"


@on_a_loop
async def test_a_lane_lets_in_no_more_than_it_has_room_for(database: Database, settings: Settings, gate: Gate) -> None:
    lane = (Lane(key="agent reviewer", room=1),)
    first, second = (queued(database, gate.wait, lanes=lane) for _ in range(2))
    other = queued(database, gate.wait)
    async with employed(database, settings) as worker:
        await worker.claim_next()
        await until(lambda: status(database, first) == status(database, other) == "running")
        assert status(database, second) == "queued"
        gate.open(2)
        await until(lambda: worker.running == 0)
        await worker.claim_next()
        await until(lambda: status(database, second) == "running")
        gate.open()
        await has_ended(database, second)


@on_a_loop
async def test_it_says_when_it_comes_and_when_it_goes(database: Database, settings: Settings) -> None:
    async with employed(database, settings) as worker:
        assert told(database) == ["worker.joined"]
        assert worker.running == 0
    assert told(database) == ["worker.joined", "worker.left"]


def test_it_is_the_same_worker_after_a_restart_and_another_in_another_place(settings: Settings, tmp_path: Path) -> None:
    first = loop.introduce(settings)
    assert loop.introduce(settings).id == first.id
    assert ids.is_id(first.id)
    elsewhere = settings.model_copy(update={"data_dir": tmp_path, "worker_name": "anna"})
    assert loop.introduce(elsewhere).id != first.id
    assert loop.introduce(elsewhere).name == "anna"


@pytest.mark.parametrize("left", ["", "{", "[]", "{}", '{"id": 5}', '{"id": "x"}'])
def test_an_identity_that_cannot_be_read_is_made_anew(settings: Settings, left: str) -> None:
    place = settings.data_dir / "worker.json"
    place.write_text(left)
    found = loop.introduce(settings)
    assert ids.is_id(found.id)
    assert json.loads(place.read_text()) == {"id": found.id}


@on_a_loop
async def test_what_it_had_only_claimed_it_gives_back_when_it_starts_again(
    database: Database, settings: Settings
) -> None:
    execution_id = make_queued(database)
    holder = queue.Holder(loop.introduce(settings).id, "me")
    assert database.submit(queue.claim, holder, 1, LEASE).result()
    async with employed(database, settings) as worker:
        assert worker.running == 0
        assert status(database, execution_id) == "queued"


@on_a_loop
async def test_a_run_whose_directory_is_gone_is_lost(database: Database, settings: Settings) -> None:
    execution_id = make_queued(database)
    holder = queue.Holder(loop.introduce(settings).id, "me")
    assert database.submit(queue.claim, holder, 1, LEASE).result()
    assert database.submit(queue.start, execution_id, 1, LEASE).result()
    async with employed(database, settings):
        row = one(database, execution_id)
        assert (row.status, row.reason) == ("lost", "run_directory_gone")


@on_a_loop
async def test_runs_go_on_without_their_worker_and_are_found_by_the_next(
    database: Database, settings: Settings, gate: Gate
) -> None:
    execution_id = queued(database, f"echo one; {gate.wait}; echo two; exit 9")
    async with employed(database, settings) as worker:
        await worker.claim_next()
        await has_said(database, execution_id, "one")
    assert status(database, execution_id) == "running"
    assert alive(execution_id) != {}
    async with employed(database, settings) as successor:
        assert successor.running == 1
        assert one(database, execution_id).fence == 2
        gate.open()
        await has_ended(database, execution_id)
    assert said(database, execution_id) == ["one", "two"]
    assert one(database, execution_id).exit_code == 9


@on_a_loop
async def test_what_was_cancelled_while_nobody_served_is_ended_by_the_next(
    database: Database, settings: Settings, gate: Gate
) -> None:
    execution_id = queued(database, f"echo one; {gate.wait}")
    async with employed(database, settings) as worker:
        await worker.claim_next()
        await has_said(database, execution_id, "one")
    cancel(database, execution_id)
    async with employed(database, settings):
        await has_ended(database, execution_id)
    assert status(database, execution_id) == "cancelled"
    assert alive(execution_id) == {}


@on_a_loop
async def test_what_no_row_speaks_for_is_ended_and_cleared_away(
    database: Database, settings: Settings, gate: Gate
) -> None:
    execution_id = queued(database, f"echo one; {gate.wait}")
    async with employed(database, settings) as worker:
        await worker.claim_next()
        await has_said(database, execution_id, "one")
    lost = endings.lost("it did not come back", endings.LogEnd(1, 4))
    assert database.submit(leases.lose, execution_id, 1, lost).result()
    async with employed(database, settings) as successor:
        assert successor.running == 0
        await until(lambda: directory.all_in(settings.runs_dir) == [])
    assert alive(execution_id) == {}
    assert one(database, execution_id).note is not None


@on_a_loop
async def test_renewing_moves_every_lease_on(database: Database, settings: Settings, gate: Gate) -> None:
    execution_id = queued(database, gate.wait)
    async with employed(database, settings) as worker:
        await worker.claim_next()
        await until(lambda: status(database, execution_id) == "running")
        before = one(database, execution_id).lease_until
        await until(lambda: database.fetch(lambda tx: tx.now).result() > before - LEASE + timedelta(milliseconds=20))
        await worker.renew()
        assert one(database, execution_id).lease_until > before
        gate.open()
        await has_ended(database, execution_id)


@on_a_loop
async def test_renewing_gives_back_what_a_lost_answer_left_claimed(database: Database, settings: Settings) -> None:
    execution_id = make_queued(database)
    async with employed(database, settings) as worker:
        holder = queue.Holder(worker.facts.id, worker.facts.name)
        assert database.submit(queue.claim, holder, 1, LEASE).result()
        await worker.renew()
        assert status(database, execution_id) == "queued"


@on_a_loop
async def test_a_run_that_is_anothers_now_is_ended_at_the_next_renewal(
    database: Database, settings: Settings, gate: Gate
) -> None:
    execution_id = queued(database, f"echo one; {gate.wait}")
    async with employed(database, settings) as worker:
        await worker.claim_next()
        await has_said(database, execution_id, "one")
        database.submit(leases.adopt, worker.facts.id, LEASE).result()  # a copy of this worker, say
        await worker.renew()
        await until(lambda: worker.running == 0)
        assert alive(execution_id) == {}
        assert (status(database, execution_id), one(database, execution_id).fence) == ("running", 2)


@on_a_loop
async def test_a_run_that_ends_while_its_lease_is_renewed_keeps_its_outcome(
    database: Database, settings: Settings
) -> None:
    made = [queued(database, "exit 0") for _ in range(8)]
    async with employed(database, settings.model_copy(update={"seats": 8})) as worker:
        await worker.claim_next()
        while worker.running:
            await worker.renew()
    assert {status(database, each) for each in made} == {"succeeded"}


@on_a_loop
async def test_a_cancel_is_heeded_at_the_next_turn(database: Database, settings: Settings, gate: Gate) -> None:
    ended, goes_on = (queued(database, f"echo one; {gate.wait}") for _ in range(2))
    async with employed(database, settings) as worker:
        await worker.claim_next()
        await has_said(database, ended, "one")
        await has_said(database, goes_on, "one")
        cancel(database, ended)
        await worker.heed_cancels()
        await has_ended(database, ended)
        assert (status(database, ended), status(database, goes_on)) == ("cancelled", "running")
        gate.open()
        await has_ended(database, goes_on)


@on_a_loop
async def test_a_worker_that_stops_takes_nothing_new_and_leaves_nothing_half_begun(
    database: Database, settings: Settings, gate: Gate
) -> None:
    begun, left = (queued(database, f"echo one; {gate.wait}") for _ in range(2))
    async with employed(database, settings.model_copy(update={"seats": 1})) as worker:
        await worker.claim_next()
        await worker.stop()  # at once, between the claim and the fork
        await worker.claim_next()
    assert (status(database, begun), status(database, left)) == ("running", "queued")
    async with employed(database, settings) as successor:
        await has_said(database, begun, "one")
        await successor.claim_next()
        gate.open(2)
        await has_ended(database, begun, left)
    assert said(database, left) == ["one"]
    assert told(database).count("execution.started") == 2


@on_a_loop
async def test_ending_all_cancels_every_run_and_waits_for_it(
    database: Database, settings: Settings, gate: Gate
) -> None:
    made = [queued(database, f"echo one; {gate.wait}") for _ in range(2)]
    async with employed(database, settings) as worker:
        await worker.claim_next()
        for each in made:
            await has_said(database, each, "one")
        assert await worker.end_all() == 0
        assert worker.running == 0
    assert [status(database, each) for each in made] == ["cancelled", "cancelled"]
    assert [alive(each) for each in made] == [{}, {}]


@on_a_loop
async def test_a_run_whose_carrying_failed_is_taken_up_again(
    database: Database, settings: Settings, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    execution_id = queued(database, f"echo one; {gate.wait}; echo two; exit 8")
    async with employed(database, settings) as worker:
        await worker.claim_next()
        await has_said(database, execution_id, "one")
        (place,) = directory.all_in(settings.runs_dir)
        (place.path / "spool").rename(place.path / "aside")
        (place.path / "spool").mkdir()  # nothing can read that
        gate.open()
        await until(lambda: worker.running == 0)
        assert "taken up again" in caplog.text
        (place.path / "spool").rmdir()
        (place.path / "aside").rename(place.path / "spool")
        await worker.renew()
        assert worker.running == 1
        await has_ended(database, execution_id)
    assert said(database, execution_id) == ["one", "two"]
    assert one(database, execution_id).exit_code == 8


@on_a_loop
async def test_a_shim_that_died_while_nobody_looked_is_found_dead(
    database: Database, settings: Settings, gate: Gate
) -> None:
    execution_id = queued(database, f"echo one; {gate.wait}")
    async with employed(database, settings) as worker:
        await worker.claim_next()
        await has_said(database, execution_id, "one")
    (place,) = directory.all_in(settings.runs_dir)
    os.kill((place.spawned() or {})["shim"], signal.SIGKILL)
    async with employed(database, settings):
        await has_ended(database, execution_id)
    assert (status(database, execution_id), one(database, execution_id).reason) == ("failed", "shim_died")
    assert alive(execution_id) == {}
