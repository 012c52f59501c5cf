"""The real application on real sockets, in the test's own event loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from conselho import runtime, supervisor
from conselho.runtime import Runtime
from conselho.server import app as application
from conselho.server import listening, wire
from conselho.server.holder import Holder
from conselho.settings import Settings
from conselho.worker.loop import Worker

API = "http://conselho/api/v1"
PATIENCE_SECONDS = 40.0  # only a test that fails waits so long


@dataclass(frozen=True)
class Desk:
    """What a test has in its hands while the application serves."""

    runtime: Runtime
    app: FastAPI
    http: httpx.AsyncClient  # over the Unix socket
    url: str  # of the TCP door

    async def make(self, *argv: str, **wish: Any) -> str:
        """Have a command accepted; returns the execution's id."""
        body = {"argv": argv or ("true",), "cwd": "/"} | wish
        answer = await self.http.post("/executions", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    async def count(self) -> int:
        """How many executions there are."""
        answer = await self.http.get("/executions", params={"limit": 200})
        return len(answer.json()["items"])


@asynccontextmanager
async def served(settings: Settings, *, me: Holder | None = None, works: bool = False) -> AsyncIterator[Desk]:
    """The application, with its supervisor's loops and a worker if the test wants runs to be run."""
    async with runtime.opened(settings) as held:
        worker = Worker(held.database, held.signals, settings) if works else None
        async with supervisor.supervised(held, worker):
            app = application.create(held, worker, me)
            async with _listening(app, settings.socket_path, held) as (http, url):
                yield Desk(held, app, http, url)


@asynccontextmanager
async def _listening(app: FastAPI, path: Path, held: Runtime) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    listens = asyncio.Event()
    server = wire.Server(app, listens.set)
    with listening.unix_socket(path) as own, listening.open_tcp("127.0.0.1", 0) as tcp:
        url = listening.address_of(tcp)
        serving = asyncio.ensure_future(server.serve([own, tcp]))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await listens.wait()
        transport = httpx.AsyncHTTPTransport(uds=str(path))
        try:
            async with httpx.AsyncClient(
                transport=transport, base_url=API, timeout=PATIENCE_SECONDS, trust_env=False
            ) as http:
                yield http, url
        finally:
            held.signals.close()
            server.should_exit = True
            await serving
