"""B9: how soon is the server ready, how much memory does it hold, and what does it burn while nothing happens?

Ours: `conselho serve` on SQLite in its data directory, with its worker; ready when `GET /readyz` answers 200, which
asks the database for a write. Against it: `prefect server start` on SQLite in its home, with its services and without
its web pages' build; ready when `GET /api/health` answers 200. Both on loopback, in a process tree of their own.

The first start makes the database, the later ones find it: the goal is about those. Memory is the share of the whole
tree (PSS) when it has been ready for a while. Idle is processor time over wall time, of the tree, while nobody asks.

Prefect is pinned to 3.8.8 with FastAPI 0.149, the last with which that version starts.
"""

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import measure, ours, rivals
from benchmarks.report import Report

LOOK_SECONDS = 0.01
PATIENCE_SECONDS = 90.0
SETTLING_SECONDS = 5.0  # between being ready and being idle


@dataclass(frozen=True, slots=True)
class Server:
    """How one is started, and where it says that it is ready."""

    command: list[str]
    environment: Mapping[str, str]
    url: str


@dataclass(frozen=True, slots=True)
class Measured:
    """Of one start."""

    start_seconds: float
    memory_bytes: float
    idle_part: float


def main() -> None:
    """Measure, and keep the report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    report = Report("b9", "the server: start, memory, idle", quick=quick)
    with ours.directory() as place:
        servers = {"ours": our_server(place), "Prefect": prefect_server(place)}
        first = {name: start_seconds(server) for name, server in servers.items()}
        contenders: dict[str, Callable[[], float]] = {
            name: partial(start_seconds, server) for name, server in servers.items()
        }
        starts = measure.interleaved(contenders, rounds=1 if quick else 5, seconds_max=60)
        idle = at_rest(servers, seconds=5.0 if quick else 20.0)
    tell(report, first, starts, idle)
    report.save()


def our_server(place: Path) -> Server:
    """`conselho serve` as it is installed."""
    port = free_port()
    (place / "conselho").mkdir()
    program = str(Path(sys.executable).with_name("conselho"))
    command = [program, "serve", "--data-dir", str(place / "conselho"), "--port", str(port)]
    return Server(command, os.environ, f"http://127.0.0.1:{port}/readyz")


def prefect_server(place: Path) -> Server:
    """`prefect server start` in its environment; nothing is reported to anybody."""
    port = free_port()
    home = place / "prefect"
    home.mkdir()
    environment = {
        **os.environ,
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "ERROR",
        "DO_NOT_TRACK": "1",
    }
    program = str(rivals.environment("prefect").with_name("prefect"))
    command = [program, "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    return Server(command, environment, f"http://127.0.0.1:{port}/api/health")


def start_seconds(server: Server) -> float:
    """From the start of the process until it is ready."""
    with running(server) as (_, seconds):
        return seconds


def at_rest(servers: Mapping[str, Server], seconds: float) -> dict[str, tuple[float, float]]:
    """Memory, and processor time a second, of all of them side by side while nobody asks."""
    with contextlib.ExitStack() as stack:
        pids = {name: stack.enter_context(running(server))[0] for name, server in servers.items()}
        time.sleep(SETTLING_SECONDS)
        trees = {name: measure.tree_of(pid) for name, pid in pids.items()}
        before = {name: measure.cpu_seconds(tree) for name, tree in trees.items()}
        started = time.monotonic()
        time.sleep(seconds)
        passed = time.monotonic() - started
        return {
            name: (measure.memory_bytes(tree), (measure.cpu_seconds(tree) - before[name]) / passed)
            for name, tree in trees.items()
        }


@contextmanager
def running(server: Server) -> Iterator[tuple[int, float]]:
    """The server while the body runs: its process id, and how long it took to be ready."""
    started = time.monotonic()
    process = subprocess.Popen(
        server.command,
        env=dict(server.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not is_ready(server.url):
            if process.poll() is not None or time.monotonic() - started > PATIENCE_SECONDS:
                raise SystemExit(f"{' '.join(server.command)} did not become ready")
            time.sleep(LOOK_SECONDS)
        yield process.pid, time.monotonic() - started
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(15)
                break


def is_ready(url: str) -> bool:
    """Whether it answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - a URL of ours, on loopback
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def free_port() -> int:
    """A port of loopback that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tell(
    report: Report,
    first: Mapping[str, float],
    starts: Mapping[str, list[float]],
    idle: Mapping[str, tuple[float, float]],
) -> None:
    """The table and the goals."""
    middle = {name: measure.median(times) for name, times in starts.items()}
    for name in starts:
        memory, busy = idle[name]
        report.row(
            server=name,
            first_start_s=first[name],
            start_s=middle[name],
            memory_MB=memory / 1e6,
            idle_percent_of_a_core=f"{busy * 100:.2f}",
        )
    report.goal("start, of Prefect's", middle["ours"] / middle["Prefect"], at_most=0.5)
    report.goal("memory, of Prefect's", idle["ours"][0] / idle["Prefect"][0], at_most=0.5)
    report.goal("idle CPU, of Prefect's", idle["ours"][1] / idle["Prefect"][1], at_most=0.25)
    report.note(f"{len(starts['ours'])} starts each")
    report.versions = {name: rivals.version("prefect", name.lower()) for name in ("Prefect", "FastAPI")}


if __name__ == "__main__":
    main()
