"""What every room's tests share: a fresh migrated database of either kind, a clock moved by hand, and a browser."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import hypothesis
import pytest

from conselho import clock as real_clock
from conselho.db.session import Database
from tests import databases
from tests.no_skips import pytest_sessionfinish, pytest_terminal_summary  # noqa: F401

# How long an example takes says more about the machine's other work than about ours.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def __call__(self) -> datetime:
        return self._now

    def advance(self, by: timedelta | None = None, *, seconds: float = 0.0) -> datetime:
        """Move on, and say what time it is then."""
        self._now += (by or timedelta()) + timedelta(seconds=seconds)
        return self._now

    def set(self, now: datetime) -> None:
        """Jump, also backwards."""
        self._now = now


@pytest.fixture
def clock() -> Iterator[Clock]:
    """The program's clock, standing at a fixed moment; on PostgreSQL `database` reads it as well."""
    standing = Clock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC))
    with real_clock.reading(standing):
        yield standing


@pytest.fixture(scope="session")
def shared_directory(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A directory that all workers of this run see."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, copied for each test."""
    return databases.make_sqlite_template(tmp_path_factory.mktemp("template") / "template.db")


@pytest.fixture(scope="session")
def postgres(shared_directory: Path, worker_id: str) -> Iterator[databases.Postgres]:
    """A PostgreSQL server with a migrated template, or a skip that says what to install."""
    server = databases.open_postgres(shared_directory, worker_id)
    if server is None:
        pytest.skip(databases.MISSING)
    yield server
    server.close()


@pytest.fixture
def sqlite_database_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A fresh SQLite database, for what is true of SQLite alone."""
    return databases.copy_sqlite(sqlite_template, tmp_path / "conselho.db")


@pytest.fixture
def postgres_database_url(postgres: databases.Postgres) -> Iterator[str]:
    """A fresh PostgreSQL database, for what is true of PostgreSQL alone."""
    url = postgres.make()
    yield url
    postgres.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh migrated database, once of each kind."""
    name = "sqlite_database_url" if request.param == "sqlite" else "postgres_database_url"
    return str(request.getfixturevalue(name))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An open database; its time is `conselho.clock`'s on both kinds, so that `clock` moves it."""
    opened = Database(database_url, now=real_clock.now)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def chromium() -> str:
    """A Chromium, or a skip that says what to install."""
    found = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    if found is None:
        pytest.skip("no Chromium: install the Debian package `chromium`")
    return found
