"""Who waits for the writer, and for how much of it?

Two lanes: small units first, then the bulky ones (chunks of logs), so that output never delays a change of
state by more than a megabyte. Both share one bound; past it a caller hears at once that it is too much.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from conselho.db.tx import BULK_ATTRIBUTE, LOCK_ATTRIBUTE, MANY_ATTRIBUTE
from conselho.errors import Overloaded, Unavailable

GROUP_UNITS_MAX = 200  # a group of this size takes some 15 ms; larger ones gain nothing and delay everyone
GROUP_BULK_BYTES_MAX = 1_000_000  # of chunks in one group; with 8 MB the small units' p99 was six times as long
QUEUE_UNITS_MAX = 2_000  # some 200 ms of work; who comes later is told to come again
QUEUE_BULK_BYTES_MAX = 32_000_000  # memory that waiting chunks may take

Waiter = Future[Any] | asyncio.Future[Any]


class Job:
    """A unit with its arguments, who waits for it, and how it went."""

    __slots__ = ("args", "bulk", "error", "kwargs", "lock", "loop", "many", "size_bytes", "unit", "value", "waiter")

    def __init__(
        self,
        unit: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        waiter: Waiter,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.unit = unit
        self.args = args
        self.kwargs = kwargs
        self.waiter = waiter
        self.loop = loop
        self.lock: str | None = getattr(unit, LOCK_ATTRIBUTE, None)
        # What does the same for several callers at once, where that is to be had.
        self.many: Callable[..., list[Any]] | None = None if kwargs else getattr(unit, MANY_ATTRIBUTE, None)
        self.bulk: bool = getattr(unit, BULK_ATTRIBUTE, False)
        self.size_bytes = 0
        if self.bulk:
            self.size_bytes = sum(getattr(each, "size_bytes", 0) for each in (*args, *kwargs.values()))
        self.value: Any = None
        self.error: BaseException | None = None

    def begins(self) -> bool:
        """Whether someone still waits. A future of a plain thread cannot be cancelled from here on."""
        if isinstance(self.waiter, Future):
            return self.waiter.set_running_or_notify_cancel()
        return not self.waiter.done()


def answer(jobs: Iterable[Job]) -> None:
    """Tell every caller how its unit went; whoever has gone is passed over.

    An event loop is woken once for all of its callers: waking costs a system call.
    """
    loops: dict[asyncio.AbstractEventLoop, list[Job]] = {}
    for job in jobs:
        if job.loop is None:
            _settle(job)
        else:
            loops.setdefault(job.loop, []).append(job)
    for loop, answered in loops.items():
        try:
            loop.call_soon_threadsafe(_settle_all, answered)
        except RuntimeError:
            continue  # the loop is closed: nobody waits there any more


def _settle_all(jobs: list[Job]) -> None:
    for job in jobs:
        _settle(job)


def _settle(job: Job) -> None:
    if job.waiter.done():
        return
    if job.error is not None:
        job.waiter.set_exception(job.error)
        job.error = None  # the exception refers to frames that refer to the job: let neither keep the other
    else:
        job.waiter.set_result(job.value)


class Waiting:
    """The writer's queue."""

    def __init__(self) -> None:
        self._change = threading.Condition()
        self._small: deque[Job] = deque()
        self._bulk: deque[Job] = deque()
        self._bulk_bytes = 0
        self._closed = False

    def put(self, job: Job) -> None:
        """Raises: Overloaded where too much waits already; Unavailable after `close`."""
        with self._change:
            if self._closed:
                raise Unavailable("the service is shutting down: try again shortly")
            if len(self._small) + len(self._bulk) >= QUEUE_UNITS_MAX:
                raise Overloaded
            if job.bulk:
                # One that is too large by itself is let in when nothing else waits: it has to go some time.
                if self._bulk and self._bulk_bytes + job.size_bytes > QUEUE_BULK_BYTES_MAX:
                    raise Overloaded
                self._bulk.append(job)
                self._bulk_bytes += job.size_bytes
            else:
                self._small.append(job)
            self._change.notify()

    def take(self) -> list[Job] | None:
        """The next group, small units first; waits until there is one. None: closed, and all is taken."""
        with self._change:
            while not self._small and not self._bulk:
                if self._closed:
                    return None
                self._change.wait()
            jobs = [self._small.popleft() for _ in range(min(len(self._small), GROUP_UNITS_MAX))]
            taken_bytes = 0
            while self._bulk and (taken_bytes == 0 or taken_bytes + self._bulk[0].size_bytes <= GROUP_BULK_BYTES_MAX):
                job = self._bulk.popleft()
                jobs.append(job)
                taken_bytes += max(job.size_bytes, 1)
                self._bulk_bytes -= job.size_bytes
                if len(jobs) > GROUP_UNITS_MAX:
                    break
            return jobs

    def take_all(self) -> list[Job]:
        """Everything that waits, to be answered at once."""
        with self._change:
            jobs = [*self._small, *self._bulk]
            self._small.clear()
            self._bulk.clear()
            self._bulk_bytes = 0
            return jobs

    def close(self) -> None:
        """Let nobody in any more."""
        with self._change:
            self._closed = True
            self._change.notify_all()
