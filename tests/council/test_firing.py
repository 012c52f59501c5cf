"""Which moments are fired, which are skipped or missed, and that each leaves one row."""

from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import update

from conselho import errors
from conselho.council import councilors, firing
from conselho.council.models import Councilor
from conselho.db.session import Database, Tx
from conselho.executions.states import Status
from tests.agents import making as agents
from tests.conftest import Clock
from tests.council.making import (
    every,
    fire,
    fire_now,
    kinds,
    make_councilor,
    one,
    runs_of,
    slots_of,
    told,
)
from tests.executions import making as executions


def finish_all(database: Database) -> None:
    while found := executions.claim(database, seats=10):
        for each in found:
            assert executions.start(database, each)
            assert executions.finish(database, each)


def test_a_moment_is_fired_once_when_it_comes(database: Database, clock: Clock) -> None:
    begun = clock()
    councilor = make_councilor(database, schedule=every("10m"))
    assert fire(database) == 1
    assert slots_of(database, councilor) == []

    clock.advance(seconds=600)
    fire(database)
    fire(database)
    (slot,) = slots_of(database, councilor)
    (run,) = runs_of(database, councilor)
    assert (slot.moment, slot.state, slot.execution_id) == (begun + timedelta(minutes=10), "fired", run.id)
    assert (run.status, run.origin, run.title) == (Status.QUEUED, "schedule", "Quality: Long files")
    assert "Which files are too long?" in run.prompt
    assert one(database, councilor).next_at == begun + timedelta(minutes=20)
    assert kinds(database) == ["councilor.promoted", "councilor.fired"]


def test_intervals_are_counted_from_their_start_however_late_a_moment_is_fired(
    database: Database, clock: Clock
) -> None:
    begun = clock()
    councilor = make_councilor(database, schedule=every("10m"))
    clock.advance(seconds=600 + 7)
    fire(database)
    assert one(database, councilor).next_at == begun + timedelta(minutes=20)


def test_the_last_of_the_moments_at_which_nobody_was_there_is_caught_up(database: Database, clock: Clock) -> None:
    begun = clock()
    councilor = make_councilor(database, schedule=every("10m"))
    clock.advance(seconds=35 * 60)
    fire(database)
    assert told(database, councilor, clock, begun) == ["+10 missed", "+20 missed", "+30 fired late"]
    (run,) = runs_of(database, councilor)
    assert "2 moments could not be kept, the first at 2026-03-02T09:10:00Z" in run.prompt
    assert run.context["council"]["fired"] == "catch_up"


def test_with_no_catching_up_they_are_missed(database: Database, clock: Clock) -> None:
    begun = clock()
    councilor = make_councilor(database, schedule=every("10m"), catch_up="none")
    clock.advance(seconds=35 * 60)
    fire(database)
    assert told(database, councilor, clock, begun) == ["+10 missed", "+20 missed", "+30 missed"]
    clock.advance(seconds=5 * 60)
    fire(database)
    assert told(database, councilor, clock, begun)[-1] == "+40 fired"
    (run,) = runs_of(database, councilor)
    assert "3 moments could not be kept" in run.prompt


def test_a_moment_within_the_start_window_is_on_time(database: Database, clock: Clock) -> None:
    begun = clock()
    councilor = make_councilor(database, schedule=every("10m"), catch_up="none", start_window_seconds=300.0)
    clock.advance(seconds=10 * 60 + 299)
    fire(database)
    clock.advance(seconds=10 * 60 + 2)
    finish_all(database)
    fire(database)
    assert told(database, councilor, clock, begun) == ["+10 fired", "+20 missed"]


def test_all_are_caught_up_one_after_the_other_but_no_more_than_the_limit(database: Database, clock: Clock) -> None:
    begun = clock()
    councilor = make_councilor(database, schedule=every("10m"), catch_up="all", catch_up_max=3)
    clock.advance(seconds=55 * 60)
    fire(database)
    assert told(database, councilor, clock, begun) == [
        "+10 missed", "+20 missed", "+30 fired late", "+40 fired late", "+50 fired late"
    ]  # fmt: skip
    assert len(executions.claim(database, seats=10)) == 1, "they run one at a time"
    prompts = [run.prompt for run in reversed(runs_of(database, councilor))]
    assert ["could not be kept" in prompt for prompt in prompts] == [True, False, False]


