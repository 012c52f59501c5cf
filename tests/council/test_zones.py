"""Zones by their names, and the spans between the changes of their clocks."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conselho import errors
from conselho.council import zones

SECOND = timedelta(seconds=1)
seconds = st.integers(0, 2_840_140_800)  # from 1970 until 2060
names = st.sampled_from(sorted(zones.names()))


@given(name=names, second=seconds)
def test_every_moment_lies_in_a_span_with_its_offset(name: str, second: int) -> None:
    at = datetime.fromtimestamp(second, UTC)
    (span,) = zones.spans(name, at, at)
    assert span.start <= at < span.end
    for moment in (span.start, at, span.end - SECOND):
        assert moment.astimezone(zones.named(name)).utcoffset() == span.offset


@given(name=names, second=seconds)
def test_spans_follow_each_other_without_a_seam(name: str, second: int) -> None:
    after = datetime.fromtimestamp(second, UTC)
    until = after + timedelta(days=1000)
    found = list(zones.spans(name, after, until))
    assert found[0].start <= after
    assert until < found[-1].end
    assert [span.end for span in found[:-1]] == [span.start for span in found[1:]]


@given(name=names, second=seconds)
def test_what_a_clock_shows_is_found_again_or_was_shown_before(name: str, second: int) -> None:
    at = datetime.fromtimestamp(second, UTC)
    found = zones.moment(name, zones.wall_time(name, at))
    assert found <= at
    assert zones.wall_time(name, found) == zones.wall_time(name, at)


def test_in_a_gap_it_is_the_first_moment_behind_it() -> None:
    for hour, minute in ((2, 0), (2, 30), (2, 59)):
        wall = datetime(2026, 3, 29, hour, minute)  # noqa: DTZ001 - wall times have no zone
        assert zones.moment("Europe/Berlin", wall) == datetime(2026, 3, 29, 1, tzinfo=UTC)


def test_islands_that_moved_over_the_date_line_left_a_day_out() -> None:
    assert not zones.has_day("Pacific/Apia", date(2011, 12, 30))
    assert not zones.has_day("Pacific/Kiritimati", date(1994, 12, 31))
    assert zones.has_day("Pacific/Apia", date(2011, 12, 31))
    assert zones.has_day("America/Havana", date(2026, 3, 8))  # it begins at one o'clock
    assert zones.has_day("America/Scoresbysund", date(2026, 3, 28))  # it ends an hour early


def test_what_one_machine_is_set_to_is_no_zone() -> None:
    assert not {"localtime", "posixrules", "Factory"} & zones.names()
    for name in ("localtime", "posixrules", "../UTC", "utc"):
        with pytest.raises(errors.Invalid, match="is no time zone: name one as in America/Sao_Paulo"):
            zones.named(name)
