"""A run that another worker began: its outcome is read in its directory, or nobody can know it any more."""

import asyncio
import os
import signal

import pytest
from sqlalchemy import bindparam, select

from conselho import clock
from conselho.db.session import Database
from conselho.executions import endings, leases
from conselho.executions.models import Execution
from conselho.settings import Settings
from conselho.worker.run import Context, Run, clear
from tests.executions.making import ANNA, LEASE, one, status
from tests.looping import on_a_loop, until
from tests.worker.crew import Gate, alive, begun, directory_of, make_run, said, shell

RETRY = select(Execution.status, Execution.attempt).where(Execution.retry_of == bindparam("first"))


@on_a_loop
async def test_a_run_is_taken_up_where_another_left_it(database: Database, settings: Settings, gate: Gate) -> None:
    run = make_run(database, settings, *shell(f"echo one; {gate.wait}; echo two; {gate.wait}; echo three; exit 5"))
    task = await begun(database, run, "one")
    task.cancel()  # as a server that ends does; the shim lives
    await asyncio.wait([task])
    gate.open()
    (row,) = database.submit(leases.adopt, ANNA.id, LEASE).result()
    successor = Run(Context(database, settings), row)
    taken_up = asyncio.ensure_future(successor.adopt(directory_of(settings, run)))
    await until(lambda: said(database, run.id) == ["one", "two"])
    gate.open()
    await taken_up
    assert said(database, run.id) == ["one", "two", "three"]
    assert (status(database, run.id), one(database, run.id).exit_code) == ("failed", 5)


@on_a_loop
async def test_what_ended_while_nobody_looked_is_told_by_its_directory(
    database: Database, settings: Settings, gate: Gate
) -> None:
    run = make_run(database, settings, *shell(f"echo one; {gate.wait}; echo two; exit 6"))
    task = await begun(database, run, "one")
    task.cancel()
    await asyncio.wait([task])
    gate.open()
    place = directory_of(settings, run)
    await until(lambda: not place.is_shim_alive())
    (row,) = database.submit(leases.adopt, ANNA.id, LEASE).result()
    await Run(Context(database, settings), row).adopt(place)
    assert said(database, run.id) == ["one", "two"]
    assert one(database, run.id).exit_code == 6


@on_a_loop
async def test_after_another_boot_nobody_knows_and_the_run_is_lost(
    database: Database, settings: Settings, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(database, settings, *shell(f"echo one; {gate.wait}"))
    task = await begun(database, run, "one")
    task.cancel()
    await asyncio.wait([task])
    place = directory_of(settings, run)
    spawned = place.spawned()
    assert spawned is not None
    os.kill(spawned["shim"], signal.SIGKILL)
    await until(lambda: not place.is_shim_alive())
    (row,) = database.submit(leases.adopt, ANNA.id, LEASE).result()
    monkeypatch.setattr("conselho.worker.shim.boot_id", lambda: "another")
    await Run(Context(database, settings), row).adopt(place)
    ended = one(database, run.id)
    assert (ended.status, ended.reason) == ("lost", "host_restarted")
    assert (ended.log_lines, said(database, run.id)) == (1, ["one"])
    assert not place.path.exists()


@on_a_loop
async def test_what_a_lost_run_came_to_is_kept_as_a_note(database: Database, settings: Settings, gate: Gate) -> None:
    run = make_run(database, settings, *shell(f"echo one; {gate.wait}"))
    task = await begun(database, run, "one")
    task.cancel()
    await asyncio.wait([task])
    lost = endings.lost("nobody came back", endings.LogEnd(1, 4))
    assert database.submit(leases.lose, run.id, 1, lost).result()
    place = directory_of(settings, run)
    await clear(Context(database, settings), place)
    row = one(database, run.id)
    assert (row.status, row.note) == ("lost", "reported later: abandoned, exit code None")
    assert alive(run.id) == {}
    assert not place.path.exists()


@on_a_loop
async def test_a_run_that_must_not_outlive_its_lease_goes_on_while_it_is_renewed(
    database: Database, settings: Settings, gate: Gate
) -> None:
    brief = settings.model_copy(update={"lease_seconds": 4.0})
    run = make_run(database, brief, *shell(f"echo up; {gate.wait}; exit 7"), retry_on_loss=True)
    task = await begun(database, run, "up")
    place = directory_of(settings, run)
    first = float((place.path / "deadline").read_bytes())
    await until(lambda: clock.boot_seconds() > first - 1.0)
    run.extend()
    await until(lambda: clock.boot_seconds() > first + 0.5)
    assert not task.done()
    gate.open()
    await task
    assert one(database, run.id).exit_code == 7


@on_a_loop
async def test_a_run_that_must_not_outlive_its_lease_is_ended_and_another_takes_its_place(
    database: Database, settings: Settings, gate: Gate
) -> None:
    brief = settings.model_copy(update={"lease_seconds": 1.0})
    run = make_run(database, brief, *shell(f"echo up; {gate.wait}"), retry_on_loss=True)
    await run.begin()
    row = one(database, run.id)
    assert (row.status, row.reason) == ("lost", "deadline")
    assert alive(run.id) == {}
    again = database.fetch(lambda tx: tx.execute(RETRY, {"first": run.id}).one()).result()
    assert (again.status, again.attempt) == ("queued", 2)
