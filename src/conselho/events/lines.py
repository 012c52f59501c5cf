"""How do the lines of logs come into a stream of events? Read from their store when it is told that there are more.

The store belongs to a room above this one, so it is handed in.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Self

from conselho.events.broadcast import Broadcast
from conselho.events.signals import Signals

PATIENCE_SECONDS = 60.0  # longer than from one beat to the next, which has everybody look

# The next lines of an execution's log behind a number, as messages, and the number of the last; none: empty.
ReadLines = Callable[[str, int], Awaitable[tuple[bytes, int]]]


class Lines:
    """The logs that one stream carries."""

    def __init__(self, signals: Signals, read: ReadLines, after: dict[str, int]) -> None:
        """`after`: by execution, the number behind which to begin."""
        self._read = read
        self._after = dict(after)
        self._watch = signals.watch(*(f"log:{execution_id}" for execution_id in after))
        self.is_stale = bool(after)  # there may be more to read

    def __enter__(self) -> Self:
        self._watch.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._watch.__exit__()

    async def next(self) -> bytes:
        """A portion of what has come since the last one; empty: there is no more for now."""
        if not self.is_stale:
            return b""
        self.is_stale = False
        found = b""
        for execution_id, after in self._after.items():
            data, self._after[execution_id] = await self._read(execution_id, after)
            found += data
        self.is_stale = bool(found)
        return found

    def look(self) -> None:
        """Look again, though nothing was told."""
        self.is_stale = bool(self._after)

    def wait(self, broadcast: Broadcast) -> Awaitable[None]:
        """For events, a beat, or lines."""
        return self._wait(broadcast) if self._after else broadcast.news()  # most have no logs, and pass one call less

    async def _wait(self, broadcast: Broadcast) -> None:
        news, told = broadcast.news(), asyncio.ensure_future(self._watch.wait(PATIENCE_SECONDS))
        try:
            await asyncio.wait((news, told), return_when=asyncio.FIRST_COMPLETED)
            self.is_stale = told.done()
        finally:
            news.cancel()
            told.cancel()
