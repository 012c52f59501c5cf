"""Which wall times does a cron expression mean? Five fields in standard numbering, read and counted up.

What a field means, and how the two kinds of days go together, is `cronsim`'s, which does as Debian's cron: days of the
month and of the week are both asked for where one of them begins with `*`, else one of them is enough. What clocks do
when they are changed is no affair of this file: between the changes of a zone `cronsim` is not always right, as where
midnight is left out or where the clock moves by half an hour.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import MAXYEAR, date, datetime, time, timedelta
from functools import lru_cache

import cronsim

from conselho import errors

EXAMPLE = "'0 9 * * 1' for Mondays at 09:00"

_MINUTE = timedelta(minutes=1)
ANY_MOMENT = datetime(2000, 1, 1)  # noqa: DTZ001 - wall times have no zone
_TERM = re.compile(r"(?P<first>\*|[0-9]+|[A-Z]+)(?:-(?P<last>[0-9]+|[A-Z]+))?(?:/(?P<step>[0-9]+))?")


@dataclass(frozen=True)
class _Field:
    """What may stand in a field. `steps` is how many values it has, the most that a step can pass over."""

    name: str
    low: int
    high: int
    steps: int
    example: str
    names: tuple[str, ...] = ()

    def number(self, word: str) -> int | None:
        """The value that a number or a name stands for."""
        if word in self.names:
            return self.names.index(word) + self.low
        return int(word) if word.isdigit() and self.low <= int(word) <= self.high else None


_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS = (
    _Field("minute", 0, 59, 60, "0,30 or */15"),
    _Field("hour", 0, 23, 24, "9 or 9-17"),
    _Field("day of the month", 1, 31, 31, "1 or 1,15"),
    _Field("month", 1, 12, 12, "1 or JAN or 1,4,7,10", _MONTHS),
    _Field("day of the week", 0, 7, 7, "1-5 or MON,WED (0 and 7 are Sunday)", _WEEKDAYS),
)


@dataclass(frozen=True)
class Cron:
    """An expression that was read; `minutes` and `hours` rise, `is_fixed`: both are plain numbers.

    `weekdays` begin with Sunday as 0; `needs_both`: a day must be right in the month and in the week.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    needs_both: bool
    is_fixed: bool
    matches: Callable[[date], bool]


def canonical(value: str) -> str:
    """The expression with single blanks. Raises: errors.Invalid with what is wrong in which field."""
    words = [word for word in re.split(r"[ \t]+", value) if word]
    if words and words[0].startswith("@"):
        raise errors.Invalid(f"value: {words[0]!r} is not known: write five fields, as in '0 0 * * *' for each day")
    if len(words) != len(_FIELDS):
        raise errors.Invalid(
            "value: a cron schedule has five fields (minute, hour, day of the month, month, day of the week)"
            f" with blanks between, as in {EXAMPLE}, and not {len(words)}"
        )
    for field, word in zip(_FIELDS, words, strict=True):
        for term in word.upper().split(","):
            _check_term(field, term, word)
    kept = " ".join(words)
    parsed(kept)
    return kept


@lru_cache(maxsize=4096)
def parsed(value: str) -> Cron:
    """What an expression means. Raises: errors.Invalid where it means nothing."""
    try:
        read = cronsim.CronSim(value, ANY_MOMENT)
    except cronsim.CronSimError:
        raise never(value) from None
    minute, hour = value.split()[:2]
    return Cron(
        minutes=tuple(sorted(read.minutes)),
        hours=tuple(sorted(read.hours)),
        days=frozenset(read.days),
        months=frozenset(read.months),
        weekdays=frozenset(day % 7 for day in read.weekdays if isinstance(day, int)),
        needs_both=read.day_and,
        is_fixed=minute.isdigit() and hour.isdigit(),
        matches=read.match_day,  # it reads the fields only, so any thread may call it
    )


def never(value: str) -> errors.Invalid:
    """What is said of an expression that no day fulfils."""
    return errors.Invalid(
        f"value: {value!r} does not happen in the next 8 years: name a day that its month has, as in '0 0 28 2 *'"
    )


def days(cron: Cron, first: date, last: date) -> Iterator[date]:
    """The days on which it happens, from `first` to `last`, in order."""
    year, month, day = first.year, first.month, first.day
    while (year, month) <= (last.year, last.month):
        if month in cron.months:
            yield from _days_of_month(cron, date(year, month, day), last)
        if (year, month) == (MAXYEAR, 12):
            return
        year, month, day = (year + 1, 1, 1) if month == 12 else (year, month + 1, 1)


def walls(cron: Cron, first: datetime, last: date) -> Iterator[datetime]:
    """The wall times that it means, from `first` to the end of the day `last`, in order and without any zone."""
    begin = first if first == first.replace(second=0, microsecond=0) else _next_minute(first)
    for day in days(cron, begin.date(), last):
        hour, minute = (begin.hour, begin.minute) if day == begin.date() else (0, 0)
        for each in cron.hours[bisect_left(cron.hours, hour) :]:
            skipped = bisect_left(cron.minutes, minute) if each == hour else 0
            for found in cron.minutes[skipped:]:
                yield datetime.combine(day, time(each, found))


def _days_of_month(cron: Cron, first: date, last: date) -> Iterator[date]:
    day = first
    while day <= last and day.month == first.month:
        if cron.matches(day):
            yield day
        if day == date.max:
            return
        day += timedelta(days=1)


def _next_minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0) + _MINUTE


def _check_term(field: _Field, term: str, word: str) -> None:
    """One part of a list. Raises: errors.Invalid where it is empty, unknown, out of range or backwards."""
    found = _TERM.fullmatch(term)
    if found is None or (found["first"] == "*" and found["last"] is not None):
        raise errors.Invalid(
            f"value: {word!r} cannot be read as {field.name}: write numbers, lists, ranges or steps,"
            f" as in {field.example}"
        )
    ends = [field.number(end) for end in (found["first"], found["last"]) if end not in (None, "*")]
    if None in ends:
        raise errors.Invalid(
            f"value: {word!r} is no {field.name}, which goes from {field.low} to {field.high}, as in {field.example}"
        )
    if len(ends) == 2 and (ends[0] or 0) > (ends[1] or 0):
        raise errors.Invalid(f"value: {word!r} runs backwards as {field.name}: write a list, as in 22,23,0")
    if found["step"] is not None and not 1 <= int(found["step"]) <= field.steps:
        raise errors.Invalid(
            f"value: {word!r} has a step that must lie between 1 and {field.steps} for {field.name}, as in */2"
        )
