"""B2: how soon is a wish in a worker's hands, where nothing else is going on?

From the call that enqueues to the moment at which its worker holds it durably. One at a time, with a pause in between:
every contender is up and idle all the while, and each round asks each of them once, in an order drawn anew.

Ours: `queue.enqueue` and, riding along in its transaction, `queue.claim` for a seat that is free, in one process as
`conselho serve` is one, on SQLite (WAL, synchronous=FULL) and on PostgreSQL (fsync and synchronous_commit on). `over
HTTP` is the same with a POST to the API from another process in front, on SQLite.

The peers are two processes each, and what counts is when the task's body begins (`peers/`):

- Celery on Redis, acks late, once with a Redis that keeps nothing, and once with one that syncs each write, as our
  databases do. The goal is against the faster.
- procrastinate on PostgreSQL, which is told by NOTIFY.
- DBOS on SQLite and PostgreSQL, whose queues are polled: here every 10 ms, by default once a second.
"""

import argparse
import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks import claiming, measure, ours, rivals
from benchmarks.report import Report

PAUSE_SECONDS = (0.02, 0.06)  # between two wishes
SKIPPED = 3  # rounds in which connections and caches are filled
SETTLING_SECONDS = 60.0
BOUND = (
    "One transaction, but seven messages to PostgreSQL and back, 0.2 to 0.5 ms each on an idle machine: begin with the"
    " time, the row, the claim's lock, the claim (planned anew, 0.3 ms), the events' lock, the events, the commit."
    " Celery's task is two messages to a Redis that keeps nothing."
)
NEXT = "Take the claim's lock with BEGIN, and let the table of events take its own."

Once = Callable[[], Awaitable[float]]


def main() -> None:
    """Measure, and keep the report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    report = Report("b2", "enqueue to claim, idle", quick=quick)
    tell(report, asyncio.run(run(rounds=10 if quick else 300)))
    report.save()


async def run(rounds: int) -> dict[str, list[float]]:
    """Seconds from wish to claim, of each contender in each round."""
    async with AsyncExitStack() as stack:
        place = stack.enter_context(ours.directory())
        contenders = await our_contenders(stack)
        contenders |= peers(stack, place)
        draw = random.Random(measure.SEED)
        found: dict[str, list[float]] = {name: [] for name in contenders}
        for name, once in contenders.items():  # the first one waits until its worker is up
            await asyncio.wait_for(once(), SETTLING_SECONDS)
            print(f"{name} is up", flush=True)
        over = time.monotonic() + 100
        for turn in range(SKIPPED + rounds):
            order = list(contenders)
            draw.shuffle(order)
            for name in order:
                await asyncio.sleep(draw.uniform(*PAUSE_SECONDS))
                seconds = await contenders[name]()
                if turn >= SKIPPED:
                    found[name].append(seconds)
            if time.monotonic() > over:
                break
        return found


async def our_contenders(stack: AsyncExitStack) -> dict[str, Once]:
    """Ours on both databases, and over HTTP."""
    urls: dict[str, str | None] = {"SQLite": None, "SQLite, over HTTP": None}
    if rivals.has_postgres(ours.POSTGRES_URL):
        urls["PostgreSQL"] = stack.enter_context(ours.postgres_database())
    contenders: dict[str, Once] = {}
    for way, url in urls.items():
        home = stack.enter_context(ours.directory())
        held = await stack.enter_async_context(ours.opened(home, url))
        claims = await stack.enter_async_context(claiming.claiming(held))
        contenders[f"ours, {way}"] = claims.wish_once
        if "HTTP" in way:
            wishes = await stack.enter_async_context(claiming.serving(held, claims))
            contenders[f"ours, {way}"] = wishes.wish_once
    return contenders


def peers(stack: AsyncExitStack, place: Path) -> dict[str, Once]:
    """The others, each with a worker and a client that are up."""
    found: dict[str, rivals.Peer] = {}
    found["Celery, Redis"] = rivals.Peer(
        "celery", stack.enter_context(rivals.redis_server(place, durable=False)), place
    )
    found["Celery, Redis that syncs"] = rivals.Peer(
        "celery", stack.enter_context(rivals.redis_server(place, durable=True)), place
    )
    found["DBOS, SQLite"] = rivals.Peer("dbos", f"sqlite:///{place}/dbos.db", place)
    if rivals.has_postgres(ours.POSTGRES_URL):
        found["DBOS, PostgreSQL"] = rivals.Peer("dbos", stack.enter_context(ours.postgres_database()), place)
        found["procrastinate, PostgreSQL"] = rivals.Peer(
            "procrastinate", stack.enter_context(ours.postgres_database()), place
        )
        found["procrastinate, PostgreSQL"].prepare()
    for peer in found.values():
        stack.callback(peer.close)
        peer.start_worker()
        peer.start_client()
    return {name: asker(peer) for name, peer in found.items()}


def asker(peer: rivals.Peer) -> Once:
    """Have a peer do one task; how long it took to begin."""

    def ask() -> float:
        peer.enqueue(1)
        ((wished, began),) = peer.stamps(1)
        return began - wished

    return lambda: asyncio.to_thread(ask)


def tell(report: Report, found: dict[str, list[float]]) -> None:
    """The table and the goals."""
    middle = {name: measure.median(times) * 1000 for name, times in found.items()}
    for name, times in found.items():
        report.row(
            way=name,
            p50_ms=middle[name],
            p99_ms=measure.percentile(times, 99) * 1000,
            of_Celery=middle[name] / middle["Celery, Redis"],
        )
    for database in ("SQLite", "PostgreSQL"):
        if f"ours, {database}" in middle:
            report.goal(
                f"p50 on {database}, as a part of Celery's with a Redis that keeps nothing",
                middle[f"ours, {database}"] / middle["Celery, Redis"],
                at_most=1.0,
                missed=(BOUND, NEXT),
            )
    report.note(f"{len(next(iter(found.values())))} rounds")
    report.versions = rivals.versions()


if __name__ == "__main__":
    main()
