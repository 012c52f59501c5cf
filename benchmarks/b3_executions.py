"""B3: how many durable executions a second go from the claim to their end, where the work itself is nothing?

The queue is filled first; what counts is the time until the last is durably over, divided into their number. With us
it begins before the first claim, with the peers when the body of the first task begins, which is later. No child is
started: it is the state table and the database that are measured.

Ours: claim, start (the intent to fork), finish with a verdict, each with its event, fifty at once, in one process on
SQLite (WAL, synchronous=FULL) and on PostgreSQL (fsync and synchronous_commit on), and in three processes that share
one PostgreSQL. `with the search index` has the supervisor's step beside it that makes ended executions searchable.

The peers run a task that does nothing, from a queue that was filled in the same way (`peers/`): Celery with acks late
and results kept, on a Redis that keeps nothing and on one that syncs each write; DBOS on SQLite and PostgreSQL;
procrastinate on PostgreSQL, fifty at once.
"""

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Row

from benchmarks import measure, ours, rivals
from benchmarks.report import Report
from conselho import ids
from conselho.db.session import Database
from conselho.executions import endings, queue, search
from conselho.executions.endings import Outcome
from conselho.executions.request import Request
from conselho.executions.states import Status
from conselho.runtime import Runtime

AT_ONCE = 50
LEASE = timedelta(seconds=60)
OUR_COUNT = 5_000
BOUND = (
    "0.15 ms of one processor an execution, and between groups of some thirty the wait for the disk, which took from a"
    " tenth to half of the time from one round to the next; DBOS varies as much."
)
NEXT = "On a disk of our own, measure again; then a writer that gathers while a commit waits."
PEER_COUNT = 1_000
PROCESSES = 3


def main() -> None:
    """Measure, and keep the report; `--work URL` is one of three processes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--work", nargs=2, metavar=("URL", "HOME"))
    wishes = parser.parse_args()
    if wishes.work is not None:
        asyncio.run(be_worker(wishes.work[0], Path(wishes.work[1])))
        return
    report = Report("b3", "durable executions a second, from the claim to the end", quick=wishes.quick)
    with ExitStack() as stack:
        part = 10 if wishes.quick else 1
        contenders = ways(stack, OUR_COUNT // part, PEER_COUNT // part)
        found = measure.interleaved(contenders, rounds=1 if wishes.quick else 5, seconds_max=130)
    tell(report, found)
    report.save()


def ways(stack: ExitStack, our_count: int, peer_count: int) -> dict[str, Callable[[], float]]:
    """Each contender's rate of one round."""
    place = stack.enter_context(ours.directory())
    has_postgres = rivals.has_postgres(ours.POSTGRES_URL)
    found: dict[str, Callable[[], float]] = {
        "ours, SQLite": partial(our_rate, None, our_count),
        "ours, SQLite, with the search index": partial(our_rate, None, our_count, searched=True),
    }
    if has_postgres:
        found["ours, PostgreSQL"] = partial(our_rate_on_postgres, our_count)
        found["ours, PostgreSQL, three processes"] = partial(our_rate_of_three, our_count)
    urls = {
        "Celery, Redis": stack.enter_context(rivals.redis_server(place, durable=False)),
        "Celery, Redis that syncs": stack.enter_context(rivals.redis_server(place, durable=True)),
        "DBOS, SQLite": f"sqlite:///{place}/dbos.db",
    }
    if has_postgres:
        urls["DBOS, PostgreSQL"] = stack.enter_context(ours.postgres_database())
        urls["procrastinate, PostgreSQL"] = stack.enter_context(ours.postgres_database())
    for name, url in urls.items():
        peer = rivals.Peer(name.partition(",")[0].lower(), url, place)
        stack.callback(peer.close)
        if name.startswith("procrastinate"):
            peer.prepare()
        peer.start_worker()  # which makes its tables, where it has any
        peer.stop_worker()
        peer.start_client()
        found[name] = partial(peer_rate, peer, peer_count)
    return found


def peer_rate(peer: rivals.Peer, count: int) -> float:
    """Tasks a second, from the first that began until all are durably over."""
    peer.enqueue(count)
    peer.start_worker(wait=False)
    began = min(stamp[1] for stamp in peer.stamps(count))
    ended = peer.wait_until_done(peer.enqueued)
    peer.stop_worker()
    return count / (ended - began)


