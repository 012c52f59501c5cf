"""`conselho db backup|restore|restored` with real servers: what ran since a backup does not run again."""

import json
import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from conselho import errors
from conselho.cli import client
from conselho.db import engine, migrate
from conselho.db.session import Database
from conselho.settings import Settings
from tests.acceptance.waiting import until
from tests.cli.conftest import House, end
from tests.databases import Postgres, copy_sqlite
from tests.executions.making import make_ended, make_queued, make_running, one, status, told
from tests.worker.crew import Gate


class Script:
    """A command that leaves a mark when it starts, says so, and waits at a gate."""

    def __init__(self, directory: Path) -> None:
        self._marks = directory / "marks"
        self.gate = Gate(directory / "gate")
        self.argv = ("/bin/sh", "-c", f'echo started >> "{self._marks}"; echo started; {self.gate.wait}')

    @property
    def starts(self) -> int:
        return len(self._marks.read_text().splitlines()) if self._marks.exists() else 0


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Script]:
    made = Script(tmp_path)
    yield made
    made.gate.close()


def detached(house: House, *argv: str) -> str:
    """Start a run and leave it alone; returns its id."""
    made = house.call("run", "--detach", "--", *argv)
    assert made.returncode == 0, made.stderr
    return made.stdout.split()[-1]


@contextmanager
def following(house: House, execution_id: str) -> Iterator["subprocess.Popen[str]"]:
    """The log of a run that has said that it started; at its end the run has ended."""
    with house.start("executions", "log", execution_id, "-f") as process:
        assert process.stdout is not None
        assert "started" in process.stdout.readline()
        yield process


def shown(house: House, execution_id: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(house.call("executions", "show", execution_id, "--json").stdout)
    return found


def ends_of(house: House, execution_id: str) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in house.call("events", "--json", "--since", "1d").stdout.splitlines()]
    return [
        each["data"] for each in events if (each["kind"], each["execution_id"]) == ("execution.finished", execution_id)
    ]


def backed_up(house: House, file: Path) -> Path:
    made = house.call("db", "backup", str(file))
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith(f"backed up to {file}: ")
    return file


def restored(house: House, file: Path) -> dict[str, Any]:
    made = house.call("db", "restore", str(file), "--json")
    assert made.returncode == 0, made.stderr
    answer: dict[str, Any] = json.loads(made.stdout)
    return answer


def worked_off(house: House) -> None:
    """Whatever could be claimed before now has been: what is enqueued last is claimed last."""
    assert house.run("true").returncode == 0


def test_what_ended_since_the_backup_is_lost_with_one_outcome_and_starts_no_second_time(
    house: House, script: Script, tmp_path: Path
) -> None:
    with house.serve():
        execution_id = detached(house, *script.argv)
        with following(house, execution_id) as process:
            file = backed_up(house, tmp_path / "copy")
            script.gate.open()
            process.wait()
        assert shown(house, execution_id)["status"] == "succeeded"
    assert restored(house, file)["lost"] == 1
    with house.serve():
        worked_off(house)
        found = shown(house, execution_id)
        assert (found["status"], found["reason"]) == ("lost", "restored")
        assert [each["status"] for each in ends_of(house, execution_id)] == ["lost"]
    assert script.starts == 1


def test_a_run_that_is_alive_during_the_restore_is_ended_and_its_report_is_a_note(
    house: House, script: Script, tmp_path: Path
) -> None:
    with house.serve():
        execution_id = detached(house, *script.argv)
        with following(house, execution_id):
            file = backed_up(house, tmp_path / "copy")
    restored(house, file)
    assert shown(house, execution_id)["status"] == "lost"
    runs = house.data_dir / "runs"
    assert [each.name.partition(".")[0] for each in runs.iterdir()] == [execution_id]
    with house.serve():
        until(lambda: not list(runs.iterdir()), "the run to be ended")
        worked_off(house)
        found = shown(house, execution_id)
        assert (found["status"], found["reason"]) == ("lost", "restored")
        assert found["note"].startswith("reported later: ")
        assert len(ends_of(house, execution_id)) == 1
    assert script.starts == 1


def test_a_run_that_the_backup_knows_nothing_of_is_ended(house: House, script: Script, tmp_path: Path) -> None:
    with house.serve():
        file = backed_up(house, tmp_path / "copy")
        execution_id = detached(house, *script.argv)
        with following(house, execution_id):
            pass
    restored(house, file)
    with house.serve():
        until(lambda: not list((house.data_dir / "runs").iterdir()), "the run to be ended")
        worked_off(house)
        assert house.call("executions", "show", execution_id).returncode == 1
    assert script.starts == 1


