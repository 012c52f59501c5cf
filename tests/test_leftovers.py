"""What killed test runs left on a server is dropped, and nothing else, while others run beside each other."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy.engine import make_url

from tests import databases, leftovers
from tests.architecture.source import ROOT

# A run that has made what every run makes, says the URL of its test's database, and goes on until it is killed.
RUN = """
import sys
from tests import databases
server = databases.Postgres(sys.argv[1])
server.make_template()
print(server.make(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def administrator(postgres: databases.Postgres) -> Iterator[leftovers.Connection]:
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        yield connection


@contextmanager
def run(url: str) -> Iterator[str]:
    """A run; yields the URL of its database, and kills it at the end of the `with`."""
    with subprocess.Popen(
        [sys.executable, "-c", RUN, url], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def mark_of(url: str) -> str:
    return str(make_url(url).database).split("_")[2]


def of_mark(administrator: leftovers.Connection, mark: str) -> set[str]:
    found = administrator.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", (f"%{mark}%",))
    return {str(name) for (name,) in found}


def await_end(administrator: leftovers.Connection, mark: str) -> None:
    """Wait until the server has noticed that the run is dead, which is when its lock is to be had."""
    lock = (leftovers.CLASS, int(mark, 16))
    administrator.execute("SELECT pg_advisory_lock(%s, %s)", lock)
    administrator.execute("SELECT pg_advisory_unlock(%s, %s)", lock)


def sweep(postgres: databases.Postgres) -> None:
    leftovers.drop(postgres.url, threading.Event())


def test_what_a_killed_run_left_is_dropped(postgres: databases.Postgres, administrator: leftovers.Connection) -> None:
    with run(postgres.url) as url:
        mark = mark_of(url)
        assert {f"conselho_template_{mark}", f"conselho_test_{mark}_1"} <= of_mark(administrator, mark)
    await_end(administrator, mark)
    sweep(postgres)
    assert of_mark(administrator, mark) == set()


def test_a_run_that_goes_on_keeps_all_it_has(
    postgres: databases.Postgres, administrator: leftovers.Connection, postgres_database_url: str
) -> None:
    mark = mark_of(postgres_database_url)
    kept = {f"conselho_template_{mark}", make_url(postgres_database_url).database}
    sweep(postgres)
    assert kept <= of_mark(administrator, mark)


def test_a_run_that_came_in_by_another_database_keeps_all_it_has(
    postgres: databases.Postgres, administrator: leftovers.Connection, postgres_database_url: str
) -> None:
    with run(postgres_database_url) as url:
        before = of_mark(administrator, mark_of(url))
        sweep(postgres)
        assert before
        assert before <= of_mark(administrator, mark_of(url))
    with psycopg.connect(postgres_database_url, autocommit=True) as inside:
        await_end(inside, mark_of(url))
    sweep(postgres)
    assert of_mark(administrator, mark_of(url)) == set()


def test_what_somebody_looks_at_is_left_until_they_have_gone(
    postgres: databases.Postgres, administrator: leftovers.Connection
) -> None:
    with run(postgres.url) as url:
        looking = psycopg.connect(url)
        mark = mark_of(url)
    with looking:
        await_end(administrator, mark)
        sweep(postgres)
        assert of_mark(administrator, mark) == {f"conselho_test_{mark}_1"}
        administrator.execute("SELECT pg_terminate_backend(%s, 60000)", (looking.info.backend_pid,))
        looking.close()
    sweep(postgres)
    assert of_mark(administrator, mark) == set()


def test_a_database_with_a_name_of_another_kind_is_nobodys_to_drop(
    postgres: databases.Postgres, administrator: leftovers.Connection
) -> None:
    name = f"conselho_kept_{postgres.mark}"
    administrator.execute(f'CREATE DATABASE "{name}"')
    try:
        assert name not in leftovers.without_owner(administrator)
    finally:
        administrator.execute(f'DROP DATABASE "{name}"')
