"""How does one event reach ten thousand watchers? It is read once and encoded once, and they look into one ring.

One reader a process tails the table and appends what it finds to a bounded ring. Whoever watches is a place in it and
nothing else: no queue, no copy. One that falls behind the ring reads pages from the table; nobody waits for it. The
reader publishes only what it has read from the table, so everybody sees the order of commits, whoever wrote.

A ring shows one view of the events (`views.py`); one that shows another stands beside it and is read with it. While
nobody watches a ring nothing is read for it.
"""

import asyncio
import logging
from bisect import bisect_right
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from conselho import errors
from conselho.db.session import Database
from conselho.events import tail, views
from conselho.events.messages import Message
from conselho.events.places import Place
from conselho.events.topics import Topics
from conselho.events.views import View

RING_EVENTS_MAX = 10_000
RING_BYTES_MAX = 16 * 1024 * 1024
FILTERS_MAX = 32  # different sets of topics for which a batch is kept joined

_log = logging.getLogger(__name__)


class Batch:
    """Events that were read together: those behind `before`, up to `last`, which a view may pass over."""

    __slots__ = ("_joined", "before", "last", "messages", "size_bytes")

    def __init__(self, before: int, last: int, messages: list[Message]) -> None:
        self.before = before
        self.last = last
        self.messages = messages
        self.size_bytes = sum(len(each.data) for each in messages)
        self._joined: dict[Topics, bytes] = {}

    def since(self, place: int, topics: Topics) -> bytes:
        """Those behind `place` that are wanted; for those who have seen nothing of it the same bytes each time."""
        if place > self.before:
            return joined([each for each in self.messages if each.id > place], topics)
        found = self._joined.get(topics)
        if found is None:
            found = joined(self.messages, topics)
            if len(self._joined) < FILTERS_MAX:
                self._joined[topics] = found
        return found


def joined(messages: list[Message], topics: Topics) -> bytes:
    """Messages of the topics that are wanted, one after the other."""
    return b"".join(each.data for each in messages if topics is None or each.topic in topics)


class Broadcast:
    """The ring, and who waits for what is appended to it. Lives on the event loop."""

    def __init__(self, database: Database, view: View = views.PLAIN) -> None:
        self.view = view
        self._database = database
        self._beside: list[Broadcast] = []
        self._batches: list[Batch] = []
        self._ends: list[int] = []  # `last` of each batch
        self._events = self._bytes = 0
        self._waiting: list[asyncio.Future[None]] = []
        self._watching = 0
        self._beginning = asyncio.Lock()
        self.epoch = ""
        self.last = 0  # everything up to it is in the ring, or was
        self._pulse = self.beats = 0

    @property
    def place(self) -> Place:
        """How far it has read."""
        return self.view.place(self.epoch, self.last)

    @property
    def watching(self) -> int:
        """How many watch."""
        return self._watching

    def beside(self, view: View) -> "Broadcast":
        """Another ring, of the same events in another view: it is read and beats whenever this one does."""
        ring = Broadcast(self._database, view)
        self._beside.append(ring)
        return ring

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Have events read while the body runs; `place` is true from here on."""
        async with self._beginning:
            if not self._watching:
                self._begin_at(await self._database.read(self.view.end))
            self._watching += 1
        try:
            yield
        finally:
            self._watching -= 1

    async def read_next(self) -> bool:
        """Append what the table has more, also to the rings beside; True if there may be still more."""
        beside = [each for each in self._beside if each._watching]
        if not beside:
            return await self._read()
        own, *others = await asyncio.gather(
            self._read(), *(each._read_or_tell() for each in beside), return_exceptions=True
        )
        if isinstance(own, BaseException):
            raise own
        return own or any(each is True for each in others)

    def beat(self) -> None:
        """Let everybody look, also where nothing happened."""
        self._pulse += 1
        if self._pulse % self.view.beats == 0:
            self.beats += 1
            self._wake()
        for each in self._beside:
            each.beat()

    def next_after(self, place: int) -> Batch | None:
        """The batch that holds the event behind `place`; None: there is none yet, or it has left the ring."""
        if not self._batches or place < self._batches[0].before or place >= self.last:
            return None
        return self._batches[bisect_right(self._ends, place)]

    def follows(self, place: Place) -> bool:
        """Whether the ring goes on from there: who is that near needs no look at the table."""
        first = self._batches[0].before if self._batches else self.last
        return place.epoch == self.epoch and first <= place.id <= self.last

    def news(self) -> "asyncio.Future[None]":
        """Done when there is more, or a beat. Who waits no more need not say so: it is forgotten with the next."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        return waiter

    async def _read(self) -> bool:
        if not self._watching:
            return False
        try:
            return await self._read_next()
        finally:
            self._wake()  # also where the database is away: the server may be stopping

    async def _read_or_tell(self) -> bool:
        """`_read`, where it fails with the next look as the next try: who watches another ring waits for nobody."""
        try:
            return await self._read()
        except errors.Unavailable as error:
            _log.warning("a view of the events waits: %s", error.sentence)
        except Exception:  # noqa: BLE001 - what a view cannot bear must not hold up the others
            _log.exception("a view of the events failed and is tried again")
        return False

    async def _read_next(self) -> bool:
        before = self.last
        news = await self._database.read(self.view.behind, before, tail.EVENTS_AT_ONCE)
        if news.place.epoch != self.epoch:
            # Not where the news end: the other history may have come less far, and what it adds would be passed over.
            self._begin_at(await self._database.read(self.view.end))
        elif news.place.id > before == self.last:  # else somebody else began anew meanwhile
            self._append(Batch(before, news.place.id, news.messages))
        return news.may_go_on

    def _begin_at(self, place: Place) -> None:
        self._batches.clear()
        self._ends.clear()
        self._events = self._bytes = 0
        self.epoch, self.last = place.epoch, place.id

    def _append(self, batch: Batch) -> None:
        if self._batches and not batch.messages:  # else a view that tells little would fill the ring with nothing
            self._batches[-1].last = self._ends[-1] = self.last = batch.last
            return
        self._batches.append(batch)
        self._ends.append(batch.last)
        self._events += len(batch.messages)
        self._bytes += batch.size_bytes
        self.last = batch.last
        gone = 0
        while self._events > RING_EVENTS_MAX or self._bytes > RING_BYTES_MAX:
            self._events -= len(self._batches[gone].messages)
            self._bytes -= self._batches[gone].size_bytes
            gone += 1
        del self._batches[:gone], self._ends[:gone]

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)
