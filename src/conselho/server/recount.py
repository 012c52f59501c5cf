"""The door at which what is kept of executions is compared with the executions themselves."""

import asyncio
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from conselho import errors
from conselho.executions import recount as recounting
from conselho.runtime import Runtime

LISTED_MAX = 1_000

router = APIRouter(prefix="/api/v1/stats", tags=["stats"])


class RecountWish(BaseModel):
    """What is to be done about differences."""

    model_config = ConfigDict(extra="forbid", strict=True)

    repair: Annotated[bool, Field(description="set right what differs")] = False


class ShownDifference(BaseModel):
    """A number that is kept otherwise than the executions say."""

    model_config = ConfigDict(from_attributes=True)

    scope: Annotated[str, Field(description="`all`, `agent:<id>` or `councilor:<id>`")]
    name: str
    day: Annotated[date | None, Field(description="of which day; null: of all of them")]
    kept: float | str | None
    counted: float | str | None


class Recounted(BaseModel):
    """What differed."""

    differences: Annotated[list[ShownDifference], Field(description="the first thousand")]
    total: int
    repaired: bool


@router.post("/recount", responses=errors.documented(errors.Conflict), summary="Count executions anew")
async def recount(request: Request, body: RecountWish | None = None) -> Recounted:
    """Compare counters, days and streaks with the executions, all of which are read: a million take some minutes."""
    runtime: Runtime = request.app.state.runtime
    alone: asyncio.Lock = request.app.state.recount_alone
    if alone.locked():
        raise errors.Conflict("a recount is under way: wait for its end")
    is_repaired = body is not None and body.repair
    async with alone:
        found = await asyncio.to_thread(recounting.look, runtime.settings.url)
        if is_repaired:
            await recounting.put_right(runtime.database, found)
    shown = [ShownDifference.model_validate(each) for each in found[:LISTED_MAX]]
    return Recounted(differences=shown, total=len(found), repaired=is_repaired)
