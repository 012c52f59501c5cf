"""Runs as a worker carries them: a claimed row, a real shim, and a gate where the run waits for its test."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Row

from conselho.db.session import Database
from conselho.executions import logs, queue
from conselho.settings import Settings
from conselho.worker.directory import RunDirectory
from conselho.worker.run import Context, Run
from tests.acceptance import traces
from tests.executions.making import ANNA, LEASE, make_queued
from tests.looping import until

QUICK: dict[str, Any] = {
    "lease_seconds": 60.0,
    "term_grace_seconds": 0.3,
    "kill_seconds": 10.0,
    "poll_seconds": 0.05,
    "renew_seconds": 0.2,
    "seats": 2,
}


def make_settings(data_dir: Path, database_url: str | None = None, **changes: Any) -> Settings:
    """Quick enough for a test, slow enough for a machine on which many run at once."""
    data_dir.mkdir(mode=0o700, exist_ok=True)
    return Settings(**{"data_dir": data_dir, "database_url": database_url, **QUICK, **changes})


def shell(script: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", script)


class Gate:
    """Where runs wait until the test lets them through."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self.wait = f'read _ < "{path}"'

    def open(self, times: int = 1) -> None:
        """Let so many runs through, now or when they come."""
        os.write(self._descriptor, b"\n" * times)

    def close(self) -> None:
        with suppress(OSError):
            os.close(self._descriptor)


def make_claimed_row(database: Database, *argv: str, **changes: Any) -> Row[Any]:
    """What a worker gets when it claims a run of `argv`."""
    wish = {"argv": argv, **changes} if argv else changes
    execution_id = make_queued(database, **wish)
    (row,) = database.submit(queue.claim, ANNA, 1, LEASE).result()
    assert row.id == execution_id
    return row


def make_run(database: Database, settings: Settings, *argv: str, **changes: Any) -> Run:
    return Run(Context(database, settings), make_claimed_row(database, *argv, **changes))


def directory_of(settings: Settings, run: Run) -> RunDirectory:
    return RunDirectory.of(settings.runs_dir, run.id, run.fence)


def said(database: Database, execution_id: str) -> list[str]:
    """The stored log, which has no hole."""
    found: list[logs.NumberedLine] = []
    while lines := database.fetch(logs.read_after, execution_id, len(found)).result():
        found += lines
    assert [line.seq for line in found] == list(range(1, len(found) + 1))
    return [logs.shown(line.text) for line in found]


async def begun(database: Database, run: Run, *lines: str) -> "asyncio.Task[None]":
    """Let it run until it has said so much."""
    task = asyncio.ensure_future(run.begin())
    await until(lambda: said(database, run.id) == list(lines) or task.done())
    assert not task.done()
    return task


def alive(execution_id: str) -> dict[int, str]:
    """What lives of a run: its agent by the marker, its shim by the directory."""
    return traces.found(f"CONSELHO_EXECUTION={execution_id}") | traces.found(f"/runs/{execution_id}.")
