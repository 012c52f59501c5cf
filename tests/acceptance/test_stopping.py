"""How does a server go down? One TERM leaves its runs to the next one; a second one ends them."""

import json
import signal
import socket
from pathlib import Path

import pytest

from tests.acceptance import agents
from tests.acceptance.house import House, Server
from tests.acceptance.waiting import until


def term(server: Server) -> None:
    server.process.terminate()


def is_deaf(server: Server) -> bool:
    """Whether nobody is let in any more."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(server.socket_path))
        except OSError:
            return True
    return False


def await_word(server: Server) -> None:
    """Return once it has said that its runs go on."""
    until(lambda: "a second signal now ends them" in server.log_file.read_text(), "the server to say that runs go on")


def test_a_server_that_stops_begins_nothing_more(house: House) -> None:
    house.settings["seats"] = "1"
    server = house.serve()
    gate = house.gate()
    first = server.submit(gate.wait + "echo done")
    second = server.submit("echo too early")
    server.await_state(first, "running")
    term(server)
    await_word(server)
    gate.open()
    server.await_death(expected=0)

    onlooker = house.serve("--no-worker")
    assert onlooker.show(second)["status"] == "queued"
    onlooker.stop()
    server = house.serve()
    assert [server.end_of(each)["status"] for each in (first, second)] == ["succeeded", "succeeded"]
    assert (house.starts(first), house.starts(second)) == (1, 1)


def test_a_request_that_is_open_when_a_server_stops_is_answered(house: House) -> None:
    server = house.serve("--no-worker")
    body = json.dumps({"argv": ["true"], "cwd": "/"}).encode()
    head = (
        "POST /api/v1/executions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(40)
        client.connect(str(server.socket_path))
        client.sendall(head.encode())
        assert client.recv(100).startswith(b"HTTP/1.1 100 ")
        term(server)
        until(lambda: is_deaf(server), "the server to close its doors")
        client.sendall(body)
        assert client.recv(10_000).startswith(b"HTTP/1.1 202 ")
    server.await_death(expected=0)
    assert len(house.serve("--no-worker").all()) == 1


def test_a_second_signal_ends_the_runs_and_then_the_server(house: House) -> None:
    server = house.serve()
    execution_id = server.submit("sleep 600 & setsid sleep 600 & echo up; sleep 600")
    server.await_line(execution_id, "up")
    term(server)
    await_word(server)
    term(server)
    server.await_death(expected=0)
    assert house.processes(execution_id) == {}, "all of the tree is gone before the server is"

    cancelled = house.serve("--no-worker").show(execution_id)
    assert (cancelled["status"], cancelled["reason"]) == ("cancelled", "cancelled")
    assert house.starts(execution_id) == 1


def test_a_second_signal_leaves_what_waits_to_the_next_server(house: House) -> None:
    house.settings["seats"] = "1"
    server = house.serve()
    blocking = server.submit("sleep 600", exclusive=True, cwd=str(house.scratch))
    server.await_state(blocking, "running")
    waiting = server.submit("echo x", exclusive=True, cwd=str(house.scratch))
    term(server)
    await_word(server)
    term(server)
    server.await_death(expected=0)

    server = house.serve("--no-worker")
    assert server.show(blocking)["status"] == "cancelled"
    assert server.show(waiting)["status"] == "queued", "what it did not hold is the next server's"
    assert house.starts(waiting) == 0


def test_a_run_that_will_not_end_is_killed(sqlite_house: House) -> None:
    server = sqlite_house.serve()
    execution_id = server.submit("trap '' TERM; echo up; " + "while :; do sleep 1; done")
    server.await_line(execution_id, "up")
    term(server)
    await_word(server)
    term(server)
    server.await_death(expected=0)
    assert sqlite_house.serve("--no-worker").show(execution_id)["status"] == "cancelled"


def test_systemd_is_told_when_it_serves_and_when_it_stops(
    sqlite_house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(40)
        manager.bind(str(path))
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        server = sqlite_house.serve()
        assert manager.recv(100) == b"READY=1"
        execution_id = server.submit("env | grep NOTIFY; true")
        assert server.end_of(execution_id)["status"] == "succeeded"
        assert server.said(execution_id) == [], "the runs of a unit are not its main process"
        server.process.terminate()
        assert manager.recv(100) == b"STOPPING=1"
        server.await_death(expected=0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_without_runs_nothing_is_waited_for(sqlite_house: House, number: signal.Signals) -> None:
    server = sqlite_house.serve()
    assert server.end_of(server.submit(agents.count(3)))["status"] == "succeeded"
    server.process._signal(number)
    server.await_death(expected=0)
    assert server.log_file.read_text().count("\n") == 1, "it says where it serves, and no more"
