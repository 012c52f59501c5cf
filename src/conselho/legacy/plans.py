"""Which plan does an older `specPath` mean? The one that the card holds, or a file of its project.

There a plan was a file that an agent had written, and went by its path. Here it is kept with the card. So a card with a
plan is told with a name for it, `card:<number>`, as its clients implement nothing without one; it leads to no file, and
when it comes back nothing is read. Any other path is one of a file, whose text becomes the card's plan: as it lies in
the card's worktree, or else in the project's directory.
"""

import asyncio
from pathlib import Path
from typing import Any

from sqlalchemy import Row

from conselho import errors, names
from conselho.cards import limits
from conselho.db.session import Database
from conselho.projects import files
from conselho.projects import queries as projects

PATH_CHARACTERS_MAX = 1000


def path_of(number: int, *, has_plan: bool) -> str | None:
    """What a card's plan is called; None where it has none."""
    return f"card:{number}" if has_plan else None


async def read(database: Database, card: Row[Any], path: str) -> str | None:
    """The text of the plan at that path, None where it is the one that the card holds. Raises: errors.Invalid."""
    if path == path_of(card.number, has_plan=True):
        return None
    if card.project_id is None:
        raise errors.Invalid(f"specPath: card {card.number} has no project in which {path[:50]!r} could be")
    project = await database.read(projects.one, card.project_id)
    return await asyncio.to_thread(_text, project, card.worktree, path)


def _text(project: Row[Any], worktree: str | None, path: str) -> str:
    names.check_text("specPath", path, PATH_CHARACTERS_MAX)
    if project.is_repository and not (Path(project.path) / ".git").exists():
        raise errors.Invalid(f"specPath: project {project.slug} has no files, only commits: write the plan on the card")
    content = None
    for directory in (worktree, project.path):
        if content is None and directory is not None:
            content = _content(Path(directory), path)
    if content is None:
        raise errors.Invalid(f"specPath: there is no file {path[:100]!r} in project {project.slug}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise errors.Invalid(f"specPath: {path[:100]!r} is no UTF-8") from None
    names.check_text("the file at specPath", text)
    return text


def _content(directory: Path, path: str) -> bytes | None:
    try:
        return files.plain(directory, path, limits.PLAN_BYTES_MAX)
    except errors.Conflict as refused:
        raise errors.Invalid(f"specPath: {refused.sentence}") from refused
