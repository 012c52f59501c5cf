"""B4: what does a run cost beyond the program that it runs?

Ours: `true`, one after the other, from `enqueue` to the commit of its outcome, in a process like the server's, on
SQLite with synchronous=FULL: claim, intent, shim, spool, log, verdict, outcome - four commits, two more waits for the
disk and two processes.
Against it: `asyncio.create_subprocess_exec("true")` with its pipes read, in the same process, which keeps nothing.

CPU is all that was used: this process with the writer's thread, and every child that ended, shim and program
included. Memory is what ten live runs add to the machine (PSS): their shims and what the worker grew by, without the
programs themselves.
"""

import argparse
import asyncio
import resource
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psutil

from benchmarks import measure, ours
from benchmarks.report import Report
from conselho.executions import endings
from conselho.executions.states import Status
from conselho.runtime import Runtime
from conselho.worker import loop
from conselho.worker.loop import Worker

RUNS = 10  # of each contender in a round
LIVE_RUNS = 10
MISSED_CPU = (
    "A third of it is Python's own start for the shim, a third the rest of the shim, a quarter worker and commits.",
    "Next: a shim that is no Python program.",
)
MISSED_WALL = (
    "Three quarters of it are the processor's time, one step after the other; the rest is six waits for the disk.",
    "Next: let the shim start while its intent is committed, with a gate in between.",
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run, in milliseconds."""

    wall: float
    cpu: float


def main() -> None:
    """Measure, and keep the report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    report = Report("b4", "what a run costs: `true` through shim, log and verdict", quick=quick)
    asyncio.run(run(report, rounds=3 if quick else 40))
    report.save()


async def run(report: Report, rounds: int) -> None:
    """Both ways in turns, then the memory of live runs."""
    with ours.directory() as place:
        async with ours.opened(place, seats=LIVE_RUNS) as held:
            worker = Worker(held.database, held.signals, held.settings)
            await worker.start()
            await through_us(held, worker)  # what is loaded at the first run is no run's cost
            own, other = await in_turns(held, worker, rounds)
            live = await memory_of_live_runs(held, worker)
            await worker.stop()
    for name, costs in (("ours", own), ("bare", other)):
        report.row(
            way=name,
            wall_ms=measure.median([cost.wall for cost in costs]),
            wall_ms_p90=measure.percentile([cost.wall for cost in costs], 90),
            cpu_ms=measure.median([cost.cpu for cost in costs]),
        )
    more = measure.median([cost.wall for cost in own]) - measure.median([cost.wall for cost in other])
    cpu = measure.median([cost.cpu for cost in own])
    report.goal("ms of CPU a run, its program included", cpu, at_most=25, missed=MISSED_CPU)
    report.goal("ms more a run than bare", more, at_most=30, missed=MISSED_WALL)
    report.goal("MB a live run", live / 1e6, at_most=15)
    report.note(f"{rounds} rounds of {RUNS} runs; {LIVE_RUNS} live runs")


async def in_turns(held: Runtime, worker: Worker, rounds: int) -> tuple[list[Cost], list[Cost]]:
    """The cost of a run in each round, ours and bare."""
    own: list[Cost] = []
    other: list[Cost] = []
    over = time.monotonic() + 120
    for _ in range(rounds):
        own.append(await cost_of(lambda: through_us(held, worker)))
        other.append(await cost_of(bare))
        if time.monotonic() > over:
            break
    return own, other


async def cost_of(once: Callable[[], Awaitable[None]]) -> Cost:
    """Of RUNS runs one after the other, the mean."""
    wall, cpu = time.perf_counter(), cpu_seconds()
    for _ in range(RUNS):
        await once()
    return Cost((time.perf_counter() - wall) / RUNS * 1000, (cpu_seconds() - cpu) / RUNS * 1000)


async def through_us(held: Runtime, worker: Worker) -> None:
    """One run, from the wish to its outcome, until its seat is free again: its shim is gone then, and counted."""
    with held.signals.watch(loop.SEAT_FREE) as watch:
        execution_id = await ours.enqueue(held, "true")
        await worker.claim_next()
        while worker.running:
            await watch.wait(1.0)
    state = await held.database.read(endings.state, execution_id)
    assert state == (Status.SUCCEEDED, 1)


async def bare() -> None:
    """One child with its pipes read."""
    process = await asyncio.create_subprocess_exec(
        "true", stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    await process.communicate()


async def memory_of_live_runs(held: Runtime, worker: Worker) -> float:
    """Bytes that one more live run takes, its program's own left out."""
    me = psutil.Process()
    before = measure.memory_bytes([me])
    live = [await ours.enqueue(held, "sleep", "600") for _ in range(LIVE_RUNS)]
    await worker.claim_next()
    runs = held.settings.runs_dir
    while len(list(runs.glob("*/spawned"))) < LIVE_RUNS:  # noqa: ASYNC110 - nothing tells this one
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)
    shims = [child for child in me.children() if "shim_main.py" in " ".join(child.cmdline())]
    assert len(shims) == LIVE_RUNS, shims
    found = measure.memory_bytes(shims) + measure.memory_bytes([me]) - before
    for execution_id in live:
        await held.database.write(endings.request_cancel, execution_id)
    await worker.heed_cancels()
    for execution_id in live:
        await ours.ended(held, execution_id)
    return found / LIVE_RUNS


def cpu_seconds() -> float:
    """Used so far by this process and by its children that ended."""
    usages = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == "__main__":
    main()
