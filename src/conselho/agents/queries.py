"""Which agents are there? One by its slug or id, and pages in the order they were made."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select

from conselho import errors, ids
from conselho.agents.models import Agent
from conselho.db.session import Tx

PAGE_MAX = 200

AGENTS = select(*Agent.__table__.c)


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, the oldest first, and the cursor of the next page, None at the end."""

    rows: Sequence[Row[Any]]
    next: str | None


def find(tx: Tx, name: str) -> Row[Any] | None:
    """The agent of that slug or id, None where there is none."""
    return tx.execute(AGENTS.where(is_named(name))).one_or_none()


def one(tx: Tx, name: str) -> Row[Any]:
    """The agent of that slug or id. Raises: errors.NotFound."""
    row = find(tx, name)
    if row is None:
        raise errors.NotFound(absent(name))
    return row


def asked_for(tx: Tx, name: str) -> Row[Any]:
    """The agent that a request names. Raises: errors.Invalid, for then it is the request that is wrong."""
    row = find(tx, name)
    if row is None:
        raise errors.Invalid(f"agent: {absent(name)}")
    return row


def page(tx: Tx, limit: int, after: str | None = None) -> Page:
    """A page of agents. Raises: errors.Invalid for a cursor that is none."""
    if not 1 <= limit <= PAGE_MAX:
        raise errors.Invalid(f"limit must lie between 1 and {PAGE_MAX}")
    statement = AGENTS.order_by(Agent.id).limit(limit + 1)
    if after is not None:
        if not ids.is_id(after):
            raise errors.Invalid("this cursor is none: begin again without it")
        statement = statement.where(Agent.id > after)
    rows = tx.execute(statement).all()
    return Page(rows[:limit], rows[limit - 1].id if len(rows) > limit else None)


def is_named(name: str) -> Any:
    """The condition that a row has that slug or id; no slug has the shape of an id."""
    if ids.is_id(name):
        return Agent.id == name
    # What no slug can be is not asked for: PostgreSQL takes no NUL, not even to compare with.
    return Agent.slug == (name if name.isascii() and name.isprintable() else "")


def absent(name: str) -> str:
    """The sentence that says that there is none of that name."""
    return f"there is no agent {name[:100]!r}: see those there are with `conselho agents list`"
