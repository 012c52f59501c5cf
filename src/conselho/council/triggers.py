"""At which moments does a schedule fire?

Nothing is remembered and nothing is asked for: moments follow from the schedule, from where its intervals are anchored
and from the moment that is passed. So a restart changes none of them.

When clocks are changed, a cron schedule with a plain number for hour and for minute fires once on each day: in the gap
right after it, in the repeat the first time, and not at all on a day that the calendar leaves out. One with `*`,
steps, lists or ranges in either fires at every moment whose wall time fits, as time goes: twice in the repeat, and
never in the gap.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import assert_never

from conselho import errors
from conselho.council import cron, zones
from conselho.council.cron import Cron

CHARACTERS_MAX = 100  # of a value
EXAMPLES = "30m, '0 9 * * 1' or 2026-12-01T09:00"
INTERVAL_MIN = timedelta(seconds=10)
INTERVAL_MAX = timedelta(days=366)
ONCE_MAX = timedelta(days=3653)  # ten years
HORIZON = timedelta(days=8 * 366)  # from one 29 February over a year like 2100 to the next: what is farther is never

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}  # in seconds
_INTERVAL = re.compile(r"([1-9][0-9]*)([smhd])")
_ONCE = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?)([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
_DAY = timedelta(days=1)
_NEVER = datetime(9999, 12, 31)  # noqa: DTZ001 - wall times have no zone


class Kind(StrEnum):
    """How a schedule is told."""

    INTERVAL = "interval"
    CRON = "cron"
    ONCE = "once"


@dataclass(frozen=True)
class Schedule:
    """When a councilor is to run: `value` is a length (`30m`), five fields of cron, or a moment."""

    type: Kind
    value: str
    timezone: str = "UTC"


def checked(schedule: Schedule, now: datetime) -> Schedule:
    """The schedule as it is stored: cron with single blanks, a moment in UTC. Checking it again changes nothing.

    Raises: errors.Invalid with one sentence that says what is wrong, and how it would be right.
    """
    zones.named(schedule.timezone)
    if len(schedule.value) > CHARACTERS_MAX:
        raise errors.Invalid(f"value: it has more than {CHARACTERS_MAX} characters: write a schedule as in {EXAMPLES}")
    match schedule.type:
        case Kind.INTERVAL:
            length(schedule.value)
            return schedule
        case Kind.CRON:
            kept = replace(schedule, value=cron.canonical(schedule.value))
            if next_after(kept, now, now) is None:
                raise cron.never(kept.value)
            return kept
        case Kind.ONCE:
            return replace(schedule, value=_written(_moment_to_come(schedule, now)))
        case _:
            assert_never(schedule.type)


def next_after(schedule: Schedule, anchor: datetime, after: datetime) -> datetime | None:
    """The first moment later than `after`, in UTC; None: there is none, or none for 8 years.

    Intervals are counted from `anchor`, which is no moment itself. Raises: errors.Invalid for what `checked` refuses.
    """
    if schedule.type is Kind.INTERVAL:
        return _of_interval(length(schedule.value), anchor, after)
    return next(_moments(schedule, anchor, after, after + HORIZON), None)


def between(schedule: Schedule, anchor: datetime, after: datetime, until: datetime, limit: int) -> list[datetime]:
    """The moments later than `after` and not later than `until`, the oldest first, at most `limit`."""
    return list(itertools.islice(_moments(schedule, anchor, after, until), limit))


def preview(schedule: Schedule, now: datetime, count: int = 5) -> list[datetime]:
    """The next moments, where it is started now."""
    return between(schedule, now, now, now + count * HORIZON, count)


@lru_cache(maxsize=4096)
def length(value: str) -> timedelta:
    """How long an interval is. Raises: errors.Invalid where it is none, or too short or too long."""
    found = _INTERVAL.fullmatch(value)
    if found is None:
        raise errors.Invalid(
            f"value: {value!r} is no interval: write a whole number and s, m, h or d behind it, as in 30m or 2d"
        )
    seconds = int(found[1]) * _UNITS[found[2]]
    if not INTERVAL_MIN.total_seconds() <= seconds <= INTERVAL_MAX.total_seconds():
        raise errors.Invalid(f"value: {value} does not lie between 10s and 366d, as an interval must")
    return timedelta(seconds=seconds)


@lru_cache(maxsize=4096)
def moment_of(value: str, zone: str) -> datetime:
    """When it is that fires once: as RFC 3339 says, or without an offset as the zone's wall time.

    Raises: errors.Invalid where there is no such moment.
    """
    found = _ONCE.fullmatch(value)
    if found is not None:
        day, clock_time, offset = found.groups()
        try:
            read = datetime.fromisoformat(f"{day}T{clock_time}{(offset or '').upper()}")
            return read.astimezone(UTC) if offset else zones.moment(zone, read)
        except (ValueError, OverflowError):
            pass  # such a day, hour or offset there is not
    raise errors.Invalid(
        f"value: {value!r} is no moment: write it as in 2026-12-01T09:00 for the time zone's clock,"
        " or 2026-12-01T09:00:00Z"
    )


def _of_interval(step: timedelta, anchor: datetime, after: datetime) -> datetime:
    return anchor + max(1, (after - anchor) // step + 1) * step


def _moments(schedule: Schedule, anchor: datetime, after: datetime, until: datetime) -> Iterator[datetime]:
    """All of them later than `after` and not later than `until`, in order."""
    match schedule.type:
        case Kind.INTERVAL:
            step = length(schedule.value)
            moment = _of_interval(step, anchor, after)
            while moment <= until:
                yield moment
                moment += step
        case Kind.CRON:
            found = cron.parsed(schedule.value)
            yield from (_once_a_day if found.is_fixed else _as_time_goes)(found, schedule.timezone, after, until)
        case Kind.ONCE:
            moment = moment_of(schedule.value, schedule.timezone)
            if after < moment <= until:
                yield moment
        case _:
            assert_never(schedule.type)


def _once_a_day(found: Cron, zone: str, after: datetime, until: datetime) -> Iterator[datetime]:
    """For a plain hour and minute. The day before counts as well: what its gap puts off may be still to come."""
    at = time(found.hours[0], found.minutes[0])
    first, last = zones.wall_time(zone, after).date() - _DAY, zones.wall_time(zone, until).date() + _DAY
    for day in cron.days(found, first, last):
        moment = zones.moment(zone, datetime.combine(day, at))
        if moment > until:
            return
        if moment > after and zones.has_day(zone, day):
            yield moment


def _as_time_goes(found: Cron, zone: str, after: datetime, until: datetime) -> Iterator[datetime]:
    """Span by span: in each of them wall time goes as time goes. The next one may begin earlier or later in it."""
    last_day = zones.wall_time(zone, until).date() + 2 * _DAY
    walls: Iterator[datetime] = iter(())
    wall = end = _NEVER
    for span in zones.spans(zone, after, until):
        first = _wall(max(span.start, after + timedelta.resolution), span.offset)
        if first < end:  # a repeat, or the very first span
            walls = cron.walls(found, first, last_day)
            wall = next(walls, _NEVER)
        end = _wall(span.end, span.offset)
        while wall < end:
            moment = (wall - span.offset).replace(tzinfo=UTC)
            if moment > until:
                return
            if wall >= first:  # else in the gap before
                yield moment
            wall = next(walls, _NEVER)


def _wall(at: datetime, offset: timedelta) -> datetime:
    return at.replace(tzinfo=None) + offset


def _moment_to_come(schedule: Schedule, now: datetime) -> datetime:
    moment = moment_of(schedule.value, schedule.timezone)
    if moment <= now:
        raise errors.Invalid(f"value: {schedule.value} is past: name a moment that is to come")
    if moment > now + ONCE_MAX:
        raise errors.Invalid(f"value: {schedule.value} is more than ten years away: name a moment before that")
    return moment


def _written(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
