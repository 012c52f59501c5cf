"""The HTTP doors to projects: make, look, change. Those to their worktrees, and to their end, are the cards' room's.

Directories are looked at in threads, before the transaction in which something is written.
"""

import asyncio
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from conselho import errors, ids
from conselho.db import keys, pages
from conselho.db.session import Database, Tx
from conselho.events import log as events
from conselho.projects import definitions, places, queries
from conselho.projects.definitions import Wish
from conselho.projects.schemas import (
    NewProject,
    ProjectChange,
    ProjectPage,
    ProjectSnapshot,
    ShownProject,
)

KEY_CHARACTERS_MAX = 200

router = APIRouter(prefix="/api/v1/projects", tags=["projects"])


async def database_of(request: Request) -> Database:
    """The process's database."""
    found: Database = request.app.state.database
    return found


async def data_directory_of(request: Request) -> Path:
    """Where worktrees are kept."""
    found: Path = request.app.state.runtime.settings.data_dir
    return found


Store = Annotated[Database, Depends(database_of)]
DataDirectory = Annotated[Path, Depends(data_directory_of)]
IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=KEY_CHARACTERS_MAX)]


@router.post("", status_code=201, responses=errors.documented(errors.Conflict), summary="Make a project")
async def create(
    database: Store, data_dir: DataDirectory, body: NewProject, response: Response, key: IdempotencyKey = None
) -> ProjectSnapshot:
    """Make a project of a directory. Under an `Idempotency-Key` the same body may be sent again, for 7 days."""
    wish = Wish(
        **body.model_dump()
        | {
            "may_use_own_commands": bool(body.may_use_own_commands),
            "agents": body.agents or {},
            "check_argv": None if body.check_argv is None else tuple(body.check_argv),
        }
    )
    earlier = None if key is None else await database.write(keys.said, key, wish.digest())
    if earlier is None:
        place = await asyncio.to_thread(places.look, wish.path, wish.default_branch, data_dir)
        made = await database.write(definitions.add, wish, place, ids.new(), key)
    else:
        made = ProjectSnapshot.model_validate(earlier)
    response.headers["Location"] = f"/api/v1/projects/{made.id}"
    return made


@router.get("", summary="List projects")
async def find(
    database: Store, limit: Annotated[int, Query(ge=1, le=pages.PAGE_MAX)] = 50, after: str | None = None
) -> ProjectPage:
    """A page of projects, in the order they were made."""
    return await database.read(_page, limit, after)


@router.get("/{project}", responses=errors.documented(errors.NotFound), summary="Show a project")
async def show(database: Store, project: str) -> ProjectSnapshot:
    """One project, by its slug or id."""
    return await database.read(_one, project)


@router.patch("/{project}", responses=errors.documented(errors.NotFound, errors.Conflict), summary="Change a project")
async def change(database: Store, data_dir: DataDirectory, project: str, body: ProjectChange) -> ProjectSnapshot:
    """Change the fields that are sent. Where the directory or the branch is among them, the directory is looked at."""
    place = None
    if body.looks_again():
        there = await database.read(_one, project)
        branch = body.default_branch if "default_branch" in body.model_fields_set else None
        place = await asyncio.to_thread(places.look, body.path or there.path, branch, data_dir)
    project_id = await database.write(definitions.change, project, body.given(), place, body.version)
    return await database.read(_one, project_id)


def _one(tx: Tx, name: str) -> ProjectSnapshot:
    as_of = events.cursor(tx)
    return ProjectSnapshot(**ShownProject.of(queries.one(tx, name)).model_dump(), as_of=as_of)


def _page(tx: Tx, limit: int, after: str | None) -> ProjectPage:
    as_of = events.cursor(tx)
    page = queries.page(tx, limit, after)
    return ProjectPage(items=[ShownProject.of(row) for row in page.rows], next=page.next, as_of=as_of)
