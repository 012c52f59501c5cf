"""How is a stream sent to somebody who may be slow, stuck or gone?

The answer to a request whose body never seems to end. Whoever goes away is noticed at once. Whoever takes nothing for
too long is hung up on: what has piled up for it is at most what the transport takes before it says stop.

Ten thousand of these wait for the same event, so what is done for each message is as little as there can be: no timer
is set around it, one looks now and then how long the last one has been on its way.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from conselho import errors

STALLED_SECONDS = 15.0  # without having taken anything, when it is looked at
LOOK_SECONDS = 8.0  # between two looks: who takes nothing is gone within both together, some 23 seconds
HANG_UP = "conselho.hang_up"  # in the scope's extensions: a function that drops the connection, whatever waits for it
# There too, where an answer is sent in chunks: a function that sends one, past all that the request came through.
SEND_CHUNK = "conselho.send_chunk"
MEDIA_TYPE = "text/event-stream"
DESCRIBED: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            MEDIA_TYPE: {
                "schema": {
                    "type": "object",
                    "description": "one message of the stream",
                    "properties": {
                        "event": {"type": "string"},
                        "id": {"type": "string"},
                        "data": {"type": "string"},
                        "retry": {"type": "integer", "description": "milliseconds"},
                    },
                }
            }
        }
    }
}

_log = logging.getLogger(__name__)

Messages = AsyncGenerator[bytes, None]


class EventStream(Response):
    """Server-sent events, from a generator of messages."""

    media_type = MEDIA_TYPE

    def __init__(
        self, first: bytes, messages: Messages, at_end: Callable[[], None] = lambda: None, status_code: int = 200
    ) -> None:
        """`first` was taken from `messages` already; `at_end` is called once it is over, however that came."""
        super().__init__(status_code=status_code, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._first = first
        self._messages = messages
        self._at_end = at_end
        self._sending_since: float | None = None  # by the loop's clock; None: all was taken so far
        self._hang_up: Callable[[], None] = _cannot

    @classmethod
    async def begun(cls, messages: Messages, at_end: Callable[[], None]) -> "EventStream":
        """A stream whose first message is there: what goes wrong at the beginning is raised here."""
        try:
            return cls(await anext(messages), messages, at_end)
        except BaseException:  # whatever it was, it is over
            at_end()
            raise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the messages end or the client is gone."""
        extensions = scope.get("extensions", {})
        # In a task of its own: each message would else go through all that the request came through, up and down.
        sending = asyncio.ensure_future(self._send_all(send, extensions.get(SEND_CHUNK) or partial(_send_body, send)))
        leaving = asyncio.ensure_future(_gone(receive))
        self._hang_up = extensions.get(HANG_UP, _cannot)
        stuck = _Stuck(self)
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stuck.end()
            for task in (sending, leaving):
                task.cancel()
            (how, _) = await asyncio.gather(sending, leaving, return_exceptions=True)
            await self._messages.aclose()
            self._hang_up = _need_not  # the connection may serve other requests by now
            self._at_end()
        if isinstance(how, Exception):
            raise how

    def hang_up(self) -> None:
        """Drop the connection, which the stream hears as going away."""
        self._hang_up()

    def stalled_seconds(self, now: float) -> float:
        """How long what was sent last has been on its way."""
        return 0.0 if self._sending_since is None else now - self._sending_since

    async def _send_all(self, send: Send, send_some: Callable[[bytes], Awaitable[None]]) -> None:
        clock = asyncio.get_running_loop().time
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        data = self._first
        try:
            while True:
                self._sending_since = clock()
                await send_some(data)
                self._sending_since = None
                data = await anext(self._messages)
        except StopAsyncIteration:
            pass
        except errors.Unavailable as error:
            _log.warning("a stream ends: %s", error.sentence)  # its client comes back to where it was
        self._sending_since = clock()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class _Stuck:
    """Looks now and then whether the client of a stream takes what it is sent."""

    def __init__(self, stream: EventStream) -> None:
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(LOOK_SECONDS, self._look)

    def end(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def _look(self) -> None:
        if self._stream.stalled_seconds(self._loop.time()) > STALLED_SECONDS:
            self._stream.hang_up()
        else:
            self._timer = self._loop.call_later(LOOK_SECONDS, self._look)


async def _send_body(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _cannot() -> None:
    _log.warning("a client takes nothing, and this server cannot hang up on it")


def _need_not() -> None:
    pass
