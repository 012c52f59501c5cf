"""What becomes of runs when `conselho serve` takes over from the server that `conselho run` started for itself?"""

from pathlib import Path
from typing import Any

import httpx

from tests.acceptance import agents
from tests.acceptance.house import API, House
from tests.acceptance.waiting import until
from tests.cli.programs import conselho

NUMBERS = [str(number) for number in range(1, 21)]


def detach(house: House, script: str) -> str:
    """`conselho run --detach`, which starts a server in the background where there is none; returns the id."""
    argv = ["run", "--detach", *house.arguments, "--cwd", "/tmp", "--", *agents.shell(script)]
    told = conselho(*argv, variables=house.environment)
    assert told.returncode == 0, told.stderr
    return told.stdout.split()[-1]


def facts(socket_path: Path) -> dict[str, Any]:
    """What a server says of itself."""
    transport = httpx.HTTPTransport(uds=str(socket_path))
    with httpx.Client(transport=transport, base_url=API, trust_env=False) as client:
        found: dict[str, Any] = client.get("/server").json()
        return found


def test_serve_takes_over_what_runs_and_what_waits_without_harm(house: House) -> None:
    house.settings |= {"seats": "1", "background_idle_seconds": "600"}
    gate = house.gate()
    running, waiting = (detach(house, agents.count(10) + gate.wait + agents.count(20, first=11)) for _ in range(2))
    until(lambda: house.starts(running), "the first to start")
    shim = house.spawned(running)["shim"]
    assert facts(house.socket_path)["kind"] == "background"

    server = house.serve()

    assert facts(house.socket_path) | {"kind": "serve", "pid": server.pid} == facts(house.socket_path)
    assert house.spawned(running)["shim"] == shim
    assert [server.show(each)["status"] for each in (running, waiting)] == ["running", "queued"]
    gate.open(2)
    for execution_id in (running, waiting):
        assert server.end_of(execution_id)["status"] == "succeeded"
        assert server.said(execution_id) == NUMBERS
        assert house.starts(execution_id) == 1


def test_serve_stays_where_a_run_brought_no_server_of_its_own(house: House) -> None:
    server = house.serve()

    execution_id = detach(house, agents.count(20))

    assert server.end_of(execution_id)["status"] == "succeeded"
    assert facts(house.socket_path)["pid"] == server.pid
    assert not (house.data_dir / "background.log").exists()
