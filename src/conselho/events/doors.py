"""What do the HTTP doors to the events need of the process, and how does each of them begin a stream?"""

from typing import Annotated

from fastapi import Depends, Request

from conselho.db.session import Database
from conselho.events import stream
from conselho.events.broadcast import Broadcast
from conselho.events.lines import Lines, ReadLines
from conselho.events.places import Place
from conselho.events.signals import Signals
from conselho.events.sse import EventStream
from conselho.events.topics import Wanted
from conselho.events.watchers import Watchers


class Doors:
    """What a request finds in its process."""

    def __init__(self, request: Request) -> None:
        state = request.app.state
        self.database: Database = state.database
        self.broadcast: Broadcast = state.broadcast
        self._signals: Signals = state.signals
        self._watchers: Watchers = state.watchers
        self._read_lines: ReadLines = state.read_lines
        self._request = request

    async def follow(self, broadcast: Broadcast, after: Place | None, wanted: Wanted) -> EventStream:
        """A stream of what the ring shows, within the limits of every stream.

        Raises: errors.TooManyStreams; errors.NotFound for a log that there is not.
        """
        lines = Lines(self._signals, self._read_lines, wanted.logs)
        following = stream.follow(
            broadcast, self.database, after, wanted.topics, lines, lambda: self._signals.is_closing
        )
        return await self._watchers.begin(self._request, following)


async def _doors(request: Request) -> Doors:
    return Doors(request)


Found = Annotated[Doors, Depends(_doors)]
