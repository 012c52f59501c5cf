"""Councilors, made by the same steps that the product takes, and those steps from a plain thread."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from conselho import ids
from conselho.council import councilors, firing, queries, slots
from conselho.council.councilors import Definition, Promotion
from conselho.council.triggers import Kind, Schedule
from conselho.db.session import Database
from conselho.events import log as events
from conselho.executions import queries as executions
from tests.agents.making import make_agent
from tests.conftest import Clock


def make_definition(**changes: object) -> Definition:
    usual = {
        "title": "Quality", "task_name": "Long files", "prompt": "Which files are too long?", "schedule": every("10m")
    }  # fmt: skip
    return Definition(**usual | changes)  # type: ignore[arg-type]


def every(value: str) -> Schedule:
    return Schedule(Kind.INTERVAL, value)


def make_councilor(database: Database, agent_id: str | None = None, slug: str | None = None, **changes: object) -> str:
    """Of an agent of its own, where none is named."""
    holder = agent_id or make_agent(database, f"agent-{ids.new()[-12:]}", cwd="/")
    wish = Promotion(holder, make_definition(**changes), slug)
    return database.submit(councilors.promote, wish, ids.new()).result()


def fire(database: Database) -> int:
    """Fire until nobody is due; returns in how many steps."""
    steps = 1
    while database.submit(firing.fire_next).result():
        steps += 1
    return steps


def fire_now(database: Database, councilor_id: str) -> str:
    row = one(database, councilor_id)
    return database.submit(firing.fire_now, row, "api", ids.new()).result()


def one(database: Database, name: str) -> Row[Any]:
    return database.fetch(queries.one, name).result()


def change(database: Database, name: str, **given: Any) -> None:
    database.submit(councilors.change, name, given).result()


def slots_of(database: Database, councilor_id: str) -> Sequence[Row[Any]]:
    """All of them, the oldest moment first."""
    found: list[Row[Any]] = []
    after = None
    while True:
        page = database.fetch(slots.page, councilor_id, slots.PAGE_MAX, after).result()
        found += page.rows
        if (after := page.next) is None:
            return found[::-1]


def told(database: Database, councilor_id: str, clock: Clock, since: datetime) -> list[str]:
    """Its moments as `+10:00 fired`, counted from `since`."""
    return [_told(each, since) for each in slots_of(database, councilor_id)]


def runs_of(database: Database, councilor_id: str) -> Sequence[Row[Any]]:
    """Its executions, the newest first."""
    which = executions.Filter(councilor=councilor_id)
    return database.fetch(executions.page, which, executions.PAGE_MAX).result().rows


def kinds(database: Database) -> list[str]:
    """The kinds of councilors' events so far."""
    found = database.fetch(events.read_after, 0).result()
    return [each.kind for each in found if each.kind.startswith("councilor.")]


def _told(slot: Row[Any], since: datetime) -> str:
    late = " late" if slot.is_caught_up else ""
    hand = " by hand" if slot.is_manual else ""
    return f"+{(slot.moment - since) / timedelta(minutes=1):g} {slot.state}{late}{hand}"
