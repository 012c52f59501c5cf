"""What if a server stands still for longer than its lease, as on a suspended host?

A frozen server feels nothing and goes on where it stood. Others may have acted meanwhile; nothing may start twice.
"""

import json
import os
import signal
import time

from tests.acceptance import agents
from tests.acceptance.house import House, MakeHouse
from tests.acceptance.leases import await_lease_over
from tests.acceptance.waiting import until


def test_a_server_that_was_frozen_for_longer_than_its_lease_starts_nothing_twice(
    house: House, database_url: str
) -> None:
    house.settings |= {"lease_seconds": "1", "outage_seconds": "0.5", "seats": "1"}
    server = house.serve()
    gate = house.gate()
    running = server.submit(agents.count(100) + gate.wait + agents.count(200, first=101))
    queued = server.submit(agents.count(10))
    server.await_line(running, "100")

    os.kill(server.pid, signal.SIGSTOP)
    await_lease_over(database_url, running)
    os.kill(server.pid, signal.SIGCONT)
    assert server.show(running)["status"] == "running"
    gate.open()

    for execution_id, last in ((running, 200), (queued, 10)):
        assert server.end_of(execution_id)["status"] == "succeeded"
        assert server.said(execution_id)[-1] == str(last)
        assert house.starts(execution_id) == 1


def rivals(make_house: MakeHouse, url: str) -> tuple[House, House]:
    """Two houses on one database; the runs of both note their starts in one file."""
    first, second = make_house(url), make_house(url)
    for house in (first, second):
        house.settings |= {"lease_seconds": "1.5", "outage_seconds": "5"}
    second.adopt_scratch(first)
    return first, second


def test_what_a_frozen_worker_had_claimed_is_run_by_another_and_once(
    make_house: MakeHouse, postgres_database_url: str
) -> None:
    first, second = rivals(make_house, postgres_database_url)
    frozen = first.serve_to_die("run directory made", "freeze")
    execution_id = first.submit_unanswered(frozen, agents.count(10))
    other = second.serve()

    assert other.end_of(execution_id)["status"] == "succeeded"
    os.kill(frozen.pid, signal.SIGCONT)
    until(lambda: not list((first.data_dir / "runs").iterdir()), "the frozen one to find that it was too late")

    assert other.said(execution_id) == [str(number) for number in range(1, 11)]
    assert first.starts(execution_id) == 1


def test_a_worker_frozen_right_before_the_fork_does_not_start_the_agent_when_its_lease_is_over(
    make_house: MakeHouse, postgres_database_url: str
) -> None:
    first, second = rivals(make_house, postgres_database_url)
    frozen = first.serve_to_die("intent committed, nothing forked", "freeze")
    execution_id = first.submit_unanswered(frozen, agents.count(10))
    other = second.serve()
    until(lambda: other.show(execution_id)["unreachable"], "the other to miss it")
    assert other.show(execution_id)["status"] == "running"

    await_shim_too_late(first, execution_id)
    os.kill(frozen.pid, signal.SIGCONT)
    ended = other.end_of(execution_id)

    assert first.starts(execution_id) == (1 if ended["status"] == "succeeded" else 0)
    assert first.processes(execution_id) == {}


def await_shim_too_late(house: House, execution_id: str) -> None:
    spec = json.loads((house.run_directory(execution_id) / "spec.json").read_bytes())
    until(lambda: time.clock_gettime(time.CLOCK_BOOTTIME) > spec["start_by_boot_seconds"], "the shim's last moment")


def test_a_run_whose_worker_never_comes_back_is_lost_and_not_started_elsewhere(
    make_house: MakeHouse, postgres_database_url: str
) -> None:
    first, second = rivals(make_house, postgres_database_url)
    second.settings |= {"lost_after_seconds": "1"}
    dying = first.serve_to_die("intent committed, nothing forked")
    execution_id = first.submit_unanswered(dying, agents.count(10))
    dying.await_death()

    ended = second.serve().end_of(execution_id)

    assert (ended["status"], ended["severity"]) == ("lost", "error")
    assert first.starts(execution_id) == 0


def test_a_run_that_was_given_up_as_lost_is_ended_when_its_worker_comes_back(
    make_house: MakeHouse, postgres_database_url: str
) -> None:
    first, second = rivals(make_house, postgres_database_url)
    second.settings |= {"lost_after_seconds": "1"}
    frozen = first.serve()
    execution_id = frozen.submit(agents.count(10) + first.gate().wait)
    frozen.await_line(execution_id, "10")
    os.kill(frozen.pid, signal.SIGSTOP)
    other = second.serve()
    assert other.end_of(execution_id)["status"] == "lost"
    assert first.processes(execution_id) != {}

    os.kill(frozen.pid, signal.SIGCONT)
    until(lambda: not first.processes(execution_id), "the agent to be ended")

    assert other.show(execution_id)["status"] == "lost"
    assert first.starts(execution_id) == 1


def test_a_run_that_is_retried_when_lost_is_over_before_the_next_one_starts(
    make_house: MakeHouse, postgres_database_url: str
) -> None:
    first, second = rivals(make_house, postgres_database_url)
    frozen = first.serve()
    overlap = (
        'mkdir "$TMPDIR/alone" || { echo overlap; exit 9; }\n'
        "trap 'rmdir \"$TMPDIR/alone\"; exit 1' TERM\n" + 'sleep 600 & wait $!\nrmdir "$TMPDIR/alone"\n'
    )
    gone = frozen.submit("echo here\n" + overlap, retry_on_loss=True)
    frozen.await_line(gone, "here")
    os.kill(frozen.pid, signal.SIGSTOP)
    other = second.serve()

    assert other.end_of(gone)["status"] == "lost"
    (again,) = [each["id"] for each in other.all() if each["retry_of"] == gone]
    other.await_line(again, "here")
    assert first.processes(gone) == {}
    os.kill(frozen.pid, signal.SIGCONT)
    other.cancel(again)

    assert other.end_of(again)["status"] == "cancelled"
    assert "overlap" not in other.said(again)
    assert (first.starts(gone), first.starts(again)) == (1, 1)
