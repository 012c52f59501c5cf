"""How does an agent become a councilor, and how is one changed, paused and demoted? Each change appends its event.

A change takes effect with its commit: whoever fires reads the row. It never brings old moments back: those that were
due and not decided on are settled by the change itself, and the schedule goes on from now.
"""

import dataclasses
import hashlib
import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, bindparam, select, update

from conselho import errors
from conselho.agents import limits as agent_limits
from conselho.agents.models import Agent
from conselho.council import limits, planning, queries, slots, triggers, zones
from conselho.council.models import CATCH_UPS, OUTPUT_FORMATS, OVERLAPS, Councilor
from conselho.council.planning import Missed, Timing
from conselho.council.triggers import Kind, Schedule
from conselho.db.session import Tx
from conselho.db.upsert import insert_if_absent
from conselho.events import log as events
from conselho.executions import rules

RESERVED = {"templates"}  # what stands where a slug does, under /councilors
NAMES_TRIED = 10  # numbers behind an agent's councilors of one task, before they get letters
US = "Conselho"  # who pauses what cannot go on
CHANGED = "council.changed"  # told when something may be due at another time

_INSERT = insert_if_absent(Councilor).returning(Councilor.id)
_APPOINT = (
    update(Agent).where(Agent.id == bindparam("agent")).values(councilors=Agent.councilors + 1).returning(Agent.slug)
)
_DISMISS = update(Agent).where(Agent.id == bindparam("agent")).values(councilors=Agent.councilors - 1)
_TAKEN = select(Councilor.slug).where(Councilor.slug == bindparam("wanted"))


