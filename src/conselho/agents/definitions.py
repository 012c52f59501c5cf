"""How does an agent come to be, change and go? Each change is checked whole and appends its event.

A definition is for the runs that are asked for from now on. Those there are have their copy: no change here, nor
a removal, reaches them.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, delete, update

from conselho import errors
from conselho.agents import limits, queries, tasks
from conselho.agents.models import Agent
from conselho.db.session import Tx
from conselho.db.upsert import insert_if_absent
from conselho.events import log as events


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """An agent as it is meant; what is not said is as here."""

    slug: str
    title: str | None = None
    emoji: str | None = None
    description: str | None = None
    provider: str = "command"
    argv: list[str] | None = None
    prompt: str | None = None
    model: str | None = None
    options: dict[str, Any] | None = None
    cwd: str | None = None
    env: dict[str, str] = field(default_factory=dict)
    env_allow: list[str] = field(default_factory=list)
    timeout_seconds: float | None = None
    idle_timeout_seconds: float | None = None
    accepted_exit_codes: list[int] = field(default_factory=lambda: [0])
    concurrency: int | None = None
    exclusive: bool = False

    def digest(self) -> str:
        """A fingerprint of all of it: the same key must come with the same one."""
        meant = dataclasses.asdict(self)
        if self.options is None:  # keys from before there were any must still fit
            del meant["options"]
        return hashlib.sha256(json.dumps(meant, sort_keys=True).encode("utf-8")).hexdigest()


FIELDS = tuple(each.name for each in dataclasses.fields(Definition))

_INSERT = insert_if_absent(Agent).returning(Agent.id)


def checked(definition: Definition) -> Definition:
    """The definition itself, if it can be, with its options as they are kept.

    Raises: errors.Invalid naming the field and its limit, or saying what its provider cannot do.
    """
    _check_names(definition)
    limits.check_prompt(definition.prompt)
    limits.check_argv(definition.provider, definition.argv or (), definition.prompt)
    if definition.cwd is not None:
        limits.check_cwd(definition.cwd)
    limits.check_env(definition.env)
    limits.check_env_allow(definition.env_allow)
    limits.check_seconds("timeout_seconds", definition.timeout_seconds)
    limits.check_seconds("idle_timeout_seconds", definition.idle_timeout_seconds)
    limits.check_exit_codes(definition.accepted_exit_codes)
    if definition.concurrency is not None and not 1 <= definition.concurrency <= limits.CONCURRENCY_MAX:
        raise errors.Invalid(f"concurrency must lie between 1 and {limits.CONCURRENCY_MAX}")
    definition = dataclasses.replace(definition, options=tasks.merged(None, definition.options))
    tasks.check(
        definition.provider,
        argv=definition.argv or (),
        prompt=definition.prompt or tasks.TOLD_LATER,
        model=definition.model,
        given=definition.options,
        cwd=definition.cwd,
    )
    return definition


def add(tx: Tx, definition: Definition, agent_id: str) -> str:
    """Make an agent; returns its id. Raises: errors.Invalid; errors.Conflict where the slug is taken."""
    definition = checked(definition)
    check_free(tx, definition)
    row = _columns(definition) | {"id": agent_id, "version": 1, "created_at": tx.now, "updated_at": tx.now}
    if tx.execute(_INSERT, row).one_or_none() is None:
        raise _taken(definition)  # another process was quicker
    events.append(tx, "agent.created", data={"agent_id": agent_id, "agent": definition.slug})
    return agent_id


def check_free(tx: Tx, definition: Definition) -> None:
    """Raises: errors.Conflict where the slug is taken."""
    if queries.find(tx, definition.slug) is not None:
        raise _taken(definition)


def change(tx: Tx, name: str, given: dict[str, Any], version: int | None = None) -> str:
    """Change the fields that are given, and no others; returns the id. Options are changed one by one.

    Raises: errors.NotFound; errors.Invalid; errors.Conflict if `version` is given and is not the one in force.
    """
    row = tx.execute(queries.AGENTS.where(queries.is_named(name)).with_for_update()).one_or_none()
    if row is None:
        raise errors.NotFound(queries.absent(name))
    if version is not None and version != row.version:
        raise errors.Conflict(f"agent {row.slug} is at version {row.version} by now, not {version}: look at it again")
    before = of_row(row)
    if given.get("options") is not None:
        given = given | {"options": tasks.merged(before.options, given["options"])}
    after = checked(dataclasses.replace(before, **given))
    changed = [each for each in FIELDS if getattr(before, each) != getattr(after, each)]
    if changed:
        values = {each: value for each, value in _columns(after).items() if each in changed}
        values |= {"version": row.version + 1, "updated_at": tx.now}
        tx.execute(update(Agent).where(Agent.id == row.id).values(values))
        events.append(tx, "agent.changed", data={"agent_id": row.id, "agent": row.slug, "fields": changed})
    return str(row.id)


def remove(tx: Tx, name: str) -> None:
    """Forget an agent; its runs stay. Raises: errors.NotFound; errors.Conflict for one that is in the council."""
    free = delete(Agent).where(queries.is_named(name), Agent.councilors == 0)
    gone = tx.execute(free.returning(Agent.id, Agent.slug)).one_or_none()
    if gone is None:
        row = queries.one(tx, name)
        raise errors.Conflict(f"agent {row.slug} is in the council ({row.councilors} times): demote it first")
    events.append(tx, "agent.removed", data={"agent_id": gone.id, "agent": gone.slug})


def of_row(row: Row[Any]) -> Definition:
    """What a stored agent is defined as."""
    return Definition(**{name: getattr(row, name) for name in FIELDS})


def _check_names(definition: Definition) -> None:
    limits.check_slug(definition.slug)
    limits.check_text("title", definition.title, limits.TITLE_CHARACTERS_MAX)
    limits.check_text("emoji", definition.emoji, limits.EMOJI_CHARACTERS_MAX)
    limits.check_text("description", definition.description, limits.DESCRIPTION_CHARACTERS_MAX)
    limits.check_text("model", definition.model, limits.MODEL_CHARACTERS_MAX)


def _columns(definition: Definition) -> dict[str, Any]:
    return {name: getattr(definition, name) for name in FIELDS}


def _taken(definition: Definition) -> errors.Conflict:
    return errors.Conflict(f"there is an agent {definition.slug!r} already: change it, or take another slug")
