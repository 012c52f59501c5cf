"""Where do the tests' databases come from?

Every test gets a fresh one, already migrated: a copy of a template. SQLite's template is a file; PostgreSQL's is
a database on a server: that of `CONSELHO_TEST_POSTGRES_URL`, else the one that answers on 127.0.0.1:5432, else a
private one, started from whatever PostgreSQL is installed and shared by all workers of one run. The private one need
not wait for the disk, so a fresh database takes it 20 ms, and any other 60 to 300. What killed runs left on it is
dropped meanwhile: see `leftovers`.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from conselho.db import engine, migrate
from tests import leftovers

DROPS_WAITING_MAX = 5  # each takes seconds where many test at once on a server that waits for its disk
URL_VARIABLE = "CONSELHO_TEST_POSTGRES_URL"
USUAL_URL = "postgresql://postgres@127.0.0.1:5432/postgres"
MISSING = (
    f"no PostgreSQL: install the Debian package `postgresql` (or any server), or set {URL_VARIABLE}"
    " to a server where databases may be made"
)


def copy_sqlite(template: Path, to: Path) -> str:
    """A fresh SQLite database; returns its URL."""
    shutil.copyfile(template, to)
    return engine.sqlite_url(to)


def make_sqlite_template(path: Path) -> Path:
    """A migrated SQLite file, closed, so that copying the one file copies all."""
    migrate.upgrade(engine.sqlite_url(path))
    return path


class Postgres:
    """A server, and this worker's template and databases on it, which carry its mark.

    Making a database means waiting, for the disk where there is one to wait for. So the next one is made while a
    test runs, and the last one is dropped meanwhile.
    """

    def __init__(self, url: str) -> None:
        self.url = _driver_url(url)
        # Every database is made by this one: without it we would have no mark any more, and make none.
        self._owner = psycopg.connect(self.url, autocommit=True, connect_timeout=5)
        self.mark = leftovers.take_mark(self._owner)
        self._template = f"conselho_template_{self.mark}"
        self._numbers = count(1)
        self._maker = ThreadPoolExecutor(1, thread_name_prefix="database-maker")
        self._dropper = ThreadPoolExecutor(1, thread_name_prefix="database-dropper")
        self._next: Future[str] | None = None
        self._dropping: list[Future[None]] = []
        self._sweeper = ThreadPoolExecutor(1, thread_name_prefix="database-sweeper")
        self._sweeping: Future[None] | None = None
        self._is_over = threading.Event()

    def sweep(self) -> None:
        """Begin to drop what killed runs left; what is left of it when we close is left to the next run."""
        self._sweeping = self._sweeper.submit(leftovers.drop, self.url, self._is_over)

    def make_template(self) -> None:
        """Make and migrate what every test's database is a copy of."""
        self._owner.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self._template)))
        migrate.upgrade(self._url_of(self._template))

    def make(self) -> str:
        """A fresh database; returns its URL."""
        made = self._next or self._maker.submit(self._make)
        name = made.result()
        self._next = self._maker.submit(self._make)
        return self._url_of(name)

    def drop(self, url: str) -> None:
        """Drop a test's database, whoever is still connected, without letting the next test wait for it.

        Unless many wait to be dropped already: the last test of a run would have to wait for all of them.
        """
        self._dropping = [each for each in self._dropping if not each.done()]
        if len(self._dropping) >= DROPS_WAITING_MAX:
            self._dropping[0].result()
        self._dropping.append(self._dropper.submit(self._drop, make_url(url).database or ""))

    def close(self) -> None:
        """Drop everything this worker made."""
        if self._next is not None:
            self.drop(self._url_of(self._next.result()))
        self.drop(self._url_of(self._template))
        self._is_over.set()
        for ending in (*self._dropping, *filter(None, [self._sweeping])):
            ending.result()
        for executor in (self._maker, self._dropper, self._sweeper):
            executor.shutdown()
        self._owner.close()

    def _make(self) -> str:
        name = f"conselho_test_{self.mark}_{next(self._numbers)}"
        self._owner.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(self._template))
        )
        return name

    def _drop(self, name: str) -> None:
        with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _url_of(self, name: str) -> str:
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)


def open_postgres(shared: Path, worker: str) -> Postgres | None:
    """A server with a migrated template, or None where there is none to be had.

    `shared` is a directory that all workers of this run see.
    """
    url = os.environ.get(URL_VARIABLE) or (USUAL_URL if _answers(USUAL_URL) else None)
    url = url or _private(shared, is_worker=worker != "master")
    if url is None:
        return None
    server = Postgres(url)
    if worker in {"master", "gw0"}:  # one of each run
        server.sweep()
    server.make_template()
    return server


def _driver_url(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _private(shared: Path, *, is_worker: bool) -> str | None:
    """The URL of the run's own server, started by whichever worker comes first; None if it cannot be."""
    program = initdb()
    if program is None:
        return None
    with (shared / "postgres-server.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        file = shared / "postgres-server.url"
        if not file.exists():
            controller = os.getppid() if is_worker else os.getpid()
            file.write_text(_start(controller, program.parent))
        return file.read_text() or None


def _start(controller: int, programs: Path) -> str:
    """The new server's URL, empty if it did not start. It ends by itself when the controller does."""
    keeper = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("postgres_server.py"), str(controller), programs],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert keeper.stdout is not None
    with keeper.stdout:
        url = keeper.stdout.readline().strip()
    keeper.returncode = 0  # it outlives this worker on purpose: say so to the one who would warn of it
    return url


def initdb() -> Path | None:
    """The newest PostgreSQL that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: path.parent.parent.name.zfill(4))
    if found:
        return found[-1]
    on_path = shutil.which("initdb")
    return Path(on_path).resolve() if on_path else None
