"""Which loops run in this process, and what wakes each?

The only place that loops. A loop calls a step until it says that there is no more, then waits for a signal or for
its interval, whichever comes first - so every one of them is right with signals that never come.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from conselho import errors
from conselho.cards import attaching, board, settling, tidying
from conselho.council import councilors, firing, slots
from conselho.db import engine, keys, space
from conselho.events import epochs, stream
from conselho.events import log as events
from conselho.events import retention as event_retention
from conselho.events.signals import Signals
from conselho.executions import compaction, endings, leases, queue, search
from conselho.executions import retention as log_retention
from conselho.runtime import Runtime
from conselho.worker import loop as worker_loop
from conselho.worker.loop import Worker

_log = logging.getLogger(__name__)

Step = Callable[[], Awaitable[bool | None]]

RESCUE_SECONDS = 5.0  # a third of the silence that counts as an outage
FIRE_SECONDS = 5.0  # a schedule that another process changed unheard is found after so long; what is known, in time
SETTLE_SECONDS = 5.0  # what a run of a card left, where its end was not heard of here
TIDY_SECONDS = 3600.0  # a merged card's worktree only takes room
FORGET_SECONDS = 3600.0  # keys of a week ago need no haste, nor files that belong to nothing
SEARCH_SECONDS = 5.0  # what another process changed is found after so long
GATHER_SECONDS = 0.25  # a run that starts and ends within it is indexed once
RETENTION_SECONDS = 60.0  # what is kept for days may stay a minute longer
RETENTION_PAUSE_SECONDS = 0.05  # between its steps, so that it takes a small part of the writer's time
EPOCH_SECONDS = 30.0  # a database that has moved is found when signals are heard again, or after so long
CONNECTED = "connected"  # told by nobody: everybody who watches anything is woken where signals are heard again
JITTER = 0.1  # of an interval, so that processes do not march in step
FAILURE_WAIT_SECONDS = 2.0  # between a step that failed and the next try


@asynccontextmanager
async def supervised(runtime: Runtime, worker: Worker | None) -> AsyncIterator[None]:
    """Run the loops while the body runs; the worker takes up its old runs first."""
    keeper = epochs.Keeper(runtime.database)
    with suppress(errors.Unavailable):  # then its loop does
        await keeper.look()  # before anything is told of this history
    if worker is not None:
        await worker.start()
    tasks = [asyncio.ensure_future(each) for each in _loops(runtime, worker, keeper)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if worker is not None:
            try:
                await worker.stop()
            except errors.Unavailable as error:
                _log.warning("this worker could not say goodbye: %s", error.sentence)


def _loops(runtime: Runtime, worker: Worker | None, keeper: epochs.Keeper) -> list[Awaitable[None]]:
    settings, signals = runtime.settings, runtime.signals
    patience = leases.Patience(
        lease=timedelta(seconds=settings.lease_seconds),
        outage=timedelta(seconds=settings.outage_seconds),
        lost_after=timedelta(seconds=settings.lost_after_seconds),
    )

    async def rescue() -> bool:
        return await runtime.database.write(leases.rescue_next, patience)

    async def forget_keys() -> bool:
        some = await runtime.database.write(queue.forget_keys)
        return await runtime.database.write(keys.forget) or some

    async def beat() -> None:
        runtime.broadcast.beat()

    async def index_next() -> bool:
        return await runtime.database.write(search.index_next)

    async def due_in() -> float | None:
        return await runtime.database.read(firing.seconds_to_next)

    async def fire() -> bool:
        seconds = await due_in()
        if seconds is None or seconds > 0:
            return False
        await runtime.database.write(firing.fire_next)
        return True

    found: list[Awaitable[None]] = [
        _repeat(fire, signals, (councilors.CHANGED,), FIRE_SECONDS, due_in=due_in),
        _repeat(rescue, signals, (), min(RESCUE_SECONDS, settings.outage_seconds / 3)),
        _repeat(runtime.broadcast.read_next, signals, (events.TOPIC,), settings.poll_seconds),
        _repeat(beat, signals, (), stream.BEAT_SECONDS),
        _repeat(forget_keys, signals, (), FORGET_SECONDS),
        _repeat(index_next, signals, (queue.WAKE, endings.ENDED), SEARCH_SECONDS, gather_seconds=GATHER_SECONDS),
        *_board(runtime),
        *_retention(runtime),
    ]
    if engine.is_shared(settings.url):
        found.append(_repeat(keeper.look, signals, (CONNECTED,), EPOCH_SECONDS))
    if worker is not None:
        wake = (queue.WAKE, endings.ENDED, worker_loop.SEAT_FREE)
        found += [
            _repeat(worker.claim_next, signals, wake, settings.poll_seconds),
            _repeat(worker.heed_cancels, signals, (endings.CANCEL,), settings.poll_seconds),
            _repeat(worker.renew, signals, (), settings.renew_seconds),
        ]
    return found


def _board(runtime: Runtime) -> list[Awaitable[None]]:
    """What becomes of cards by itself."""

    async def settle() -> bool:
        return await settling.settle_next(runtime.database)

    async def tidy_attachments() -> None:
        await attaching.tidy(runtime.database, runtime.settings.data_dir)

    async def tidy_lately_changed() -> None:
        await tidying.tidy(runtime.database, tidying.LATELY)

    async def tidy_all() -> None:
        await tidying.tidy(runtime.database)

    return [
        _repeat(settle, runtime.signals, (endings.ENDED,), SETTLE_SECONDS),
        _repeat(tidy_lately_changed, runtime.signals, (board.CHANGED,), TIDY_SECONDS, gather_seconds=GATHER_SECONDS),
        _repeat(tidy_all, runtime.signals, (), TIDY_SECONDS),
        _repeat(tidy_attachments, runtime.signals, (), FORGET_SECONDS),
    ]


def _retention(runtime: Runtime) -> list[Awaitable[None]]:
    """What makes room: each a little at a time, so that nobody who writes waits for it."""
    database, settings = runtime.database, runtime.settings

    async def prune_events() -> bool:
        return await database.write(event_retention.prune_next, timedelta(seconds=settings.events_kept_seconds))

    async def prune_slots() -> bool:
        return await database.write(slots.prune_next, timedelta(seconds=settings.slots_kept_seconds))

    async def purge_logs() -> bool:
        return await database.write(log_retention.purge_next, timedelta(seconds=settings.logs_kept_seconds))

    async def compact_logs() -> bool:
        found = await database.read(compaction.find_next)
        return await database.write(compaction.store, found)

    async def give_back_space() -> bool:
        return await database.write(space.give_back)

    return [
        _repeat(step, runtime.signals, (), RETENTION_SECONDS, pause_seconds=RETENTION_PAUSE_SECONDS)
        for step in (prune_events, prune_slots, purge_logs, compact_logs, give_back_space)
    ]


async def _repeat(
    step: Step,
    signals: Signals,
    topics: tuple[str, ...],
    seconds: float,
    *,
    gather_seconds: float = 0.0,
    pause_seconds: float = 0.0,
    due_in: Callable[[], Awaitable[float | None]] | None = None,
) -> None:
    """`gather_seconds`: between a signal and the step that it wakes; `pause_seconds`: between one step and the next.

    `due_in`: in how many seconds there is something to do, where that is known.
    """
    with signals.watch(*topics) as watch:
        while True:
            patience = seconds * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret
            try:
                while await step():
                    if pause_seconds:
                        await asyncio.sleep(pause_seconds)
                left = None if due_in is None else await due_in()
                patience = patience if left is None else min(patience, max(left, 0.0))
            except errors.Unavailable as error:
                _log.warning("%s waits: %s", _name(step), error.sentence)
                await asyncio.sleep(FAILURE_WAIT_SECONDS)
            except Exception:  # noqa: BLE001 - a loop's top: one bad row must not stop the house
                _log.exception("%s failed and is tried again", _name(step))
                await asyncio.sleep(FAILURE_WAIT_SECONDS)
            if await watch.wait(patience):
                await asyncio.sleep(gather_seconds)


def _name(step: Step) -> str:
    return getattr(step, "__qualname__", repr(step)).rpartition(".")[2]
