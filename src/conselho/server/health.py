"""Is this process alive, and can it take work? The two doors that supervisors ask at."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel

from conselho import errors
from conselho.db import migrate
from conselho.events import log as events
from conselho.runtime import Runtime

ANSWER_SECONDS = 5.0  # for each look; a database that takes longer is none to rely on
DISK_BYTES_NEEDED = 100_000_000  # two runs with a full log

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """It answers."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """It takes work, and this was looked at."""

    status: Literal["ok"] = "ok"
    database: Literal["ok"] = "ok"
    disk: Literal["ok"] = "ok"
    db_schema: Literal["ok"] = "ok"


@router.get("/livez", summary="Is it alive?")
async def livez() -> Alive:
    """This process answers."""
    return Alive()


@router.get("/readyz", summary="Is it ready?", responses=errors.documented(errors.NotReady))
async def readyz(request: Request) -> Ready:
    """The database takes writes and has the shape this program needs, and the disk has room; else 503 says what not."""
    runtime: Runtime = request.app.state.runtime
    if runtime.signals.is_closing:
        raise errors.NotReady("not ready: the server is stopping")
    # A database that does not answer need not be asked for its schema.
    database = await _look(_database, runtime) or await _look(_schema, runtime)
    if wrong := [sentence for sentence in (database, await _look(_disk, runtime)) if sentence is not None]:
        raise errors.NotReady(f"not ready: {'; '.join(wrong)}")
    return Ready()


async def _look(look: Callable[[Runtime], Awaitable[str | None]], runtime: Runtime) -> str | None:
    """What is wrong in one sentence, None where nothing is."""
    name = look.__name__.strip("_")
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await look(runtime)
    except TimeoutError:
        return f"{name}: no answer within {ANSWER_SECONDS:.0f} s"
    except errors.ConselhoError as error:
        return f"{name}: {error.sentence}"
    except OSError as error:
        return f"{name}: {error.strerror}"


async def _database(runtime: Runtime) -> None:
    await runtime.database.write(events.probe)


async def _disk(runtime: Runtime) -> str | None:
    free = shutil.disk_usage(runtime.settings.data_dir).free
    if free >= DISK_BYTES_NEEDED:
        return None
    return f"disk: {free / 1e6:.0f} MB are free, {DISK_BYTES_NEEDED / 1e6:.0f} MB are needed: free some"


async def _schema(runtime: Runtime) -> None:
    await asyncio.to_thread(migrate.check, runtime.settings.url)
