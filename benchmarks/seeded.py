"""Where are the large databases, and who serves them? Made by `seed.py` once, and kept below .bench."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url
from tests import databases as databases_of_tests

from benchmarks import measure, ours, seed
from conselho.db import engine
from conselho.settings import Settings

START_SECONDS = 60.0


class UnixConnection(http.client.HTTPConnection):
    """HTTP over the server's socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


def databases(count: int) -> Iterator[tuple[str, Path]]:
    """URLs of the two, each with a directory for its server; made where they are not there yet."""
    root = measure.work_directory().parent / "seeded" / f"{count}"
    for kind in ("sqlite", "postgresql"):
        place = root / kind
        place.mkdir(parents=True, exist_ok=True)
        url = _sqlite(place, count) if kind == "sqlite" else _postgres(count)
        yield url, place


def _sqlite(place: Path, count: int) -> str:
    path = place / "conselho.db"
    if not path.exists():
        half = path.with_suffix(".half")
        half.unlink(missing_ok=True)
        seed.fill(engine.sqlite_url(half), count, count)
        half.rename(path)
    return engine.sqlite_url(path)


def _postgres(count: int) -> str:
    base = os.environ.get(databases_of_tests.URL_VARIABLE, ours.POSTGRES_URL)
    name = f"conselho_bench_seeded_{count}"
    with psycopg.connect(base, autocommit=True, connect_timeout=5) as administrator:
        if administrator.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
            half = sql.Identifier(name + "_half")
            administrator.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(half))
            administrator.execute(sql.SQL("CREATE DATABASE {}").format(half))
            seed.fill(make_url(base).set(database=name + "_half").render_as_string(hide_password=False), count, count)
            administrator.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(half, sql.Identifier(name)))
    return make_url(base).set(database=name).render_as_string(hide_password=False)


@contextmanager
def served(url: str, place: Path) -> Iterator[None]:
    """A server of that database, without a worker: nothing there is to be run."""
    command = [sys.executable, "-m", "conselho", "serve", "--no-worker", "--port", "0", "--data-dir", str(place)]
    if not url.startswith("sqlite"):
        command += ["--database-url", url]
    with (place / "server.log").open("w") as log:
        server = subprocess.Popen(command, stderr=log, stdout=log)
        try:
            _await(Settings(data_dir=place).socket_path, server)
            yield
        finally:
            server.terminate()
            server.wait(30)


def _await(path: Path, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < until:
        try:
            with closing(UnixConnection(path)) as connection:
                connection.request("GET", "/livez")
                if connection.getresponse().status == 200:
                    return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the server did not come up: its log lies beside its database")
