"""When is it how late where? Time zones by their IANA names, and what their clocks do when they are changed.

A clock that is put forward leaves out wall times (the gap), one that is put back shows some twice (the repeat). What
holds between two changes is a span: there wall time is UTC plus one offset, and nothing is surprising.
"""

import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from conselho import errors

NAME_CHARACTERS_MAX = 64  # the longest has 32
# Files beside the zones: they say what one machine is set to, or nothing at all.
_NO_ZONES = {"localtime", "posixrules", "Factory"}
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` until before `end`, both in UTC, wall time is UTC plus `offset`."""

    start: datetime
    end: datetime
    offset: timedelta


@cache
def names() -> frozenset[str]:
    """Every zone there is; asked for once, since it looks at hundreds of files."""
    return frozenset(zoneinfo.available_timezones() - _NO_ZONES)


@lru_cache(maxsize=1024)
def named(name: str) -> ZoneInfo:
    """The zone of that name, spelt exactly so. Raises: errors.Invalid where there is none."""
    if len(name) > NAME_CHARACTERS_MAX or name not in names():
        raise errors.Invalid(
            f"timezone: {name[:NAME_CHARACTERS_MAX]!r} is no time zone: name one as in America/Sao_Paulo, or UTC"
        )
    return ZoneInfo(name)


def moment(name: str, wall: datetime) -> datetime:
    """When a clock there shows `wall`, in UTC: in the repeat the first time, in the gap right after it."""
    zone = named(name)
    found = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if wall_time(name, found) == wall:
        return found
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)  # PEP 495: in a gap the two folds lie around the change
    return _change(zone, before, found)


def wall_time(name: str, at: datetime) -> datetime:
    """What a clock there shows at a moment."""
    return at.astimezone(named(name)).replace(tzinfo=None)


def has_day(name: str, day: date) -> bool:
    """Whether the calendar there has that day: islands that moved over the date line have left one out."""
    return wall_time(name, moment(name, datetime.combine(day, time()))).date() == day


def spans(name: str, after: datetime, until: datetime) -> Iterator[Span]:
    """The spans from the one in which `after` lies to the one in which `until` lies, in order."""
    for year in range(after.year, until.year + 1):
        for span in _spans_of(name, year):
            if span.end > after and span.start <= until:
                yield span


@lru_cache(maxsize=8192)
def _spans_of(name: str, year: int) -> tuple[Span, ...]:
    """The spans of a year in UTC; two changes on one day, as no zone ever had, might not be seen."""
    zone = named(name)
    start, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    found: list[Span] = []
    at = begin = start
    offset = _offset(zone, at)
    while at < end:
        following = min(at + _DAY, end - _SECOND)
        if _offset(zone, following) != offset:
            change = _change(zone, at, following)
            found.append(Span(begin, change, offset))
            begin, offset = change, _offset(zone, change)
        at += _DAY
    return (*found, Span(begin, end, offset))


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first second that has another offset than `before`, which is none; `after` is one."""
    offset = _offset(zone, before)
    low, high = 0, (after - before) // _SECOND
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, before + middle * _SECOND) == offset:
            low = middle
        else:
            high = middle
    return before + high * _SECOND


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()
