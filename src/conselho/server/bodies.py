"""How much may be sent as JSON, and how is it read? At most 1 MiB each and 64 MiB at once, in time, as plain JSON.

A body is read whole before the application sees the request, and counted until its answer is on the way: so what
waits for the writer is bounded in bytes as well, and who comes when that is full is told to come again.
"""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from conselho import errors
from conselho.server import plain_json, problems
from conselho.server.guard import SAFE

BODY_BYTES_MAX = 1024 * 1024
BODIES_BYTES_MAX = 64 * 1024 * 1024  # of all requests that have not been answered
BODY_SECONDS = 30.0  # for all of it to arrive
SMALL_BYTES = 64 * 1024  # a larger one is looked at in a thread: 1 MiB takes some 50 ms
DRAIN_BYTES_MAX = 8 * 1024 * 1024  # read of a body that is too large: who is cut off while sending hears no answer
DRAIN_SECONDS = 5.0


class Bodies:
    """Stands before the application and reads what comes with a request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._held_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its whole body, or answer with the reason why not."""
        if scope["type"] != "http" or scope["method"] in SAFE:
            await self._app(scope, receive, send)
            return
        body = bytearray()
        try:
            try:
                if not await self._read(scope, receive, body):
                    return  # the client has gone
                await _check(bytes(body))
            except errors.ConselhoError as error:
                await problems.of(error)(scope, receive, send)
                return
            await self._app(scope, _again(bytes(body), receive), send)
        finally:
            self._held_bytes -= len(body)

    async def _read(self, scope: Scope, receive: Receive, body: bytearray) -> bool:
        """Fill `body`; False where the client went away. Raises: TooLarge, TooSlow, Overloaded."""
        headers = Headers(scope=scope)
        announced = headers.get("content-length", "")
        if announced.isdecimal() and int(announced[:20]) > BODY_BYTES_MAX:
            if headers.get("expect", "").lower() != "100-continue":  # who asks first sends nothing then
                await drain(receive)
            raise errors.TooLarge
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        return False
                    part = message.get("body", b"")
                    if self._held_bytes + len(part) > BODIES_BYTES_MAX:
                        raise errors.Overloaded("too much is being sent at once: try again shortly")
                    self._held_bytes += len(part)
                    body += part
                    if len(body) > BODY_BYTES_MAX:
                        if message.get("more_body", False):
                            await drain(receive)
                        raise errors.TooLarge
                    if not message.get("more_body", False):
                        return True
        except TimeoutError as error:
            raise errors.TooSlow from error


async def drain(receive: Receive) -> None:
    """Read on and forget it: who is cut off while sending hears no answer."""
    drained = 0
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            while drained < DRAIN_BYTES_MAX:
                message = await receive()
                drained += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return


async def _check(body: bytes) -> None:
    if len(body) > SMALL_BYTES:
        await asyncio.to_thread(plain_json.check, body)
    elif body:
        plain_json.check(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """A `receive` that hands out what was read already, and then waits for the client as before."""
    is_told = False

    async def told() -> Message:
        nonlocal is_told
        if is_told:
            return await receive()
        is_told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return told
