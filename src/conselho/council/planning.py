"""Of the moments that are due, which are fired, and what becomes of the others? Pure: the same facts, the same plan.

Nearly always one moment is due, and it is fired. Where several are, nobody was there to fire them: the newest is the
one that counts, and the councilor's `catch_up` says what becomes of those before it, and of it, if it is late by more
than its start window. Each moment gets a row; those of more than a week ago get one together.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from conselho.council import triggers
from conselho.council.triggers import Schedule

MOMENTS_AT_ONCE = 500  # of one councilor, in one transaction
LISTED = timedelta(days=7)  # moments missed longer ago are not listed one by one
START_WINDOW_PART = 10  # of the time to the next moment, where nothing is said
START_WINDOW_LEAST, START_WINDOW_MOST = timedelta(seconds=1), timedelta(seconds=60)

NOBODY = "nobody was there to fire it in time"
STANDS = "nobody was there to fire it in time, and a later moment stands for it"
LONG_AGO = "nobody was there for so long that these moments are not listed one by one"


@dataclass(frozen=True, slots=True)
class Timing:
    """When a councilor is to fire, and what of that is open. Moments are aware UTC."""

    councilor_id: str
    schedule: Schedule
    anchor: datetime
    next_at: datetime
    catch_up: str
    catch_up_max: int
    start_window: timedelta | None
    jitter: timedelta


@dataclass(frozen=True, slots=True)
class Missed:
    """A moment that is not fired; with `until` all moments up to that one."""

    moment: datetime
    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Fire:
    """A moment that is fired. `is_late`: it is caught up, not fired on time."""

    moment: datetime
    is_late: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What is decided of the moments that are due, and the first of which nothing is decided yet."""

    missed: Sequence[Missed]
    fires: Sequence[Fire]
    next_at: datetime | None


def plan(timing: Timing, now: datetime) -> Plan:
    """Decide on the moments up to `now`: at most MOMENTS_AT_ONCE, so that there may be more to decide."""
    if timing.next_at < now - LISTED:
        return _long_ago(timing, now)
    due = list(_due(timing, now))
    newest = _newest(timing)
    if len(due) > MOMENTS_AT_ONCE:
        # Which of these will be the newest is not known yet: those that may be are left for the next turn.
        gone = due[: MOMENTS_AT_ONCE - newest]
        return Plan([Missed(each, NOBODY) for each in gone], (), due[len(gone)])
    if not due:
        return Plan((), (), timing.next_at)
    following = triggers.next_after(timing.schedule, timing.anchor, due[-1])
    is_late = now - due_at(timing, due[-1]) > _window(timing, due[-1], following)
    if timing.catch_up == "none":
        newest = 0 if is_late else 1
    kept = due[len(due) - min(newest, len(due)) :]
    fires = [Fire(each, is_late or each != due[-1]) for each in kept]
    reason = STANDS if fires else NOBODY
    return Plan([Missed(each, reason) for each in due[: len(due) - len(kept)]], fires, following)


def settle(timing: Timing, now: datetime, reason: str) -> Sequence[Missed]:
    """The moments up to `now`, of which none is fired any more, for that reason: the last may stand for many."""
    due = list(_due(timing, now))
    if len(due) <= MOMENTS_AT_ONCE:
        return [Missed(each, reason) for each in due]
    return [*(Missed(each, reason) for each in due[:MOMENTS_AT_ONCE]), Missed(due[MOMENTS_AT_ONCE], reason, now)]


def due_at(timing: Timing, moment: datetime) -> datetime:
    """When a moment is to be fired: its jitter later, which is the same in every process and never passes the next."""
    if not timing.jitter:
        return moment
    following = triggers.next_after(timing.schedule, timing.anchor, moment)
    most = timing.jitter if following is None else min(timing.jitter, following - moment)
    digest = hashlib.sha256(f"{timing.councilor_id} {moment.isoformat()}".encode()).digest()
    return moment + most * (int.from_bytes(digest[:6], "big") / 2**48)


def _due(timing: Timing, now: datetime) -> Iterator[datetime]:
    """The open moments that are due, the oldest first, one more than are decided at once."""
    if due_at(timing, timing.next_at) > now:
        return
    yield timing.next_at
    for moment in triggers.between(timing.schedule, timing.anchor, timing.next_at, now, MOMENTS_AT_ONCE):
        if due_at(timing, moment) > now:
            return
        yield moment


def _newest(timing: Timing) -> int:
    """How many moments a gap may bring back."""
    return timing.catch_up_max if timing.catch_up == "all" else 1


def _window(timing: Timing, moment: datetime, following: datetime | None) -> timedelta:
    if timing.start_window is not None:
        return timing.start_window
    if following is None:
        return START_WINDOW_MOST
    return max(START_WINDOW_LEAST, min(START_WINDOW_MOST, (following - moment) / START_WINDOW_PART))


def _long_ago(timing: Timing, now: datetime) -> Plan:
    horizon = now - LISTED
    following = triggers.next_after(timing.schedule, timing.anchor, horizon)
    if following is None:  # it is the last there is, and may still be caught up
        is_fired = timing.catch_up != "none"
        fires = [Fire(timing.next_at, is_late=True)] if is_fired else []
        return Plan([] if is_fired else [Missed(timing.next_at, NOBODY)], fires, None)
    return Plan([Missed(timing.next_at, LONG_AGO, until=horizon)], (), following)