@dataclass(frozen=True, slots=True)
class Notifications:
    """Who is told of which end, and how."""

    on_success: bool = False
    on_warning: bool = True
    on_error: bool = True
    channels: tuple[str, ...] = ("panel",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A councilor as it is meant; what is not said is as here. `context_files` are relative to its agent's cwd."""

    title: str
    task_name: str
    prompt: str
    schedule: Schedule
    display_name: str | None = None
    avatar_url: str | None = None
    color: str | None = None
    context_files: tuple[str, ...] = ()
    output_format: str = "summary"
    severity_rules: tuple[dict[str, Any], ...] = ()
    notifications: Notifications = field(default_factory=Notifications)
    overlap: str = "skip"
    catch_up: str = "last"
    catch_up_max: int = 10
    start_window_seconds: float | None = None
    jitter_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Promotion:
    """Which agent is to do what. `slug`: the councilor's name, None: one is made."""

    agent_id: str
    definition: Definition
    slug: str | None = None

    def digest(self) -> str:
        """A fingerprint of all of it: the same key must come with the same one."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode("utf-8")).hexdigest()


def with_files(definition: Definition, files: Sequence[str]) -> Definition:
    """The definition with the paths of its context files as they are stored."""
    return dataclasses.replace(definition, context_files=tuple(files))


def checked(definition: Definition, now: datetime, before: Schedule | None = None) -> Definition:
    """The definition, its schedule as it is stored. Raises: errors.Invalid naming the field and its limit.

    `before`: the schedule in force. One that is not changed may be over.
    """
    limits.check_name("title", definition.title)
    limits.check_name("task.name", definition.task_name)
    limits.check_name("display_name", definition.display_name, needed=False)
    limits.check_prompt(definition.prompt)
    limits.check_look(definition.avatar_url, definition.color)
    limits.check_choice("task.output_format", definition.output_format, OUTPUT_FORMATS)
    limits.check_choice("schedule.overlap", definition.overlap, OVERLAPS)
    limits.check_choice("schedule.catch_up", definition.catch_up, CATCH_UPS)
    limits.check_between("schedule.catch_up_max", definition.catch_up_max, 1, limits.CATCH_UP_MAX)
    limits.check_between(
        "schedule.start_window_seconds",
        definition.start_window_seconds,
        limits.START_WINDOW_SECONDS_MIN,
        limits.START_WINDOW_SECONDS_MAX,
    )
    limits.check_between("schedule.jitter_seconds", definition.jitter_seconds, 0, limits.JITTER_SECONDS_MAX)
    limits.check_channels(definition.notifications.channels)
    schedule = definition.schedule
    if before is None or _is_moved(before, schedule):
        schedule = triggers.checked(schedule, now)
    zones.named(schedule.timezone)
    return dataclasses.replace(
        definition, schedule=schedule, severity_rules=tuple(rules.checked(definition.severity_rules))
    )


def check_free(tx: Tx, slug: str | None) -> None:
    """Raises: errors.Invalid for what is no name; errors.Conflict where it is taken."""
    if slug is not None:
        agent_limits.check_slug(slug)
        if slug in RESERVED:
            raise errors.Invalid(f"slug: {slug!r} is a part of the addresses of councilors: take another one")
        if tx.execute(_TAKEN, {"wanted": slug}).one_or_none() is not None:
            raise _taken(slug)


def promote(tx: Tx, wish: Promotion, councilor_id: str) -> str:
    """Let an agent do a task on a schedule; returns the councilor's id.

    Raises: errors.Invalid; errors.NotFound where the agent is gone; errors.Conflict where the slug is taken.
    """
    definition = checked(wish.definition, tx.now)
    check_free(tx, wish.slug)
    agent = tx.execute(_APPOINT, {"agent": wish.agent_id}).scalar_one_or_none()
    if agent is None:
        raise errors.NotFound("this agent was removed meanwhile: add it again")
    slug = wish.slug or _free_name(tx, agent, definition.task_name, councilor_id)
    stored = _columns(definition) | {
        "id": councilor_id, "slug": slug, "agent_id": wish.agent_id, "paused_at": None, "paused_by": None,
        "demoted_at": None, "version": 1, "created_at": tx.now, "updated_at": tx.now,
    } | _from_now(tx, councilor_id, definition)  # fmt: skip
    if tx.execute(_INSERT, stored).one_or_none() is None:
        raise _taken(slug)  # another process was quicker
    _told(tx, "councilor.promoted", councilor_id, slug, {"agent_id": wish.agent_id, "title": definition.title})
    return councilor_id


def change(tx: Tx, name: str, given: dict[str, Any], version: int | None = None) -> str:
    """Change the fields that are given, and no others; returns the id. Another schedule is counted from now on.

    Of `schedule` and `notifications` the parts that are given. Raises: errors.NotFound; errors.Invalid;
    errors.Conflict if `version` is given and is not the one in force.
    """
    row = queries.locked(tx, name)
    if version is not None and version != row.version:
        raise errors.Conflict(
            f"councilor {row.slug} is at version {row.version} by now, not {version}: look at it again"
        )
    before = of_row(row)
    _change(tx, row, before, checked(_amended(before, given), tx.now, before.schedule))
    return str(row.id)


def pause(tx: Tx, name: str, by: str) -> str:
    """Fire it no more by itself; returns the id. One that is paused stays as it is. Raises: errors.NotFound."""
    row = queries.locked(tx, name)
    if row.paused_at is not None:
        return str(row.id)
    _settle(tx, row, "it was paused before it was fired")
    _write(tx, row, {"paused_at": tx.now, "paused_by": by} | _QUIET)
    _told(tx, "councilor.paused", row.id, row.slug, {"by": by})
    return str(row.id)


def resume(tx: Tx, name: str) -> str:
    """Let it fire again, from now on: what was due meanwhile is not caught up. Returns the id.

    Raises: errors.NotFound.
    """
    row = queries.locked(tx, name)
    if row.paused_at is None:
        return str(row.id)
    going_on = _next(timing(row, tx.now), tx.now)
    _write(tx, row, {"paused_at": None, "paused_by": None} | going_on)
    _told(tx, "councilor.resumed", row.id, row.slug, {})
    return str(row.id)


def demote(tx: Tx, name: str) -> None:
    """Take it out of the council. Its executions, its moments and what was counted stay; its name is free.

    Raises: errors.NotFound.
    """
    row = queries.locked(tx, name)
    _settle(tx, row, "it was demoted before it was fired")
    _write(tx, row, {"slug": None, "demoted_at": tx.now, "next_at": None, "due_at": None})
    tx.execute(_DISMISS, {"agent": row.agent_id})
    _told(tx, "councilor.demoted", row.id, row.slug, {"agent_id": row.agent_id})


def go_on_from_now(tx: Tx, row: Row[Any], reason: str) -> None:
    """Pass over what is due, for that reason; nobody has changed the councilor."""
    _settle(tx, row, reason)
    tx.execute(update(Councilor).where(Councilor.id == row.id).values(_next(timing(row), tx.now)))


def suspend(tx: Tx, row: Row[Any], reason: str) -> None:
    """Pause one whose schedule cannot be read any more; what is due is skipped for that reason."""
    slots.skip(tx, row.id, row.slug, [Missed(row.next_at, reason)])
    _write(tx, row, {"paused_at": tx.now, "paused_by": US} | _QUIET)
    _told(tx, "councilor.paused", row.id, row.slug, {"by": US, "reason": reason})


def of_row(row: Row[Any]) -> Definition:
    """What a stored councilor is defined as."""
    plain = {name: getattr(row, name) for name in _PLAIN}
    said = dict(row.notifications)
    return Definition(
        **plain,
        schedule=_schedule(row),
        context_files=tuple(row.context_files),
        severity_rules=tuple(row.severity_rules),
        notifications=Notifications(**said | {"channels": tuple(said["channels"])}),
    )


def timing(row: Row[Any], next_at: datetime | None = None) -> Timing:
    """When a stored councilor is to fire. `next_at`: for one that is paused, and has none."""
    window = row.start_window_seconds
    return Timing(
        councilor_id=row.id,
        schedule=_schedule(row),
        anchor=row.anchored_at,
        next_at=row.next_at or next_at or row.anchored_at,
        catch_up=row.catch_up,
        catch_up_max=row.catch_up_max,
        start_window=None if window is None else timedelta(seconds=window),
        jitter=timedelta(seconds=row.jitter_seconds),
    )


def _change(tx: Tx, row: Row[Any], before: Definition, after: Definition) -> None:
    was, will = _columns(before), _columns(after)
    values = {name: value for name, value in will.items() if value != was[name]}
    if not values:
        return
    fields = sorted(values)
    if _is_moved(before.schedule, after.schedule):
        _settle(tx, row, "the schedule was changed before it was fired")
        values |= _from_now(tx, row.id, after) if row.paused_at is None else {"anchored_at": tx.now}
    elif "jitter_seconds" in values and row.next_at is not None:
        values["due_at"] = planning.due_at(dataclasses.replace(timing(row), jitter=_jitter(after)), row.next_at)
    _write(tx, row, values)
    _told(tx, "councilor.changed", row.id, row.slug, {"fields": fields})


def _amended(before: Definition, given: dict[str, Any]) -> Definition:
    parts = {name: dataclasses.replace(getattr(before, name), **given[name]) for name in _PARTED if name in given}
    return dataclasses.replace(before, **given | parts)


def _is_moved(before: Schedule, after: Schedule) -> bool:
    """Whether it fires at other moments: by another clock alone only cron does."""
    if after.type is not before.type or after.value != before.value:
        return True
    return after.type is Kind.CRON and after.timezone != before.timezone


def _schedule(row: Row[Any]) -> Schedule:
    return _schedule_of(row.schedule_type, row.schedule_value, row.timezone)


@lru_cache(maxsize=4096)
def _schedule_of(kind: str, value: str, timezone: str) -> Schedule:
    return Schedule(Kind(kind), value, timezone)


_QUIET: dict[str, Any] = {"next_at": None, "due_at": None, "missed_since": None, "missed": 0}
_PARTED = ("schedule", "notifications")
_PLAIN = (
    "title", "task_name", "prompt", "display_name", "avatar_url", "color", "output_format", "overlap", "catch_up",
    "catch_up_max", "start_window_seconds", "jitter_seconds",
)  # fmt: skip


def _columns(definition: Definition) -> dict[str, Any]:
    found = {name: getattr(definition, name) for name in _PLAIN}
    said = dataclasses.asdict(definition.notifications)
    return found | {
        "context_files": list(definition.context_files),
        "severity_rules": list(definition.severity_rules),
        "notifications": said | {"channels": list(definition.notifications.channels)},
        "schedule_type": str(definition.schedule.type),
        "schedule_value": definition.schedule.value,
        "timezone": definition.schedule.timezone,
    }


def _from_now(tx: Tx, councilor_id: str, definition: Definition) -> dict[str, Any]:
    """The columns that say when it fires, where it is counted from this moment on."""
    begun = Timing(
        councilor_id=councilor_id,
        schedule=definition.schedule,
        anchor=tx.now,
        next_at=tx.now,
        catch_up=definition.catch_up,
        catch_up_max=definition.catch_up_max,
        start_window=None,
        jitter=_jitter(definition),
    )
    return {"anchored_at": tx.now} | _next(begun, tx.now)


def _next(timing: Timing, after: datetime) -> dict[str, Any]:
    moment = triggers.next_after(timing.schedule, timing.anchor, after)
    due_at = None if moment is None else planning.due_at(timing, moment)
    return {"next_at": moment, "due_at": due_at, "missed_since": None, "missed": 0}


def _jitter(definition: Definition) -> timedelta:
    return timedelta(seconds=definition.jitter_seconds)


def _settle(tx: Tx, row: Row[Any], reason: str) -> None:
    if row.next_at is not None:
        slots.skip(tx, row.id, row.slug, planning.settle(timing(row), tx.now, reason))


def _write(tx: Tx, row: Row[Any], values: dict[str, Any]) -> None:
    stored = values | {"version": row.version + 1, "updated_at": tx.now}
    tx.execute(update(Councilor).where(Councilor.id == row.id).values(stored))


def _told(tx: Tx, kind: str, councilor_id: str, slug: str, data: dict[str, Any]) -> None:
    events.append(tx, kind, data={"councilor_id": councilor_id, "councilor": slug} | data)
    tx.signal(CHANGED)


def _free_name(tx: Tx, agent: str, task_name: str, councilor_id: str) -> str:
    """A name that is free: the agent's, for its second task the task's behind it, and a number where that is taken."""
    plain = unicodedata.normalize("NFKD", task_name.lower()).encode("ascii", "ignore").decode("ascii")
    task = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    end = councilor_id[-12:]  # an id's random part
    room = agent_limits.SLUG_CHARACTERS_MAX - len(f"-{end}")
    stem = (f"{agent}-{task}" if task else agent)[:room].rstrip("-")
    for name in (agent, stem, *(f"{stem}-{number}" for number in range(2, NAMES_TRIED))):
        if name not in RESERVED and tx.execute(_TAKEN, {"wanted": name}).one_or_none() is None:
            return name
    return f"{stem}-{end}"


def _taken(slug: str) -> errors.Conflict:
    return errors.Conflict(f"there is a councilor {slug!r} already: change it, or take another slug")
