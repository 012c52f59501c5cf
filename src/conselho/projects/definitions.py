"""How does a project come to be, change and go? Each change is checked whole and appends its event.

What is in its directory was looked up before, by `places.py`: a unit touches nothing but its transaction.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, delete, update

from conselho import errors, names
from conselho.db import keys
from conselho.db.session import Tx
from conselho.db.upsert import insert_if_absent
from conselho.events import log as events
from conselho.projects import places, queries
from conselho.projects.models import Project
from conselho.projects.places import Place
from conselho.projects.schemas import ProjectSnapshot, ShownProject

COMMANDS = ("plan", "implement", "test", "review")  # of cards, for which a project may choose agents
CHECK_ARGUMENTS_MAX = 100
CHECK_CHARACTERS_MAX = 1000  # of each


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A project as it is asked for; what is not said is found out, or as here."""

    path: str
    slug: str | None = None
    title: str | None = None
    default_branch: str | None = None
    may_use_own_commands: bool = False
    agent: str | None = None
    agents: dict[str, str] = field(default_factory=dict)
    check_argv: tuple[str, ...] | None = None

    def digest(self) -> str:
        """A fingerprint of all of it: the same key must come with the same one."""
        wish = dataclasses.asdict(self)
        for name in ("agent", "agents", "check_argv"):
            if not wish[name]:  # keys from before there were any must still fit
                del wish[name]
        return hashlib.sha256(json.dumps(wish, sort_keys=True).encode("utf-8")).hexdigest()


_INSERT = insert_if_absent(Project).returning(Project.id)


def add(tx: Tx, wish: Wish, place: Place, project_id: str, key: str | None = None) -> ProjectSnapshot:
    """Make a project; under a key that made one already, say again what was said then.

    Raises: errors.Invalid, also for a key that came with another wish; errors.Conflict where the slug or the directory
    is taken.
    """
    slug = wish.slug if wish.slug is not None else places.slug_of(place.path)
    names.check_slug(slug)
    given = {name: getattr(wish, name) for name in _GIVEN}
    _check(given)
    if key is not None:
        earlier = keys.said(tx, key, wish.digest())
        if earlier is not None:
            return ProjectSnapshot.model_validate(earlier)
    _check_free(tx, slug, place.path)
    if key is not None:
        earlier = keys.claim(tx, key, wish.digest())
        if earlier is not None:
            return ProjectSnapshot.model_validate(earlier)
    as_of = events.cursor(tx)
    row = dataclasses.asdict(place) | {
        "id": project_id, "slug": slug, "version": 1, "created_at": tx.now, "updated_at": tx.now,
    } | given  # fmt: skip
    if tx.execute(_INSERT, row).one_or_none() is None:
        _check_free(tx, slug, place.path)  # another process was quicker
        raise errors.Conflict(f"there is a project {slug!r} already")
    events.append(tx, "project.created", data={"project_id": project_id, "project": slug})
    answer = ProjectSnapshot(**ShownProject.of(queries.one(tx, project_id)).model_dump(), as_of=as_of)
    if key is not None:
        keys.keep(tx, key, answer.model_dump(mode="json"))
    return answer


def change(tx: Tx, name: str, given: dict[str, Any], place: Place | None, version: int | None = None) -> str:
    """Change the fields that are given, and no others; returns the id. `place`: as its directory was found.

    Raises: errors.NotFound; errors.Invalid; errors.Conflict where the directory is taken, or `version` is given and is
    not the one in force.
    """
    row = tx.execute(queries.PROJECTS.where(queries.is_named(name)).with_for_update()).one_or_none()
    if row is None:
        raise errors.NotFound(queries.absent(name))
    if version is not None and version != row.version:
        raise errors.Conflict(f"project {row.slug} is at version {row.version} by now, not {version}: look at it again")
    after: dict[str, Any] = {each: given[each] for each in _GIVEN if each in given}
    if place is not None:
        after |= dataclasses.asdict(place)
        holder = queries.at(tx, place.path)
        if holder is not None and holder.id != row.id:
            raise _taken(holder)
    _check(after)
    changed = {each: value for each, value in after.items() if value != getattr(row, each)}
    if changed:
        values = changed | {"version": row.version + 1, "updated_at": tx.now}
        tx.execute(update(Project).where(Project.id == row.id).values(values))
        data = {"project_id": row.id, "project": row.slug, "fields": sorted(changed)}
        events.append(tx, "project.changed", data=data)
    return str(row.id)


def remove(tx: Tx, name: str) -> None:
    """Forget a project; its directory stays as it is. Raises: errors.NotFound."""
    gone = tx.execute(delete(Project).where(queries.is_named(name)).returning(Project.id, Project.slug)).one_or_none()
    if gone is None:
        raise errors.NotFound(queries.absent(name))
    events.append(tx, "project.removed", data={"project_id": gone.id, "project": gone.slug})


_GIVEN = ("title", "may_use_own_commands", "agent", "agents", "check_argv")


def _check(given: Mapping[str, Any]) -> None:
    names.check_text("title", given.get("title"), names.TITLE_CHARACTERS_MAX)
    for agent in (given.get("agent"), *(given.get("agents") or {}).values()):
        if agent is not None:
            names.check_slug(agent, "agent")  # whether it is there is looked at when it is needed
    for word in given.get("agents") or {}:
        if word not in COMMANDS:
            raise errors.Invalid(f"agents: {word[:50]!r} is no command: it is one of {', '.join(COMMANDS)}")
    check = given.get("check_argv")
    if check is not None:
        if not 1 <= len(check) <= CHECK_ARGUMENTS_MAX or not check[0]:
            raise errors.Invalid(f"check_argv: a program and its arguments, at most {CHECK_ARGUMENTS_MAX}")
        for argument in check:
            names.check_text("check_argv", argument, CHECK_CHARACTERS_MAX)


def _check_free(tx: Tx, slug: str, path: str) -> None:
    holder = queries.at(tx, path)
    if holder is not None:
        raise _taken(holder)
    if queries.find(tx, slug) is not None:
        raise errors.Conflict(f"there is a project {slug!r} already: change it, or take another slug")


def _taken(holder: Row[Any]) -> errors.Conflict:
    return errors.Conflict(f"{holder.path} is the directory of project {holder.slug} already")
