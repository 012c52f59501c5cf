"""How do the worktrees of a project look over HTTP, and whose are they?"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import Row

from conselho.cards.columns import Column
from conselho.projects import worktrees


class WorktreeCard(BaseModel):
    """The card that a worktree belongs to."""

    id: str
    number: int
    title: str
    column: Column


class ShownWorktree(BaseModel):
    """The directory in which a card is worked on."""

    name: str
    path: str
    branch: Annotated[str | None, Field(description="null: on none")]
    head: Annotated[str | None, Field(description="its commit")]
    standing: Annotated[
        Literal["ready", "missing", "unregistered"],
        Field(description="missing: its directory is gone; unregistered: the repository does not know it"),
    ]
    card: Annotated[WorktreeCard | None, Field(description="whose it is; null: no card's")]
    is_orphan: Annotated[bool, Field(description="missing, unregistered or no card's: somebody must look")]
    merge: Annotated[str | None, Field(description="the line for a shell that merges its branch")]

    @classmethod
    def of(cls, project: Path, found: worktrees.Listed, card: Row[Any] | None) -> "ShownWorktree":
        """As it was found."""
        return cls(
            name=shown(found.path.name),
            path=shown(str(found.path)),
            branch=None if found.branch is None else shown(found.branch),
            head=found.head,
            standing=found.standing,
            card=None if card is None else WorktreeCard.model_validate(card, from_attributes=True),
            is_orphan=found.is_orphan or card is None,
            merge=None if found.branch is None else shown(worktrees.merge_line(project, found.branch)),
        )


class WorktreePage(BaseModel):
    """Some worktrees of a project, by name."""

    items: list[ShownWorktree]
    next: Annotated[str | None, Field(description="cursor of the next page")]


def shown(name: str) -> str:
    """What a file is called, with `\\xff` for what is no UTF-8."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