def our_rate(url: str | None, count: int, *, searched: bool = False) -> float:
    """Executions a second, in this process."""

    async def run(place: Path) -> float:
        async with ours.opened(place, url) as held:
            await fill(held, count)
            index = asyncio.create_task(keep_searchable(held)) if searched else None
            began, ended, done = await work(held.database)
            assert done == count
            if index is not None:
                index.cancel()
            return count / (ended - began)

    with ours.directory() as place:
        return asyncio.run(run(place))


def our_rate_on_postgres(count: int) -> float:
    """The same on PostgreSQL."""
    with ours.postgres_database() as url:
        return our_rate(url, count)


def our_rate_of_three(count: int) -> float:
    """Executions a second of three processes together, on one PostgreSQL."""

    async def prepare(place: Path, url: str) -> None:
        async with ours.opened(place, url) as held:
            await fill(held, count * PROCESSES)

    with ours.directory() as place, ours.postgres_database() as url:
        asyncio.run(prepare(place, url))
        command = [sys.executable, "-m", "benchmarks.b3_executions", "--work", url, str(place)]
        workers = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(PROCESSES)
        ]
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "up\n"
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        said = [worker.communicate(timeout=60)[0].split() for worker in workers]
    assert sum(int(done) for _, _, done in said) == count * PROCESSES
    began, ended = min(float(words[0]) for words in said), max(float(words[1]) for words in said)
    return count * PROCESSES / (ended - began)


async def be_worker(url: str, place: Path) -> None:
    """One of three: say that it is up, wait for the word, work, and tell."""
    async with ours.opened(place, url) as held:
        await held.database.read(endings.state, ids.new())
        print("up", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        print(*await work(held.database), flush=True)


async def fill(held: Runtime, count: int) -> None:
    """Enqueue so many."""
    request = Request(provider="command", cwd=str(held.settings.data_dir), argv=("true",), title="nothing")
    for _ in range(0, count, 500):
        await asyncio.gather(*(held.database.write(queue.enqueue, request, ids.new()) for _ in range(500)))


async def work(database: Database) -> tuple[float, float, int]:
    """Carry executions until there is none: when the first claim began, when the last was over, how many."""
    holder = queue.Holder(ids.new(), "bench")
    began = time.monotonic()
    running: set[asyncio.Task[None]] = set()
    done = 0
    while True:
        rows = await database.write(queue.claim, holder, AT_ONCE - len(running), LEASE)
        running |= {asyncio.create_task(carry(database, row)) for row in rows}
        if not running:
            return began, time.monotonic(), done
        finished, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        done += len(finished)


async def carry(database: Database, row: Row[Any]) -> None:
    """One execution from its claim to its end."""
    assert await database.write(queue.start, row.id, row.fence, LEASE)
    outcome = Outcome(status=Status.SUCCEEDED, severity="success", summary="nothing", exit_code=0, duration_seconds=0.0)
    assert await database.write(endings.finish, row.id, row.fence, outcome)


async def keep_searchable(held: Runtime) -> None:
    """The supervisor's step, again and again."""
    while True:
        if not await held.database.write(search.index_next):
            await asyncio.sleep(0.5)


def tell(report: Report, found: dict[str, list[float]]) -> None:
    """The table and the goals."""
    middle = {name: measure.median(rates) for name, rates in found.items()}
    best = max((name for name in middle if not name.startswith("ours")), key=lambda name: middle[name])
    for name, rates in found.items():
        report.row(
            way=name,
            executions_a_second=middle[name],
            spread=f"{measure.spread(rates):.0%}" if len(rates) > 1 else "",
            of_the_best_peer=middle[name] / middle[best],
        )
    for way, factor in (("SQLite", 4.0), ("PostgreSQL", 1.0), ("PostgreSQL, three processes", 2.0)):
        if f"ours, {way}" in middle:
            report.goal(
                f"{way}, of the best peer ({best})",
                middle[f"ours, {way}"] / middle[best],
                at_least=factor,
                missed=(BOUND, NEXT),
            )
    report.note(f"{len(found['ours, SQLite'])} rounds; ours of {OUR_COUNT:,}, the peers' of {PEER_COUNT:,}")
    report.versions = rivals.versions()


if __name__ == "__main__":
    main()
