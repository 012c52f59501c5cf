"""How do the peers run beside us? Each in an environment of its own, made from the versions pinned in its folder.

A peer is two processes, as it is meant to be used: one that enqueues and one that works. What its tasks write to the
wire, a FIFO, is when each was wished for and when it began, both on the system's monotonic clock.
"""

import contextlib
import hashlib
import os
import select
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from benchmarks import measure, ours

PEERS = Path(__file__).resolve().parent / "peers"
PATIENCE_SECONDS = 60.0
_STAMPS = struct.Struct("=dd")
_UP = (0.0, 0.0)
LOOK_SECONDS = 0.01  # between two looks at whether all is done
_COUNTS = {
    "dbos": "SELECT count(*) FROM dbos.workflow_status WHERE status = 'SUCCESS'",
    "procrastinate": "SELECT count(*) FROM procrastinate_jobs WHERE status = 'succeeded'",
}


class Silent(Exception):
    """A peer said nothing for too long."""


def environment(name: str) -> Path:
    """The peer's Python, its packages installed if they are not."""
    wanted = (PEERS / name / "requirements.txt").read_bytes()
    place = measure.work_directory().parent / name
    mark = place / ".installed"
    digest = hashlib.sha256(wanted + sys.version.encode()).hexdigest()
    if not mark.exists() or mark.read_text(encoding="ascii") != digest:
        print(f"installing {name} ...", flush=True)
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        pip = [str(place / "bin" / "pip"), "install", "-qq", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", str(PEERS / name / "requirements.txt")], check=True)
        mark.write_text(digest, encoding="ascii")
    return place / "bin" / "python"


def version(name: str, package: str) -> str:
    """The pinned version of a package in a peer's environment."""
    lines = (PEERS / name / "requirements.txt").read_text(encoding="ascii").splitlines()
    return next(line.partition("==")[2] for line in lines if line.lower().startswith(f"{package}=="))


class Peer:
    """A peer on one database or broker."""

    def __init__(self, name: str, url: str, place: Path) -> None:
        self._name = name
        self._url = url
        self._place = place
        self._python = environment(name)
        self._wire_path = place / f"{name}-{len(list(place.iterdir()))}.wire"
        os.mkfifo(self._wire_path)
        self._wire = os.open(self._wire_path, os.O_RDWR | os.O_NONBLOCK)
        self._worker: subprocess.Popen[bytes] | None = None
        self._client: subprocess.Popen[str] | None = None
        self.enqueued = 0

    def prepare(self) -> None:
        """Make its tables, where that is a step of its own."""
        subprocess.run(self._command("prepare"), check=True, timeout=PATIENCE_SECONDS)

    def start_client(self) -> None:
        """Start the process that enqueues."""
        self._client = subprocess.Popen(
            self._command("client"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=self._place
        )

    def start_worker(self, *, wait: bool = True) -> None:
        """Start the process that works; `wait` until it is up, where there is nothing to do for it yet."""
        self._worker = subprocess.Popen(
            self._command("worker"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=self._place
        )
        if wait:
            assert self._read(1) == [_UP]

    def stop_worker(self) -> None:
        """End the worker."""
        _end(self._worker)
        self._worker = None

    def enqueue(self, count: int) -> None:
        """Have so many tasks enqueued; returns when they are."""
        assert self._client is not None
        assert self._client.stdin is not None
        assert self._client.stdout is not None
        self._client.stdin.write(f"{count}\n")
        self._client.stdin.flush()
        if self._client.stdout.readline() != "done\n":
            raise Silent(f"{self._name} could not enqueue")
        self.enqueued += count

    def stamps(self, count: int) -> list[tuple[float, float]]:
        """When so many tasks were wished for and began."""
        found: list[tuple[float, float]] = []
        while len(found) < count:
            found += [stamp for stamp in self._read(count - len(found)) if stamp != _UP]
        return found

    def _read(self, count: int) -> list[tuple[float, float]]:
        data = b""
        over = time.monotonic() + PATIENCE_SECONDS
        while len(data) < count * _STAMPS.size:
            if not select.select([self._wire], [], [], 1.0)[0]:
                has_died = self._worker is not None and self._worker.poll() is not None
                if has_died or time.monotonic() > over:
                    raise Silent(f"{self._name} said {len(data) // _STAMPS.size} of {count} words")
            with contextlib.suppress(BlockingIOError):
                data += os.read(self._wire, count * _STAMPS.size - len(data))
        return [(wished, began) for wished, began in _STAMPS.iter_unpack(data)]

    def wait_until_done(self, total: int) -> float:
        """Wait until `total` tasks are durably over, those of earlier rounds included; returns the moment."""
        over = time.monotonic() + PATIENCE_SECONDS
        while (done := self._done()) < total:
            if time.monotonic() > over:
                raise Silent(f"{self._name} is done with {done} of {total} tasks")
            time.sleep(LOOK_SECONDS)
        return time.monotonic()

    def close(self) -> None:
        """End both processes."""
        _end(self._worker)
        _end(self._client)
        os.close(self._wire)

    def _done(self) -> int:
        if self._url.startswith("redis"):  # what is neither waiting nor unacknowledged
            return self.enqueued - redis_number(self._url, "LLEN bench") - redis_number(self._url, "HLEN unacked")
        count = _COUNTS[self._name]
        if self._url.startswith("sqlite"):
            with contextlib.closing(sqlite3.connect(self._url.removeprefix("sqlite:///"))) as database:
                return int(database.execute(count.replace("dbos.", "")).fetchone()[0])
        with psycopg.connect(self._url) as connection:
            row = connection.execute(count.encode()).fetchone()
        assert row is not None
        return int(row[0])

    def _command(self, role: str) -> list[str]:
        return [
            str(self._python),
            "-W",
            "ignore",
            str(PEERS / self._name / "peer.py"),
            role,
            self._url,
            str(self._wire_path),
        ]


@contextmanager
def redis_server(place: Path, *, durable: bool) -> Iterator[str]:
    """The URL of a Redis of our own on a free port of loopback.

    `durable`: every write is on the disk before it is answered, as it is with us. Otherwise it keeps nothing, which is
    how most people run Celery, and as fast as it goes.
    """
    program = shutil.which("redis-server") or _install_redis()
    home = Path(tempfile.mkdtemp(dir=place))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--appendonly", "yes", "--appendfsync", "always"] if durable else ["--appendonly", "no"]
    command = [program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(home), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        _wait_for_port(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        _end(process)
        shutil.rmtree(home, ignore_errors=True)


def redis_version() -> str:
    """The version of the Redis that is installed."""
    program = shutil.which("redis-server") or _install_redis()
    words = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()
    return next(word.partition("=")[2] for word in words if word.startswith("v="))


def redis_number(url: str, command: str) -> int:
    """What a Redis answers to a command whose answer is a number."""
    port = int(url.rpartition(":")[2].partition("/")[0])
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(command.encode() + b"\r\n")
        return int(connection.recv(100).decode("ascii").removeprefix(":"))


def has_postgres(url: str) -> bool:
    """Whether a server answers there."""
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def versions() -> dict[str, str]:
    """Of the peers, and of what they run on."""
    found = {name: version(name.lower(), name.lower()) for name in ("Celery", "DBOS", "procrastinate")}
    found["Redis"] = redis_version()
    if has_postgres(ours.POSTGRES_URL):
        found["PostgreSQL"] = ours.postgres_version()
    return found


def _install_redis() -> str:
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("installing Debian's redis-server ...", flush=True)
        for words in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "redis-server"]):
            subprocess.run(["apt-get", *words], check=False, stdout=subprocess.DEVNULL)
    program = shutil.which("redis-server")
    if program is None:
        raise SystemExit("there is no redis-server, which Celery needs: install Debian's package `redis-server`")
    return program


def _wait_for_port(port: int) -> None:
    over = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < over:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise Silent("redis-server does not listen")


def _end(process: "subprocess.Popen[str] | subprocess.Popen[bytes] | None") -> None:
    if process is None:
        return
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
    for number in (signal.SIGTERM, signal.SIGKILL):
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
            return
