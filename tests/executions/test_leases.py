"""What a crash does: leases run out, outages forgive, lost stays lost, and a report that comes late is kept."""

from datetime import timedelta

from conselho.db.session import Database
from conselho.executions import leases, logs
from conselho.executions.leases import WorkerFacts
from conselho.executions.models import Worker
from tests.conftest import Clock
from tests.executions.making import (
    ANNA,
    BRUNO,
    LEASE,
    cancel,
    claim,
    finish,
    make_claimed,
    make_lines,
    make_queued,
    make_running,
    one,
    rescue,
    start,
    status,
    told,
    wait_while_served,
)

FACTS = WorkerFacts(id=ANNA.id, name="anna", host="h", pid=1, boot_id="b", seats=4)


def test_a_claimed_one_goes_back_when_its_lease_is_over(database: Database, clock: Clock) -> None:
    rescue(database)
    execution_id = make_claimed(database)
    wait_while_served(database, clock, 60)
    assert status(database, execution_id) == "claimed"
    wait_while_served(database, clock, 10)
    assert claim(database, BRUNO) == [execution_id]


def test_a_claimed_one_that_was_asked_to_end_is_cancelled_when_its_lease_is_over(
    database: Database, clock: Clock
) -> None:
    rescue(database)
    execution_id = make_claimed(database)
    cancel(database, execution_id)
    wait_while_served(database, clock, 80)
    assert status(database, execution_id) == "cancelled"


def test_a_running_one_becomes_unreachable_then_lost_and_is_never_requeued(database: Database, clock: Clock) -> None:
    rescue(database)
    execution_id = make_running(database)
    wait_while_served(database, clock, 80)
    row = one(database, execution_id)
    assert (row.status, row.unreachable_since is not None) == ("running", True)
    wait_while_served(database, clock, 650)
    assert status(database, execution_id) == "lost"
    assert claim(database, BRUNO) == []
    assert told(database)[-2:] == ["execution.unreachable", "execution.finished"]


def test_a_lost_one_keeps_the_log_that_was_stored(database: Database, clock: Clock) -> None:
    rescue(database)
    execution_id = make_running(database)
    database.submit(logs.append, logs.pack(execution_id, 1, 1, make_lines(["a", "b"], clock))).result()
    wait_while_served(database, clock, 700)
    row = one(database, execution_id)
    assert (row.status, row.log_lines, row.log_bytes) == ("lost", 2, 4)


def test_a_lost_ones_log_ends_with_it_though_its_worker_comes_back(database: Database, clock: Clock) -> None:
    rescue(database)
    execution_id = make_running(database)
    assert database.submit(logs.append, logs.pack(execution_id, 1, 1, make_lines(["a"], clock))).result()
    wait_while_served(database, clock, 700)
    assert not database.submit(logs.append, logs.pack(execution_id, 1, 2, make_lines(["late"], clock))).result()
    assert database.fetch(logs.head, execution_id).result().last_seq == one(database, execution_id).log_lines == 1


def test_a_worker_that_comes_back_is_reachable_again(database: Database, clock: Clock) -> None:
    rescue(database)
    execution_id = make_running(database)
    wait_while_served(database, clock, 80)
    database.submit(leases.renew, ANNA.id, LEASE).result()
    assert one(database, execution_id).unreachable_since is None
    wait_while_served(database, clock, 60)
    assert one(database, execution_id).unreachable_since is None
    assert finish(database, execution_id)


def test_renewal_names_what_is_held_and_extends_nobody_elses(database: Database, clock: Clock) -> None:
    mine, others = make_running(database), make_claimed(database, BRUNO)
    before = one(database, others).lease_until
    cancel(database, mine)
    clock.advance(seconds=30)
    (held,) = database.submit(leases.renew, ANNA.id, LEASE).result()
    assert (held.id, held.fence, held.cancel_requested_at is not None) == (mine, 1, True)
    assert one(database, mine).lease_until == clock() + LEASE
    assert one(database, others).lease_until == before


def test_after_an_outage_leases_are_extended_and_nobody_is_rescued(database: Database, clock: Clock) -> None:
    rescue(database)
    execution_id = make_claimed(database)
    clock.advance(seconds=600)
    rescue(database)
    assert status(database, execution_id) == "claimed"
    wait_while_served(database, clock, 60)
    assert status(database, execution_id) == "claimed"
    wait_while_served(database, clock, 10)
    assert status(database, execution_id) == "queued"