def test_what_was_queued_in_the_backup_and_ran_since_does_not_run_again(
    house: House, script: Script, tmp_path: Path
) -> None:
    with house.serve("--no-worker"):
        execution_id = detached(house, *script.argv)
        file = backed_up(house, tmp_path / "copy")
    script.gate.open()
    with house.serve():
        with following(house, execution_id) as process:
            process.wait()
        later = detached(house, "true")
    restored(house, file)
    with house.serve():
        worked_off(house)
        assert (shown(house, execution_id)["status"], script.starts) == ("lost", 1)
        assert house.call("executions", "show", later).returncode == 1


def test_ids_of_events_from_before_mean_nothing_any_more(house: House, tmp_path: Path) -> None:
    with house.serve():
        house.run("true")
        file = backed_up(house, tmp_path / "copy")
        before = json.loads(house.call("events", "--json").stdout.splitlines()[-1])["id"]
    epoch = restored(house, file)["epoch"]
    with house.serve():
        assert not before.startswith(epoch)
        with (
            client.reader(Settings(data_dir=house.data_dir)) as api,
            pytest.raises(errors.ConselhoError, match="epoch"),
        ):
            api.get("/events", after=before)
        ids = [json.loads(line)["id"] for line in house.call("events", "--json").stdout.splitlines()]
        assert ids
        assert all(each.startswith(epoch) for each in ids)


def test_what_a_killed_server_left_is_kept_whole(house: House, tmp_path: Path) -> None:
    with house.serve() as server:
        file = backed_up(house, tmp_path / "copy")
        house.run("echo", "only in the log")
        end(server.pid, signal.SIGKILL)
        assert (house.data_dir / "conselho.db-wal").stat().st_size > 0
    kept = Path(restored(house, file)["kept"])
    assert sorted(each.name for each in house.data_dir.iterdir() if each.name.startswith("conselho.db")) == [
        "conselho.db",
        kept.name,
    ]
    with closing(sqlite3.connect(kept)) as connection:
        assert connection.execute("SELECT status FROM executions").fetchall() == [("succeeded",)]
    assert house.call("executions", "list").stdout == ""


