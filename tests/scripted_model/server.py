"""How does a scenario come to a CLI? A small HTTP server on loopback that speaks every dialect and keeps every request.

Each request is one line of JSON in a file: `{"method", "path", "headers", "body", "dialect", "turn", "asked"}`, where
`turn` counts from 0 and is None for one that took no turn. It is written before the answer is begun, so who sees an
answer can read the request.
"""

import json
import select
import threading
from collections.abc import Iterable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.scripted_model.dialects import JSON, Answer, Dialect, Request
from tests.scripted_model.scenario import Scenario, Turn

STALL_SECONDS = 600.0  # no test lives so long


class Model(ThreadingHTTPServer):
    """Answers on a port of its own choice."""

    daemon_threads = True
    # Said of a CLI that goes away in the middle of its answer: nobody wants to read it.
    block_on_close = False

    def __init__(self, scenario: Scenario, dialects: Sequence[Dialect], requests: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._scenario = scenario
        self._dialects = dialects
        self._requests = requests
        self._writing = threading.Lock()

    def dialect(self, method: str, path: str) -> Dialect | None:
        """Whose request this is."""
        return next((each for each in self._dialects if each.matches(method, path)), None)

    def take(self) -> tuple[int, Turn]:
        """The next turn, with its number."""
        return self._scenario.take()

    def keep(self, request: Request, dialect: Dialect | None, turn: int | None) -> None:
        """Write a request down."""
        line = {
            "method": request.method,
            "path": request.path,
            "headers": dict(request.headers),
            "body": request.body,
            "dialect": None if dialect is None else type(dialect).__name__.lower(),
            "turn": turn,
            "asked": [] if dialect is None or turn is None else dialect.asked(request),
        }
        with self._writing, self._requests.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A CLI that was killed does not wait for its answer."""
        del request, client_address


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Model

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_HEAD(self) -> None:
        self._handle()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Requests are kept elsewhere."""

    def _handle(self) -> None:
        request = self._request()
        dialect = self.server.dialect(request.method, request.path)
        if dialect is None:
            self.server.keep(request, None, None)
            self._send(Answer((b'{"error": "nothing is scripted here"}',), JSON, 404))
        elif dialect.is_side(request):
            self.server.keep(request, dialect, None)
            self._send(dialect.side(request))
        else:
            number, turn = self.server.take()
            self.server.keep(request, dialect, number)
            self._play(turn, dialect, request)

    def _request(self) -> Request:
        length = int(self.headers.get("content-length") or 0)
        try:
            body = json.loads(self.rfile.read(length))
        except ValueError:
            body = None
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, self.path, headers, body if isinstance(body, dict) else {})

    def _play(self, turn: Turn, dialect: Dialect, request: Request) -> None:
        if turn.fail is not None:
            fail = turn.fail
            body = dialect.refusal(fail.status, fail.kind, fail.message)
            self._send(Answer((body,), JSON, fail.status), fail.headers.items())
        elif turn.break_off is None:
            self._send(dialect.answer(turn.parts, request))
        else:
            if turn.parts:
                answer = dialect.answer(turn.parts, request)
                chunks = list(answer.chunks)
                self._begin(answer, ())
                for chunk in chunks[: len(chunks) // 2]:
                    self._write(chunk)
            if turn.break_off == "stall":
                select.select([self.connection], [], [], STALL_SECONDS)  # readable once the CLI has gone
            self.close_connection = True

    def _send(self, answer: Answer, headers: Iterable[tuple[str, str]] = ()) -> None:
        self._begin(answer, headers)
        for chunk in answer.chunks:
            self._write(chunk)
        self._write(b"")

    def _begin(self, answer: Answer, headers: Iterable[tuple[str, str]]) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Transfer-Encoding", "chunked")
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def _write(self, data: bytes) -> None:
        """One chunk; an empty one is the end."""
        if self.command != "HEAD":
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()
