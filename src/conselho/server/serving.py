"""How does a server come up and go down in good order?

Up: see that the address is free, take the data directory (asking a background server for it), bring the schema up to
date, open the database, let the worker take up its old runs, listen. Down: end claiming, finish requests, let the
agents run on - the next server finds them - unless a second signal ends them as well.
"""

import asyncio
import gc
import logging
import os
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from conselho import clock, errors, runtime, supervisor
from conselho.db import engine, migrate
from conselho.executions import queries
from conselho.server import app as application
from conselho.server import holder, listening, systemd, wire
from conselho.server.holder import Holder
from conselho.server.stopping import Stop
from conselho.settings import Settings
from conselho.worker.loop import Worker

if TYPE_CHECKING:
    from fastapi import FastAPI

_log = logging.getLogger(__name__)

TAKEOVER_SECONDS = 20.0  # a background server that was asked to end is given so long
LOOK_SECONDS = 0.05  # between looks at its lock
STREAMS_SECONDS = 1.0  # at a stop streams end by themselves, but for those whose clients take nothing or little
IDLE_LOOK_SECONDS = 2.0  # how often a background server asks itself whether it is still needed


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a server says once it listens. `seats` None: it has no worker; `taken_up`: runs that it found going on."""

    pid: int
    data_dir: str
    socket: str
    urls: list[str]
    seats: int | None
    taken_up: int

    @property
    def sentence(self) -> str:
        """For a person."""
        seats = "no worker" if self.seats is None else f"{self.seats} seats"
        found = f", {self.taken_up} runs taken up" if self.taken_up else ""
        return f"conselho serves {self.data_dir} at {' and '.join([self.socket, *self.urls])} ({seats}{found})"


Announce = Callable[[Greeting], None]


def serve(
    settings: Settings,
    kind: str = "serve",
    announce: Announce = lambda _: None,
    *,
    no_worker: bool = False,
) -> int:
    """Serve until TERM or INT; returns the exit code. `announce` is called once, when it listens.

    Raises: errors.DataDirectoryHeld; errors.SchemaNewer; errors.AddressTaken; errors.Invalid.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    listening.allow_many()
    database = engine.fingerprint(settings.url)
    holder.prepare(settings.data_dir)
    with ExitStack() as held:
        tcp: list[socket.socket] = []
        if kind == "serve":
            found = holder.look(settings.data_dir)
            if found is not None and found.kind != "background":
                raise holder.refusal(settings.data_dir, found)
            if found is not None and found.database not in {None, database}:
                # Its runs are in its database: we would not know them, and end them.
                raise errors.DataDirectoryHeld(
                    f"{settings.data_dir} is served by {found.words} with another database:"
                    " wait until it ends, shortly after its last run, or use another --data-dir"
                )
            tcp.append(held.enter_context(listening.open_tcp(settings.host, settings.port)))
            _take_over(settings)
        held.enter_context(holder.take(settings.data_dir, kind, settings.socket_path, database))
        migrate.upgrade(settings.url)
        me = holder.Holder(os.getpid(), kind, str(settings.socket_path), _now())
        asyncio.run(_serve(settings, me, tcp, announce, no_worker=no_worker))
    return 0


async def _serve(
    settings: Settings, me: Holder, tcp: list[socket.socket], announce: Announce, *, no_worker: bool
) -> None:
    stop = Stop()
    async with runtime.opened(settings) as held:
        worker = None if no_worker else Worker(held.database, held.signals, settings)
        async with supervisor.supervised(held, worker):
            stop.heed_signals()
            urls = [listening.address_of(each) for each in tcp]
            app = application.create(held, worker, me, stop, urls)
            with listening.unix_socket(settings.socket_path) as own:
                await _listen(held, app, [own, *tcp], lambda: announce(_greeting(settings, worker, urls)))
            if worker is not None and worker.running and stop.was_signalled:
                await _let_go(worker, stop)


async def _listen(
    held: runtime.Runtime, app: "FastAPI", sockets: list[socket.socket], listening_now: Callable[[], None]
) -> None:
    """Answer until a stop is asked for and the requests that were open then are done."""
    stop: Stop = app.state.stop
    worker: Worker | None = app.state.worker
    me: Holder = app.state.me

    def begin() -> None:
        gc.freeze()  # what is there now stays: to look through all of it again and again stops every answer for a while
        listening_now()
        if me.kind == "serve":
            systemd.notify(systemd.READY)

    async def end_in_order() -> None:
        await stop.asked.wait()
        if me.kind == "serve":
            systemd.notify(systemd.STOPPING)
        if worker is not None:
            worker.end_claiming()
        server.should_exit = True
        held.signals.close()  # streams and waits end at once, their clients come back to the next server
        await asyncio.sleep(STREAMS_SECONDS)
        app.state.watchers.hang_up()

    server = wire.Server(app, begin)
    watching = [asyncio.ensure_future(end_in_order())]
    if me.kind == "background":
        watching.append(asyncio.ensure_future(_stop_when_idle(held, app)))
    try:
        await server.serve(sockets)
    finally:
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)


async def _let_go(worker: Worker, stop: Stop) -> None:
    """Leave the runs to the next server, unless a second signal says otherwise."""
    _log.warning("%d runs go on without a server; a second signal now ends them", worker.running)
    if await stop.second_word():
        left = await worker.end_all()
        if left:
            _log.warning("%d runs have not ended yet: the next server sees to them", left)


async def _stop_when_idle(held: runtime.Runtime, app: "FastAPI") -> None:
    idle_since = clock.monotonic()
    while clock.monotonic() - idle_since < held.settings.background_idle_seconds:
        await asyncio.sleep(min(IDLE_LOOK_SECONDS, held.settings.background_idle_seconds / 4))
        with suppress(errors.Unavailable):
            if await held.database.read(queries.count_open):
                idle_since = clock.monotonic()
    app.state.stop.ask()


def _take_over(settings: Settings) -> None:
    """Ask a background server to hand over; its agents run on."""
    found = holder.look(settings.data_dir)
    if found is None or found.kind != "background":
        return
    _log.info("taking over from %s", found.words)
    with (
        suppress(httpx.HTTPError),
        httpx.Client(
            transport=httpx.HTTPTransport(uds=str(settings.socket_path)), base_url="http://conselho", trust_env=False
        ) as client,
    ):
        client.post("/api/v1/server/stop", timeout=TAKEOVER_SECONDS)
    until = clock.monotonic() + TAKEOVER_SECONDS
    while holder.look(settings.data_dir) is not None and clock.monotonic() < until:
        time.sleep(LOOK_SECONDS)  # a flock has no waiting with a limit


def _greeting(settings: Settings, worker: Worker | None, urls: list[str]) -> Greeting:
    return Greeting(
        pid=os.getpid(),
        data_dir=str(settings.data_dir),
        socket=str(settings.socket_path),
        urls=urls,
        seats=None if worker is None else worker.facts.seats,
        taken_up=0 if worker is None else worker.running,
    )


def _now() -> str:
    return clock.now().isoformat(timespec="seconds").replace("+00:00", "Z")
