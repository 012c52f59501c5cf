"""What becomes of a run whose server, shim or host goes away while it works?"""

import json
import os
import signal
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.acceptance import agents, traces
from tests.acceptance.house import House, Server
from tests.acceptance.waiting import until


def numbers(to: int) -> list[str]:
    return [str(number) for number in range(1, to + 1)]


def kill_and_await(house: House, execution_id: str, *pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    until(lambda: not set(pids) & set(house.processes(execution_id)), "the killed ones to be gone")


def start_half_way(house: House, server: Server) -> tuple[str, agents.Gate]:
    """A run that has printed 1 to 100, and goes on when it is let through the gate."""
    gate = house.gate()
    execution_id = server.submit(agents.count(100) + gate.wait + agents.count(200, first=101))
    server.await_line(execution_id, "100")
    return execution_id, gate


def test_a_killed_server_does_not_touch_the_run_and_the_next_one_tells_all_of_it(house: House) -> None:
    server = house.serve()
    execution_id = server.submit("for i in $(seq 200); do echo $i; sleep .01; done")
    server.await_line(execution_id, "50")
    server.kill()

    server = house.serve()
    ended = server.end_of(execution_id)

    assert ended["status"] == "succeeded"
    assert server.said(execution_id) == numbers(200)
    assert ended["log_lines"] == 200
    assert house.starts(execution_id) == 1


def test_what_a_run_prints_and_how_it_ends_while_nobody_serves_is_told_later(house: House) -> None:
    server = house.serve()
    execution_id, gate = start_half_way(house, server)
    server.kill()
    gate.open()
    until((house.run_directory(execution_id) / "exit.json").exists, "the run to end")

    server = house.serve()
    ended = server.end_of(execution_id)

    assert ended["status"] == "succeeded"
    assert server.said(execution_id) == numbers(200)
    assert house.starts(execution_id) == 1


def test_a_run_outlives_many_servers(house: House) -> None:
    server = house.serve()
    execution_id, gate = start_half_way(house, server)
    for _ in range(2):
        server.kill()
        server = house.serve()
        assert server.show(execution_id)["status"] == "running"
    server.stop()
    server = house.serve()
    gate.open()

    assert server.end_of(execution_id)["status"] == "succeeded"
    assert server.said(execution_id) == numbers(200)
    assert house.starts(execution_id) == 1


@pytest.mark.parametrize("point", ["adoption before its commit", "adoption committed"])
def test_a_server_that_dies_while_it_takes_up_runs_harms_none(house: House, point: str) -> None:
    server = house.serve()
    execution_id, gate = start_half_way(house, server)
    server.kill()
    with suppress(Exception):  # it dies before it listens, or right after
        house.serve_to_die(point)
    house.servers[-1].await_death()
    gate.open()

    server = house.serve()

    assert server.end_of(execution_id)["status"] == "succeeded"
    assert server.said(execution_id) == numbers(200)
    assert house.starts(execution_id) == 1


@pytest.mark.parametrize("is_served", [True, False], ids=["served", "not served"])
def test_a_killed_shim_takes_its_run_with_it_and_the_log_keeps_what_was_said(house: House, *, is_served: bool) -> None:
    server = house.serve()
    execution_id, _ = start_half_way(house, server)
    if not is_served:
        server.kill()
    os.kill(house.spawned(execution_id)["shim"], signal.SIGKILL)
    if not is_served:
        server = house.serve()

    ended = server.end_of(execution_id)

    assert (ended["status"], ended["reason"], ended["severity"]) == ("failed", "shim_died", "error")
    assert server.said(execution_id) == numbers(100)
    assert house.processes(execution_id) == {}


def restart_host(house: House, server: Server, execution_id: str) -> Path:
    """Everything of a run is gone at once, and what is on the disk speaks of another boot."""
    server.kill()
    directory = house.run_directory(execution_id)
    shim_first = reversed(house.processes(execution_id))  # or it would see the agent end, and say how
    kill_and_await(house, execution_id, *shim_first)
    for name in ("spec.json", "spawned"):
        said = json.loads((directory / name).read_bytes()) | {"boot_id": "00000000-0000-4000-8000-000000000000"}
        (directory / name).write_text(json.dumps(said))
    return directory


def test_a_restarted_host_makes_a_run_lost_at_once_with_the_log_that_was_saved(house: House) -> None:
    server = house.serve()
    execution_id, _ = start_half_way(house, server)
    directory = restart_host(house, server, execution_id)
    with (directory / "spool").open("ab") as spool:
        spool.write(b"half a frame, as a power cut leaves it")

    server = house.serve()
    ended = server.end_of(execution_id)

    assert (ended["status"], ended["reason"], ended["severity"]) == ("lost", "host_restarted", "error")
    assert server.said(execution_id) == numbers(100)
    assert house.starts(execution_id) == 1


def test_a_run_that_had_ended_before_its_host_restarted_keeps_its_outcome(house: House) -> None:
    dying = house.serve_to_die("outcome before its commit")
    with suppress(httpx.TransportError):
        dying.submit(agents.count(100) + "exit 7", key="once")
    dying.await_death()
    (directory,) = (house.data_dir / "runs").iterdir()
    execution_id = directory.name.partition(".")[0]
    restart_host(house, dying, execution_id)

    server = house.serve()
    ended = server.end_of(execution_id)

    assert (ended["status"], ended["exit_code"]) == ("failed", 7)
    assert server.said(execution_id) == numbers(100)


def test_a_run_whose_directory_was_taken_away_is_lost_and_its_processes_are_ended(house: House) -> None:
    server = house.serve()
    execution_id, _ = start_half_way(house, server)
    server.kill()
    for each in house.run_directory(execution_id).iterdir():
        each.unlink()
    house.run_directory(execution_id).rmdir()

    server = house.serve()
    ended = server.end_of(execution_id)

    assert (ended["status"], ended["reason"]) == ("lost", "run_directory_gone")
    assert house.starts(execution_id) == 1


def test_nothing_of_a_run_stays_behind_when_it_is_over(house: House) -> None:
    server = house.serve()
    execution_id = server.submit("sleep 600 & sleep 600 & setsid sleep 600 & echo done")

    ended = server.end_of(execution_id)

    assert (ended["status"], ended["severity"]) == ("succeeded", "warning")
    assert "left running and ended" in server.log(execution_id)[-1]["text"]
    until(lambda: not list((house.data_dir / "runs").iterdir()), "the run directory to be taken away")
    assert traces.found(f"CONSELHO_EXECUTION={execution_id}") == {}
