"""How many streams may one client have open? So that a page that forgets to close its streams takes nobody's place."""

from collections import Counter
from functools import partial

from starlette.requests import Request

from conselho import errors
from conselho.events.sse import EventStream, Messages

OWN_SOCKET = "the local socket"


class Watchers:
    """The open streams, by the address that they came from."""

    def __init__(self, each_max: int) -> None:
        self._each_max = each_max
        self._open: Counter[str] = Counter()

    async def begin(self, request: Request, messages: Messages) -> EventStream:
        """A stream that is counted until it ends. Raises: errors.TooManyStreams, and what the first message does."""
        who = request.client.host if request.client is not None and request.client.host else OWN_SOCKET
        if self._open[who] >= self._each_max:
            raise errors.TooManyStreams(
                f"{self._each_max} streams are open from {who} already: close one, or raise `streams_per_client_max`"
            )
        self._open[who] += 1
        return await EventStream.begun(messages, partial(self._end, who))

    def _end(self, who: str) -> None:
        self._open[who] -= 1
        if not self._open[who]:
            del self._open[who]
