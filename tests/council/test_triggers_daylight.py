"""What a cron schedule does where clocks are changed: exact moments, and the same as who looks at every minute."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conselho.council import cron, triggers, zones
from conselho.council.triggers import Kind, Schedule

MINUTE = timedelta(minutes=1)
# Days around which a clock is changed: by an hour, by half an hour, at midnight, over midnight, by a whole day.
CHANGES = [
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("America/Sao_Paulo", date(2018, 11, 4)),
    ("America/Sao_Paulo", date(2019, 2, 17)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Africa/Casablanca", date(2026, 2, 15)),
    ("Africa/Casablanca", date(2026, 3, 22)),
    ("America/Havana", date(2026, 3, 8)),
    ("America/Havana", date(2026, 11, 1)),
    ("Asia/Beirut", date(2026, 3, 29)),
    ("Asia/Beirut", date(2026, 10, 25)),
    ("America/Scoresbysund", date(2026, 3, 29)),
    ("America/Scoresbysund", date(2026, 10, 25)),
    ("America/St_Johns", date(2006, 4, 2)),
    ("America/St_Johns", date(2006, 10, 29)),
    ("Pacific/Apia", date(2011, 12, 30)),
]


def moments(value: str, zone: str, first: date, days: int) -> list[str]:
    """When it fires on those days of UTC, as the clock there shows it."""
    after = datetime.combine(first, time(), UTC) - timedelta(microseconds=1)
    found = triggers.between(Schedule(Kind.CRON, value, zone), after, after, after + timedelta(days=days), 10_000)
    return [moment.astimezone(zones.named(zone)).isoformat(timespec="minutes") for moment in found]


@pytest.mark.parametrize(
    ("value", "zone", "first", "told"),
    [
        ("30 2 * * *", "Europe/Berlin", date(2026, 3, 29), "2026-03-29T03:00+02:00"),
        ("0 2 * * *", "Europe/Berlin", date(2026, 3, 29), "2026-03-29T03:00+02:00"),
        ("0 3 * * *", "Europe/Berlin", date(2026, 3, 29), "2026-03-29T03:00+02:00"),
        ("30 2 * * *", "Europe/Berlin", date(2026, 10, 25), "2026-10-25T02:30+02:00"),
        ("30 2 * * *", "America/New_York", date(2026, 3, 8), "2026-03-08T03:00-04:00"),
        ("30 1 * * *", "America/New_York", date(2026, 11, 1), "2026-11-01T01:30-04:00"),
        ("0 0 * * *", "America/Sao_Paulo", date(2018, 11, 4), "2018-11-04T01:00-02:00"),
        ("30 23 * * *", "America/Sao_Paulo", date(2019, 2, 17), "2019-02-16T23:30-02:00"),
        ("15 2 * * *", "Australia/Lord_Howe", date(2026, 10, 3), "2026-10-04T02:30+11:00"),
        ("45 1 * * *", "Australia/Lord_Howe", date(2026, 4, 4), "2026-04-05T01:45+11:00"),
        ("30 2 * * *", "Africa/Casablanca", date(2026, 3, 22), "2026-03-22T03:00+01:00"),
        ("30 2 * * *", "Africa/Casablanca", date(2026, 2, 15), "2026-02-15T02:30+01:00"),
        ("15 0 * * *", "America/Havana", date(2026, 3, 8), "2026-03-08T01:00-04:00"),
        ("15 0 * * *", "America/Havana", date(2026, 11, 1), "2026-11-01T00:15-04:00"),
        ("0 0 * * *", "Asia/Beirut", date(2026, 3, 28), "2026-03-29T01:00+03:00"),
        ("0 0 * * *", "Asia/Beirut", date(2026, 10, 24), "2026-10-25T00:00+02:00"),
        ("30 23 * * SAT", "America/Scoresbysund", date(2026, 3, 29), "2026-03-29T00:00-01:00"),
    ],
)
def test_a_fixed_time_fires_once_right_after_the_gap_and_the_first_time_in_the_repeat(
    value: str, zone: str, first: date, told: str
) -> None:
    assert moments(value, zone, first, 1) == [told]


@pytest.mark.parametrize(
    ("value", "zone", "first", "told"),
    [
        (
            "*/30 1-3 29 * *",
            "Europe/Berlin",
            date(2026, 3, 29),
            ["01:00+01:00", "01:30+01:00", "03:00+02:00", "03:30+02:00"],
        ),
        ("0,30 2 * * *", "Europe/Berlin", date(2026, 3, 29), []),
        (
            "0,30 2 * * *",
            "Europe/Berlin",
            date(2026, 10, 25),
            ["02:00+02:00", "02:30+02:00", "02:00+01:00", "02:30+01:00"],
        ),
        ("30 1,2 * * *", "America/New_York", date(2026, 11, 1), ["01:30-04:00", "01:30-05:00", "02:30-05:00"]),
        ("*/30 2 * * *", "Australia/Lord_Howe", date(2026, 10, 3), ["02:30+11:00"]),
        ("*/30 1 * * *", "Australia/Lord_Howe", date(2026, 4, 4), ["01:00+11:00", "01:30+11:00", "01:30+10:30"]),
        ("*/30 0 * * *", "America/Havana", date(2026, 3, 8), []),
        (
            "*/30 0 * * *",
            "America/Havana",
            date(2026, 11, 1),
            ["00:00-04:00", "00:30-04:00", "00:00-05:00", "00:30-05:00"],
        ),
    ],
)
def test_other_times_fire_whenever_the_clock_shows_them(value: str, zone: str, first: date, told: list[str]) -> None:
    assert [moment.partition("T")[2] for moment in moments(value, zone, first, 1)] == told


def test_every_hour_stays_an_hour_when_clocks_are_changed() -> None:
    for zone, day in CHANGES:
        if zone == "Australia/Lord_Howe":
            continue  # there the minutes themselves move
        assert len(moments("0 * * * *", zone, day, 1)) == 24, zone


def test_a_day_that_the_calendar_leaves_out_has_no_moment_and_the_next_has_its_own() -> None:
    assert moments("0 9 * * *", "Pacific/Apia", date(2011, 12, 28), 4) == [
        "2011-12-28T09:00-10:00",
        "2011-12-29T09:00-10:00",
        "2011-12-31T09:00+14:00",
        "2012-01-01T09:00+14:00",
    ]
    assert moments("0 9 30 12 *", "Pacific/Apia", date(2011, 12, 1), 60) == []


changes = st.sampled_from(CHANGES)
minutes = st.one_of(st.sampled_from(["*", "*/15", "0,30", "10-20/5", "7"]), st.integers(0, 59).map(str))
hours = st.one_of(st.sampled_from(["*", "*/2", "0-3", "22,23,0,1", "1-4/3"]), st.integers(0, 4).map(str))
weekdays = st.sampled_from(["*", "SAT", "SUN,MON", "0", "5-7"])


def every_minute(day: date) -> Iterator[datetime]:
    """All minutes from two days before until two days behind."""
    begin = datetime.combine(day, time(), UTC) - timedelta(days=2)
    yield from (begin + count * MINUTE for count in range(4 * 24 * 60))


@given(change=changes, minute=minutes, hour=hours, weekday=weekdays)
def test_nothing_else_fires_than_what_who_looks_at_every_minute_would_fire(
    change: tuple[str, date], minute: str, hour: str, weekday: str
) -> None:
    zone, day = change
    value = f"{minute} {hour} * * {weekday}"
    asked = cron.parsed(value)
    begin, *rest = every_minute(day)
    shown = {at: zones.wall_time(zone, at) for at in [begin, *rest]}
    if asked.is_fixed:
        wanted = [moment for moment in _first_reached(asked, shown) if moment > begin]
    else:
        wanted = [
            at
            for at in rest
            if shown[at].minute in asked.minutes and shown[at].hour in asked.hours and asked.matches(shown[at].date())
        ]
    assert triggers.between(Schedule(Kind.CRON, value, zone), begin, begin, rest[-1], 10_000) == wanted


def _first_reached(asked: cron.Cron, shown: dict[datetime, datetime]) -> list[datetime]:
    """For each day that clock shows: the first minute at which it shows the hour and minute, or is past them."""
    at = time(asked.hours[0], asked.minutes[0])
    days = {wall.date() for wall in shown.values() if asked.matches(wall.date())}
    first = min(wall.date() for wall in shown.values())  # what was reached before is not known of it
    reached = (
        next((moment for moment, wall in shown.items() if wall >= datetime.combine(day, at)), None)
        for day in sorted(days)
        if day > first or min(shown.values()) < datetime.combine(day, at)
    )
    return [moment for moment in reached if moment is not None]


@given(change=changes, hour=st.integers(0, 23), minute=st.integers(0, 59))
def test_a_fixed_time_fires_once_for_each_day_that_exists(change: tuple[str, date], hour: int, minute: int) -> None:
    zone, day = change
    schedule = Schedule(Kind.CRON, f"{minute} {hour} * * *", zone)
    asked = [day + timedelta(days=count) for count in range(-3, 4)]
    existing = [each for each in asked if zones.has_day(zone, each)]
    begin = zones.moment(zone, datetime.combine(asked[0], time(hour, minute))) - MINUTE
    end = zones.moment(zone, datetime.combine(asked[-1], time(hour, minute)))
    fired = triggers.between(schedule, begin, begin, end, 100)
    assert fired == [zones.moment(zone, datetime.combine(each, time(hour, minute))) for each in existing]
    assert len(set(fired)) == len(existing)
