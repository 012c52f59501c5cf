"""Who rides along? A unit that waits for what others do, and runs in the very transaction in which they do it.

So a worker with a free seat has what is enqueued claimed by the commit that enqueues it, and not by one after it.
A rider is never waited for, and never waits: where it needs a lock that another process has, it is left behind.
"""

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from conselho.db.waiting import Job
from conselho.errors import Unavailable

T = TypeVar("T")


class Ride(Generic[T]):
    """What came of a unit that rides along: `result` raises Unavailable where it was left behind."""

    def __init__(self, result: "asyncio.Future[T]", leave: Callable[[], bool]) -> None:
        self.result = result
        self._leave = leave

    def withdraw(self) -> bool:
        """Take it back. False: it is under way, or over, and `result` will say what came of it."""
        if not self._leave():
            return False
        self.result.cancel()
        return True


class Riders:
    """The units that wait, by the topic that they wait for. From any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, list[Job]] = defaultdict(list)
        self._closed = False

    def wait(self, topic: str, job: Job) -> None:
        """Raises: Unavailable after `close`."""
        with self._lock:
            if self._closed:
                raise Unavailable("the service is shutting down: try again shortly")
            self._waiting[topic].append(job)

    def leave(self, job: Job) -> bool:
        """False: it does not wait any more."""
        with self._lock:
            for jobs in self._waiting.values():
                if job in jobs:
                    jobs.remove(job)
                    return True
        return False

    def board(self, topics: Iterable[str]) -> list[Job]:
        """Those that waited for one of `topics`, and wait no more."""
        with self._lock:
            found = [job for topic in topics for job in self._waiting.pop(topic, ())]
        return [job for job in found if job.begins()]

    def close(self) -> list[Job]:
        """Let nobody in any more; returns who still waits, to be told."""
        with self._lock:
            self._closed = True
            found = [job for jobs in self._waiting.values() for job in jobs]
            self._waiting.clear()
        return found
