"""When does the worktree of a card go? When the card is archived, or done and merged, and all of its work is committed.

Nobody tells when a branch is merged, so all cards are looked at now and then, and right after the board has changed
those that changed lately. The branch stays, and with it the work: a card that is given a command again gets a worktree
anew. What is kept says why, on its card.
"""

import asyncio
import logging
import os
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Row, bindparam, select

from conselho import errors
from conselho.cards import board, queries
from conselho.cards.columns import Column
from conselho.cards.models import Card
from conselho.cards.turns import turn
from conselho.db.session import Database, Tx
from conselho.projects import places, removing, turns, worktrees
from conselho.projects import queries as projects
from conselho.projects.models import Project

_log = logging.getLogger(__name__)

LATELY = timedelta(minutes=10)
PAGE = 100

_DUE = (
    select(Card.id, Card.number, Card.column, Card.branch, Card.worktree, Project.path, Project.default_branch)
    .join(Project, Project.id == Card.project_id)
    .where(
        Card.worktree.is_not(None),
        Card.unsettled_execution_id.is_(None),
        Card.column.in_((Column.DONE, Column.ARCHIVED)),
    )
)
_NEXT = _DUE.where(Card.id > bindparam("behind")).order_by(Card.id).limit(PAGE)
_OF_CARD = _DUE.where(Card.id == bindparam("of_card"))
_OF_BRANCH = select(Card.__table__).where(Card.project_id == bindparam("project"), Card.branch == bindparam("named"))


async def tidy(database: Database, within: timedelta | None = None) -> None:
    """Remove what may go. `within`: only where the card was changed so lately."""
    behind = ""
    while rows := await database.read(_next, behind, within):
        for row in rows:
            async with turn(row.id):
                await asyncio.to_thread(_tidy, database, row.id, Path(row.worktree))
        behind = rows[-1].id


async def remove(database: Database, data_dir: Path, project: str, called: str) -> None:
    """Remove the worktree of that name, whoever's it is, as somebody asks for it.

    Raises: errors.NotFound; errors.Conflict with why it is kept; errors.Unavailable.
    """
    there = await database.read(projects.one, project)
    path = await asyncio.to_thread(_path_of, there, data_dir, called)
    card = await database.read(_of_branch, there.id, worktrees.BRANCHES + called)
    async with nullcontext() if card is None else turn(card.id):
        await asyncio.to_thread(_remove, database, there, path)


def keep(tx: Tx, card_id: str, worktree: str, why: str | None) -> bool:
    """Write on a card that its worktree is gone, or `why` it is kept; False where nothing of that is new."""
    card = queries.locked(tx, card_id)
    if card.worktree != worktree or card.unsettled_execution_id is not None:
        return False
    values = {"worktree": None, "note": None} if why is None else {"note": why}
    changed = {name: value for name, value in values.items() if value != getattr(card, name)}
    if changed:
        board.write(tx, card, changed)
        board.tell_changed(tx, card, changed)
    return bool(changed)


def _tidy(database: Database, card_id: str, worktree: Path) -> None:
    """In a thread, since git takes its time. What was found is looked at again once nobody else is at it."""
    try:
        with turns.taken(worktree):
            row = database.fetch(_of_card, card_id).result()
            if row is None or row.worktree != str(worktree):
                return
            try:
                if row.column != Column.ARCHIVED and not _is_merged(row):
                    return
                why = removing.remove(Path(row.path), worktree, row.branch)
            except errors.Conflict as error:
                why = error.sentence
            database.submit(keep, row.id, row.worktree, why).result()
    except (OSError, errors.Unavailable) as error:
        _log.warning("the worktree %s is looked at again later: %s", worktree, error)


def _is_merged(row: Row[Any]) -> bool:
    return removing.is_merged(Path(row.path), row.branch, row.default_branch)


def _path_of(project: Row[Any], data_dir: Path, called: str) -> Path:
    """Where it is. Raises: errors.NotFound for what is neither there nor noted anywhere."""
    absent = errors.NotFound(
        f"project {project.slug} has no worktree {called[:60]!r}:"
        f" see those there are with `conselho projects worktrees list {project.slug}`"
    )
    try:
        path = worktrees.within(places.home(data_dir, project.id), called)
    except errors.Invalid as error:
        raise absent from error
    if os.path.lexists(path):
        return path
    if not project.is_repository or worktrees.noted(worktrees.repository(Path(project.path)), path) is None:
        raise absent
    return path


def _remove(database: Database, project: Row[Any], path: Path) -> None:
    branch = worktrees.BRANCHES + path.name
    with turns.taken(path):
        card = database.fetch(_of_branch, project.id, branch).result()
        if card is not None and card.unsettled_execution_id is not None:
            raise errors.Conflict(
                f"card {card.number} has a run in {path}, or one that is being kept: wait for its end"
            )
        why = removing.remove(Path(project.path), path, branch)
        if why is not None:
            raise errors.Conflict(why)
        if card is not None:
            database.submit(keep, card.id, str(path), None).result()


def _next(tx: Tx, behind: str, within: timedelta | None) -> Sequence[Row[Any]]:
    asked = _NEXT if within is None else _NEXT.where(Card.updated_at >= tx.now - within)
    return tx.execute(asked, {"behind": behind}).all()


def _of_card(tx: Tx, card_id: str) -> Row[Any] | None:
    return tx.execute(_OF_CARD, {"of_card": card_id}).one_or_none()


def _of_branch(tx: Tx, project_id: str, branch: str) -> Row[Any] | None:
    return tx.execute(_OF_BRANCH, {"project": project_id, "named": branch}).one_or_none()
