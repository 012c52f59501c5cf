"""How does a file come in, which is no JSON? In pieces, never whole in memory, and to the one door that takes files."""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from conselho import errors
from conselho.cards import limits
from conselho.server import guard, problems
from conselho.server.bodies import drain

AT_ONCE = 16  # that are being received
SECONDS = 120.0  # for all of it to arrive


class Uploads:
    """Stands before the application and lets files through in pieces; all other requests go `otherwise`."""

    def __init__(self, app: ASGIApp, otherwise: ASGIApp) -> None:
        self._app, self._otherwise = app, otherwise
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; what is refused is read to its end first, for who is still sending hears no answer."""
        if scope["type"] != "http" or not guard.brings_file(scope):
            await self._otherwise(scope, receive, send)
            return
        upload = _Upload(scope, receive, send)
        if self._open >= AT_ONCE:
            await problems.of(errors.Overloaded("too many files are being sent at once"))(scope, receive, upload.send)
            return
        self._open += 1
        try:
            await self._app(scope, upload.receive, upload.send)
        finally:
            self._open -= 1


class _Upload:
    """One file on its way."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._headers = Headers(scope=scope)
        self._deadline = asyncio.get_running_loop().time() + SECONDS
        self._is_whole = self._is_begun = False

    async def receive(self) -> Message:
        """The next piece. Raises: errors.TooLarge where that is announced; errors.TooSlow; errors.Malformed."""
        if self._is_whole:
            return await self._receive()
        announced = self._headers.get("content-length", "")
        if announced.isdecimal() and int(announced[:20]) > limits.ATTACHMENT_BYTES_MAX:
            raise errors.TooLarge(limits.FILE_TOO_LARGE)
        self._is_begun = True
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError as error:
            raise errors.TooSlow from error
        if message["type"] != "http.request":
            self._is_whole = True
            raise errors.Malformed("the file did not arrive whole")
        self._is_whole = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Answer, once nothing more of the file is on its way."""
        asks_first = self._headers.get("expect", "").lower() == "100-continue" and not self._is_begun
        if not self._is_whole and not asks_first:
            self._is_whole = True
            await drain(self._receive)
        await self._send(message)
