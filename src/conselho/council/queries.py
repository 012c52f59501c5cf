"""Who is in the council? One by its slug or id, and pages in the order they were promoted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, select

from conselho import errors, ids
from conselho.agents import limits
from conselho.agents import queries as agents
from conselho.agents.models import Agent
from conselho.council.models import Councilor
from conselho.db.session import Tx, loose

PAGE_MAX = 200

ROWS = (
    select(*Councilor.__table__.c, Agent.slug.label("agent"), Agent.cwd.label("agent_cwd"))
    .outerjoin(Agent, Agent.id == Councilor.agent_id)
    .where(Councilor.demoted_at.is_(None))
)
_BY_ID = ROWS.where(Councilor.id == bindparam("named"))
_BY_SLUG = ROWS.where(Councilor.slug == bindparam("named"))
_OF_AGENT = ROWS.where(Councilor.agent_id == bindparam("agent")).order_by(Councilor.id)


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, the oldest first, and the cursor of the next page, None at the end."""

    rows: Sequence[Row[Any]]
    next: str | None


@loose
def one(tx: Tx, name: str) -> Row[Any]:
    """The councilor of that slug or id, with its agent's slug and directory. Raises: errors.NotFound."""
    return _found(tx, name, _named(name))


def locked(tx: Tx, name: str) -> Row[Any]:
    """The same, for a unit that changes it. Raises: errors.NotFound."""
    return _found(tx, name, _named(name).with_for_update(of=Councilor))


@loose
def of_agent(tx: Tx, agent_id: str) -> Sequence[Row[Any]]:
    """The councilors that an agent holds, the oldest first."""
    return tx.execute(_OF_AGENT, {"agent": agent_id}).all()


@loose
def page(tx: Tx, limit: int, after: str | None = None, agent: str | None = None, paused: bool | None = None) -> Page:
    """A page of councilors. Raises: errors.Invalid for a cursor that is none, or an agent that there is not."""
    if not 1 <= limit <= PAGE_MAX:
        raise errors.Invalid(f"limit must lie between 1 and {PAGE_MAX}")
    statement = ROWS.order_by(Councilor.id).limit(limit + 1)
    if after is not None:
        if not ids.is_id(after):
            raise errors.Invalid("this cursor is none: begin again without it")
        statement = statement.where(Councilor.id > after)
    if agent is not None:
        statement = statement.where(Councilor.agent_id == agents.asked_for(tx, agent).id)
    if paused is not None:
        statement = statement.where(_is_paused(paused))
    rows = tx.execute(statement).all()
    return Page(rows[:limit], rows[limit - 1].id if len(rows) > limit else None)


def absent(name: str) -> str:
    """The sentence that says that there is none of that name."""
    return f"there is no councilor {name[:100]!r}: see those there are with `conselho councilors list`"


def _found(tx: Tx, name: str, statement: Select[Any]) -> Row[Any]:
    row = tx.execute(statement, {"named": name}).one_or_none() if limits.is_storable(name) else None
    if row is None:
        raise errors.NotFound(absent(name))
    return row


def _named(name: str) -> Select[Any]:
    return _BY_ID if ids.is_id(name) else _BY_SLUG


def _is_paused(paused: bool) -> ColumnElement[bool]:
    return Councilor.paused_at.is_not(None) if paused else Councilor.paused_at.is_(None)
