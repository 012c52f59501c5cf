"""The HTTP doors to what a project has of cards: its worktrees, and its end, which waits for them."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy import Row, bindparam, func, select

from conselho import errors
from conselho.cards import tidying
from conselho.cards.columns import Column
from conselho.cards.models import Card
from conselho.cards.routes import DataDirectory, Store
from conselho.cards.worktree_schemas import ShownWorktree, WorktreePage
from conselho.db import pages
from conselho.db.among import among
from conselho.db.session import Database, Tx, takes_lock
from conselho.projects import definitions, places, worktrees
from conselho.projects import queries as projects

router = APIRouter(prefix="/api/v1/projects", tags=["projects"])

_REFUSED = errors.documented(errors.NotFound, errors.Conflict)
_OF_PROJECT = Card.project_id == bindparam("project")
_NOT_ARCHIVED = select(func.count()).where(_OF_PROJECT, Card.column != Column.ARCHIVED)
_WITH_WORKTREE = select(Card.number, Card.worktree).where(_OF_PROJECT, Card.worktree.is_not(None)).limit(1)
_BY_BRANCH = select(Card.id, Card.number, Card.title, Card.column, Card.branch).where(
    _OF_PROJECT, among(Card.__table__.c.branch, "branches")
)


@router.delete("/{project}", status_code=204, responses=_REFUSED, summary="Remove a project")
async def remove(database: Store, data_dir: DataDirectory, project: str) -> None:
    """Forget a project whose cards are archived and have no worktrees. Its directory stays, with all branches of cards.

    The archived cards stay too, without a project.
    """
    there = await database.read(projects.one, project)
    await database.read(_check_cards, there)
    left = await _worktrees(database, there, data_dir, "", 2)
    if left:
        more = " and more" if len(left) > 1 else ""
        raise errors.Conflict(f"project {there.slug} has the worktree {left[0].path}{more}: remove what is there first")
    await database.write(_forget, there)


@router.get("/{project}/worktrees", responses=_REFUSED, summary="List a project's worktrees")
async def find_worktrees(
    database: Store,
    data_dir: DataDirectory,
    project: str,
    limit: Annotated[int, Query(ge=1, le=pages.PAGE_MAX)] = 50,
    after: str = "",
) -> WorktreePage:
    """The worktrees of its cards, by name, with those of which something is missing."""
    there = await database.read(projects.one, project)
    found = await _worktrees(database, there, data_dir, after, limit + 1)
    return WorktreePage(items=found[:limit], next=found[limit - 1].name if len(found) > limit else None)


@router.delete("/{project}/worktrees/{name}", status_code=204, responses=_REFUSED, summary="Remove a worktree")
async def remove_worktree(database: Store, data_dir: DataDirectory, project: str, name: str) -> None:
    """Remove a worktree all of whose work is committed. Its branch stays; its card gets it anew when it needs it."""
    await tidying.remove(database, data_dir, project, name)


async def _worktrees(
    database: Database, project: Row[Any], data_dir: Path, after: str, limit: int
) -> list[ShownWorktree]:
    path = Path(project.path)
    found = await asyncio.to_thread(worktrees.listed, path, places.home(data_dir, project.id), after, limit)
    rows = await database.read(_by_branch, project.id, [worktrees.BRANCHES + each.path.name for each in found])
    cards = {row.branch.removeprefix(worktrees.BRANCHES): row for row in rows}
    return [ShownWorktree.of(path, each, cards.get(each.path.name)) for each in found]


def _by_branch(tx: Tx, project_id: str, branches: list[str]) -> Sequence[Row[Any]]:
    plain = [each for each in branches if each.isprintable()]
    return tx.execute(_BY_BRANCH, {"project": project_id, "branches": plain}).all()


@takes_lock("cards")
def _forget(tx: Tx, project: Row[Any]) -> None:
    _check_cards(tx, project)
    definitions.remove(tx, project.id)


def _check_cards(tx: Tx, project: Row[Any]) -> None:
    cards = tx.execute(_NOT_ARCHIVED, {"project": project.id}).scalar_one()
    if cards:
        are = "card that is" if cards == 1 else "cards that are"
        raise errors.Conflict(f"project {project.slug} has {cards} {are} not archived: archive what is there first")
    left = tx.execute(_WITH_WORKTREE, {"project": project.id}).one_or_none()
    if left is not None:
        raise errors.Conflict(f"card {left.number} of project {project.slug} has work in {left.worktree}: look at it")
