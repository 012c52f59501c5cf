"""How often does anything get lost, begun twice or torn when servers and shims are killed at random?

    python -m tests.acceptance.torture --rounds 200 [--database sqlite|postgresql|both] [--seed N]

On SQLite one server is killed and started again; on PostgreSQL two rivals on one database. Prints what was done and
what it cost. Exit code 0 only if it cost nothing; otherwise 1, with the offenders named and everything kept.
"""

import argparse
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests import databases
from tests.acceptance.dying_server import POINTS
from tests.acceptance.house import House
from tests.acceptance.nursery import Nursery
from tests.acceptance.ordeal import Ordeal
from tests.acceptance.reckoning import Tally, reckon

INTERRUPTED = 130  # as shells say it
ROUND_SECONDS_MAX = 8.0  # on average: a round takes one; beyond that something hangs
KINDS = ("server at a point", "server", "both servers", "server, then a shim", "shim", "server frozen")


@dataclass
class Report:
    """What was done to one database, and what it cost."""

    database: str
    directory: Path
    rounds: int = 0
    seconds: float = 0.0
    kills: dict[str, int] = field(default_factory=dict)
    points: int = 0
    tally: Tally = field(default_factory=Tally)


def torture(
    database: str,
    url: str | None,
    directory: Path,
    rounds: int,
    seed: int,
    nursery: Nursery,
    progress: Callable[[int], None] = lambda _: None,
) -> Report:
    """Kill for so many rounds, let it settle, and count. `url` is PostgreSQL's, of a fresh database."""
    houses = [House(directory / name, url, nursery) for name in (("one",) if url is None else ("one", "two"))]
    for other in houses[1:]:
        other.adopt_scratch(houses[0])
    ordeal = Ordeal(houses, random.Random(f"{seed} {database}"))
    began = time.monotonic()
    try:
        while ordeal.rounds < rounds:
            ordeal.round()
            progress(ordeal.rounds)
            if time.monotonic() - began > 60 + rounds * ROUND_SECONDS_MAX:
                ordeal.complaints.append(f"{ordeal.rounds} of {rounds} rounds took all the time there is for all")
                break
        tally = reckon(ordeal, ordeal.settle())
    finally:
        ordeal.close()
    seconds = time.monotonic() - began
    return Report(database, directory, ordeal.rounds, seconds, dict(ordeal.kills), len(ordeal.points), tally)


def main(arguments: list[str]) -> int:
    """Torture the databases that are asked for, at the same time; returns the exit code."""
    wish = _parsed(arguments)
    wanted = ("sqlite", "postgresql") if wish.database == "both" else (wish.database,)
    base = Path(tempfile.mkdtemp(prefix="conselho-torture-", dir="/tmp"))
    _say(f"torture: {wish.rounds} rounds on {' and '.join(wanted)}, seed {wish.seed}")
    with ExitStack() as opened:
        url = opened.enter_context(_postgres(base)) if "postgresql" in wanted else None
        bar = opened.enter_context(Progress(wanted, wish.rounds))
        nurseries = [opened.enter_context(closing(Nursery())) for _ in wanted]

        def course(name: str, nursery: Nursery) -> Report:
            address = url if name == "postgresql" else None
            return torture(name, address, base / name, wish.rounds, wish.seed, nursery, bar.teller(name))

        with ThreadPoolExecutor(len(wanted)) as threads:
            try:
                reports = list(threads.map(course, wanted, nurseries))
            except KeyboardInterrupt:
                bar.is_interrupted = True
                opened.callback(shutil.rmtree, base, ignore_errors=True)
                return INTERRUPTED
    return _tell(reports, base)


class Interrupted(Exception):
    """Somebody has seen enough."""


class Progress:
    """A line on a terminal that says how far it is; nothing elsewhere."""

    def __init__(self, names: tuple[str, ...], rounds: int) -> None:
        self.is_interrupted = False
        self._done = dict.fromkeys(names, 0)
        self._rounds = rounds
        self._lock = threading.Lock()

    def teller(self, name: str) -> Callable[[int], None]:
        """What one of them calls after each round. Raises: Interrupted."""

        def tell(done: int) -> None:
            if self.is_interrupted:
                raise Interrupted
            with self._lock:
                self._done[name] = done
                if sys.stderr.isatty():
                    said = ", ".join(f"{each} {count}/{self._rounds}" for each, count in self._done.items())
                    sys.stderr.write(f"\r{said} ")
                    sys.stderr.flush()

        return tell

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if sys.stderr.isatty():
            sys.stderr.write("\n")


@contextmanager
def _postgres(shared: Path) -> Iterator[str]:
    server = databases.open_postgres(shared, "master")
    if server is None:
        raise SystemExit(f"torture: {databases.MISSING}; or ask for --database sqlite")
    url = server.make()
    try:
        yield url
    finally:
        server.drop(url)
        server.close()


def _tell(reports: list[Report], base: Path) -> int:
    names = ["database", "rounds", "executions", *Tally().offenders]
    _say("".join(f"{name:>12}" for name in names))
    for report in reports:
        counts = [len(each) for each in report.tally.offenders.values()]
        row = [report.database, report.rounds, report.tally.executions, *counts]
        _say("".join(f"{cell:>12}" for cell in row))
    for report in reports:
        kills = ", ".join(f"{kind} {report.kills[kind]}" for kind in KINDS if kind in report.kills)
        points = f"{report.points} of {len(POINTS)} points"
        _say(f"{report.database}: {sum(report.kills.values())} kills in {report.seconds:.0f} s: {kills} ({points})")
    offenders = [
        f"{report.database}, {kind}: {each}"
        for report in reports
        for kind, found in report.tally.offenders.items()
        for each in found
    ]
    for each in offenders:
        _say(each)
    if offenders:
        _say(f"what there is to look at is kept in {base}")
        return 1
    shutil.rmtree(base, ignore_errors=True)
    return 0


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - what this program answers


def _parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="torture", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
