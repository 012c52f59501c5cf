"""How councilors are promoted, changed, paused and demoted."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from conselho import errors
from conselho.council import councilors
from conselho.council.triggers import Kind, Schedule
from conselho.db.session import Database
from tests.agents import making as agents
from tests.conftest import Clock
from tests.council.making import (
    change,
    every,
    fire,
    kinds,
    make_councilor,
    make_definition,
    one,
    runs_of,
    slots_of,
    told,
)


def test_an_agent_may_hold_several_each_with_a_name_of_its_own(database: Database, clock: Clock) -> None:
    agent = agents.make_agent(database, "reviewer")
    first, second, third = (make_councilor(database, agent) for _ in range(3))
    slugs = [one(database, each).slug for each in (first, second, third)]
    assert slugs == ["reviewer", "reviewer-long-files", "reviewer-long-files-2"]
    assert agents.one(database, agent).councilors == 3


def test_an_agent_in_the_council_is_not_removed(database: Database, clock: Clock) -> None:
    agent = agents.make_agent(database, "reviewer")
    make_councilor(database, agent)
    with pytest.raises(errors.Conflict, match="demote it first"):
        agents.remove(database, "reviewer")
    database.submit(councilors.demote, "reviewer").result()
    agents.remove(database, "reviewer")


def test_a_name_that_is_taken_is_refused(database: Database, clock: Clock) -> None:
    make_councilor(database, slug="quality")
    with pytest.raises(errors.Conflict, match="'quality' already"):
        make_councilor(database, slug="quality")


def test_another_schedule_is_counted_from_now_and_old_moments_do_not_come_back(
    database: Database, clock: Clock
) -> None:
    begun = clock()
    councilor = make_councilor(database, schedule=every("10m"))
    clock.advance(seconds=25 * 60)
    change(database, councilor, schedule={"value": "1h"})
    assert one(database, councilor).next_at == begun + timedelta(minutes=25 + 60)
    fire(database)
    assert told(database, councilor, clock, begun) == ["+10 skipped", "+20 skipped"]
    assert slots_of(database, councilor)[0].reason == "the schedule was changed before it was fired"


def test_a_change_of_anything_else_leaves_the_schedule_alone(database: Database, clock: Clock) -> None:
    councilor = make_councilor(database)
    before = one(database, councilor)
    clock.advance(seconds=61)
    change(database, councilor, prompt="Look again.", notifications={"on_success": True})
    after = one(database, councilor)
    assert (after.next_at, after.anchored_at, after.version) == (before.next_at, before.anchored_at, 2)
    assert after.notifications["on_success"] is True
    clock.advance(seconds=600)
    fire(database)
    assert "Look again." in runs_of(database, councilor)[0].prompt


def test_nothing_changed_is_no_change(database: Database, clock: Clock) -> None:
    councilor = make_councilor(database)
    change(database, councilor, title="Quality", schedule={"value": "10m"})
    assert one(database, councilor).version == 1
    assert kinds(database) == ["councilor.promoted"]


def test_a_change_of_another_version_is_refused(database: Database, clock: Clock) -> None:
    councilor = make_councilor(database)
    change(database, councilor, title="A")
    with pytest.raises(errors.Conflict, match="at version 2 by now, not 1"):
        database.submit(councilors.change, councilor, {"title": "B"}, 1).result()


def test_a_pause_leaves_no_debt(database: Database, clock: Clock) -> None:
    begun = clock()
    councilor = make_councilor(database)
    database.submit(councilors.pause, councilor, "ana").result()
    paused = one(database, councilor)
    assert (paused.paused_at, paused.paused_by, paused.next_at) == (begun, "ana", None)
    clock.advance(seconds=35 * 60)
    fire(database)
    database.submit(councilors.resume, councilor).result()
    fire(database)
    assert slots_of(database, councilor) == []
    resumed = one(database, councilor)
    assert (resumed.paused_at, resumed.next_at) == (None, begun + timedelta(minutes=40))
    assert kinds(database) == ["councilor.promoted", "councilor.paused", "councilor.resumed"]


def test_to_pause_or_resume_twice_is_to_do_it_once(database: Database, clock: Clock) -> None:
    councilor = make_councilor(database)
    for unit in (councilors.pause, councilors.pause):
        database.submit(unit, councilor, "ana").result()
    for _ in range(2):
        database.submit(councilors.resume, councilor).result()
    assert kinds(database) == ["councilor.promoted", "councilor.paused", "councilor.resumed"]


def test_what_was_due_when_it_was_paused_is_skipped_with_the_reason(database: Database, clock: Clock) -> None:
    begun = clock()
    councilor = make_councilor(database)
    clock.advance(seconds=601)
    database.submit(councilors.pause, councilor, "ana").result()
    assert told(database, councilor, clock, begun) == ["+10 skipped"]


def test_a_schedule_that_is_changed_while_it_is_paused_begins_when_it_is_resumed(
    database: Database, clock: Clock
) -> None:
    councilor = make_councilor(database)
    database.submit(councilors.pause, councilor, "ana").result()
    change(database, councilor, schedule={"value": "1h"})
    assert one(database, councilor).next_at is None
    clock.advance(seconds=90 * 60)
    database.submit(councilors.resume, councilor).result()
    assert one(database, councilor).next_at == clock() + timedelta(minutes=30)


def test_one_that_is_demoted_fires_no_more_and_leaves_its_runs_and_its_name(database: Database, clock: Clock) -> None:
    councilor = make_councilor(database, slug="quality")
    clock.advance(seconds=600)
    fire(database)
    database.submit(councilors.demote, councilor).result()
    clock.advance(seconds=6000)
    fire(database)
    assert len(runs_of(database, councilor)) == 1
    with pytest.raises(errors.NotFound):
        one(database, councilor)
    make_councilor(database, slug="quality")


def test_once_is_fired_once(database: Database, clock: Clock) -> None:
    begun = clock()
    once = Schedule(Kind.ONCE, "2026-03-02T10:00", "UTC")
    councilor = make_councilor(database, schedule=once)
    clock.advance(seconds=3600)
    fire(database)
    fire(database)
    assert told(database, councilor, clock, begun) == ["+60 fired"]
    change(database, councilor, title="Later")
    assert one(database, councilor).next_at is None


def test_context_files_and_format_reach_the_prompt(database: Database, clock: Clock) -> None:
    councilor = make_councilor(database, context_files=("src/a.py", "docs/b.md"), output_format="checklist")
    clock.advance(seconds=600)
    fire(database)
    prompt = runs_of(database, councilor)[0].prompt
    assert "- src/a.py\n- docs/b.md" in prompt
    assert "- [x]" in prompt
    assert prompt.rstrip().splitlines()[-2].startswith("VERDICT: {") or "VERDICT: {" in prompt


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"title": " "}, "title is missing"),
        ({"title": "a\nb"}, "one line"),
        ({"task_name": ""}, "task.name is missing"),
        ({"prompt": " \n"}, "the prompt is empty"),
        ({"prompt": "x" * 10_001}, "10,000 characters"),
        ({"output_format": "poem"}, "summary, detailed, checklist"),
        ({"overlap": "pile up"}, "skip, queue, cancel, allow"),
        ({"catch_up": "some"}, "none, last, all"),
        ({"catch_up_max": 0}, "between 1 and 100"),
        ({"jitter_seconds": -1.0}, "between 0 and 3600"),
        ({"start_window_seconds": 0.5}, "between 1 and 604800"),
        ({"color": "rgb(0,0,0)"}, "color is none"),
        ({"avatar_url": "javascript:alert(1)"}, "avatar_url"),
        ({"schedule": every("5s")}, "10s"),
        ({"schedule": Schedule(Kind.CRON, "0 0 30 2 *")}, "does not happen"),
        ({"schedule": Schedule(Kind.ONCE, "2026-03-02T09:00")}, "is past"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_changed(
    database: Database, clock: Clock, wrong: dict[str, Any], sentence: str
) -> None:
    agent = agents.make_agent(database, "reviewer")
    with pytest.raises(errors.Invalid, match=sentence):
        make_councilor(database, agent, **wrong)
    assert agents.one(database, agent).councilors == 0
    councilor = make_councilor(database, agent)
    before = one(database, councilor)
    given = (
        {"schedule": {"type": wrong["schedule"].type, "value": wrong["schedule"].value}}
        if "schedule" in wrong
        else wrong
    )
    with pytest.raises(errors.Invalid, match=sentence):
        change(database, councilor, **given)
    assert one(database, councilor) == before


def test_moments_are_those_of_the_zone(database: Database, clock: Clock) -> None:
    mondays = Schedule(Kind.CRON, "0 9 * * 1", "America/Sao_Paulo")
    councilor = make_councilor(database, schedule=mondays)
    assert one(database, councilor).next_at == datetime.fromisoformat("2026-03-02T12:00:00+00:00")
    assert make_definition().overlap == "skip"
