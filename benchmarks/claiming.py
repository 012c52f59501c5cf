"""How is our side's way from a wish to a claim run, without starting what was claimed?

A claiming loop as the supervisor has it; in front of it the API, and another process that posts to it.
"""

import asyncio
import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import uvicorn
from sqlalchemy import Row

from conselho import clock, ids
from conselho.executions import endings, queue
from conselho.executions.endings import Outcome
from conselho.executions.request import Request
from conselho.executions.states import Status
from conselho.runtime import Runtime
from conselho.server import app as application
from conselho.server.holder import Holder

LEASE = timedelta(seconds=60)
SEATS = 4
POLL_SECONDS = 1.0


class Claims:
    """What was claimed, in order."""

    def __init__(self, held: Runtime) -> None:
        self._held = held
        self._claimed: asyncio.Queue[tuple[str, float]] = asyncio.Queue()
        self._request = Request(provider="command", cwd=str(held.settings.data_dir), argv=("true",))

    async def wish_once(self) -> float:
        """Enqueue one in this process; seconds until it was claimed."""
        wished = time.monotonic()
        await self._held.database.write(queue.enqueue, self._request, ids.new())
        _, claimed = await self.next()
        return claimed - wished

    async def next(self) -> tuple[str, float]:
        """The title of the next one that was claimed, and when."""
        return await self._claimed.get()

    async def loop(self) -> None:
        """Claim what is told of, as a worker does, and end it: that is not timed."""
        database, holder = self._held.database, queue.Holder(ids.new(), "bench")
        while True:
            await self._end(await database.write(queue.claim, holder, SEATS, LEASE))
            ride = database.ride(queue.WAKE, queue.claim, holder, SEATS, LEASE)
            await asyncio.wait([ride.result], timeout=POLL_SECONDS)
            if not ride.withdraw():
                await self._end(await ride.result)

    async def _end(self, rows: list[Row[Any]]) -> None:
        claimed = time.monotonic()
        for row in rows:
            done = Outcome(status=Status.FAILED, severity="error", reason="bench")
            await self._held.database.write(endings.finish, row.id, row.fence, done, Status.CLAIMED)
            self._claimed.put_nowait((row.title or "", claimed))


@asynccontextmanager
async def claiming(held: Runtime) -> AsyncIterator[Claims]:
    """The loop, while the body runs."""
    claims = Claims(held)
    task = asyncio.create_task(claims.loop())
    try:
        yield claims
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class HttpWishes:
    """Another process, which posts a wish to the API when it is told."""

    def __init__(self, claims: Claims, client: "subprocess.Popen[str]") -> None:
        self._claims = claims
        self._client = client

    async def wish_once(self) -> float:
        """Have it post one; seconds until it was claimed, by its clock, which is also ours."""
        assert self._client.stdin is not None
        self._client.stdin.write("\n")
        self._client.stdin.flush()
        title, claimed = await self._claims.next()
        return claimed - float(title)


@asynccontextmanager
async def serving(held: Runtime, claims: Claims) -> AsyncIterator[HttpWishes]:
    """The API on a Unix socket, and its client, while the body runs."""
    path = str(held.settings.socket_path)
    app = application.create(held, None, Holder(os.getpid(), "serve", path, clock.now().isoformat()))
    config = uvicorn.Config(app, uds=path, lifespan="off", log_level="error", access_log=False, timeout_keep_alive=600)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn tells nobody
        await asyncio.sleep(0.01)
    client = await asyncio.to_thread(start_client, path)
    try:
        yield HttpWishes(claims, client)
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(client.communicate, "", 5)
        server.should_exit = True
        await task


def start_client(path: str) -> "subprocess.Popen[str]":
    """Start the process that posts."""
    return subprocess.Popen([sys.executable, "-m", "benchmarks.claiming", path], stdin=subprocess.PIPE, text=True)


class UnixConnection(http.client.HTTPConnection):
    """HTTP to a Unix socket, over one connection that stays."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def be_client(path: str) -> None:
    """Post one execution for each line of stdin; its title says when it was wished for."""
    connection = UnixConnection(path)
    wish: dict[str, Any] = {"provider": "command", "argv": ["true"], "cwd": str(Path(path).parent)}
    headers = {"Content-Type": "application/json"}
    for _ in sys.stdin:
        wished = time.monotonic()
        connection.request("POST", "/api/v1/executions", json.dumps(wish | {"title": repr(wished)}), headers)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 202:
            raise SystemExit(said.decode())


if __name__ == "__main__":
    be_client(sys.argv[1])