def test_a_long_gap_is_decided_in_turns_and_each_moment_has_its_row(database: Database, clock: Clock) -> None:
    councilor = make_councilor(database, schedule=every("1m"), catch_up="all", catch_up_max=5)
    clock.advance(timedelta(minutes=1300))
    assert fire(database) >= 3
    states = [each.state for each in slots_of(database, councilor)]
    assert states == ["missed"] * 1295 + ["fired"] * 5
    moments = [each.moment for each in slots_of(database, councilor)]
    assert all(later - earlier == timedelta(minutes=1) for earlier, later in pairwise(moments))


def test_moments_of_more_than_a_week_ago_are_told_in_one_row(database: Database, clock: Clock) -> None:
    begun = clock()
    councilor = make_councilor(database, schedule=every("1d"))
    clock.advance(timedelta(days=100, hours=1))
    fire(database)
    first, *rest = slots_of(database, councilor)
    assert (first.state, first.moment, first.until) == (
        "missed", begun + timedelta(days=1), begun + timedelta(days=93, hours=1)
    )  # fmt: skip
    assert [each.state for each in rest] == ["missed"] * 6 + ["fired"]
    assert rest[0].moment == begun + timedelta(days=94)


@pytest.mark.parametrize(
    ("overlap", "states", "runs"),
    [
        ("skip", ["fired", "skipped", "skipped"], ["running"]),
        ("queue", ["fired", "fired", "skipped"], ["queued", "running"]),
        ("allow", ["fired", "fired", "fired"], ["queued", "queued", "running"]),
    ],
)
def test_what_happens_while_a_run_has_not_ended(
    database: Database, clock: Clock, overlap: str, states: list[str], runs: list[str]
) -> None:
    councilor = make_councilor(database, overlap=overlap)
    clock.advance(seconds=600)
    fire(database)
    (first,) = executions.claim(database)
    executions.start(database, first)
    for _ in range(2):
        clock.advance(seconds=600)
        fire(database)
    assert [each.state for each in slots_of(database, councilor)] == states
    assert [run.status for run in runs_of(database, councilor)] == runs
    free = executions.claim(database, seats=10)
    assert len(free) == (2 if overlap == "allow" else 0), "a run that is queued behind another waits for it"


def test_a_skipped_moment_names_the_run_that_has_not_ended(database: Database, clock: Clock) -> None:
    councilor = make_councilor(database)
    clock.advance(seconds=600)
    fire(database)
    (first,) = executions.claim(database)
    clock.advance(seconds=600)
    fire(database)
    assert slots_of(database, councilor)[1].reason == f"its run {first} has not ended"
    assert kinds(database)[-1] == "councilor.skipped"


def test_the_new_run_waits_until_the_tree_of_the_cancelled_one_is_gone(database: Database, clock: Clock) -> None:
    councilor = make_councilor(database, overlap="cancel")
    clock.advance(seconds=600)
    fire(database)
    (first,) = executions.claim(database)
    executions.start(database, first)
    clock.advance(seconds=600)
    fire(database)
    new, old = runs_of(database, councilor)
    assert (old.id, old.cancel_requested_at, new.status) == (first, clock(), Status.QUEUED)
    assert executions.claim(database) == []
    executions.finish(database, first, status=Status.CANCELLED, severity="warning")
    assert executions.claim(database) == [new.id]


def test_a_queued_run_is_cancelled_at_once_for_the_next(database: Database, clock: Clock) -> None:
    councilor = make_councilor(database, overlap="cancel")
    for _ in range(2):
        clock.advance(seconds=600)
        fire(database)
    assert [run.status for run in runs_of(database, councilor)] == ["queued", "cancelled"]


def test_one_is_fired_by_hand_also_while_it_is_paused_and_its_schedule_stays(database: Database, clock: Clock) -> None:
    begun = clock()
    councilor = make_councilor(database)
    clock.advance(seconds=60)
    fire_now(database, councilor)
    finish_all(database)
    assert one(database, councilor).next_at == begun + timedelta(minutes=10)
    database.submit(councilors.pause, councilor, "ana").result()
    clock.advance(seconds=60)
    fire_now(database, councilor)
    assert told(database, councilor, clock, begun) == ["+1 fired by hand", "+2 fired by hand"]
    assert {run.origin for run in runs_of(database, councilor)} == {"api"}
    assert runs_of(database, councilor)[0].context["council"]["fired"] == "manual"


