"""B6: how late do councilors fire, how many a second can, and does their number slow the start?

`evenly`: 10,000 councilors whose moments lie evenly in one minute, fired by `conselho serve --no-worker` as it is
installed. How late one is is what its slot says: from its moment to when the transaction that fires it began, which
commits within milliseconds.

`at once`: as many are due in the same second; counted are those fired a second by the step that the server takes, each
with its slot, its durable execution and its events. Against it: APScheduler 3.11 with its SQLAlchemy store, whose jobs
call a function that does nothing, so that what it keeps is one row each; on PostgreSQL also bare SQL that writes ours.

`start`: from the start of the process until `GET /readyz` says 200, with 100,000 councilors in the database.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from benchmarks import bare_fires, measure, ours, rivals
from benchmarks.b9_server import Server, free_port, running
from benchmarks.report import Report
from conselho import clock, ids
from conselho.agents import definitions
from conselho.agents.definitions import Definition as Agent
from conselho.council import councilors, firing
from conselho.council.councilors import Definition, Promotion
from conselho.council.models import Councilor, Slot
from conselho.council.triggers import Kind, Schedule
from conselho.db import engine, migrate
from conselho.db.session import Database, Tx

MINUTE = 60.0
COUNT = 10_000
PEER_COUNT = 1_000  # at once: its rate does not depend on it
MANY = 100_000
LEAD_SECONDS = 6.0  # for the server to be up before the first moment
AFTER_SECONDS = 10.0  # and for the last to be fired
ROWS_AT_ONCE = 1_000
BOUND = (
    "The rows themselves: eight a fire with their indexes, where APScheduler changes one. Bare SQL that writes them and"
    " does nothing else stays below ten times as well, the more so the quicker the disk: only the peer waits for it."
)
NEXT = (
    "Half of what is left is planning and writing taking turns: to plan the next two hundred while these are written."
)


def main() -> None:
    """Measure, and keep the report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    part = 20 if quick else 1
    report = Report("b6", "councilors: lateness, fires a second, start", quick=quick)
    with ExitStack() as stack:
        place = stack.enter_context(ours.directory())
        kinds = ["SQLite", *(["PostgreSQL"] if rivals.has_postgres(ours.POSTGRES_URL) else [])]
        rates = measure.interleaved(
            ways(place, kinds, COUNT // part, PEER_COUNT // part), rounds=1 if quick else 3, seconds_max=150
        )
        tell_rates(report, kinds, rates)
        for kind in kinds:
            late = our_lateness(place, kind, COUNT // part, MINUTE / part)
            tell_lateness(report, f"ours, {kind}", late, COUNT // part)
        theirs = peer(place, "SQLite", "evenly", COUNT // part, MINUTE / part)
        report.row(
            who="APScheduler, SQLite", what="evenly", late_p50_ms=_ms(theirs["late_seconds"], 50),
            late_p99_ms=_ms(theirs["late_seconds"], 99), a_second="",
        )  # fmt: skip
        seconds = [our_start(place, kind, MANY // part) for kind in kinds]
        for kind, took in zip(kinds, seconds, strict=True):
            report.row(
                who=f"ours, {kind}",
                what=f"start with {MANY // part:,}",
                late_p50_ms="",
                late_p99_ms="",
                a_second=f"{took:.2f} s",
            )
            report.goal(f"start with {MANY // part:,} on {kind}, s", took, at_most=5)
    report.versions = {"APScheduler": rivals.version("apscheduler", "apscheduler")}
    report.save()


def ways(place: Path, kinds: Sequence[str], count: int, peer_count: int) -> dict[str, Callable[[], float]]:
    """How many each fires a second, in one round."""
    found: dict[str, Callable[[], float]] = {}
    for kind in kinds:
        found[f"ours, {kind}"] = partial(our_rate, kind, count)
        if kind == "PostgreSQL":
            found[f"bare SQL, {kind}"] = partial(bare_rate, kind, count)
        found[f"APScheduler, {kind}"] = partial(peer_rate, place, kind, peer_count)
    return found


def our_rate(kind: str, count: int) -> float:
    """Fired a second, where all are due."""
    with ExitStack() as stack:
        return count / fire_all(fresh(stack, kind), count)


def bare_rate(kind: str, count: int) -> float:
    """Fires' rows written a second by bare SQL."""
    with ExitStack() as stack:
        url = fresh(stack, kind)
        fire_all(url, count)
        return bare_fires.rate(url)


def fire_all(url: str, count: int) -> float:
    """The seconds that it takes to fire so many that are due."""
    fill(url, count, clock.now() - timedelta(seconds=1), 0.0)
    with closing(Database(url)) as database:
        began = time.monotonic()
        while database.submit(firing.fire_next).result():
            pass
        took = time.monotonic() - began
        assert len(slots(database)) == count
    return took


def our_lateness(place: Path, kind: str, count: int, over_seconds: float) -> list[float]:
    """How late each was fired, in seconds, by a server."""
    with ExitStack() as stack:
        url = fresh(stack, kind)
        first = clock.now() + timedelta(seconds=LEAD_SECONDS + count / 2_000)
        fill(url, count, first, over_seconds)
        with running(server(url, place)):
            until = first + timedelta(seconds=over_seconds + AFTER_SECONDS)
            time.sleep(max(0.0, (until - clock.now()).total_seconds()))
        with closing(Database(url)) as database:
            found = slots(database)
        assert len(found) == count, f"{len(found)} of {count} moments have a row"
        return [(decided_at - moment).total_seconds() for moment, decided_at in found]


def our_start(place: Path, kind: str, count: int) -> float:
    """Until it is ready, the second time: the first makes nothing here either, but its files are cold."""
    with ExitStack() as stack:
        url = fresh(stack, kind)
        fill(url, count, clock.now() + timedelta(hours=1), 3600.0)
        times = []
        for _ in range(3):
            with running(server(url, place)) as (_, seconds):
                times.append(seconds)
        return measure.median(times)


def peer(place: Path, kind: str, how: str, count: int, *more: float) -> dict[str, Any]:
    """What APScheduler says of one run."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(ours.directory()))
        url = f"sqlite:///{home}/jobs.db"
        if kind == "PostgreSQL":
            url = stack.enter_context(ours.postgres_database()).replace("postgresql://", "postgresql+psycopg://")
        program = str(rivals.PEERS / "apscheduler" / "peer.py")
        words = [str(rivals.environment("apscheduler")), program, url, how, str(count), *map(str, more)]
        answer = subprocess.run(words, check=True, capture_output=True, text=True, cwd=place)
        found: dict[str, Any] = json.loads(answer.stdout)
        assert found["was_ready"], "its jobs were due before they were all added"
        return found


def peer_rate(place: Path, kind: str, count: int) -> float:
    """Called a second, where all are due."""
    return float(peer(place, kind, "fires", count)["per_second"])


def fresh(stack: ExitStack, kind: str) -> str:
    """The URL of an empty, migrated database."""
    home = stack.enter_context(ours.directory())
    url = engine.sqlite_url(home / "conselho.db") if kind == "SQLite" else stack.enter_context(ours.postgres_database())
    migrate.upgrade(url)
    return url


def fill(url: str, count: int, first: datetime, over_seconds: float) -> None:
    """Have so many councilors of one agent, their next moments evenly spread from `first` on."""
    with closing(Database(url)) as database:
        agent = database.submit(definitions.add, Agent(slug="nothing", argv=["true"], cwd="/"), ids.new()).result()
        wish = Definition(
            title="Bench", task_name="Nothing", prompt="nothing", schedule=Schedule(Kind.INTERVAL, "1h"),
            start_window_seconds=3600.0,
        )  # fmt: skip
        one = database.submit(councilors.promote, Promotion(agent, wish), ids.new()).result()
        model = dict(database.fetch(_row, one).result())
        rows = []
        for number in range(1, count):
            rows.append(_copy(model, number, first + timedelta(seconds=over_seconds * number / count)))
            if len(rows) == ROWS_AT_ONCE:
                database.submit(_add, rows).result()
                rows = []
        rows.append(_copy(model, 0, first))
        database.submit(_add, rows).result()
        database.submit(councilors.demote, one).result()


def _row(tx: Tx, councilor_id: str) -> Any:
    return tx.execute(select(Councilor.__table__).where(Councilor.id == councilor_id)).one()._mapping


def _copy(model: dict[str, Any], number: int, moment: datetime) -> dict[str, Any]:
    at = {"anchored_at": moment - timedelta(hours=1), "next_at": moment, "due_at": moment}
    return model | at | {"id": ids.new(), "slug": f"councilor-{number}"}


def _add(tx: Tx, rows: list[dict[str, Any]]) -> None:
    tx.execute(insert(Councilor), rows)


def slots(database: Database) -> list[tuple[datetime, datetime]]:
    """Every slot's moment, and when it was decided."""

    def found(tx: Tx) -> list[tuple[datetime, datetime]]:
        rows = tx.execute(select(Slot.moment, Slot.decided_at).where(Slot.state == "fired"))
        return [(row.moment, row.decided_at) for row in rows]

    return database.fetch(found).result()


def server(url: str, place: Path) -> Server:
    """A server without a worker on that database."""
    port = free_port()
    program = str(Path(sys.executable).with_name("conselho"))
    home = place / f"server-{port}"
    home.mkdir()
    words = ["serve", "--no-worker", "--data-dir", str(home), "--database-url", url, "--port", str(port)]
    return Server([program, *words], {}, f"http://127.0.0.1:{port}/readyz")


def tell_rates(report: Report, kinds: Sequence[str], rates: dict[str, list[float]]) -> None:
    """Rows and goals of those that are due at once."""
    middle = {name: measure.median(several) for name, several in rates.items()}
    for name, rate in middle.items():
        report.row(who=name, what="at once", late_p50_ms="", late_p99_ms="", a_second=f"{rate:,.0f}")
    for kind in kinds:
        ratio = middle[f"ours, {kind}"] / middle[f"APScheduler, {kind}"]
        report.goal(f"fires a second on {kind}, of APScheduler's", ratio, at_least=10, missed=(BOUND, NEXT))


def tell_lateness(report: Report, who: str, late: Sequence[float], count: int) -> None:
    """A row and a goal of those that are due evenly."""
    report.row(who=who, what="evenly", late_p50_ms=_ms(late, 50), late_p99_ms=_ms(late, 99), a_second="")
    report.goal(f"p99 of lateness of {count:,}, {who.partition(', ')[2]}, s", measure.percentile(late, 99), at_most=1)


def _ms(seconds: Sequence[float], percent: float) -> str:
    return f"{measure.percentile(seconds, percent) * 1000:.0f}"


if __name__ == "__main__":
    main()
