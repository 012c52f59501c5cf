"""Every point at which a server may die, and what is true afterwards.

What ends is the whole process, at the point named, by a SIGKILL; then another server starts on the same data. Where
its worker is not to come back, that server has none.
"""

from contextlib import suppress

import httpx
import pytest

from tests.acceptance import agents
from tests.acceptance.house import House
from tests.acceptance.waiting import until

NUMBERS = [str(number) for number in range(1, 101)]


@pytest.mark.parametrize("point", ["enqueue before its commit", "enqueue committed, not answered"])
def test_a_client_that_repeats_an_unanswered_request_gets_one_execution(house: House, point: str) -> None:
    dying = house.serve_to_die(point)
    with pytest.raises(httpx.TransportError):
        dying.post(agents.count(100), key="the same")
    dying.await_death()

    server = house.serve()
    execution_id = server.submit(agents.count(100), key="the same")
    ended = server.end_of(execution_id)

    assert [each["id"] for each in server.all()] == [execution_id]
    assert ended["status"] == "succeeded"
    assert house.starts(execution_id) == 1


@pytest.mark.parametrize(
    "point",
    [
        "claim before its commit",
        "claim committed",
        "run directory made",
        "intent before its commit",
        "intent committed, nothing forked",
        "shim forked",
        "log chunk before its commit",
        "outcome before its commit",
        "outcome committed, directory there",
    ],
)
def test_a_run_starts_once_and_is_told_whole_wherever_its_server_dies(house: House, point: str) -> None:
    dying = house.serve_to_die(point)
    with suppress(httpx.TransportError):  # it may be dead before it can answer
        dying.submit(agents.count(100), key="the same")
    dying.await_death()

    server = house.serve()
    execution_id = server.submit(agents.count(100), key="the same")
    ended = server.end_of(execution_id)

    assert (ended["status"], ended["exit_code"]) == ("succeeded", 0)
    assert server.said(execution_id) == NUMBERS
    assert house.starts(execution_id) == 1


def die_with_a_run(house: House, point: str) -> str:
    """Have a server die at a point that comes after a claim; returns the id of what it had claimed."""
    dying = house.serve_to_die(point)
    execution_id = house.submit_unanswered(dying, agents.count(100))
    dying.await_death()
    return execution_id


def test_a_claim_whose_worker_does_not_come_back_is_queued_again_once_its_lease_is_over(house: House) -> None:
    house.settings |= {"lease_seconds": "1"}
    execution_id = die_with_a_run(house, "run directory made")
    keeper = house.serve("--no-worker")
    keeper.await_state(execution_id, "queued")
    keeper.stop()

    server = house.serve()

    assert server.end_of(execution_id)["status"] == "succeeded"
    assert server.said(execution_id) == NUMBERS
    assert house.starts(execution_id) == 1


def test_an_intent_whose_worker_does_not_come_back_is_lost_and_never_started(house: House) -> None:
    house.settings |= {"lease_seconds": "1", "lost_after_seconds": "1"}
    execution_id = die_with_a_run(house, "intent committed, nothing forked")
    keeper = house.serve("--no-worker")
    ended = keeper.end_of(execution_id)
    keeper.stop()

    server = house.serve()
    until(lambda: not list((house.data_dir / "runs").iterdir()), "the run directory to be taken away")

    assert (ended["status"], ended["severity"], ended["reason"]) == ("lost", "error", "lost")
    assert server.show(execution_id)["status"] == "lost"
    assert house.starts(execution_id) == 0
