"""How is a stream sent to somebody who may be slow, stuck or gone?

The answer to a request whose body never seems to end. Whoever goes away is noticed at once. Whoever takes nothing for
too long is hung up on: what has piled up for it is at most what the transport takes before it says stop.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from conselho import errors

STALLED_SECONDS = 25.0  # without having taken anything
HANG_UP = "conselho.hang_up"  # in the scope's extensions: a function that drops the connection, whatever waits for it
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


class EventStream(Response):
    """Server-sent events, from a generator of messages."""

    media_type = MEDIA_TYPE

    def __init__(self, messages: AsyncGenerator[bytes, None], status_code: int = 200) -> None:
        super().__init__(status_code=status_code, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._messages = messages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the messages end or the client is gone."""
        task = asyncio.current_task()
        leaving = asyncio.ensure_future(_gone(receive))
        is_over = False

        def stop(_: object) -> None:
            if task is not None and not is_over:
                task.cancel()

        leaving.add_done_callback(stop)
        try:
            await self._send_all(send)
        except asyncio.CancelledError:
            if task is None or not leaving.done():
                raise
            task.uncancel()
        except TimeoutError:
            is_over = True
            scope.get("extensions", {}).get(HANG_UP, _cannot)()
            await asyncio.wait([leaving], timeout=1)
        finally:
            is_over = True
            leaving.cancel()
            await self._messages.aclose()

    async def _send_all(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async for data in self._messages:
                await _send(send, data)
        except errors.Unavailable as error:
            _log.warning("a stream ends: %s", error.sentence)  # its client comes back to where it was
        await _send(send, b"")


async def primed(messages: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The same messages, the first of which is there: what goes wrong at the beginning is raised here."""
    first = await anext(messages)

    async def all_of_them() -> AsyncGenerator[bytes, None]:
        try:
            yield first
            async for each in messages:
                yield each
        finally:
            await messages.aclose()

    return all_of_them()


async def _send(send: Send, data: bytes) -> None:
    """An empty one is the last. Raises: TimeoutError."""
    async with asyncio.timeout(STALLED_SECONDS):
        await send({"type": "http.response.body", "body": data, "more_body": bool(data)})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _cannot() -> None:
    _log.warning("a client takes nothing, and this server cannot hang up on it")
