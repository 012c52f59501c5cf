"""How is HTTP spoken? By uvicorn, on sockets that are bound already and with signals that are ours.

What is no HTTP is answered as everything else that goes wrong: as a problem.
"""

import asyncio
import json
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import h11
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from conselho import errors
from conselho.events import sse, watchers
from conselho.server import problems

REQUESTS_SECONDS = 5  # requests that are open at a stop are given so long
_PEER = struct.Struct("3i")  # process, user, group. Source: unix(7)
KEEP_ALIVE_SECONDS = 60  # a silent connection is closed then


class Server(uvicorn.Server):
    """uvicorn, which says when it listens and leaves signals alone."""

    def __init__(self, app: FastAPI, listening_now: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_Protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=REQUESTS_SECONDS,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
            )
        )
        self._listening_now = listening_now

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are ours (`stopping.py`); uvicorn's own way would raise them again before all is done."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so. Raises: errors.AddressTaken."""
        try:
            await super().startup(sockets)
        except OSError as error:
            # Two may hold one address as long as neither listens there.
            raise errors.AddressTaken(f"another program took our port meanwhile: {error.strerror}") from error
        self._listening_now()


class _Protocol(H11Protocol):
    """One connection. Its headers are at most 64 KiB, which is h11's own limit."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Let the application hang up, whatever still waits to be sent, and send streams without a detour."""
        super().connection_made(transport)
        self.app = partial(self._with_extensions, self.app, _process_behind(transport))

    async def _with_extensions(
        self, app: ASGIApp, peer: str | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        extensions = scope.setdefault("extensions", {})
        if peer is not None:
            extensions[watchers.PEER] = peer
        extensions[sse.HANG_UP] = self.transport.abort
        if scope["http_version"] == "1.1":  # to older clients nothing is sent in chunks
            extensions[sse.SEND_CHUNK] = self._send_chunk
        await app(scope, receive, send)

    async def _send_chunk(self, data: bytes) -> None:
        """Some bytes, at least one, as h11 would send them: which takes longer than all the rest of a message's way.

        Source: RFC 9112, 7.1.
        """
        if self.flow.write_paused:
            await self.flow.drain()
        if not self.transport.is_closing():
            self.transport.write(b"%x\r\n%b\r\n" % (len(data), data))

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's sentence says no more than ours
        """Answer what is no HTTP, unless an answer is on its way already, and hang up."""
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            body = json.dumps(problems.body(400, errors.Malformed.code, errors.Malformed().sentence)).encode()
            headers = [
                ("content-type", errors.PROBLEM),
                ("content-length", str(len(body))),
                ("connection", "close"),
            ]
            for event in (h11.Response(status_code=400, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def _process_behind(transport: asyncio.Transport) -> str | None:
    """Which process is at the other end of a Unix socket; None where it is none, or the system does not say."""
    wire: socket.socket | None = transport.get_extra_info("socket")
    if wire is None or wire.family != socket.AF_UNIX or not hasattr(socket, "SO_PEERCRED"):
        return None
    pid, _, _ = _PEER.unpack(wire.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    return f"process {pid} at the local socket"
