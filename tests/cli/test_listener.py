"""Who is behind the socket: the right server, one of another database, one that does not answer, nobody."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from conselho import errors
from conselho import settings as settings_module
from conselho.cli import background, checks, client, listener
from conselho.db import engine
from conselho.server import holder
from conselho.settings import Settings
from tests.cli.conftest import House

ELSEWHERE = "postgresql://ana:hunter2@127.0.0.1:1/x"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_module.load({"data_dir": tmp_path}, environ={})


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nobody wait long for what never comes."""
    monkeypatch.setattr(listener, "ANSWER_SECONDS", 0.1)
    monkeypatch.setattr(checks, "LIVE_SECONDS", 0.1)


@contextmanager
def silent_server(settings: Settings, room: int = 8) -> Iterator[socket.socket]:
    """Somebody holds the data directory and listens, but never answers, as a frozen process does."""
    with holder.take(settings.data_dir, "serve", settings.socket_path), socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(settings.socket_path))
        listening.listen(room)
        yield listening


@pytest.mark.parametrize("arguments", [("run", "--", "echo", "x"), ("executions", "list")])
def test_a_server_of_another_database_is_not_used(house: House, arguments: tuple[str, ...]) -> None:
    assert house.run("true").returncode == 0
    told = house.call("--database-url", ELSEWHERE, *arguments)
    assert (told.returncode, told.stdout) == (2, "")
    words = f"{house.data_dir} is served by a background server (pid {house.server_pid()}, since "
    assert told.stderr.startswith(f"conselho: {words}")
    assert told.stderr.endswith(") with another database: end it, or leave --database-url out\n")


def test_a_database_is_known_by_any_of_its_addresses_and_by_none(house: House) -> None:
    own = f"sqlite+pysqlite:///{house.data_dir}/conselho.db"
    with house.serve("--database-url", f"sqlite:///{house.data_dir}/conselho.db"):
        assert house.call("--database-url", own, "run", "--", "echo", "x").stdout == "x\n"
        assert house.run("echo", "x").stdout == "x\n"


@pytest.mark.parametrize("url", ["garbage", "mysql://ana:hunter2@host/x", "postgresql//ana:hunter2@host/x"])
def test_an_address_that_is_none_is_refused_though_somebody_serves(house: House, url: str) -> None:
    assert house.run("true").returncode == 0
    told = house.call("--database-url", url, "run", "--", "echo", "x")
    assert (told.returncode, told.stdout, told.stderr.count("\n")) == (2, "", 1)
    assert "hunter2" not in told.stderr


def test_a_server_on_postgresql_serves_whoever_means_it_or_names_none(house: House, postgres_database_url: str) -> None:
    with house.serve("--database-url", postgres_database_url):
        assert house.run("echo", "one").stdout == "one\n"
        assert house.call("--database-url", postgres_database_url, "run", "--", "echo", "two").stdout == "two\n"
        other = house.call("--database-url", f"sqlite:///{house.data_dir}/conselho.db", "executions", "list")
        assert other.returncode == 2
        assert "with another database" in other.stderr
    assert not (house.data_dir / "conselho.db").exists()


def test_serve_takes_nothing_over_from_a_server_of_another_database(house: House, postgres_database_url: str) -> None:
    assert house.call("--database-url", postgres_database_url, "run", "--", "true").returncode == 0
    background_pid = house.server_pid()
    told = house.call("serve")
    assert told.returncode == 1
    assert f"is served by a background server (pid {background_pid}, since " in told.stderr
    assert "with another database: wait until it ends" in told.stderr
    assert house.server_pid() == background_pid
    with house.serve("--database-url", postgres_database_url) as server:
        assert house.server_pid() == server.pid


def test_a_holder_that_names_no_database_is_taken_for_the_one_that_is_meant(tmp_path: Path) -> None:
    settings = settings_module.load({"data_dir": tmp_path, "database_url": ELSEWHERE}, environ={})
    with holder.take(tmp_path, "serve", None):
        assert not listener.is_elsewhere(settings, holder.look(tmp_path))
    with holder.take(tmp_path, "serve", None, engine.fingerprint(f"sqlite:///{tmp_path}/conselho.db")):
        assert listener.is_elsewhere(settings, holder.look(tmp_path))


@pytest.mark.parametrize("door", [client.reader, client.writer])
@pytest.mark.usefixtures("hurried")
def test_a_server_that_does_not_answer_is_named(settings: Settings, door: Callable[[Settings], client.Api]) -> None:
    with silent_server(settings), pytest.raises(errors.Unavailable) as told:
        door(settings)
    served = f"{settings.data_dir} is served by `conselho serve` (pid {os.getpid()}, since "
    assert told.value.sentence.startswith(served)
    assert f"which does not answer: wait for it, or end it with `kill -9 {os.getpid()}`" in told.value.sentence


@pytest.mark.usefixtures("hurried")
def test_a_queue_before_a_silent_server_is_waited_in_for_as_little(settings: Settings) -> None:
    with silent_server(settings, room=0), ExitStack() as waiting:
        first = waiting.enter_context(socket.socket(socket.AF_UNIX))
        first.connect(str(settings.socket_path))
        with pytest.raises(errors.Unavailable, match="does not answer"):
            client.reader(settings)


@pytest.mark.usefixtures("hurried")
def test_doctor_warns_of_a_server_that_does_not_answer(settings: Settings) -> None:
    with silent_server(settings):
        (answer,) = (answer for answer in checks.all_of(settings) if answer.name == "server")
    assert answer.word == "warn"
    assert f"(pid {os.getpid()}, since " in answer.sentence
    assert "does not answer" in answer.sentence


def test_a_frozen_server_is_seen_and_goes_on_when_it_may(house: House) -> None:
    assert house.run("true").returncode == 0
    pid = house.server_pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        assert f"a background server (pid {pid}, since" in house.call("doctor").stdout
        told = house.call("executions", "list")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (told.returncode, told.stdout, told.stderr.count("\n")) == (1, "", 1)
    assert f"kill -9 {pid}" in told.stderr
    assert house.call("executions", "list").returncode == 0


def test_where_no_server_may_be_started_another_is_waited_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(errors.Unavailable, match="not by us"):
        background.ensure(settings, lambda: False, forbidden="not by us")
    looks = iter([False, False, True])
    background.ensure(settings, lambda: next(looks), patience_seconds=1.0, forbidden="not by us")
    monkeypatch.setattr(background, "FOREIGN_SECONDS", 0.1)
    with pytest.raises(errors.Unavailable, match="not by us"):
        background.ensure(settings, lambda: False, patience_seconds=0.01, forbidden="not by us")


def test_a_socket_of_somebody_elses_is_told_from_one_that_permissions_shut(tmp_path: Path) -> None:
    path = tmp_path / "conselho.sock"
    path.touch(mode=0o400)
    assert listener.shut(path) == (
        f"{path} cannot be used, though it is yours: mend the permissions with `chmod u+rwX {path}`"
    )
    foreign = path if os.geteuid() == 0 else Path("/etc/passwd")
    if foreign is path:
        os.chown(path, 12345, -1)
    assert listener.shut(foreign) == f"{foreign} belongs to another user: use a --data-dir of your own"
