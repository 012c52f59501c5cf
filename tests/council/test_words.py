"""A schedule is told as a person would say it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conselho.council import triggers, words
from conselho.council.triggers import Kind, Schedule

ZONE = "America/Sao_Paulo"
AT_AN_HOUR = {
    "0 9 * * 1": "Mondays at 09:00",
    "0 9 * * MON,wed,FRI": "Mondays, Wednesdays and Fridays at 09:00",
    "0 9 * * 6-7": "weekends at 09:00",
    "0 9 * * 0-1": "Mondays and Sundays at 09:00",
    "30 18 * * 1-5": "weekdays at 18:30",
    "30 18 * * MON-FRI": "weekdays at 18:30",
    "0 9 * * *": "every day at 09:00",
    "00 09 * * 0-7": "every day at 09:00",
    "0 9 1-31 * 1": "every day at 09:00",
    "0 9,18 * * *": "every day at 09:00 and 18:00",
    "0,30 9 * * 1": "Mondays at 09:00 and 09:30",
    "0 9 * 1 *": "every day in January at 09:00",
    "0 9 * JAN,JUL 1": "Mondays in January and July at 09:00",
    "0 0 1 * *": "on day 1 of every month at 00:00",
    "0 0 1,15 * *": "on days 1 and 15 of every month at 00:00",
    "0 10 1-7 * *": "on days 1 to 7 of every month at 10:00",
    "0 0 1 */3 *": "on day 1 of January, April, July and October at 00:00",
    "0 9 25 12 *": "every 25 December at 09:00",
    "0 9 13 * 5": "on day 13 of every month and on Fridays at 09:00",
    "0 9 1 * */6": "on day 1 of every month, only on weekends, at 09:00",
    "0 */6 * * *": "every 6 hours from 00:00",
    "5 */2 * * *": "every 2 hours from 00:05",
    "0 9-17 * * 1-5": "every hour from 09:00 to 17:00 on weekdays",
    "*/15 9-17 * * 1-5": "every 15 minutes from 09:00 to 17:45 on weekdays",
    "*/15 9 * * *": "every 15 minutes from 09:00 to 09:45",
    "*/10 0 25 12 *": "every 10 minutes from 00:00 to 00:50 every 25 December",
    "* * * 1 *": "every minute in January",
    "0 9 */2 * 1": "at 09:00 on every second day of month if it's on Monday",
    "*/20 9,12,15 * * 1": "every 20th minute past hours 9, 12, and 15 on Monday",
}
AT_ANY_HOUR = {
    "* * * * *": "every minute",
    "*/15 * * * *": "every 15 minutes",
    "0,30 * * * *": "every 30 minutes",
    "5 * * * *": "every hour at minute 5",
    "0 * * * *": "every hour on the hour",
    "10,40 * * * *": "every hour at minutes 10 and 40",
    "*/7 * * * *": "every seventh minute of every hour",
}


@pytest.mark.parametrize(("value", "told"), AT_AN_HOUR.items())
def test_what_happens_at_an_hour_is_told_with_its_zone(value: str, told: str) -> None:
    assert words.describe(Schedule(Kind.CRON, value, ZONE)) == f"{told} ({ZONE})"


@pytest.mark.parametrize(("value", "told"), AT_ANY_HOUR.items())
def test_what_happens_at_any_hour_is_told_without_zone(value: str, told: str) -> None:
    assert words.describe(Schedule(Kind.CRON, value, ZONE)) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("30m", "every 30 minutes"), ("1m", "every minute"), ("90s", "every 90 seconds"), ("1h", "every hour"),
        ("1d", "every day"), ("2d", "every 2 days"),
    ],
)  # fmt: skip
def test_an_interval_is_told_in_its_unit(value: str, told: str) -> None:
    assert words.describe(Schedule(Kind.INTERVAL, value, ZONE)) == told


def test_a_moment_is_told_by_the_clock_of_its_zone() -> None:
    assert words.describe(Schedule(Kind.ONCE, "2026-12-01T12:00:00Z", ZONE)) == f"once at 2026-12-01 09:00 ({ZONE})"
    assert words.describe(Schedule(Kind.ONCE, "2026-12-01T12:00:30Z")) == "once at 2026-12-01 12:00:30 (UTC)"


fields = (
    st.sampled_from(["*", "0", "*/15", "*/7", "1-9", "5,50", "1-59/2"]),
    st.sampled_from(["*", "0", "*/6", "*/5", "9-17", "3,22", "23"]),
    st.sampled_from(["*", "1", "*/2", "1-7", "1,15", "1-31"]),
    st.sampled_from(["*", "2", "*/3", "JAN,FEB", "5-9"]),
    st.sampled_from(["*", "MON", "*/2", "1-5", "SAT,SUN", "0-7"]),
)


@given(value=st.tuples(*fields).map(" ".join))
def test_whatever_is_taken_can_be_told(value: str) -> None:
    checked = triggers.checked(Schedule(Kind.CRON, value), datetime(2026, 11, 22, tzinfo=UTC))
    told = words.describe(checked)
    assert told == told.strip()
    assert "  " not in told
    assert told == words.describe(checked)
