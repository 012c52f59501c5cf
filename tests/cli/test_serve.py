import re
import resource
import signal
import socket
from pathlib import Path

import httpx
import pytest

from conselho import settings
from conselho.cli import client
from tests.cli.conftest import House, remaining


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_says_where_it_listens_and_leaves_in_good_order(house: House, number: signal.Signals) -> None:
    with house.start("serve") as server:
        assert server.stderr is not None
        said = server.stderr.readline()
        assert str(house.data_dir / "conselho.sock") in said or ".sock" in said
        server.send_signal(number)
        assert remaining(server) == ("", "")
    assert server.returncode == 0
    assert not (house.data_dir / "conselho.sock").exists()


def test_a_second_server_says_who_holds_the_data_directory(house: House) -> None:
    with house.serve() as first:
        second = house.call("serve")
        assert second.returncode == 1
        assert f"is held by `conselho serve` (pid {first.pid}" in second.stderr
        assert second.stderr.count("\n") == 1


def test_a_server_without_a_worker_keeps_runs_and_starts_none(house: House) -> None:
    with house.serve("--no-worker"):
        identity = house.call("run", "--detach", "--", "true").stdout.split()[-1]
        assert "status                queued" in house.call("executions", "show", identity).stdout
    with house.serve(), house.start("executions", "log", "-f", identity) as following:
        assert remaining(following) == ("", "")
    assert "status                succeeded" in house.call("executions", "show", identity).stdout


def test_a_setting_that_is_none_is_one_sentence_and_exit_2(house: House) -> None:
    told = house.call("serve", CONSELHO_SEATS="0")
    assert told.returncode == 2
    assert told.stderr.startswith("conselho: setting `seats`")


def test_it_listens_on_tcp_as_well_and_says_where(house: House) -> None:
    with house.start("serve", "--port", "0") as server:
        assert server.stderr is not None
        address = re.search(r" and (http://127\.0\.0\.1:\d+) ", server.stderr.readline())
        assert address is not None
        assert httpx.get(f"{address[1]}/livez", trust_env=False).json() == {"status": "ok"}
        server.terminate()
        assert remaining(server) == ("", "")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address[1]}/livez", trust_env=False)


def test_the_background_server_of_run_listens_on_its_socket_only(house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert house.call("run", "--", "true", CONSELHO_PORT=port).returncode == 0
    with client.reader(settings.load({"data_dir": house.data_dir}, environ={})) as api:
        assert api.is_served
        assert api.get("/server")["urls"] == []


@pytest.mark.parametrize("host", ["0.0.0.0", "example.org"])  # noqa: S104 - it is refused
def test_an_address_that_others_could_reach_is_refused_with_a_sentence(house: House, host: str) -> None:
    told = house.call("serve", "--host", host)
    assert told.returncode == 2
    assert told.stderr.startswith(f"conselho: cannot listen on '{host}': without sign-in")
    assert told.stderr.count("\n") == 1


def test_a_taken_port_is_one_sentence_and_disturbs_nobody(house: House) -> None:
    assert house.run("true").returncode == 0
    background = house.server_pid()
    with socket.create_server(("127.0.0.1", 0)) as other:
        told = house.call("serve", "--port", str(other.getsockname()[1]))
    assert told.returncode == 1
    assert "is taken by another program: choose a port with --port" in told.stderr
    assert told.stderr.count("\n") == 1
    assert house.server_pid() == background, "the background server was not asked to hand over for nothing"


def test_it_may_have_many_connections_and_its_runs_keep_the_limit_that_it_was_started_with(house: House) -> None:
    few, (soft, hard) = 256, resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, hard))  # of this process, which the server inherits
    try:
        with house.serve() as server:
            limits = Path(f"/proc/{server.pid}/limits").read_text(encoding="ascii")
            told = house.run("sh", "-c", "ulimit -Sn")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    (own,) = re.findall(r"Max open files +(\d+)", limits)
    assert int(own) == min(hard, 65_536)
    assert told.stdout == f"{few}\n"
