"""Which agents are there? One by its slug or id, and pages in the order they were made."""

from typing import Any

from sqlalchemy import Row, select

from conselho import errors, ids
from conselho.agents.models import Agent
from conselho.db import pages
from conselho.db.session import Tx

PAGE_MAX = pages.PAGE_MAX

AGENTS = select(*Agent.__table__.c)


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


def page(tx: Tx, limit: int, after: str | None = None) -> pages.Page:
    """A page of agents. Raises: errors.Invalid for a cursor that is none."""
    return pages.page(tx, AGENTS, Agent.id, limit, after)


def is_named(name: str) -> Any:
    """The condition that a row has that slug or id; no slug has the shape of an id."""
    if ids.is_id(name):
        return Agent.id == name
    # What no slug can be is not asked for: PostgreSQL takes no NUL, not even to compare with.
    return Agent.slug == (name if name.isascii() and name.isprintable() else "")


def absent(name: str) -> str:
    """The sentence that says that there is none of that name."""
    return f"there is no agent {name[:100]!r}: see those there are with `conselho agents list`"
