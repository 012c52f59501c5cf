"""What is counted of ended executions, and what follows from it."""

from datetime import UTC, date, datetime, timedelta

import pytest

from conselho.db.session import Database
from conselho.executions import counters
from conselho.executions.counters import DayStats, Stats
from conselho.executions.states import Status
from tests.conftest import Clock
from tests.executions.making import cancel, finish, make_claimed, make_ended, make_outcome, make_queued, make_running


def read(database: Database, scope: str = "all") -> Stats:
    return database.fetch(counters.read, scope).result()


def days(database: Database, scope: str, since: date) -> list[DayStats]:
    return database.fetch(counters.days, scope, since).result()


def test_an_execution_counts_for_all_for_its_agent_and_for_its_councilor(database: Database) -> None:
    make_ended(database, agent_id="a1", councilor_id="c1")
    make_ended(database, agent_id="a1")
    make_ended(database)
    scopes = ["all", "agent:a1", "councilor:c1", "councilor:nobody"]
    found = database.fetch(counters.read_many, scopes).result()
    assert {scope: stats.total for scope, stats in found.items()} == dict(zip(scopes, (3, 2, 1, 0), strict=True))


def test_of_nothing_there_is_neither_rate_nor_duration_nor_cost(database: Database) -> None:
    assert read(database) == Stats(by_status={})


def test_severities_and_states_are_counted(database: Database) -> None:
    for severity in ("success", "warning", "warning"):
        make_ended(database, make_outcome(severity=severity))
    make_ended(database, make_outcome(status=Status.TIMED_OUT, severity="error"))
    stats = read(database)
    assert (stats.success, stats.warning, stats.error) == (1, 2, 1)
    assert stats.by_status == {"succeeded": 3, "timed_out": 1}


def test_the_rate_is_of_what_ran_and_was_not_cancelled(database: Database) -> None:
    make_ended(database)
    make_ended(database, make_outcome(severity="warning"))
    make_ended(database, make_outcome(status=Status.CANCELLED, severity="warning"))
    cancel(database, make_queued(database))
    stats = read(database)
    assert (stats.total, stats.rated, stats.success_rate) == (4, 2, 0.5)


def test_what_could_not_be_started_is_no_success(database: Database) -> None:
    make_ended(database)
    refused = make_claimed(database)
    finish(database, refused, status=Status.FAILED, severity="error", source=Status.CLAIMED)
    assert read(database).success_rate == 0.5


def test_durations_have_an_average_and_percentiles(database: Database) -> None:
    for seconds in (1.0, 2.0, 3.0, 10.0):
        make_ended(database, make_outcome(duration_seconds=seconds))
    make_ended(database)
    stats = read(database)
    assert stats.average_seconds == 4.0
    assert stats.p50_seconds == pytest.approx(2.0, rel=0.05)
    assert stats.p95_seconds == pytest.approx(10.0, rel=0.05)


def test_an_unknown_cost_is_not_zero(database: Database) -> None:
    make_ended(database, make_outcome(input_tokens=2**40, output_tokens=7))
    stats = read(database)
    assert (stats.cost_usd, stats.input_tokens, stats.output_tokens) == (None, 2**40, 7)
    make_ended(database, make_outcome(cost_usd=0.0))
    assert read(database).cost_usd == 0.0
    make_ended(database, make_outcome(cost_usd=0.25))
    assert read(database).cost_usd == 0.25


def test_a_day_is_the_one_on_which_it_ended_as_utc_has_it(database: Database, clock: Clock) -> None:
    clock.set(datetime(2026, 3, 2, 23, 59, tzinfo=UTC))
    late = make_running(database, agent_id="a1")
    finish(database, make_running(database, agent_id="a1"), severity="warning", duration_seconds=4.0, cost_usd=0.5)
    clock.advance(timedelta(minutes=2))
    finish(database, late, duration_seconds=2.0)
    first, second = days(database, "agent:a1", date(2026, 3, 1))
    assert (first.day, first.total, first.warning, first.success_rate) == (date(2026, 3, 2), 1, 1, 0.0)
    assert (first.average_seconds, first.cost_usd) == (4.0, 0.5)
    assert (second.day, second.success, second.success_rate, second.cost_usd) == (date(2026, 3, 3), 1, 1.0, None)
    assert days(database, "agent:a1", date(2026, 3, 3)) == [second]
    assert days(database, "agent:a2", date(2026, 3, 1)) == []


def test_an_offset_does_not_move_the_day(database: Database) -> None:
    abroad = datetime.fromisoformat("2026-03-03T01:30:00+03:00")
    make_ended(database, make_outcome(completed_at=abroad))
    assert [each.day for each in days(database, "all", date(2026, 1, 1))] == [date(2026, 3, 2)]
