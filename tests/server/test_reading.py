"""Looking at the history needs no server, changes nothing, and disturbs nobody who does."""

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from conselho import errors
from conselho.db.session import Database
from conselho.events import log as events
from conselho.executions import endings, logs
from conselho.server import holder, reading
from conselho.settings import Settings
from tests.conftest import Clock
from tests.executions.making import make_ended, make_lines, make_outcome, make_queued, make_running, status

EXECUTIONS = "/api/v1/executions"


@pytest.fixture
def reader(settings: Settings) -> Iterator[httpx.Client]:
    """A client that reads by itself, as a command does where nobody serves."""
    with reading.client(settings) as client:
        yield client


def test_what_was_run_is_shown_without_a_server(reader: httpx.Client, database: Database, clock: Clock) -> None:
    execution_id = make_running(database)
    chunk = logs.pack(execution_id, 1, 1, make_lines(["one", "two"], clock))
    assert database.submit(logs.append, chunk).result()
    outcome = make_outcome(summary="done", log=endings.LogEnd(2, 8))
    assert database.submit(endings.finish, execution_id, 1, outcome).result()

    assert [item["id"] for item in reader.get(EXECUTIONS).json()["items"]] == [execution_id]
    assert reader.get(f"{EXECUTIONS}/{execution_id}").json()["summary"] == "done"
    log = reader.get(f"{EXECUTIONS}/{execution_id}/log", params={"after": 1}).json()
    assert [line["text"] for line in log["items"]] == ["two"]
    streamed = reader.get(f"{EXECUTIONS}/{execution_id}/log/stream").text
    assert streamed.count("data: ") == 3
    assert "event: end" in streamed


def test_a_filter_works_as_it_does_over_http(reader: httpx.Client, database: Database) -> None:
    ended = make_ended(database)
    make_queued(database)
    found = reader.get(EXECUTIONS, params={"status": "succeeded", "limit": 1}).json()
    assert [item["id"] for item in found["items"]] == [ended]
    assert reader.get(EXECUTIONS, params={"status": "done"}).status_code == 422
    assert reader.get(f"{EXECUTIONS}/nobody").status_code == 404


def test_nothing_is_changed_by_looking_nor_by_what_is_no_look(
    reader: httpx.Client, database: Database, settings: Settings
) -> None:
    execution_id = make_queued(database)
    before = database.fetch(events.last_id).result()
    for path in (EXECUTIONS, f"{EXECUTIONS}/{execution_id}/cancel", "/api/v1/server/stop"):
        with pytest.raises(errors.Unavailable, match="conselho serve"):
            reader.post(path, json={"argv": ["true"]})
    reader.get(EXECUTIONS)
    assert status(database, execution_id) == "queued"
    assert database.fetch(events.last_id).result() == before
    assert not settings.socket_path.exists()
    assert not (settings.data_dir / "worker.json").exists()


def test_whoever_writes_in_the_data_directory_is_not_kept_out(reader: httpx.Client, settings: Settings) -> None:
    reader.get(EXECUTIONS)
    with holder.take(settings.data_dir, "serve", None):
        assert reader.get(EXECUTIONS).status_code == 200


def test_it_says_that_nobody_serves(reader: httpx.Client, database: Database) -> None:
    shown = reader.get("/api/v1/server").json()
    assert (shown["pid"], shown["kind"], shown["seats"]) == (None, None, 0)
    assert shown["database"] == database.kind


def test_many_threads_may_ask_at_once(reader: httpx.Client, database: Database) -> None:
    made = sorted(make_queued(database) for _ in range(8))
    with ThreadPoolExecutor(8) as pool:
        shown = pool.map(lambda each: reader.get(f"{EXECUTIONS}/{each}").json()["id"], made)
    assert list(shown) == made


def test_nothing_stays_behind_when_it_is_closed(settings: Settings) -> None:
    before = set(threading.enumerate())
    with reading.client(settings) as client:
        client.get(EXECUTIONS)
    assert set(threading.enumerate()) - before == set()


def test_where_nothing_was_ever_run_it_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(errors.NotFound, match=r"nothing was ever run in .*: begin with `conselho run -- COMMAND`"):
        reading.client(Settings(data_dir=tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()


def test_a_copied_data_directory_is_read_like_the_first(tmp_path: Path, sqlite_database_url: str) -> None:
    original, copy = tmp_path / "conselho.db", tmp_path / "copy"
    database = Database(sqlite_database_url)
    execution_id = make_ended(database)
    database.close()
    copy.mkdir()
    shutil.copyfile(original, copy / "conselho.db")
    with reading.client(Settings(data_dir=copy)) as client:
        assert client.get(f"{EXECUTIONS}/{execution_id}").json()["status"] == "succeeded"


@pytest.mark.parametrize(("revision", "error"), [("9999", errors.SchemaNewer), ("0001", errors.SchemaOlder)])
def test_a_database_of_another_program_is_refused_with_a_sentence(
    tmp_path: Path, sqlite_database_url: str, revision: str, error: type[errors.ConselhoError]
) -> None:
    with closing(sqlite3.connect(tmp_path / "conselho.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [revision])
        connection.commit()
    with pytest.raises(error):
        reading.client(Settings(data_dir=tmp_path, database_url=sqlite_database_url))


def test_a_run_that_goes_on_is_shown_as_far_as_it_is(reader: httpx.Client, database: Database, clock: Clock) -> None:
    execution_id = make_running(database)
    chunk = logs.pack(execution_id, 1, 1, make_lines(["so far"], clock))
    assert database.submit(logs.append, chunk).result()
    shown = reader.get(f"{EXECUTIONS}/{execution_id}").json()
    assert (shown["status"], shown["log_lines"]) == ("running", 1)
