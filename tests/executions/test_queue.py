"""Enqueue, claim, start, give back: who gets what, in which order, and what a key makes only once."""

from datetime import timedelta

import pytest

from conselho import errors, ids
from conselho.db.session import Database
from conselho.executions import queries, queue
from conselho.executions.models import IdempotencyKey
from conselho.executions.request import Lane
from conselho.executions.states import Status
from tests.conftest import Clock
from tests.executions.making import (
    BRUNO,
    cancel,
    claim,
    finish,
    give_back,
    make_claimed,
    make_ended,
    make_outcome,
    make_queued,
    make_request,
    make_running,
    one,
    start,
    status,
    told,
)


def test_an_execution_goes_from_queued_to_succeeded_and_leaves_its_events(database: Database) -> None:
    execution_id = make_queued(database)
    assert claim(database) == [execution_id]
    assert start(database, execution_id)
    assert finish(database, execution_id)
    assert told(database) == [f"execution.{word}" for word in ("queued", "claimed", "started", "finished")]
    assert status(database, execution_id) == "succeeded"


def test_what_cannot_be_is_refused_and_nothing_is_written(database: Database) -> None:
    with pytest.raises(errors.Invalid, match="absolute"):
        make_queued(database, key="k", cwd="here")
    assert told(database) == []
    assert make_queued(database, key="k")


def test_highest_priority_goes_first_and_then_the_oldest(database: Database) -> None:
    first, second, urgent = make_queued(database), make_queued(database), make_queued(database, priority=5)
    idle = make_queued(database, priority=-1)
    assert claim(database, seats=9) == [urgent, first, second, idle]


def test_a_second_worker_gets_nothing_while_the_first_holds_it(database: Database) -> None:
    make_claimed(database)
    assert claim(database, BRUNO) == []


def test_no_more_is_claimed_than_there_are_seats(database: Database) -> None:
    made = [make_queued(database) for _ in range(3)]
    assert claim(database, seats=2) == made[:2]
    assert claim(database, seats=0) == []


def test_a_lane_lets_in_no_more_than_it_has_room_for(database: Database) -> None:
    lane = (Lane(key="agent:ana", room=1),)
    first, second, free = (make_queued(database, lanes=lane), make_queued(database, lanes=lane), make_queued(database))
    assert claim(database, seats=3) == [first, free]
    why = database.fetch(lambda tx: queries.waiting(tx, [queries.one(tx, second)])).result()
    assert why == {second: "room in agent:ana"}
    start(database, first)
    finish(database, first)
    assert claim(database, seats=3) == [second]


def test_a_run_in_two_lanes_needs_room_in_both(database: Database) -> None:
    first = make_queued(database, lanes=(Lane(key="a", room=1),))
    both = make_queued(database, lanes=(Lane(key="a", room=1), Lane(key="b", room=1)))
    last = make_queued(database, lanes=(Lane(key="b", room=1),))
    assert claim(database, seats=3) == [first, last]
    start(database, first)
    finish(database, first)
    assert claim(database, seats=3) == []
    start(database, last)
    finish(database, last)
    assert claim(database, seats=3) == [both]


def test_an_exclusive_run_waits_for_those_who_share_and_they_for_it(database: Database) -> None:
    shared, alone = (Lane(key="cwd:/x", room=100),), (Lane(key="cwd:/x", room=1),)
    first, exclusive, last = (make_queued(database, lanes=lanes) for lanes in (shared, alone, shared))
    assert claim(database, seats=3) == [first, last]
    for execution_id in (first, last):
        start(database, execution_id)
        finish(database, execution_id)
    later = make_queued(database, lanes=shared)
    assert claim(database, seats=3) == [exclusive]
    assert claim(database, seats=3) == []
    start(database, exclusive)
    finish(database, exclusive)
    assert claim(database, seats=3) == [later]


def test_a_run_that_is_given_back_leaves_its_lane(database: Database) -> None:
    lane = (Lane(key="x", room=1),)
    first, second = make_queued(database, lanes=lane), make_queued(database, lanes=lane, priority=-1)
    assert claim(database, seats=2) == [first]
    later = one(database, first).created_at + timedelta(days=1)
    assert give_back(database, first, Status.CLAIMED, not_before=later)
    assert claim(database, seats=2) == [second]


def test_nothing_is_claimed_before_its_time(database: Database, clock: Clock) -> None:
    execution_id = make_queued(database, not_before=clock() + timedelta(minutes=5))
    assert claim(database) == []
    clock.advance(seconds=301)
    assert claim(database) == [execution_id]


def test_nothing_is_claimed_after_the_moment_it_had_to_start_by(database: Database, clock: Clock) -> None:
    make_queued(database, start_before=clock() + timedelta(minutes=5))
    clock.advance(seconds=300)
    assert claim(database) == []


