"""What does a worker hold, and what does it do at each turn?

Steps only: who calls them, and how often, is the supervisor's affair. A worker's identity lies in its data
directory and outlives its process; the directory's lock makes sure that it is held by one process at a time.
"""

import asyncio
import json
import logging
import os
import platform
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Row

from conselho import errors, ids
from conselho.db.session import Database, Ride
from conselho.events.signals import Signals
from conselho.executions import endings, leases, queue
from conselho.executions.endings import LogEnd
from conselho.executions.leases import WorkerFacts
from conselho.executions.states import Status
from conselho.settings import Settings
from conselho.worker import directory, shim
from conselho.worker.directory import RunDirectory
from conselho.worker.persistence import insist
from conselho.worker.run import Context, Run, clear

_log = logging.getLogger(__name__)

SEAT_FREE = "worker.seat"  # told when a run has ended and another may be claimed
REPORT_SECONDS = 10.0  # for the outcome of a run whose tree is gone
LAUNCH_WAIT_SECONDS = 5.0  # a stop waits so long for runs between claim and fork


class Worker:
    """The runs that this process carries."""

    def __init__(self, database: Database, signals: Signals, settings: Settings) -> None:
        self.facts = introduce(settings)
        self._context = Context(database, settings)
        self._signals = signals
        self._holder = queue.Holder(self.facts.id, self.facts.name)
        self._runs: dict[str, Run] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._fallen: dict[str, Run] = {}  # whose carrying failed: the agent may live
        self._stopping = False
        self._ride: Ride[list[Row[Any]]] | None = None  # the claim of what will be enqueued here

    @property
    def running(self) -> int:
        """How many runs it carries."""
        return len(self._runs)

    async def start(self) -> int:
        """Become known and take up what this worker held before; returns how many runs it found alive."""
        database = self._context.database
        await insist(database, leases.join, self.facts)
        rows = await insist(database, leases.adopt, self.facts.id, self._context.lease)
        taken_up: set[Path] = set()
        for row in rows:
            place = RunDirectory.find(self._context.settings.runs_dir, row.id)
            if row.status == Status.CLAIMED:
                await insist(database, queue.give_back, row.id, row.fence, source=Status.CLAIMED)
            elif place is None:
                lost = endings.lost("its run directory is gone", LogEnd(0, 0), "run_directory_gone")
                await insist(database, leases.lose, row.id, row.fence, lost)
            else:
                taken_up.add(place.path)
                run = Run(self._context, row)
                self._carry(run, run.adopt(place))
                if row.cancel_requested_at is not None:
                    run.cancel()
        self._clear_others(taken_up)
        return len(taken_up)

    async def claim_next(self) -> bool:
        """Fill the free seats; what is left of them waits for whoever enqueues next in this process."""
        await self._take_back_ride()
        if self._free_seats() > 0:
            database, lease = self._context.database, self._context.lease
            self._begin_all(await database.write(queue.claim, self._holder, self._free_seats(), lease))
            if (free := self._free_seats()) > 0:
                self._ride = database.ride(queue.WAKE, queue.claim, self._holder, free, lease)
                self._ride.result.add_done_callback(self._ride_over)
        return False

    async def renew(self) -> None:
        """Renew every lease; what is not ours any more is ended."""
        rows = await self._context.database.write(leases.renew, self.facts.id, self._context.lease)
        held = {row.id: row.fence for row in rows}
        for run in list(self._runs.values()):
            if held.get(run.id) == run.fence:
                run.extend()
            elif not run.is_reported and await self._is_lost(run):
                _log.warning("%s is held by another now, or has ended: its processes are ended", run.id)
                run.abandon()
        for row in rows:
            if row.status == Status.CLAIMED and row.id not in self._runs:
                # Claimed by a commit whose answer was lost: nobody carries it, and renewing would keep it for ever.
                await self._context.database.write(queue.give_back, row.id, row.fence, source=Status.CLAIMED)
        for row in rows:
            fallen = self._fallen.get(row.id)
            if fallen is not None and row.status == Status.RUNNING and row.fence == fallen.fence:
                self._take_up_again(fallen)
        self._fallen.clear()  # what is left has ended, or is another's

    async def heed_cancels(self) -> None:
        """Pass on to the runs that somebody asked them to end."""
        for row in await self._context.database.read(leases.asked_to_end, self.facts.id):
            run = self._runs.get(row.id)
            if run is not None and run.fence == row.fence:
                run.cancel()

    def end_claiming(self) -> None:
        """Begin nothing new; what is held goes on."""
        self._stopping = True
        if self._ride is not None:
            self._ride.withdraw()

    async def end_all(self) -> int:
        """Cancel every run and wait for its end; returns how many have not ended in the time a tree is given."""
        self.end_claiming()
        tasks = [self._tasks[each] for each in self._runs]
        for run in list(self._runs.values()):
            with suppress(errors.Refused, errors.Unavailable):  # it has ended meanwhile, or the run itself must do
                await self._context.database.write(endings.request_cancel, run.id)
            run.cancel()
        if not tasks:
            return 0
        settings = self._context.settings
        patience = settings.term_grace_seconds + settings.kill_seconds + REPORT_SECONDS
        _, left = await asyncio.wait(tasks, timeout=patience)
        return len(left)

    async def stop(self) -> None:
        """Stop following; the agents run on and are found again by the next start."""
        self.end_claiming()
        await self._take_back_ride()
        launching = [asyncio.ensure_future(_launch_of(run, self._tasks[run.id])) for run in self._runs.values()]
        if launching:
            await asyncio.wait(launching, timeout=LAUNCH_WAIT_SECONDS)
        tasks = [*launching, *self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._context.database.write(leases.leave, self.facts)

    def _free_seats(self) -> int:
        return 0 if self._stopping else self.facts.seats - len(self._runs)

    async def _take_back_ride(self) -> None:
        """Have no claim under way: seats are given away once."""
        ride, self._ride = self._ride, None
        if ride is not None and not ride.withdraw():
            await asyncio.wait([ride.result])

    def _ride_over(self, ride: "asyncio.Future[list[Row[Any]]]") -> None:
        if not ride.cancelled() and ride.exception() is None:  # else: what it would have claimed is still there
            self._begin_all(ride.result())

    def _begin_all(self, rows: Iterable[Row[Any]]) -> None:
        for row in rows:
            run = Run(self._context, row)
            self._carry(run, run.begin())

    def _take_up_again(self, fallen: Run) -> None:
        place = RunDirectory.find(self._context.settings.runs_dir, fallen.id)
        if place is not None and not self._stopping:
            run = fallen.again()
            self._carry(run, run.adopt(place))

    def _carry(self, run: Run, course: Coroutine[Any, Any, None]) -> None:
        self._runs[run.id] = run
        task = asyncio.ensure_future(course)
        self._tasks[run.id] = task
        task.add_done_callback(lambda done: self._ended(run, done))

    def _ended(self, run: Run, task: "asyncio.Future[None]") -> None:
        if self._runs.get(run.id) is run:
            del self._runs[run.id]
            del self._tasks[run.id]
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("carrying %s failed: it is taken up again with the next renewal", run.id, exc_info=error)
            self._fallen[run.id] = run
        self._signals.tell((SEAT_FREE,))

    async def _is_lost(self, run: Run) -> bool:
        """Whether a run that was not renewed is really another's: it may have been claimed just now, or ended."""
        found = await self._context.database.read(endings.state, run.id)
        if run.is_reported or run.id not in self._runs:
            return False
        return found is None or found[1] != run.fence or found[0].is_terminal

    def _clear_others(self, taken_up: set[Path]) -> None:
        for place in directory.all_in(self._context.settings.runs_dir):
            if place.path not in taken_up:
                self._tasks[place.path.name] = asyncio.ensure_future(self._clear(place))

    async def _clear(self, place: RunDirectory) -> None:
        try:
            await clear(self._context, place)
        finally:
            self._tasks.pop(place.path.name, None)


async def _launch_of(run: Run, course: "asyncio.Task[None]") -> None:
    """Wait until its shim was started, or there will be none."""
    launch = asyncio.ensure_future(run.launched.wait())
    try:
        await asyncio.wait((launch, course), return_when=asyncio.FIRST_COMPLETED)
    finally:
        launch.cancel()


def introduce(settings: Settings) -> WorkerFacts:
    """The facts of this data directory's worker; its id is made once and kept there."""
    worker_id = _identity(settings.data_dir / "worker.json")
    host = platform.node() or "localhost"
    return WorkerFacts(
        id=worker_id,
        name=settings.worker_name or host,
        host=host,
        pid=os.getpid(),
        boot_id=shim.boot_id(),
        seats=settings.seats,
    )


def _identity(path: Path) -> str:
    with suppress(OSError, ValueError, KeyError, TypeError):
        known = str(json.loads(path.read_text(encoding="utf-8"))["id"])
        if ids.is_id(known):
            return known
    worker_id = ids.new()
    fresh = path.with_suffix(".new")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump({"id": worker_id}, file)
        file.flush()
        os.fsync(file.fileno())  # after a power cut only this worker looks for what its runs came to
    fresh.rename(path)
    return worker_id
