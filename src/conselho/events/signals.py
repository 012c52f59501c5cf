"""How does one part of a process learn at once that another has changed something?

A signal is a hint and carries no data: who wakes looks at the database. Losing one costs a poll's interval,
nothing else, so every wait here has a limit. Signals are told from any thread; waiting is for the event loop.
Processes that share a PostgreSQL wake each other, too (`listening.py`).
"""

import asyncio
import threading
from collections import defaultdict
from typing import Self


class Signals:
    """The signals of one process."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: dict[str, set[asyncio.Future[None]]] = defaultdict(set)
        self.heard = threading.Event()  # set while nothing that is told is missed here
        self.heard.set()
        self.is_closing = False  # the server stops: a stream that waits ends now, and its client comes back later

    def bind(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """Say which loop the waiters live in; before that signals go nowhere."""
        self._loop = loop

    def tell(self, topics: tuple[str, ...]) -> None:
        """Wake whoever waits for one of `topics`. From any thread; never waits, never fails."""
        loop = self._loop
        if loop is None or not topics:
            return
        try:
            loop.call_soon_threadsafe(self._wake, topics)
        except RuntimeError:  # the loop was closed in between: nobody waits any more
            return

    def close(self) -> None:
        """Wake everybody, because the server stops. From the event loop."""
        self.is_closing = True
        self.wake_all()

    def wake_all(self) -> None:
        """Wake everybody, whatever for. From the event loop."""
        self._wake(tuple(self._waiting))

    def end(self) -> None:
        """Let go of what it holds open."""

    def watch(self, *topics: str) -> "Watch":
        """Begin to watch before looking at the database, so that a change in between is not missed."""
        return Watch(self, topics)

    def _wake(self, topics: tuple[str, ...]) -> None:
        for topic in topics:
            for waiter in self._waiting.pop(topic, ()):
                if not waiter.done():
                    waiter.set_result(None)

    def _enlist(self, topics: tuple[str, ...], waiter: asyncio.Future[None]) -> None:
        for topic in topics:
            self._waiting[topic].add(waiter)

    def _discard(self, topics: tuple[str, ...], waiter: asyncio.Future[None]) -> None:
        for topic in topics:
            waiters = self._waiting.get(topic)
            if waiters is not None:
                waiters.discard(waiter)
                if not waiters:
                    del self._waiting[topic]


class Watch:
    """A look-out for some topics: `with signals.watch(t) as watch: look(); await watch.wait(seconds)`."""

    def __init__(self, signals: Signals, topics: tuple[str, ...]) -> None:
        self._signals = signals
        self._topics = topics
        self._waiter: asyncio.Future[None] | None = None

    def __enter__(self) -> Self:
        self._arm()
        return self

    def __exit__(self, *_: object) -> None:
        if self._waiter is not None:
            self._signals._discard(self._topics, self._waiter)
            self._waiter.cancel()

    async def wait(self, seconds: float) -> bool:
        """Wait for a signal since the last wait (or the start), at most `seconds`; True if one came."""
        waiter = self._waiter
        if waiter is None:
            raise RuntimeError("a watch is waited for inside its `with` block")
        await asyncio.wait([waiter], timeout=seconds)
        came = waiter.done()
        if came:
            self._arm()
        return came

    def _arm(self) -> None:
        if self._waiter is not None:
            self._signals._discard(self._topics, self._waiter)
        self._waiter = asyncio.get_running_loop().create_future()
        self._signals._enlist(self._topics, self._waiter)
