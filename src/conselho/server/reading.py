"""How are commands answered when nobody serves? By the same application, in the command's own process.

It only reads: nothing is claimed, no lock is taken, and what would change something is refused. So looking at the
history works on a stopped server, a copied data directory and a read-only one alike.
"""

import asyncio
import threading
from typing import Any, Self

import httpx

from conselho import errors, runtime
from conselho.db import migrate
from conselho.server import app as application
from conselho.settings import Settings


def client(settings: Settings) -> httpx.Client:
    """A client whose requests never leave the process. Raises: errors.SchemaNewer, errors.SchemaOlder."""
    if migrate.revision(settings.url) is not None:
        migrate.check(settings.url)
    else:
        raise errors.NotFound(f"nothing was ever run in {settings.data_dir}: begin with `conselho run -- COMMAND`")
    return httpx.Client(transport=_InProcess(settings), base_url="http://conselho")


class _InProcess(httpx.BaseTransport):
    """Speaks to the application on an event loop in a thread of its own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="reading", daemon=True)
        self._thread.start()
        self._opened = runtime.opened(settings)
        self._held = self._await(self._opened.__aenter__())
        self._transport = httpx.ASGITransport(self._await(self._make_app()), raise_app_exceptions=False)

    def __enter__(self) -> Self:
        return self

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method != "GET":
            raise errors.Unavailable("no server is running: start one with `conselho serve`")
        response: httpx.Response = self._await(self._answer(request))
        return response

    def close(self) -> None:
        self._await(self._opened.__aexit__(None, None, None))
        self._await(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _make_app(self) -> Any:
        return application.create(self._held)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        asynchronous = httpx.Request(request.method, request.url, headers=request.headers)
        response = await self._transport.handle_async_request(asynchronous)
        return httpx.Response(response.status_code, headers=response.headers, content=await response.aread())

    def _await(self, course: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(course, self._loop).result()
