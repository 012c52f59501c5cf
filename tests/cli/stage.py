"""A server that does what a test tells it to: answers, breaks off in the middle, goes away and comes back.

The real server never breaks a stream at a chosen line; this one does, on the same Unix socket and with the same
messages.
"""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import uvicorn
from fastapi import FastAPI, Header, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

IDENTITY = "0193f5c0-0000-7000-8000-00000000abcd"

EXECUTION: dict[str, Any] = {
    "id": IDENTITY, "status": "queued", "severity": None, "title": None, "argv": ["x"], "agent": None,
    "waiting_for": None, "summary": None, "error": None, "reason": None, "exit_code": None, "signal": None,
    "started_at": None, "completed_at": None, "duration_seconds": None, "findings": None,
}  # fmt: skip


def finished(**fields: Any) -> dict[str, Any]:
    """An execution that has ended, well unless said otherwise."""
    well = {"status": "succeeded", "severity": "success", "exit_code": 0, "reason": "exit_code"}
    times = {"completed_at": "2026-03-02T09:00:01Z", "duration_seconds": 1.0}
    return EXECUTION | well | times | fields


@dataclass
class Script:
    """What the stage plays.

    `breaks`: the numbers of the lines after which a stream is cut, each once. `states`: what the run is shown as, one
    after the other; the last look at them counts as a cancel.
    """

    texts: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    breaks: list[int] = field(default_factory=list)
    end: dict[str, Any] | None = field(default_factory=finished)
    shown: dict[str, Any] = field(default_factory=lambda: EXECUTION)
    states: list[dict[str, Any]] = field(default_factory=list)
    listed: list[dict[str, Any]] = field(default_factory=list)
    waits_for_cancel: bool = False
    refusal: tuple[int, dict[str, Any]] | None = None
    # What happened
    posted: list[tuple[str, Any, str | None]] = field(default_factory=list)
    asked_after: list[int] = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)
    followed: threading.Event = field(default_factory=threading.Event)

    def line(self, seq: int) -> dict[str, Any]:
        """One line as the server tells it."""
        kind = self.kinds[seq - 1] if self.kinds else "stdout"
        return {"seq": seq, "at": "2026-03-02T09:00:00Z", "kind": kind, "text": self.texts[seq - 1]}

    def look(self) -> dict[str, Any]:
        """The run as it is shown now."""
        if not self.states:
            return self.shown
        told = self.states.pop(0)
        if not self.states:
            self.cancelled.set()
        return told

    def stream(self, after: int) -> Iterator[bytes]:
        """What follows a line, up to the next break."""
        yield b": hello\n\n"
        self.followed.set()
        for seq in range(after + 1, len(self.texts) + 1):
            told = json.dumps(self.line(seq), ensure_ascii=False)
            yield f"id: {seq}\ndata: {told}\n\n".encode()
            if seq in self.breaks:
                self.breaks.remove(seq)
                raise ConnectionError("the test wants the stream to break here")
        if self.waits_for_cancel:
            self.cancelled.wait(30)
        if self.end is None:
            raise ConnectionError("the test wants this server to go away")
        yield f"event: end\ndata: {json.dumps(self.end)}\n\n".encode()


def app(script: Script) -> FastAPI:
    """The part of the API that commands use."""
    api = FastAPI()

    @api.middleware("http")
    async def refuse(request: Request, call_next: Any) -> Response:
        if script.refusal is not None:
            status, problem = script.refusal
            return JSONResponse(problem, status, media_type="application/problem+json")
        answer: Response = await call_next(request)
        return answer

    @api.post("/api/v1/executions")
    @api.post("/api/v1/executions/{identity}/retry")
    async def post(request: Request, idempotency_key: str | None = Header(None)) -> Any:
        script.posted.append((request.url.path, await request.json(), idempotency_key))
        return EXECUTION

    @api.post("/api/v1/executions/{identity}/cancel")
    def cancel(request: Request) -> Any:
        script.posted.append((request.url.path, None, None))
        script.cancelled.set()
        return EXECUTION

    @api.get("/api/v1/executions")
    def list_() -> Any:
        return {"items": script.listed, "next": None}

    @api.get("/api/v1/executions/{identity}")
    def show() -> Any:
        return script.look()

    @api.get("/api/v1/executions/{identity}/log/stream")
    def stream(last_event_id: int = Header(0)) -> StreamingResponse:
        script.asked_after.append(last_event_id)
        return StreamingResponse(script.stream(last_event_id), media_type="text/event-stream")

    return api


class Stage:
    """The server on its socket, while a `with` lasts."""

    def __init__(self, socket_path: Path, script: Script) -> None:
        self._ready = threading.Event()
        config = uvicorn.Config(
            app(script), uds=str(socket_path), log_config=None, ws="none", lifespan="off", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        started = self._server.startup

        async def startup(*args: Any, **kwargs: Any) -> None:
            await started(*args, **kwargs)
            self._ready.set()

        self._server.startup = startup  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._server.run)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(20)
        assert not self._thread.is_alive()
