"""How many streams may one client have open? So that a page that forgets to close its streams takes nobody's place."""

from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

from starlette.requests import Request

from conselho import errors

OWN_SOCKET = "the local socket"


class Watchers:
    """The open streams, by the address that they came from."""

    def __init__(self, each_max: int) -> None:
        self._each_max = each_max
        self._open: Counter[str] = Counter()

    @contextmanager
    def one_more(self, request: Request) -> Iterator[None]:
        """Count a stream while the body runs. Raises: errors.TooManyStreams."""
        who = request.client.host if request.client is not None and request.client.host else OWN_SOCKET
        if self._open[who] >= self._each_max:
            raise errors.TooManyStreams(
                f"{self._each_max} streams are open from {who} already: close one, or raise `streams_per_client_max`"
            )
        self._open[who] += 1
        try:
            yield
        finally:
            self._open[who] -= 1
            if not self._open[who]:
                del self._open[who]

    async def counted(self, request: Request, messages: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        """The same messages, counted while they flow. Raises: errors.TooManyStreams, with the first."""
        with self.one_more(request):
            try:
                async for each in messages:
                    yield each
            finally:
                await messages.aclose()
