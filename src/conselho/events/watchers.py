"""How many streams may one client have open? So that a page that forgets to close its streams takes nobody's place."""

from collections import Counter
from functools import partial
from weakref import WeakSet

from starlette.requests import Request

from conselho import errors
from conselho.events.sse import EventStream, Messages

OWN_SOCKET = "the local socket"
PEER = "conselho.peer"  # in the scope's extensions: who is at the other end, where an address says nothing


class Watchers:
    """The open streams, by the address or, on the local socket, the process that they came from."""

    def __init__(self, each_max: int) -> None:
        self._each_max = each_max
        self._open: Counter[str] = Counter()
        self._streams: WeakSet[EventStream] = WeakSet()

    async def begin(self, request: Request, messages: Messages) -> EventStream:
        """A stream that is counted until it ends. Raises: errors.TooManyStreams, and what the first message does."""
        who = _address(request)
        if self._open[who] >= self._each_max:
            raise errors.TooManyStreams(
                f"{self._each_max} streams are open from {who} already: close one, or raise `streams_per_client_max`"
            )
        self._open[who] += 1
        stream = await EventStream.begun(messages, partial(self._end, who))
        self._streams.add(stream)
        return stream

    def hang_up(self) -> None:
        """Drop all that are open: when the server stops, and these have not ended though they were told to."""
        for stream in list(self._streams):
            stream.hang_up()

    def _end(self, who: str) -> None:
        self._open[who] -= 1
        if not self._open[who]:
            del self._open[who]


def _address(request: Request) -> str:
    if request.client is not None and request.client.host:
        return request.client.host
    # Each command at the terminal is a client of its own there.
    found: str = request.scope.get("extensions", {}).get(PEER, OWN_SOCKET)
    return found
