"""How does a councilor fire? One unit looks who is due, decides on each moment, and writes all of it at once.

Any number of processes may take this step: on PostgreSQL each locks the councilors that it decides on and passes over
those that another has, and a moment's row can be written once. What a run is asked to do is copied into it.

Surprising: a councilor's runs find room in a lane of its own, one at a time unless overlap is allowed. So a run that
waits for the one before it, or for the end of one that was cancelled, waits as any run does - and whatever becomes of
this process.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, func, select, text

from conselho import errors, ids
from conselho.agents.models import Agent
from conselho.council import asking, councilors, planning, slots
from conselho.council.asking import Asked, Moment
from conselho.council.models import Councilor
from conselho.council.planning import Fire, Missed
from conselho.council.slots import Slotted
from conselho.db.among import among
from conselho.db.many import ManyChanges
from conselho.db.session import Tx, loose
from conselho.db.types import UtcDateTime
from conselho.events import log as events
from conselho.executions import endings, queue
from conselho.executions.models import Execution
from conselho.executions.states import Status

AT_ONCE = 200  # councilors, in one transaction
TICK = timedelta(microseconds=1)  # the least by which moments differ

_UNUSED = {
    "display_name",
    "avatar_url",
    "color",
    "notifications",
    "created_at",
    "updated_at",
    "demoted_at",
    "paused_by",
}
DUE = (
    select(*(column for column in Councilor.__table__.c if column.name not in _UNUSED))
    .where(Councilor.due_at.is_not(None), Councilor.due_at <= bindparam("now", type_=UtcDateTime))
    .order_by(Councilor.due_at, Councilor.id)
    .limit(AT_ONCE)
    .with_for_update(skip_locked=True)
)
_FIRST_DUE = select(func.min(Councilor.due_at)).where(Councilor.due_at.is_not(None))
_AGENTS = select(Agent.__table__).where(among(Agent.__table__.c.id, "ids"))
_HAS_NOT_ENDED = text("councilor_id IS NOT NULL AND completed_at IS NULL")  # as the index says it, word for word
RUNNING = select(Execution.id, Execution.councilor_id, Execution.status).where(
    among(Execution.__table__.c.councilor_id, "ids"), _HAS_NOT_ENDED
)
_GO_ON = ManyChanges(Councilor, "id", ("next_at", "due_at", "missed_since", "missed"))
_PASSED = select(Councilor.__table__).where(Councilor.next_at <= bindparam("now", type_=UtcDateTime))


@dataclass(slots=True)
class _Sheet:
    """What a step has decided, to be written at once."""

    fired: list[Slotted] = field(default_factory=list)
    asked: dict[str, tuple[Asked, list[tuple[str, dict[str, Any]]]]] = field(default_factory=dict)  # by its agent's id
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    moved: list[dict[str, Any]] = field(default_factory=list)


def fire_next(tx: Tx) -> bool:
    """Decide on what is due, of at most AT_ONCE councilors; True if there may be more."""
    rows = tx.execute(DUE, {"now": tx.now}).all()
    if not rows:
        return False
    sheet = _Sheet()
    agents = _agents(tx, rows)
    running = _open(tx, [row.id for row in rows])
    had = slots.had(tx, [row.id for row in rows], min(row.next_at for row in rows))
    for row in rows:
        _decide(tx, sheet, row, agents[row.agent_id], running[row.id], had)
    slots.take_all(tx, sheet.fired)
    for agent, wishes in sheet.asked.values():
        queue.enqueue_alike(tx, agent.request, wishes)
    for execution_id, data in sheet.told:
        events.append(tx, "councilor.fired", execution_id=execution_id, data=data)
    if sheet.moved:
        _GO_ON.apply(tx, sheet.moved)
    return len(rows) == AT_ONCE or any(each["due_at"] and each["due_at"] <= tx.now for each in sheet.moved)


@loose
def seconds_to_next(tx: Tx) -> float | None:
    """How long until somebody is due, 0 or less where somebody is; None where nobody will be."""
    due_at = tx.execute(_FIRST_DUE).scalar_one()
    return None if due_at is None else float((due_at - tx.now).total_seconds())


def fire_now(
    tx: Tx, row: Row[Any], origin: str, execution_id: str, key: str | None = None, digest: str | None = None
) -> str:
    """Fire a councilor by hand, also one that is paused; returns the id of its run.

    `origin`: `api` or `cli`; `key`: the caller's, if any. Raises: errors.Conflict where its overlap does not let it run
    beside, or behind, those that have not ended; errors.Invalid where its agent cannot do what it is asked any more.
    """
    running = _open(tx, [row.id])[row.id]
    why_not = _why_not(row, running)
    if why_not is not None:
        raise errors.Conflict(f"{row.slug} is not fired: {why_not}; cancel that, or wait for its end")
    agent = _agents(tx, [row])[row.agent_id]
    if isinstance(agent, str):
        raise errors.Invalid(agent)
    moment = _free_moment(tx, row)
    request = replace(agent.request, **asking.difference(agent, row, Moment(moment, "manual"), origin))
    _make_room(tx, row, running)
    slots.take_all(tx, [Slotted(row.id, moment, execution_id, is_manual=True)])
    queue.enqueue(tx, request, execution_id, key, digest)
    events.append(tx, "councilor.fired", execution_id=execution_id, data=_told(row, moment, "manual"))
    return execution_id


def move_past_now(tx: Tx) -> int:
    """After a restore: let nobody fire for moments that have passed; returns how many councilors were moved on."""
    rows = tx.execute(_PASSED, {"now": tx.now}).all()
    for row in rows:
        councilors.go_on_from_now(tx, row, "the database was restored from a backup made before it")
    return len(rows)


def _decide(
    tx: Tx,
    sheet: _Sheet,
    row: Row[Any],
    agent: Asked | str,
    running: Sequence[Row[Any]],
    had: Collection[tuple[str, datetime]],
) -> None:
    """On the due moments of one councilor."""
    timing = councilors.timing(row)
    try:
        plan = planning.plan(timing, tx.now)
        due_at = None if plan.next_at is None else planning.due_at(timing, plan.next_at)
    except errors.Invalid as refused:  # its zone is not known here any more, say: nobody else need wait for that
        councilors.suspend(tx, row, refused.sentence)
        return
    slots.skip(tx, row.id, row.slug, plan.missed, "missed")
    since, missed = row.missed_since, row.missed + len(plan.missed)
    if plan.missed and since is None:
        since = plan.missed[0].moment
    is_fired = False
    for fire in plan.fires:
        if (row.id, fire.moment) in had:
            continue
        # What is caught up together runs one after the other: it need not give way to itself.
        why_not = None if is_fired else _why_not(row, running)
        why_not = why_not or _fire(sheet, row, agent, fire, since, missed)
        if why_not is not None:
            slots.skip(tx, row.id, row.slug, [Missed(fire.moment, why_not)])
            continue
        if not is_fired:
            _make_room(tx, row, running)
        is_fired, since, missed = True, None, 0
    sheet.moved.append(
        {"id": row.id, "next_at": plan.next_at, "due_at": due_at, "missed_since": since, "missed": missed}
    )


def _fire(
    sheet: _Sheet, row: Row[Any], agent: Asked | str, fire: Fire, since: datetime | None, missed: int
) -> str | None:
    """Have a moment's run asked for; why not, where it cannot be."""
    if isinstance(agent, str):
        return agent
    how = "catch_up" if fire.is_late else "schedule"
    try:
        wish = asking.difference(agent, row, Moment(fire.moment, how, since, missed), "schedule")
    except errors.Invalid as refused:
        return refused.sentence
    execution_id = ids.new()
    sheet.fired.append(Slotted(row.id, fire.moment, execution_id, is_caught_up=fire.is_late))
    sheet.asked.setdefault(agent.agent.id, (agent, []))[1].append((execution_id, wish))
    sheet.told.append((execution_id, _told(row, fire.moment, how)))
    return None


