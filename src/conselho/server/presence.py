"""Who serves, where, and how busy is it? And the door at which a background server is asked to hand over."""

from importlib.metadata import version
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel

from conselho import errors
from conselho.runtime import Runtime
from conselho.server.holder import Holder
from conselho.server.stopping import Stop
from conselho.worker.loop import Worker

router = APIRouter(prefix="/api/v1/server", tags=["server"])


class Presence(BaseModel):
    """The process that answers. `pid` is null where a command answers itself, because nobody serves."""

    pid: int | None
    kind: Literal["serve", "background"] | None
    since: str | None
    version: str
    urls: list[str]
    data_dir: str
    database: str
    seats: int
    running: int


class Stopping(BaseModel):
    """It is on its way down."""

    status: Literal["stopping"] = "stopping"


@router.get("", summary="Show the server")
async def show(request: Request) -> Presence:
    """Who serves, where, and how busy it is."""
    runtime: Runtime = request.app.state.runtime
    worker: Worker | None = request.app.state.worker
    me: Holder | None = request.app.state.me
    return Presence.model_validate(
        {
            "pid": None if me is None else me.pid,
            "kind": None if me is None else me.kind,
            "since": None if me is None else me.since,
            "version": version("conselho"),
            "urls": request.app.state.urls,
            "data_dir": str(runtime.settings.data_dir),
            "database": runtime.database.kind,
            "seats": 0 if worker is None else worker.facts.seats,
            "running": 0 if worker is None else worker.running,
        }
    )


@router.post("/stop", status_code=202, summary="Stop a background server", responses=errors.documented(errors.Conflict))
async def stop(request: Request) -> Stopping:
    """End a background server; its agents run on and are taken up by the next server."""
    me: Holder | None = request.app.state.me
    asked: Stop | None = request.app.state.stop
    if me is None or asked is None or me.kind != "background":
        raise errors.Conflict("this server was started with `conselho serve`: end it there")
    asked.ask()
    return Stopping()