def test_what_is_given_back_says_why_it_waits_and_is_claimed_under_a_new_fence(
    database: Database, clock: Clock
) -> None:
    execution_id = make_claimed(database)
    later = clock() + timedelta(seconds=5)
    assert give_back(database, execution_id, Status.CLAIMED, waiting_for="/: is busy", not_before=later)
    why = database.fetch(lambda tx: queries.waiting(tx, [queries.one(tx, execution_id)])).result()
    assert why == {execution_id: "/: is busy, tried again at 2026-03-02 09:00:05 UTC"}
    assert claim(database) == []
    clock.advance(seconds=5)
    (row,) = database.submit(queue.claim, BRUNO, 1, timedelta(seconds=60)).result()
    assert (row.fence, row.worker, row.waiting_for) == (2, "bruno", None)


def test_a_running_one_goes_back_only_by_the_holder_of_its_fence(database: Database) -> None:
    execution_id = make_running(database)
    assert not give_back(database, execution_id, Status.RUNNING, fence=7)
    assert not give_back(database, execution_id, Status.CLAIMED)
    assert give_back(database, execution_id, Status.RUNNING)
    assert one(database, execution_id).started_at is None
    assert claim(database) == [execution_id]


def test_the_intent_to_fork_is_committed_once(database: Database) -> None:
    execution_id = make_claimed(database)
    assert not start(database, execution_id, fence=2)
    assert start(database, execution_id)
    assert not start(database, execution_id)
    assert told(database).count("execution.started") == 1


def test_a_claimed_one_that_was_cancelled_cannot_be_started(database: Database) -> None:
    execution_id = make_claimed(database)
    cancel(database, execution_id)
    assert not start(database, execution_id)
    assert give_back(database, execution_id, Status.CLAIMED)
    assert status(database, execution_id) == "cancelled"


def test_the_same_key_makes_one_execution(database: Database) -> None:
    first, second = make_queued(database, key="k"), make_queued(database, key="k")
    assert first == second
    assert claim(database, seats=5) == [first]


def test_the_same_key_with_another_request_is_refused(database: Database) -> None:
    make_queued(database, key="k")
    with pytest.raises(errors.Invalid, match="Idempotency-Key"):
        make_queued(database, key="k", argv=("false",))


def test_a_key_is_forgotten_after_seven_days(database: Database, clock: Clock) -> None:
    first = make_queued(database, key="k")
    clock.advance(timedelta(days=7))
    assert make_queued(database, key="k") == first
    clock.advance(seconds=1)
    assert make_queued(database, key="k") != first


def test_old_keys_are_swept_and_young_ones_stay(database: Database, clock: Clock) -> None:
    make_queued(database, key="old")
    clock.advance(timedelta(days=8))
    make_queued(database, key="young")
    assert database.submit(queue.forget_keys).result() is False
    assert database.fetch(lambda tx: [each.key for each in tx.session.query(IdempotencyKey)]).result() == ["young"]


def test_retry_makes_a_new_execution_of_the_same_wish(database: Database) -> None:
    lanes = (Lane(key="x", room=1),)
    failed = make_outcome(status=Status.FAILED, severity="error")
    execution_id = make_ended(database, failed, lanes=lanes, env={"A": "1"}, priority=3, exclusive=True)
    again = database.submit(queue.retry, execution_id, ids.new()).result()
    row = one(database, again)
    assert (row.retry_of, row.attempt, row.origin) == (execution_id, 2, "retry")
    assert (row.env, row.lanes, row.rank, row.exclusive) == ({"A": "1"}, [["x", 1]], -3, True)
    assert claim(database) == [again]


def test_retry_keeps_the_rules_for_severity(database: Database) -> None:
    own = ({"pattern": "full", "severity": "error"},)
    execution_id = make_ended(database, severity_rules=own)
    again = database.submit(queue.retry, execution_id, ids.new()).result()
    assert one(database, execution_id).severity_rules == one(database, again).severity_rules == [own[0]]
    assert one(database, make_queued(database)).severity_rules is None


def test_retry_under_one_key_makes_one_execution(database: Database) -> None:
    execution_id = make_ended(database)
    first, second = (database.submit(queue.retry, execution_id, ids.new(), "k").result() for _ in range(2))
    assert first == second


def test_only_what_has_ended_is_retried(database: Database) -> None:
    execution_id = make_claimed(database)
    with pytest.raises(errors.Conflict, match="claimed"):
        database.submit(queue.retry, execution_id, ids.new()).result()
    with pytest.raises(errors.NotFound):
        database.submit(queue.retry, ids.new(), ids.new()).result()


def test_a_request_is_its_digest_whatever_the_order_of_its_words() -> None:
    one_way = make_request(env={"A": "1", "B": "2"}, context={"x": 1, "y": {"b": 1, "a": 2}})
    other_way = make_request(env={"B": "2", "A": "1"}, context={"y": {"a": 2, "b": 1}, "x": 1})
    assert one_way.digest() == other_way.digest()
    assert one_way.digest() != make_request(env={"A": "1", "B": "3"}, context=one_way.context).digest()
