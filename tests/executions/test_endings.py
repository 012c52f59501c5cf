"""How executions end: once, with their log, counted, and whoever comes late changes nothing."""

from datetime import timedelta

import pytest

from conselho import errors, ids
from conselho.db.session import Database
from conselho.events import log as events
from conselho.executions import counters, endings, leases, logs
from conselho.executions.endings import LogEnd
from conselho.executions.states import Status
from tests.conftest import Clock
from tests.executions.making import (
    ANNA,
    LEASE,
    cancel,
    claim,
    finish,
    give_back,
    make_claimed,
    make_ended,
    make_lines,
    make_outcome,
    make_queued,
    make_running,
    one,
    rescue,
    status,
    told,
)


def test_a_queued_execution_is_cancelled_at_once(database: Database) -> None:
    execution_id = make_queued(database)
    assert cancel(database, execution_id) is Status.CANCELLED
    assert claim(database) == []
    row = one(database, execution_id)
    assert (row.status, row.severity, row.reason) == ("cancelled", "warning", "cancelled")


def test_a_running_one_is_only_asked_to_end(database: Database, clock: Clock) -> None:
    execution_id = make_running(database)
    assert cancel(database, execution_id) is Status.RUNNING
    asked = one(database, execution_id).cancel_requested_at
    clock.advance(seconds=5)
    assert cancel(database, execution_id) is Status.RUNNING
    assert one(database, execution_id).cancel_requested_at == asked
    (wanted,) = database.fetch(leases.asked_to_end, ANNA.id).result()
    assert (wanted.id, wanted.fence) == (execution_id, 1)


def test_a_running_one_that_was_asked_to_end_may_still_say_that_it_succeeded(database: Database) -> None:
    execution_id = make_running(database)
    cancel(database, execution_id)
    assert finish(database, execution_id)
    assert status(database, execution_id) == "succeeded"


def test_a_running_one_that_was_asked_to_end_is_not_queued_again(database: Database) -> None:
    execution_id = make_running(database)
    cancel(database, execution_id)
    assert give_back(database, execution_id, Status.RUNNING)
    assert status(database, execution_id) == "cancelled"


@pytest.mark.parametrize("ended", ["succeeded", "failed", "timed_out", "cancelled", "lost"])
def test_cancel_of_a_finished_one_says_what_it_is(database: Database, ended: str) -> None:
    execution_id = make_ended(database, make_outcome(status=Status(ended), severity="error"))
    with pytest.raises(errors.Conflict, match=ended):
        cancel(database, execution_id)


def test_cancel_of_nothing_is_not_found(database: Database) -> None:
    with pytest.raises(errors.NotFound):
        cancel(database, ids.new())


def test_an_old_fence_writes_nothing(database: Database) -> None:
    execution_id = make_running(database)
    (row,) = database.submit(leases.adopt, ANNA.id, LEASE).result()
    assert row.fence == 2
    assert not finish(database, execution_id, fence=1)
    assert finish(database, execution_id, fence=2)


def test_an_outcome_is_never_changed(database: Database) -> None:
    execution_id = make_ended(database)
    assert not finish(database, execution_id, status=Status.FAILED, severity="error")
    row = one(database, execution_id)
    assert (row.status, row.note) == ("succeeded", None)
    assert told(database).count("execution.finished") == 1


def test_an_outcome_waits_for_its_log(database: Database, clock: Clock) -> None:
    execution_id = make_running(database)
    with pytest.raises(errors.Conflict, match="not yet"):
        finish(database, execution_id, log=LogEnd(2, 8))
    assert status(database, execution_id) == "running"
    chunk = logs.pack(execution_id, 1, 1, make_lines(["one", "two"], clock))
    assert database.submit(logs.append, chunk).result()
    assert finish(database, execution_id, log=LogEnd(2, 8))
    row = one(database, execution_id)
    assert (row.log_lines, row.log_bytes) == (2, 8)


def test_an_outcome_leads_along_an_arrow_or_it_is_a_bug(database: Database) -> None:
    execution_id = make_claimed(database)
    future = database.submit(endings.finish, execution_id, 1, make_outcome(), Status.CLAIMED)
    assert isinstance(future.exception(), KeyError)
    assert status(database, execution_id) == "claimed"


def test_what_cannot_be_started_fails_without_ever_running(database: Database) -> None:
    execution_id = make_claimed(database)
    failed = make_outcome(status=Status.FAILED, severity="error", reason="cwd_missing")
    assert database.submit(endings.finish, execution_id, 1, failed, Status.CLAIMED).result()
    row = one(database, execution_id)
    assert (row.status, row.reason, row.started_at, row.lease_until) == ("failed", "cwd_missing", None, None)


def test_every_field_of_an_outcome_is_kept(database: Database, clock: Clock) -> None:
    said = {
        "status": Status.FAILED, "severity": "error", "summary": "ção", "findings": [{"title": "a", "line": 3}],
        "evidence": {"source": "words"}, "result": "r", "error": "e", "reason": "exit_code", "exit_code": 3,
        "signal": None, "duration_seconds": 1.5, "completed_at": clock() - timedelta(seconds=9), "input_tokens": 2**40,
        "output_tokens": 7, "cost_usd": 0.25, "session": "s1",
    }  # fmt: skip
    row = one(database, make_ended(database, make_outcome(**said)))
    assert {name: getattr(row, name) for name in said} == said


def test_the_event_of_an_end_says_what_it_came_to(database: Database) -> None:
    outcome = make_outcome(status=Status.FAILED, severity="error", summary="x" * 5000, duration_seconds=2.0)
    execution_id = make_ended(database, outcome, title="nightly", agent="ana", councilor_id="c1", card_id="k1")
    last = database.fetch(events.read_after, 0).result()[-1]
    assert (last.kind, last.execution_id) == ("execution.finished", execution_id)
    assert last.data == {
        "status": "failed", "severity": "error", "summary": "x" * 1000, "reason": None, "duration_seconds": 2.0,
        "title": "nightly", "agent": "ana", "councilor": "c1", "card": "k1",
    }  # fmt: skip


def test_what_was_not_started_in_time_expires(database: Database, clock: Clock) -> None:
    execution_id = make_queued(database, start_before=clock() + timedelta(minutes=5))
    rescue(database)
    clock.advance(seconds=10)
    rescue(database)
    assert status(database, execution_id) == "queued"
    clock.advance(seconds=291)
    rescue(database)  # nobody had looked for long: this look only extends
    rescue(database)
    row = one(database, execution_id)
    assert (row.status, row.severity, row.reason) == ("expired", "warning", "start_before")


def test_ended_executions_are_counted(database: Database) -> None:
    for severity in ("success", "warning", "warning"):
        outcome = make_outcome(severity=severity, duration_seconds=2.0)
        make_ended(database, outcome, agent_id="a1", agent="ana")
    make_ended(database, make_outcome(status=Status.LOST, severity="error"))
    of_one = database.fetch(counters.counted, "agent:a1").result()
    assert (of_one["total"], of_one["severity_warning"], of_one["duration_seconds"]) == (3, 2, 6.0)
    of_all = database.fetch(counters.counted).result()
    assert (of_all["total"], of_all["succeeded"], of_all["lost"]) == (4, 3, 1)
    assert database.fetch(counters.counted, "agent:nobody").result() == {}


def test_a_lost_race_counts_nothing(database: Database) -> None:
    execution_id = make_ended(database)
    finish(database, execution_id)
    assert database.fetch(counters.counted).result()["total"] == 1
