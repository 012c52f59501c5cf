"""How is a schedule told to a person? In plain English words, the same for the same schedule.

What most people write is told as a person would say it; the rest as `cronsim` explains it. A zone is named wherever
an hour is, since only there it matters.
"""

from collections.abc import Iterable, Sequence
from datetime import time
from typing import assert_never

import cronsim

from conselho.council import cron, triggers, zones
from conselho.council.cron import Cron
from conselho.council.triggers import Kind, Schedule

TIMES_MAX = 6  # so many are listed where no rule is shorter
FEW_TIMES = 3  # so many are listed even where one is
DAYS_MAX = 6
_UNITS = {"s": "second", "m": "minute", "h": "hour", "d": "day"}
_WEEKDAYS = ("Sundays", "Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays")
_FROM_MONDAY = (1, 2, 3, 4, 5, 6, 0)
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def describe(schedule: Schedule) -> str:
    """As in `Mondays at 09:00 (America/Sao_Paulo)`. Raises: errors.Invalid for what `triggers.checked` refuses."""
    match schedule.type:
        case Kind.INTERVAL:
            return _every(schedule.value)
        case Kind.CRON:
            return _cron(cron.parsed(schedule.value), schedule)
        case Kind.ONCE:
            wall = zones.wall_time(schedule.timezone, triggers.moment_of(schedule.value, schedule.timezone))
            shown = wall.isoformat(" ", "seconds" if wall.second else "minutes")
            return f"once at {shown} ({schedule.timezone})"
        case _:
            assert_never(schedule.type)


def _every(value: str) -> str:
    triggers.length(value)
    count, unit = int(value[:-1]), _UNITS[value[-1]]
    return f"every {unit}" if count == 1 else f"every {count} {unit}s"


def _cron(found: Cron, schedule: Schedule) -> str:
    days = _days(found)
    zone = f" ({schedule.timezone})" if days != "" or len(found.hours) < 24 else ""
    return (_short(found, days) or _explained(schedule.value, is_daily=days == "")) + zone


def _short(found: Cron, days: str | None) -> str | None:
    """What most people write; None: nothing short says it."""
    if days is None:
        return None
    count = len(found.hours) * len(found.minutes)
    repeated = _repeated(found) if count > FEW_TIMES else None
    if repeated is not None:
        return f"{repeated} {_as_rest(days)}".rstrip()
    if count > TIMES_MAX:
        return None
    times = [_time(hour, minute) for hour in found.hours for minute in found.minutes]
    return f"{days or 'every day'} at {_listed(times)}"


def _explained(value: str, *, is_daily: bool) -> str:
    minute, hour, day, month, weekday = value.split()
    if is_daily:  # however that is written: of 1-31 the explanation says nothing
        day = month = weekday = "*"
    told = cronsim.CronSim(f"{minute} {hour} {day} {month} {weekday}", cron.ANY_MOMENT).explain()
    return told[:1].lower() + told[1:]


def _repeated(found: Cron) -> str | None:
    """What comes back within a day, as in `every 15 minutes from 09:00 to 17:45`; None: it is a list of times."""
    minutes, hours = found.minutes, found.hours
    minute_step, hour_step = _step(minutes, 60), _step(hours, 24)
    first, last = _time(hours[0], minutes[0]), _time(hours[-1], minutes[-1])
    if minute_step is not None and minutes[0] == 0:  # all through each of the hours
        often = "every minute" if minute_step == 1 else f"every {minute_step} minutes"
        if hour_step == 1:
            return often
        return f"{often} from {first} to {last}" if _are_in_a_row(hours) else None
    if len(minutes) > 1:
        return f"every hour at minutes {_listed(minutes)}" if hour_step == 1 and len(minutes) <= TIMES_MAX else None
    if hour_step == 1:
        return f"every hour at minute {minutes[0]}" if minutes[0] else "every hour on the hour"
    if hour_step is not None and hour_step <= 12:
        return f"every {hour_step} hours from {first}"
    return f"every hour from {first} to {last}" if _are_in_a_row(hours) and len(hours) > 2 else None


def _days(found: Cron) -> str | None:
    """Which days, as in `Mondays` or `on day 1 of every month`; empty: all of them; None: nothing short says it."""
    every_day, every_weekday, every_month = len(found.days) == 31, len(found.weekdays) == 7, len(found.months) == 12
    months = "every month" if every_month else _listed([_MONTHS[month - 1] for month in sorted(found.months)])
    if (every_day and every_weekday) or (not found.needs_both and (every_day or every_weekday)):
        return "" if every_month else f"every day in {months}"
    weekdays = _weekdays(found.weekdays)
    if every_day:
        return weekdays if every_month else f"{weekdays} in {months}"
    days = _days_of_month(sorted(found.days), months, is_one=len(found.months) == 1)
    if every_weekday or days is None:
        return days
    return f"{days}, only on {weekdays}," if found.needs_both else f"{days} and on {weekdays}"


def _days_of_month(days: list[int], months: str, *, is_one: bool) -> str | None:
    if len(days) == 1:
        return f"every {days[0]} {months}" if is_one else f"on day {days[0]} of {months}"
    if len(days) > 2 and _are_in_a_row(days):
        return f"on days {days[0]} to {days[-1]} of {months}"
    return f"on days {_listed(days)} of {months}" if len(days) <= DAYS_MAX else None


def _as_rest(days: str) -> str:
    """The days behind what is repeated on them."""
    if days.startswith("every day in "):
        return days.removeprefix("every day ")
    if not days or days.startswith(("on ", "every ")):
        return days.removesuffix(",")
    return f"on {days}"


def _weekdays(found: frozenset[int]) -> str:
    if found == {1, 2, 3, 4, 5}:
        return "weekdays"
    if found == {0, 6}:
        return "weekends"
    return _listed([_WEEKDAYS[day] for day in _FROM_MONDAY if day in found])


def _step(values: Sequence[int], whole: int) -> int | None:
    """The step that leads all through `whole` and begins anew without a seam; None: there is none."""
    if len(values) < 2 or whole % len(values):
        return None
    step = whole // len(values)
    return step if list(values) == list(range(values[0], whole, step)) else None


def _are_in_a_row(values: Sequence[int]) -> bool:
    return values[-1] - values[0] == len(values) - 1


def _time(hour: int, minute: int) -> str:
    return time(hour, minute).isoformat("minutes")


def _listed(parts: Iterable[object]) -> str:
    *most, last = (str(part) for part in parts)
    return f"{', '.join(most)} and {last}" if most else last