def test_who_fires_by_hand_is_told_what_has_not_ended(database: Database, clock: Clock) -> None:
    councilor = make_councilor(database)
    first = fire_now(database, councilor)
    with pytest.raises(errors.Conflict, match=f"its run {first} has not ended"):
        fire_now(database, councilor)


def test_fired_by_hand_twice_in_one_moment_both_have_a_row(database: Database, clock: Clock) -> None:
    councilor = make_councilor(database, overlap="allow")
    for _ in range(3):
        fire_now(database, councilor)
    assert len({slot.moment for slot in slots_of(database, councilor)}) == 3


def test_what_its_agent_cannot_do_any_more_is_skipped_with_the_reason(database: Database, clock: Clock) -> None:
    agent = agents.make_agent(database, "reviewer", cwd="/")
    councilor = make_councilor(database, agent)
    agents.change(database, "reviewer", prompt="{prompt}" * 60_000)
    clock.advance(seconds=600)
    fire(database)
    (slot,) = slots_of(database, councilor)
    assert slot.state == "skipped"
    assert "512 KiB" in slot.reason


def test_many_that_are_due_at_once_are_all_fired(database: Database, clock: Clock) -> None:
    agent = agents.make_agent(database, "many", cwd="/")
    made = {make_councilor(database, agent) for _ in range(firing.AT_ONCE + 20)}
    clock.advance(seconds=600)
    assert fire(database) == 2
    fired = [slot for each in made for slot in slots_of(database, each)]
    assert [slot.state for slot in fired] == ["fired"] * len(made)
    assert len({slot.execution_id for slot in fired}) == len(made)


def test_jitter_puts_a_moment_off_by_the_same_time_in_every_process(database: Database, clock: Clock) -> None:
    begun = clock()
    councilor = make_councilor(database, schedule=every("10m"), jitter_seconds=300.0)
    row = one(database, councilor)
    assert row.next_at == begun + timedelta(minutes=10)
    assert row.next_at < row.due_at < row.next_at + timedelta(minutes=5)
    clock.set(row.due_at - timedelta(milliseconds=1))
    fire(database)
    assert slots_of(database, councilor) == []
    clock.set(row.due_at)
    fire(database)
    assert told(database, councilor, clock, begun) == ["+10 fired"]


def test_it_is_known_how_long_it_is_to_the_next(database: Database, clock: Clock) -> None:
    assert database.fetch(firing.seconds_to_next).result() is None
    make_councilor(database, schedule=every("10m"))
    make_councilor(database, schedule=every("5m"))
    clock.advance(seconds=60)
    assert database.fetch(firing.seconds_to_next).result() == 240.0


def test_after_a_restore_nothing_that_has_passed_is_fired(database: Database, clock: Clock) -> None:
    begun = clock()
    councilor = make_councilor(database)
    clock.advance(seconds=25 * 60)
    assert database.submit(firing.move_past_now).result() == 1
    fire(database)
    assert told(database, councilor, clock, begun) == ["+10 skipped", "+20 skipped"]
    assert one(database, councilor).next_at == begun + timedelta(minutes=30)


def test_one_whose_schedule_cannot_be_read_any_more_is_paused_and_holds_up_nobody(
    database: Database, clock: Clock
) -> None:
    lost, other = make_councilor(database), make_councilor(database)

    def lose_the_zone(tx: Tx) -> None:
        cron = {"schedule_type": "cron", "schedule_value": "0 9 * * *", "timezone": "Atlantis/Poseidonis"}
        tx.execute(update(Councilor).where(Councilor.id == lost).values(cron))

    database.submit(lose_the_zone).result()
    clock.advance(seconds=600)
    fire(database)
    (slot,) = slots_of(database, lost)
    assert slot.state == "skipped"
    assert "is no time zone" in slot.reason
    assert (one(database, lost).paused_by, one(database, lost).next_at) == ("Conselho", None)
    assert [each.state for each in slots_of(database, other)] == ["fired"]