def test_nobody_may_serve_meanwhile(house: House, tmp_path: Path) -> None:
    with house.serve() as server:
        file = backed_up(house, tmp_path / "copy")
        for arguments in (("restore", str(file)), ("restored",)):
            refused = house.call("db", *arguments)
            assert refused.returncode == 1
            assert f"pid {server.pid}" in refused.stderr
            assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("backup",), 2, "FILE"),
        (("backup", "{house}/conselho.db"), 2, "the database itself"),
        (("backup", "{house}/conselho.db-wal"), 2, "the database itself"),
        (("backup", "{house}"), 2, "is a directory"),
        (("backup", "{house}/none/copy"), 2, "make it"),
        (("backup", "{house}/text"), 1, "--force"),
        (("restore",), 2, "FILE"),
        (("restore", "{house}/none"), 2, "there is no file"),
        (("restore", "{house}/text"), 2, "no backup of Conselho"),
        (("restore", "{house}/conselho.db"), 2, "the database itself"),
        (("restored", "{house}/conselho.db"), 2, "unexpected"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    house: House, sqlite_template: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    house.data_dir.mkdir(mode=0o700)
    copy_sqlite(sqlite_template, house.data_dir / "conselho.db")
    (house.data_dir / "text").write_text("hello")
    told = house.call("db", *(each.format(house=house.data_dir) for each in arguments))
    assert (told.returncode, told.stderr.count("\n")) == (code, 1)
    assert said in told.stderr
    assert (house.data_dir / "conselho.db").read_bytes() == sqlite_template.read_bytes()


def test_no_database_is_no_backup(house: House, tmp_path: Path) -> None:
    for arguments in (("backup", str(tmp_path / "copy")), ("restored",)):
        told = house.call("db", *arguments)
        assert (told.returncode, told.stderr.count("\n")) == (1, 1)
    assert not (tmp_path / "copy").exists()


def test_a_restore_elsewhere_brings_all_of_it(house: House, tmp_path: Path) -> None:
    with house.serve():
        house.run("echo", "hello")
        file = backed_up(house, tmp_path / "copy")
        listed = json.loads(house.call("executions", "list", "--json").stdout)["items"]
    there = House(tmp_path / "there")
    assert restored(there, file) | {"epoch": ""} == {
        "file": str(file), "kept": None, "revision": migrate.head(), "lost": 0, "epoch": "",
    }  # fmt: skip
    with there.serve():
        assert json.loads(there.call("executions", "list", "--json").stdout)["items"] == listed
        assert "hello" in there.call("executions", "log", listed[0]["id"]).stdout


@pytest.fixture
def empty_postgres_url(postgres: Postgres) -> Iterator[str]:
    """A PostgreSQL database without anything in it."""
    url = postgres.make()
    with psycopg.connect(plain(url), autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    yield url
    postgres.drop(url)


def plain(url: str) -> str:
    return engine.database_address(url).set(drivername="postgresql").render_as_string(hide_password=False)


def test_a_database_that_was_restored_by_other_means_runs_nothing_again(house: House, database_url: str) -> None:
    database = Database(database_url)
    running, ended, queued = make_running(database), make_ended(database), make_queued(database)
    database.close()
    said = house.call("db", "restored", "--database-url", database_url)
    assert said.stdout == "restored: 2 executions that had not ended in it are lost\n"
    with house.serve("--database-url", database_url):
        worked_off(house)
    opened = Database(database_url)
    assert [status(opened, each) for each in (queued, running, ended)] == ["lost", "lost", "succeeded"]
    assert one(opened, queued).reason == "restored"
    assert told(opened).count("execution.started") == 3  # those that were, and the one that was asked for afterwards
    opened.close()


def test_a_database_that_others_have_open_is_not_declared_restored(house: House, database_url: str) -> None:
    database = Database(database_url)
    execution_id = make_queued(database)
    refused = house.call("db", "restored", "--database-url", database_url)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "end " in refused.stderr
    assert status(database, execution_id) == "queued"
    database.close()


def test_a_dump_of_postgresql_goes_through_its_own_tools(
    house: House, postgres_database_url: str, empty_postgres_url: str, tmp_path: Path
) -> None:
    database = Database(postgres_database_url)
    ended, queued = make_ended(database), make_queued(database)
    made = house.call("db", "backup", str(tmp_path / "dump"), "--database-url", postgres_database_url, "--json")
    database.close()
    answer = json.loads(made.stdout)
    assert (answer["executions"], answer["events"]) == (2, 5)
    refused = house.call("db", "restore", str(tmp_path / "dump"), "--database-url", empty_postgres_url)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "pg_restore" in refused.stderr
    subprocess.run(
        [
            "pg_restore", "--clean", "--if-exists", "--no-owner", "--exit-on-error", "--single-transaction",
            f"--dbname={plain(empty_postgres_url)}", str(tmp_path / "dump"),
        ],
        check=True,
    )  # fmt: skip
    assert house.call("db", "restored", "--database-url", empty_postgres_url).returncode == 0
    opened = Database(empty_postgres_url)
    assert [status(opened, each) for each in (queued, ended)] == ["lost", "succeeded"]
    opened.close()


def test_the_password_is_on_no_command_line(house: House, postgres_database_url: str, tmp_path: Path) -> None:
    """What stands where `pg_dump` is looked for writes down how it was called, and says no."""
    programs = tmp_path / "bin"
    programs.mkdir()
    lines = (
        "#!/bin/sh", f'echo "$@" > {tmp_path}/argv', f'echo "$PGPASSWORD" > {tmp_path}/word',
        'echo "no, not now" >&2', "exit 3",
    )  # fmt: skip
    (programs / "pg_dump").write_text("\n".join(lines))
    (programs / "pg_dump").chmod(0o700)
    url = engine.database_address(postgres_database_url).set(password="secret-word")
    told = house.call(
        "db", "backup", str(tmp_path / "dump"),
        CONSELHO_DATABASE_URL=url.render_as_string(hide_password=False), PATH=f"{programs}:{os.environ['PATH']}",
    )  # fmt: skip
    assert (told.returncode, told.stderr) == (1, "conselho: pg_dump failed: no, not now\n")
    assert "secret-word" not in (tmp_path / "argv").read_text()
    assert (tmp_path / "word").read_text() == "secret-word\n"
    assert not (tmp_path / "dump").exists()
