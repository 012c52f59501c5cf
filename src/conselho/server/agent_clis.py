"""Which providers are there, and what is there of their agent CLIs? For whoever is to choose one."""

import asyncio
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from conselho.providers import registry
from conselho.worker import programs
from conselho.worker.programs import Found, SignedIn

router = APIRouter(prefix="/api/v1/providers", tags=["providers"])


class ShownProvider(BaseModel):
    """A provider, and the program it needs. One that needs none has none of what follows."""

    name: str
    program: Annotated[str | None, Field(description="what is looked for in the PATH of the worker")] = None
    installed: bool = True
    version: str | None = None
    path: str | None = None
    signed_in: Annotated[
        SignedIn | None, Field(description="as it looks: a run alone shows whether the key is accepted")
    ] = None
    seen_by: Annotated[str | None, Field(description="the variable or the file that it looks signed in by")] = None
    advice: Annotated[str | None, Field(description="what to do; null where it can be used as it is")] = None


class Providers(BaseModel):
    """All providers, by their names."""

    items: list[ShownProvider]


@router.get("", summary="List providers")
async def find() -> Providers:
    """Which agent CLIs are installed where runs are started, in which version, and whether they look signed in."""
    found = {each.provider: each for each in await asyncio.to_thread(programs.here)}
    return Providers(items=[_shown(name, found.get(name)) for name in registry.names()])


def _shown(name: str, found: Found | None) -> ShownProvider:
    if found is None:
        return ShownProvider(name=name)
    return ShownProvider(
        name=name,
        program=found.program,
        installed=found.path is not None,
        version=found.version,
        path=found.path,
        signed_in=found.signed_in,
        seen_by=found.seen_by,
        advice=found.advice,
    )
