"""`conselho events` with the real server, across its restarts, and without one."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conselho.cli import background
from tests.cli.conftest import House, end

LIFE = ["execution.queued", "execution.claimed", "execution.started", "execution.finished"]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "house")
    yield made
    made.close()


def events(house: House, *arguments: str) -> list[dict[str, Any]]:
    told = house.call("events", "--json", *arguments)
    assert told.returncode == 0, told.stderr
    return [json.loads(line) for line in told.stdout.splitlines()]


def test_what_happened_is_told_in_order_with_and_without_a_server(house: House) -> None:
    with house.serve():
        assert house.run("true").returncode == 0
        told = [each["kind"] for each in events(house)]
        assert told == ["worker.joined", *LIFE]
        assert [each["kind"] for each in events(house, "--topics", "workers")] == ["worker.joined"]
        assert events(house, "--since", "2000-01-01") == events(house, "--since", "1d") == events(house)
    assert [each["kind"] for each in events(house, "--topics", "executions")] == LIFE
    lines = house.call("events").stdout.splitlines()
    assert len(lines) == len(LIFE) + 2
    assert "execution.finished" in lines[-2]
    assert "succeeded" in lines[-2]


def test_what_happens_is_followed_across_a_restart_of_the_server(house: House) -> None:
    with house.serve():
        house.run("echo", "before")
    with house.serve():
        following = house.start("events", "-f", "--json", "--topics", "executions")
        with following as process:
            assert process.stdout is not None
            stream = (json.loads(line) for line in process.stdout)
            before = [next(stream) for _ in LIFE]
            house.run("echo", "now")
            now = [next(stream) for _ in LIFE]
            house.call("serve", "--help")  # a command beside it costs it nothing
            process.kill()
    assert [each["kind"] for each in before + now] == LIFE * 2
    assert len({each["id"] for each in before + now}) == 2 * len(LIFE)


def test_a_server_that_was_killed_is_waited_for_and_none_is_started(house: House) -> None:
    with house.serve() as server:
        house.run("echo", "before")
        with house.start("events", "-f", "--json", "--topics", "executions") as process:
            assert process.stdout is not None
            assert process.stderr is not None
            stream = (json.loads(line) for line in process.stdout)
            before = [next(stream) for _ in LIFE]
            end(server.pid, signal.SIGKILL)
            assert process.stderr.readline() == "no server is running: waiting for one\n"
            with house.serve():
                assert process.stderr.readline() == "a server is running again: going on\n"
                house.run("echo", "after")
                after = [next(stream) for _ in LIFE]
            process.kill()
    assert [each["kind"] for each in before + after] == LIFE * 2
    assert not (house.data_dir / background.LOG_NAME).exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--topics", "nonsense"), "there is no topic 'nonsense'"),
        (("--since", "yesterday"), "is no moment"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(house: House, arguments: tuple[str, ...], said: str) -> None:
    house.run("true")
    told = house.call("events", *arguments)
    assert told.returncode == 2
    assert said in told.stderr
    assert "Traceback" not in told.stderr


def test_without_a_server_nothing_can_be_followed(house: House) -> None:
    with house.serve():
        house.run("true")
    told = house.call("events", "-f")
    assert told.returncode == 1
    assert "no server is running" in told.stderr
    assert "execution.finished" in told.stdout


def test_where_nothing_happened_it_says_so(house: House) -> None:
    told = house.call("events")
    assert (told.returncode, told.stdout) == (0, "")
    assert "nothing has happened yet" in told.stderr
    house.run("true")
    told = house.call("events", "--topics", "cards", "--json")
    assert (told.returncode, told.stdout) == (0, "")
    assert "nothing like that happened" in told.stderr


def test_who_watches_takes_no_place_from_another_command(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSELHO_STREAMS_PER_CLIENT_MAX", "1")
    with house.serve(), house.start("events", "-f", "--json") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["kind"] == "worker.joined"
        told = house.run("sh", "-c", "echo hi; exit 3")
        assert (told.returncode, told.stdout) == (3, "hi\n"), told.stderr
