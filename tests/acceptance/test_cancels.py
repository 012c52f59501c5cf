"""What becomes of a run that was to be cancelled when its server dies in the middle of it?"""

from contextlib import suppress

import httpx
import pytest

from tests.acceptance import agents, traces
from tests.acceptance.house import House, Server, ServerDied
from tests.acceptance.waiting import until

# It will not hear, and has a child in a session of its own that will not either.
STUBBORN = "trap '' TERM\nsetsid sleep 600 &\necho here\nsleep 600\n"


def start_stubborn(server: Server) -> str:
    execution_id = server.submit(STUBBORN)
    server.await_line(execution_id, "here")
    return execution_id


def assert_cancelled_and_gone(house: House, server: Server, execution_id: str, *, starts: int) -> None:
    ended = server.end_of(execution_id)
    assert (ended["status"], ended["severity"]) == ("cancelled", "warning")
    assert house.starts(execution_id) == starts
    until(lambda: not list((house.data_dir / "runs").iterdir()), "the run directory to go")
    assert traces.found(f"CONSELHO_EXECUTION={execution_id}") == {}
    assert house.processes(execution_id) == {}
    assert server.cancel(execution_id).status_code == 409


def test_a_cancel_that_was_not_answered_is_repeated_and_heeded(house: House) -> None:
    dying = house.serve_to_die("cancel before its commit")
    execution_id = start_stubborn(dying)
    with pytest.raises(httpx.TransportError):
        dying.cancel(execution_id)
    dying.await_death()

    server = house.serve()
    shown = server.show(execution_id)
    assert (shown["status"], shown["cancel_requested_at"]) == ("running", None)
    assert server.cancel(execution_id).status_code == 200

    assert_cancelled_and_gone(house, server, execution_id, starts=1)


def cancel_and_die(house: House, script: str, line: str) -> str:
    """Have a cancel committed of which nobody but the database heard."""
    dying = house.serve_to_die("cancel committed")
    execution_id = dying.submit(script)
    dying.await_line(execution_id, line)
    with suppress(httpx.TransportError):  # it may be answered first
        dying.cancel(execution_id)
    dying.await_death()
    return execution_id


def test_a_cancel_that_was_committed_is_heeded_by_the_next_server(house: House) -> None:
    execution_id = cancel_and_die(house, STUBBORN, "here")
    assert house.processes(execution_id) != {}

    assert_cancelled_and_gone(house, house.serve(), execution_id, starts=1)


def test_a_run_that_ends_by_itself_before_the_cancel_reaches_it_keeps_its_true_outcome(house: House) -> None:
    gate = house.gate()
    execution_id = cancel_and_die(house, agents.count(3) + gate.wait + "echo 4; exit 7\n", "3")
    gate.open()
    until((house.run_directory(execution_id) / "exit.json").exists, "the run to end")

    server = house.serve()
    ended = server.end_of(execution_id)

    assert (ended["status"], ended["exit_code"]) == ("failed", 7)
    assert server.said(execution_id) == ["1", "2", "3", "4"]
    assert house.starts(execution_id) == 1


@pytest.mark.parametrize("is_cancelled", [True, False], ids=["cancelled", "wanted"])
def test_a_claim_that_dies_with_its_server_is_given_back_once_or_cancelled(house: House, *, is_cancelled: bool) -> None:
    claiming = house.serve_to_die("run directory made")
    with suppress(httpx.TransportError):
        claiming.post(agents.count(3), key="once")
    claiming.await_death()
    if is_cancelled:
        keeper = house.serve("--no-worker")
        (claimed,) = keeper.all()
        assert claimed["status"] == "claimed"
        assert keeper.cancel(claimed["id"]).status_code == 200
        keeper.stop()
    with pytest.raises(ServerDied):
        house.serve_to_die("give back before its commit")
    house.servers[-1].await_death()

    server = house.serve()
    (execution,) = server.all()

    if is_cancelled:
        assert_cancelled_and_gone(house, server, execution["id"], starts=0)
    else:
        assert server.end_of(execution["id"])["status"] == "succeeded"
        assert house.starts(execution["id"]) == 1