def test_an_extension_never_shortens_a_lease(database: Database, clock: Clock) -> None:
    execution_id = make_claimed(database)
    long = clock() + timedelta(hours=2)
    database.submit(leases.renew, ANNA.id, timedelta(hours=2)).result()
    rescue(database)
    assert one(database, execution_id).lease_until == long


def test_time_without_a_server_does_not_count_towards_lost(database: Database, clock: Clock) -> None:
    rescue(database)
    execution_id = make_running(database)
    wait_while_served(database, clock, 80)
    clock.advance(timedelta(days=1))
    rescue(database)
    wait_while_served(database, clock, 500)
    assert status(database, execution_id) == "running"
    wait_while_served(database, clock, 200)
    assert status(database, execution_id) == "lost"


def test_with_retry_on_loss_a_silent_worker_costs_one_new_execution(database: Database, clock: Clock) -> None:
    rescue(database)
    execution_id = make_running(database, retry_on_loss=True)
    wait_while_served(database, clock, 80)
    assert status(database, execution_id) == "lost"
    (again,) = claim(database, BRUNO)
    assert one(database, again).retry_of == execution_id
    wait_while_served(database, clock, 30)
    assert claim(database, BRUNO, seats=9) == []


def test_a_report_after_lost_is_kept_as_a_note(database: Database, clock: Clock) -> None:
    rescue(database)
    execution_id = make_running(database)
    wait_while_served(database, clock, 700)
    assert not finish(database, execution_id, summary="all good")
    row = one(database, execution_id)
    assert row.status == "lost"
    assert "all good" in row.note


def test_adoption_raises_every_fence_and_with_it_that_of_the_log(database: Database, clock: Clock) -> None:
    execution_id, foreign = make_running(database), make_running(database, BRUNO)
    (row,) = database.submit(leases.adopt, ANNA.id, LEASE).result()
    assert (row.id, row.fence) == (execution_id, 2)
    stale, fresh = (logs.pack(execution_id, fence, 1, make_lines(["x"], clock)) for fence in (1, 2))
    assert not database.submit(logs.append, stale).result()
    assert database.submit(logs.append, fresh).result()
    assert one(database, foreign).fence == 1


def test_a_fence_that_was_raised_before_the_intent_starts_nothing(database: Database) -> None:
    execution_id = make_claimed(database)
    database.submit(leases.adopt, ANNA.id, LEASE).result()
    assert not start(database, execution_id, fence=1)
    assert start(database, execution_id, fence=2)


def test_a_worker_joins_leaves_and_joins_again_under_its_id(database: Database, clock: Clock) -> None:
    def row() -> Worker:
        return database.fetch(lambda tx: tx.session.query(Worker).one()).result()

    database.submit(leases.join, FACTS).result()
    assert (row().name, row().seats, row().left_at) == ("anna", 4, None)
    clock.advance(seconds=5)
    database.submit(leases.renew, ANNA.id, LEASE).result()
    assert row().seen_at == clock()
    database.submit(leases.leave, FACTS).result()
    assert row().left_at == clock()
    database.submit(leases.join, FACTS).result()
    assert row().left_at is None
    assert told(database) == ["worker.joined", "worker.left", "worker.joined"]


def test_leaving_ends_nothing(database: Database) -> None:
    execution_id = make_running(database)
    database.submit(leases.leave, FACTS).result()
    assert status(database, execution_id) == "running"


def test_the_first_look_ever_rescues_nobody(database: Database, clock: Clock) -> None:
    execution_id = make_claimed(database)
    clock.advance(timedelta(hours=5))
    assert not rescue(database)
    assert status(database, execution_id) == "claimed"


def test_more_than_a_batch_is_rescued_step_by_step(database: Database, clock: Clock) -> None:
    for _ in range(leases.BATCH + 1):
        make_queued(database)
    claim(database, seats=leases.BATCH + 1)
    rescue(database)
    wait_while_served(database, clock, 60)
    clock.advance(seconds=10)
    assert rescue(database) is True
    assert rescue(database) is False
    assert len(claim(database, BRUNO, seats=2 * leases.BATCH)) == leases.BATCH + 1