def _free_moment(tx: Tx, row: Row[Any]) -> datetime:
    """Now, or right after it, where something has become of now: two may fire it in one transaction."""
    moment = tx.now
    taken = slots.had(tx, [row.id], moment)
    while (row.id, moment) in taken:
        moment += TICK
    return moment


def _told(row: Row[Any], moment: datetime, how: str) -> dict[str, Any]:
    return {"councilor_id": row.id, "councilor": row.slug, "moment": moment.isoformat(), "fired": how}


def _why_not(row: Row[Any], running: Sequence[Row[Any]]) -> str | None:
    """Why a councilor may not fire beside the runs that it has, None where it may."""
    if not running or row.overlap in {"allow", "cancel"}:
        return None
    if row.overlap == "skip":
        return f"its run {running[-1].id} has not ended"
    waiting = [each.id for each in running if each.status == Status.QUEUED]
    return f"its run {waiting[-1]} is waiting already" if waiting else None


def _make_room(tx: Tx, row: Row[Any], running: Sequence[Row[Any]]) -> None:
    if row.overlap == "cancel":
        for each in running:
            with suppress(errors.Conflict):  # it has ended meanwhile
                endings.request_cancel(tx, each.id)


def _agents(tx: Tx, rows: Sequence[Row[Any]]) -> Mapping[str, Asked | str]:
    """What the runs of their agents have in common, by the agent's id; why one cannot be run, where that is so."""
    found: dict[str, Asked | str] = dict.fromkeys((row.agent_id for row in rows), "its agent was removed")
    for agent in tx.execute(_AGENTS, {"ids": sorted(found)}):
        try:
            found[agent.id] = asking.of_agent(agent)
        except errors.Invalid as refused:
            found[agent.id] = refused.sentence
    return found


def _open(tx: Tx, councilor_ids: Sequence[str]) -> Mapping[str, list[Row[Any]]]:
    """The runs of some councilors that have not ended, the oldest first."""
    found: dict[str, list[Row[Any]]] = defaultdict(list)
    for run in sorted(tx.execute(RUNNING, {"ids": list(councilor_ids)}), key=lambda each: str(each.id)):
        found[run.councilor_id].append(run)
    return found
