"""A page in a real browser, asked by the browser's own protocol over a pipe: nothing listens, nothing is installed.

Source: Chrome DevTools Protocol, `--remote-debugging-pipe`: JSON messages, each ended by a NUL, on descriptors 3 and 4.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from tests.server.test_browser import FLAGS

NUL = b"\0"
MESSAGE_BYTES_MAX = 16 * 1024 * 1024
# Makes 3 and 4 of the two descriptors it is told, and becomes the browser.
START = """
import fcntl, os, sys
high = [fcntl.fcntl(int(word), fcntl.F_DUPFD, 10) for word in sys.argv[1:3]]
for descriptor, place in zip(high, (3, 4)):
    os.dup2(descriptor, place)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Page:
    """One page, and what is said to it."""

    def __init__(self, to_browser: int, from_browser: asyncio.StreamReader) -> None:
        self._to = to_browser
        self._from = from_browser
        self._number = 0
        self._session: str | None = None

    async def open(self, url: str) -> None:
        """Show a page."""
        target = await self._ask("Target.createTarget", url=url)
        attached = await self._ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]

    async def value(self, expression: str) -> Any:
        """What an expression is there."""
        answer = await self._ask("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until an expression is true there. Raises: TimeoutError, by whoever sets a limit."""
        while not await self.value(expression):  # noqa: ASYNC110 - what is asked for has no event
            await asyncio.sleep(0.1)

    async def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + NUL)
        while True:
            answer = json.loads((await self._from.readuntil(NUL))[:-1])
            if answer.get("id") == self._number:
                assert "result" in answer, answer
                found: dict[str, Any] = answer["result"]
                return found


@asynccontextmanager
async def browser(chromium: str, profile: Path) -> AsyncIterator[Page]:
    """A browser without a page, until the end of the body."""
    from_us, to_browser = os.pipe()
    from_browser, to_us = os.pipe()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", START, str(from_us), str(to_us),
        chromium, *FLAGS, f"--user-data-dir={profile}", "--remote-debugging-pipe",
        pass_fds=(from_us, to_us),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    os.close(from_us)
    os.close(to_us)
    reader = asyncio.StreamReader(limit=MESSAGE_BYTES_MAX)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(from_browser, "rb", 0)
    )
    try:
        yield Page(to_browser, reader)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        transport.close()
        os.close(to_browser)
