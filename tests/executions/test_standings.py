"""The newest execution of an agent or councilor and its streak, in whatever order executions end."""

import random

import pytest

from conselho.db.session import Database
from conselho.executions import endings, standings
from conselho.executions.standings import Standing
from conselho.executions.states import Status
from tests.conftest import Clock
from tests.executions.making import cancel, claim, finish, make_ended, make_outcome, make_queued, make_running, start

SCOPE = "councilor:c1"


def read(database: Database, scope: str = SCOPE) -> Standing:
    return database.fetch(standings.read_many, [scope]).result()[scope]


def streak(database: Database) -> tuple[str | None, int]:
    found = read(database)
    assert database.fetch(standings.from_rows, SCOPE).result() == found
    return found.streak_severity, found.streak


def begin(database: Database, clock: Clock, count: int) -> list[str]:
    """Running executions of one councilor, one a second."""
    made = []
    for _ in range(count):
        clock.advance(seconds=1)
        made.append(make_running(database, councilor_id="c1"))
    return made


def test_an_unknown_scope_has_an_empty_standing(database: Database) -> None:
    assert read(database) == Standing()


def test_the_newest_ended_one_is_the_last(database: Database, clock: Clock) -> None:
    first, second, _open = begin(database, clock, 3)
    finish(database, second, severity="warning")
    finish(database, first, severity="error", completed_at=clock.advance(seconds=9))
    found = read(database)
    assert (found.last_execution_id, found.last_severity) == (second, "warning")
    assert found.last_completed_at is not None
    assert found.last_completed_at < clock()


def test_agents_have_standings_too_and_everything_has_none(database: Database) -> None:
    execution_id = make_ended(database, agent_id="a1")
    assert read(database, "agent:a1").last_execution_id == execution_id
    assert read(database, "all") == Standing()


def test_equal_severities_in_a_row_are_a_streak(database: Database, clock: Clock) -> None:
    found = []
    for severity in ("success", "success", "error", "error", "error", "success"):
        (execution_id,) = begin(database, clock, 1)
        finish(database, execution_id, severity=severity)
        found.append(streak(database))
    assert found == [("success", 1), ("success", 2), ("error", 1), ("error", 2), ("error", 3), ("success", 1)]


def test_a_cancelled_one_is_the_last_but_breaks_no_streak(database: Database, clock: Clock) -> None:
    for execution_id in begin(database, clock, 2):
        finish(database, execution_id)
    clock.advance(seconds=1)
    cancelled = make_queued(database, councilor_id="c1")
    cancel(database, cancelled)
    assert read(database).last_execution_id == cancelled
    assert streak(database) == ("success", 2)


def test_one_that_ends_late_and_differs_shortens_the_streak(database: Database, clock: Clock) -> None:
    first, second, third, fourth = begin(database, clock, 4)
    for execution_id in (first, third, fourth):
        finish(database, execution_id)
    assert streak(database) == ("success", 3)
    finish(database, second, severity="error")
    assert streak(database) == ("success", 2)


def test_one_that_ends_late_and_is_older_than_the_streak_is_of_no_interest(database: Database, clock: Clock) -> None:
    first, second, third = begin(database, clock, 3)
    finish(database, second, severity="error")
    finish(database, third)
    finish(database, first)
    assert streak(database) == ("success", 1)


@pytest.mark.parametrize("seed", range(5))
def test_a_streak_is_right_in_whatever_order_executions_end(database: Database, clock: Clock, seed: int) -> None:
    rng = random.Random(seed)
    made = [make_queued(database, councilor_id="c1") for _ in range(60)]  # all in one moment: their ids decide
    claim(database, seats=60)
    for execution_id in made:
        start(database, execution_id)
    rng.shuffle(made)
    kinds = [(Status.SUCCEEDED, "success")] * 6 + [(Status.FAILED, "error"), (Status.CANCELLED, "warning")]
    while made:
        some = [made.pop() for _ in range(min(len(made), rng.randrange(1, 6)))]
        ends = [
            database.submit(endings.finish, each, 1, make_outcome(status=status, severity=severity))
            for each in some
            for status, severity in [rng.choice(kinds)]
        ]
        assert all(end.result() for end in ends)
        streak(database)


def test_a_streak_is_at_most_a_thousand(database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standings, "STREAK_MAX", 4)
    first, second, *rest = begin(database, clock, 8)
    for execution_id in rest:
        finish(database, execution_id)
    assert read(database).streak == 4
    finish(database, first, severity="error")
    assert read(database).streak == 4
    finish(database, second)
    assert read(database).streak == 4
