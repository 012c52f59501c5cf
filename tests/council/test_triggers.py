"""Which schedules are taken, in which words others are refused, and at which moments they fire."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conselho import errors
from conselho.council import triggers
from conselho.council.triggers import Kind, Schedule

NOW = datetime(2026, 11, 22, 12, 7, 33, 250_000, tzinfo=UTC)
CRONS = [
    "* * * * *", "*/15 * * * *", "0 9 * * 1", "30 2 * * *", "0 9-17 * * MON-FRI", "0 0 1,15 * *", "0 0 29 2 *",
    "5 4 13 * 5", "15 */6 * jan,JUL *", "0 12 */2 * 1", "59 23 31 12 *",
]  # fmt: skip
ZONES = ["UTC", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "America/Havana", "Asia/Kathmandu"]

schedules = st.one_of(
    st.builds(Schedule, st.just(Kind.INTERVAL), st.sampled_from(["10s", "7m", "30m", "5h", "2d", "366d"])),
    st.builds(Schedule, st.just(Kind.CRON), st.sampled_from(CRONS), st.sampled_from(ZONES)),
    st.builds(Schedule, st.just(Kind.ONCE), st.just("2031-07-01T12:00:00Z"), st.sampled_from(ZONES)),
)
moments = st.integers(1_577_836_800, 2_366_841_600).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def cron(value: str, timezone: str = "UTC") -> Schedule:
    return Schedule(Kind.CRON, value, timezone)


def refusal(kind: Kind, value: str, timezone: str = "UTC") -> str:
    with pytest.raises(errors.Invalid) as refused:
        triggers.checked(Schedule(kind, value, timezone), NOW)
    return refused.value.sentence


@pytest.mark.parametrize("value", ["10s", "90s", "30m", "1h", "2d", "366d", "31622400s"])
def test_an_interval_is_taken_as_it_is_written(value: str) -> None:
    schedule = Schedule(Kind.INTERVAL, value, "America/Sao_Paulo")
    assert triggers.checked(schedule, NOW) == schedule


@pytest.mark.parametrize(
    "value",
    [
        "",
        "0m",
        "-5m",
        "+5m",
        "5",
        "m",
        "90x",
        " 5m",
        "5m ",
        "5m\n",
        "5 m",
        "5M",
        "1.5h",
        "05m",
        "٣m",
        "５m",
        "1h30m",
        "\0",
    ],
)
def test_what_is_no_interval_is_told_how_one_is_written(value: str) -> None:
    assert "is no interval: write a whole number and s, m, h or d behind it, as in 30m" in refusal(Kind.INTERVAL, value)


@pytest.mark.parametrize("value", ["1s", "5s", "9s", "367d", "8785h", "99999999999999999999d"])
def test_an_interval_too_short_or_too_long_is_told_the_limits(value: str) -> None:
    assert refusal(Kind.INTERVAL, value) == f"value: {value} does not lie between 10s and 366d, as an interval must"


@pytest.mark.parametrize("value", CRONS)
def test_an_expression_is_kept_as_it_is_written(value: str) -> None:
    assert triggers.checked(cron(value), NOW).value == value


def test_an_expression_is_kept_with_single_blanks() -> None:
    assert triggers.checked(cron(" 0  9\t* * mon "), NOW).value == "0 9 * * mon"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("", "and not 0"),
        ("0 9 * *", "five fields (minute, hour, day of the month, month, day of the week)"),
        ("0 0 9 * * 1", "and not 6"),
        ("@daily", "'@daily' is not known: write five fields, as in '0 0 * * *'"),
        ("@reboot", "write five fields"),
        ("0 9 L * *", "'L' is no day of the month"),
        ("0 9 LW * *", "'LW' is no day of the month"),
        ("0 9 15W * *", "'15W' cannot be read as day of the month"),
        ("0 9 * * 5L", "'5L' cannot be read as day of the week"),
        ("0 9 * * 1#2", "'1#2' cannot be read as day of the week"),
        ("0 9 ? * 1", "'?' cannot be read as day of the month"),
        ("60 9 * * *", "'60' is no minute, which goes from 0 to 59, as in 0,30 or */15"),
        ("0 24 * * *", "'24' is no hour, which goes from 0 to 23"),
        ("0 9 0 * *", "'0' is no day of the month, which goes from 1 to 31"),
        ("0 9 32 * *", "which goes from 1 to 31"),
        ("0 9 * 0 *", "which goes from 1 to 12"),
        ("0 9 * 13 *", "which goes from 1 to 12"),
        ("0 9 * * 8", "which goes from 0 to 7"),
        ("0 9 * FOO *", "'FOO' is no month"),
        ("0 9 * * MONDAY", "'MONDAY' is no day of the week"),
        ("MON 9 * * *", "'MON' is no minute"),
        ("*/0 * * * *", "a step that must lie between 1 and 60 for minute"),
        ("*/90 * * * *", "a step that must lie between 1 and 60 for minute"),
        ("*/-1 * * * *", "cannot be read as minute"),
        ("1- * * * *", "'1-' cannot be read as minute"),
        ("-1 * * * *", "cannot be read as minute"),
        ("*-5 * * * *", "cannot be read as minute"),
        (", * * * *", "cannot be read as minute"),
        ("1,,2 * * * *", "cannot be read as minute"),
        ("1, * * * *", "cannot be read as minute"),
        ("1/2/3 * * * *", "cannot be read as minute"),
        ("1.5 * * * *", "cannot be read as minute"),
        ("٣ * * * *", "cannot be read as minute"),
        ("0 22-2 * * *", "'22-2' runs backwards as hour: write a list, as in 22,23,0"),
        ("0 0 30 2 *", "does not happen in the next 8 years: name a day that its month has"),
        ("0 0 31 4,6,9,11 *", "does not happen in the next 8 years"),
        ("0\n9\n*\n*\n*", "and not 1"),
        ("0\xa09 * * *", "and not 4"),
        ("\0 9 * * *", "cannot be read as minute"),
        ("\ud800 9 * * *", "cannot be read as minute"),
        ("0," * 60 + "0 * * * *", "more than 100 characters"),
    ],
)
def test_what_is_no_expression_is_told_which_field_and_how_it_would_be_right(value: str, said: str) -> None:
    sentence = refusal(Kind.CRON, value)
    assert said in sentence
    assert sentence.startswith("value: ")
    assert sentence.isprintable()


@pytest.mark.parametrize("now", [at(2026, 11, 22), at(2096, 2, 29), at(2096, 2, 29, 0, 0, 1), at(2101, 1, 1)])
def test_the_29th_of_february_is_a_day_also_where_a_leap_year_is_left_out(now: datetime) -> None:
    found = triggers.next_after(triggers.checked(cron("0 0 29 2 *"), now), now, now)
    assert found is not None
    assert (found.month, found.day) == (2, 29)


def test_what_happens_but_not_for_8_years_does_not_happen() -> None:
    leap_sundays = cron("0 0 29 2 */7")
    assert triggers.next_after(leap_sundays, NOW, NOW) == at(2032, 2, 29)
    assert triggers.next_after(leap_sundays, NOW, at(2032, 2, 29)) is None
    with pytest.raises(errors.Invalid, match="does not happen in the next 8 years"):
        triggers.checked(leap_sundays, at(2033, 1, 1))


def test_0_and_7_are_both_sunday() -> None:
    for value in ("0 9 * * 0", "0 9 * * 7", "0 9 * * sun"):
        assert triggers.next_after(cron(value), NOW, NOW) == at(2026, 11, 29, 9)


def test_either_day_is_enough_unless_one_begins_with_a_star() -> None:
    assert triggers.preview(cron("0 0 13 * 5"), at(2026, 11, 1), 3) == [at(2026, 11, day) for day in (6, 13, 20)]
    assert triggers.preview(cron("0 0 */2 * 5"), at(2026, 11, 1), 3) == [
        at(2026, 11, 13), at(2026, 11, 27), at(2026, 12, 11),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "timezone", "kept"),
    [
        ("2026-12-01T09:00:00-03:00", "UTC", "2026-12-01T12:00:00Z"),
        ("2026-12-01T12:00:00Z", "America/Sao_Paulo", "2026-12-01T12:00:00Z"),
        ("2026-12-01t12:00:00.250z", "UTC", "2026-12-01T12:00:00.250000Z"),
        ("2026-12-01T09:00", "America/Sao_Paulo", "2026-12-01T12:00:00Z"),
        ("2026-12-01 09:00:30", "America/Sao_Paulo", "2026-12-01T12:00:30Z"),
        ("2027-03-28T02:30", "Europe/Berlin", "2027-03-28T01:00:00Z"),  # in the gap
        ("2027-10-31T02:30", "Europe/Berlin", "2027-10-31T00:30:00Z"),  # in the repeat
    ],
)
def test_a_moment_is_kept_in_utc(value: str, timezone: str, kept: str) -> None:
    checked = triggers.checked(Schedule(Kind.ONCE, value, timezone), NOW)
    assert checked == Schedule(Kind.ONCE, kept, timezone)
    assert triggers.checked(checked, NOW) == checked


@pytest.mark.parametrize(
    "value",
    [
        "", "tomorrow", "2026-12-01", "1796126400", "2026-02-30T09:00", "2026-12-01T24:00Z", "2026-12-01T09:60",
        "2026-12-01T09:00:00+25:00", "20261201T090000Z", "2026-W49-2T09:00", "2026-12-01T09:00:00Z\n",
        "٢٠٢٦-12-01T09:00", "0001-01-01T00:00+10:00", "\0",
    ],
)  # fmt: skip
def test_what_is_no_moment_is_told_how_one_is_written(value: str) -> None:
    assert "is no moment: write it as in 2026-12-01T09:00" in refusal(Kind.ONCE, value)


def test_a_moment_must_be_to_come_within_ten_years() -> None:
    assert refusal(Kind.ONCE, "2026-11-22T12:07:33Z").endswith("is past: name a moment that is to come")
    assert "is past" in refusal(Kind.ONCE, "2026-11-22T09:00", "America/Sao_Paulo")
    assert "more than ten years away" in refusal(Kind.ONCE, "2036-11-24T00:00:00Z")
    triggers.checked(Schedule(Kind.ONCE, "2036-11-22T00:00:00Z"), NOW)


@pytest.mark.parametrize(
    "timezone",
    [
        "", "Sao_Paulo", "america/sao_paulo", "EST5EDT4", "UTC+3", "../etc/passwd", "/etc/localtime", "localtime",
        "posixrules", "Factory", "Europe/Berlin\0", "Europe/Berlin ", "Europe//Berlin", "Europe", "x" * 5000, "\ud800",
        "tzdata.zi",
    ],
)  # fmt: skip
@pytest.mark.parametrize(("kind", "value"), [(Kind.CRON, "0 9 * * 1"), (Kind.INTERVAL, "30m")])
def test_what_is_no_zone_is_told_how_one_is_named(timezone: str, kind: Kind, value: str) -> None:
    sentence = refusal(kind, value, timezone)
    assert sentence.startswith("timezone: ")
    assert sentence.endswith("is no time zone: name one as in America/Sao_Paulo, or UTC")
    assert len(sentence) < 200
    assert sentence.isprintable()


def test_a_value_of_any_kind_has_a_limit() -> None:
    for kind in Kind:
        assert "100 characters" in refusal(kind, "1" * 5000)


def test_an_interval_is_counted_from_its_anchor() -> None:
    every = Schedule(Kind.INTERVAL, "30m")
    assert triggers.next_after(every, at(2026, 1, 1), at(2026, 1, 1)) == at(2026, 1, 1, 0, 30)
    assert triggers.next_after(every, at(2026, 1, 1), at(2026, 1, 1, 0, 30)) == at(2026, 1, 1, 1)
    assert triggers.next_after(every, at(2026, 1, 1), at(2025, 6, 1)) == at(2026, 1, 1, 0, 30)


def test_what_fires_once_has_no_moment_behind_it() -> None:
    once = Schedule(Kind.ONCE, "2026-12-01T12:00:00Z")
    assert triggers.next_after(once, NOW, NOW) == at(2026, 12, 1, 12)
    assert triggers.next_after(once, NOW, at(2026, 12, 1, 12)) is None
    assert triggers.preview(once, NOW) == [at(2026, 12, 1, 12)]


def test_a_preview_begins_now() -> None:
    assert triggers.preview(Schedule(Kind.INTERVAL, "2d"), NOW, 2) == [NOW + timedelta(days=2), NOW + timedelta(days=4)]
    assert triggers.preview(cron("0 9 * * 1", "America/Sao_Paulo"), NOW, 2) == [
        at(2026, 11, 23, 12),
        at(2026, 11, 30, 12),
    ]
    assert [moment.year for moment in triggers.preview(cron("0 0 29 2 *"), NOW)] == [2028, 2032, 2036, 2040, 2044]


def test_a_schedule_that_cannot_be_read_is_an_error_and_no_moment() -> None:
    for wrong in (cron("0 0 30 2 *"), cron("0 9 * * 1", "Europe/Atlantis"), Schedule(Kind.INTERVAL, "5")):
        with pytest.raises(errors.Invalid):
            triggers.next_after(wrong, NOW, NOW)


@given(schedule=schedules, anchor=moments, after=moments)
def test_the_next_moment_is_later_and_none_lies_between(schedule: Schedule, anchor: datetime, after: datetime) -> None:
    found = triggers.next_after(schedule, anchor, after)
    if found is None:
        assert schedule.type is Kind.ONCE
        return
    assert found > after
    assert found.tzinfo is UTC
    assert triggers.next_after(schedule, anchor, found - timedelta.resolution) == found
    halfway = after + (found - after) / 2
    assert triggers.next_after(schedule, anchor, halfway) == (found if halfway < found else None)


@given(schedule=schedules, anchor=moments, after=moments)
def test_moments_between_are_the_next_ones_one_by_one(schedule: Schedule, anchor: datetime, after: datetime) -> None:
    one_by_one: list[datetime] = []
    found = triggers.next_after(schedule, anchor, after)
    while found is not None and len(one_by_one) < 12:
        one_by_one.append(found)
        found = triggers.next_after(schedule, anchor, found)
    until = one_by_one[-1] if one_by_one else after + triggers.HORIZON
    assert triggers.between(schedule, anchor, after, until, 100) == one_by_one
    assert triggers.between(schedule, anchor, after, until, 3) == one_by_one[:3]
    assert triggers.between(schedule, anchor, after, until - timedelta.resolution, 100) == one_by_one[:-1]


@given(seconds=st.integers(10, 366 * 86400), anchor=moments, after=moments)
def test_an_interval_keeps_its_beat_however_often_it_is_asked(seconds: int, anchor: datetime, after: datetime) -> None:
    found = triggers.next_after(Schedule(Kind.INTERVAL, f"{seconds}s"), anchor, after)
    assert found is not None
    assert (found - anchor) % timedelta(seconds=seconds) == timedelta()
    assert found > max(anchor, after)
    assert found - timedelta(seconds=seconds) <= max(anchor, after)


def taken(schedule: Schedule) -> Schedule | None:
    """As it is kept; None: it is refused, in words."""
    try:
        return triggers.checked(schedule, NOW)
    except errors.Invalid as refused:
        said = refused.sentence
    assert said.isprintable()
    return None


@given(value=st.text(max_size=120), kind=st.sampled_from(Kind), timezone=st.text(max_size=70) | st.just("UTC"))
def test_any_text_is_taken_or_refused_in_words(value: str, kind: Kind, timezone: str) -> None:
    taken(Schedule(kind, value, timezone))


@given(fields=st.lists(st.text("0123456789*/-,AFMNORSU", min_size=1, max_size=5), min_size=5, max_size=5))
def test_what_is_taken_has_a_next_moment_and_stays_as_it_is(fields: list[str]) -> None:
    kept = taken(cron(" ".join(fields)))
    if kept is not None:
        assert triggers.next_after(kept, NOW, NOW) is not None
        assert triggers.checked(kept, NOW) == kept
