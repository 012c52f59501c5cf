"""B1: how many log lines a second does a run keep, and does a line cost the same in a long log?

Ours is the whole way: `cat` of a file of lines, its pipe, the shim with its spool, the capture, chunks in the
database, the verdict, the outcome. From the claim to the commit of the outcome, SQLite with synchronous=FULL.

Against it, in the same process and as durable (WAL, FULL, a commit every 1,000 rows, one row a line):

- `rows`: the lines of the same `cat`, read from its pipe, written by `executemany`. No spool, no second process,
  nothing survives the reader's death: the least that keeps lines in rows.
- `rows from memory`: the same without a pipe, from tuples that are made already: no capture, only the database.
- `a line at a time`: insert, count the rows, commit - what the system before this one did; a few thousand lines.

Whether it is flat is asked in two ways. The next line: a run that has printed 1,000, 100,000 or 1,000,000 lines is
told to print 40,000 more, and those are timed. The whole run: so many lines, with what starting and ending costs.
"""

import argparse
import asyncio
import os
import random
import sqlite3
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from benchmarks import measure, ours
from benchmarks.report import Report
from conselho.executions import logs
from conselho.runtime import Runtime
from conselho.worker.loop import Worker

COMMIT_ROWS = 1_000
NOISE = (
    "Not explained yet: no statement of an append reads older lines, so the machine's other work is suspected.",
    "Next: on a free machine, with all rounds.",
)
LENGTHS = (1_000, 100_000, 1_000_000)
BURST_LINES = 40_000
LOG_BYTES_MAX = 2_000_000_000  # nothing is to be capped here
WORDS = "the a run test build module file line error warning in of with for at by from to passed failed"
# Prints a file, then another one each time it is told.
TELLER = 'cat "$0"; while read -r _; do cat "$1"; done < "$2"'


def main() -> None:
    """Measure, and keep the report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    report = Report("b1", "log lines kept, from a child's pipe to durable rows", quick=quick)
    with ours.directory() as place:
        files = {count: write_lines(place, count) for count in (*LENGTHS, BURST_LINES)}
        compare(report, files, rounds=2 if quick else 9)
        whole_runs(report, files, rounds=2 if quick else 5)
        next_lines(report, place, files, rounds=2 if quick else 9)
    report.save()


def write_lines(place: Path, count: int) -> Path:
    """A file of so many lines as a test run prints them, some 90 bytes each."""
    draw = random.Random(measure.SEED)
    words = WORDS.split()
    some = [" ".join(draw.choices(words, k=draw.randint(8, 24))) for _ in range(5_000)]
    path = place / f"lines-{count}"
    with path.open("w", encoding="ascii") as file:
        file.writelines(f"{number:07d} {draw.choice(some)}\n" for number in range(count))
    return path


def compare(report: Report, files: dict[int, Path], rounds: int) -> None:
    """Lines a second of each way, and our ratio."""
    count = LENGTHS[1]
    texts = files[count].read_text(encoding="ascii").splitlines()
    contenders = {
        "ours": partial(seconds_of_a_run, files[count], count),
        "rows": partial(seconds_of_rows, files[count]),
        "rows from memory": partial(seconds_of_memory, texts),
        "a line at a time": partial(seconds_a_line_at_a_time, texts[: LENGTHS[0] * 2]),
    }
    found = measure.interleaved(contenders, rounds, seconds_max=50)
    rates = {name: count / measure.median(times) for name, times in found.items()}
    rates["a line at a time"] = LENGTHS[0] * 2 / measure.median(found["a line at a time"])
    size = files[count].stat().st_size // count
    for name, rate in rates.items():
        report.row(
            way=name,
            lines=f"{LENGTHS[0] * 2 if name == 'a line at a time' else count:,}",
            lines_a_second=rate,
            ours_against_it=rates["ours"] / rate,
        )
    report.note(f"lines of {size} bytes; {len(found['ours'])} rounds; our spread {measure.spread(found['ours']):.0%}")
    report.goal("lines/s kept, of raw rows from the same pipe", rates["ours"] / rates["rows"], at_least=1.0)


def whole_runs(report: Report, files: dict[int, Path], rounds: int) -> None:
    """What a line costs in whole runs of each length."""
    contenders = {str(count): partial(seconds_of_a_run, files[count], count) for count in LENGTHS}
    found = measure.interleaved(contenders, rounds, seconds_max=50)
    costs = ", ".join(
        f"{measure.median(times) / int(count) * 1e6:.2f} µs in {int(count):,}" for count, times in found.items()
    )
    report.note(f"whole runs, with their start and end: a line costs {costs} lines")


def next_lines(report: Report, place: Path, files: dict[int, Path], rounds: int) -> None:
    """What the next line costs where the log is so long already."""
    (place / "bursts").mkdir()
    found = asyncio.run(seconds_of_bursts(place / "bursts", files, rounds))
    costs = {count: measure.median(times) / BURST_LINES * 1e6 for count, times in found.items()}
    told = ", ".join(f"{cost:.2f} µs behind {count:,}" for count, cost in costs.items())
    report.note(f"the next line costs {told} lines ({len(found[LENGTHS[0]])} rounds of {BURST_LINES:,} lines)")
    worst = max(abs(costs[count] / costs[LENGTHS[0]] - 1) for count in LENGTHS)
    report.goal(
        "the next line behind 100,000 and 1,000,000 against that behind 1,000", worst, at_most=0.10, missed=NOISE
    )


def seconds_of_a_run(file: Path, count: int) -> float:
    """Our whole way, on a fresh database."""

    async def run(place: Path) -> float:
        async with ours.opened(place, log_bytes_max=LOG_BYTES_MAX) as held:
            worker = Worker(held.database, held.signals, held.settings)
            await worker.start()
            execution_id = await ours.enqueue(held, "cat", str(file))
            started = time.perf_counter()
            await worker.claim_next()
            row = await ours.ended(held, execution_id)
            seconds = time.perf_counter() - started
            assert (row.status, row.log_lines) == ("succeeded", count), (row.status, row.log_lines)
            await worker.stop()
            return seconds

    with ours.directory() as place:
        return asyncio.run(run(place))


def seconds_of_rows(file: Path) -> float:
    """The lines of a child's pipe, as rows."""
    with ours.directory() as place, closing(rows_database(place)) as database:
        run_id = str(uuid.uuid4())
        started = time.perf_counter()
        with subprocess.Popen(["cat", str(file)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            rows = (
                (run_id, seq, time.time(), "stdout", line[:-1].decode("utf-8", "surrogateescape"))
                for seq, line in enumerate(process.stdout, 1)
            )
            insert_rows(database, rows)
        return time.perf_counter() - started


def seconds_of_memory(texts: list[str]) -> float:
    """Rows that are there already."""
    run_id, now = str(uuid.uuid4()), time.time()
    rows = [(run_id, seq, now, "stdout", text) for seq, text in enumerate(texts, 1)]
    with ours.directory() as place, closing(rows_database(place)) as database:
        started = time.perf_counter()
        insert_rows(database, iter(rows))
        return time.perf_counter() - started


def seconds_a_line_at_a_time(texts: list[str]) -> float:
    """Insert, count, commit, for every line."""
    run_id = str(uuid.uuid4())
    with ours.directory() as place, closing(rows_database(place)) as database:
        started = time.perf_counter()
        for seq, text in enumerate(texts, 1):
            database.execute("BEGIN IMMEDIATE")
            database.execute("INSERT INTO lines VALUES (?, ?, ?, ?, ?)", (run_id, seq, time.time(), "stdout", text))
            database.execute("SELECT count(*) FROM lines WHERE run_id = ?", (run_id,)).fetchone()
            database.execute("COMMIT")
        return time.perf_counter() - started


def rows_database(place: Path) -> sqlite3.Connection:
    """A file as durable as ours, with a row for each line."""
    database = sqlite3.connect(place / "rows.db", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute(
        "CREATE TABLE lines (run_id TEXT NOT NULL, seq INTEGER NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL,"
        " text TEXT NOT NULL, PRIMARY KEY (run_id, seq))"
    )
    return database


def insert_rows(database: sqlite3.Connection, rows: Iterator[tuple[object, ...]]) -> None:
    """Write them, COMMIT_ROWS at a time."""
    batch: list[tuple[object, ...]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == COMMIT_ROWS:
            insert_batch(database, batch)
            batch.clear()
    insert_batch(database, batch)


def insert_batch(database: sqlite3.Connection, batch: list[tuple[object, ...]]) -> None:
    """One transaction."""
    database.execute("BEGIN IMMEDIATE")
    database.executemany("INSERT INTO lines VALUES (?, ?, ?, ?, ?)", batch)
    database.execute("COMMIT")


async def seconds_of_bursts(place: Path, files: dict[int, Path], rounds: int) -> dict[int, list[float]]:
    """How long 40,000 more lines take, behind so many."""
    found: dict[int, list[float]] = {count: [] for count in LENGTHS}
    over = time.monotonic() + 60
    async with ours.opened(place, log_bytes_max=LOG_BYTES_MAX) as held:
        worker = Worker(held.database, held.signals, held.settings)
        await worker.start()
        longest = await Talker.begin(held, worker, files, LENGTHS[-1])  # too slow to be made anew for each round
        for _ in range(rounds):
            for count in LENGTHS[:-1]:
                talker = await Talker.begin(held, worker, files, count)
                found[count].append(await talker.seconds_of_a_burst())
                await talker.end()
            found[LENGTHS[-1]].append(await longest.seconds_of_a_burst())
            if time.monotonic() > over:
                break
        await longest.end()
        await worker.stop()
    return found


class Talker:
    """A run that prints more lines when it is told."""

    def __init__(self, held: Runtime, execution_id: str, control: int, lines: int) -> None:
        self._held = held
        self._id = execution_id
        self._control = control
        self._lines = lines

    @classmethod
    async def begin(cls, held: Runtime, worker: Worker, files: dict[int, Path], count: int) -> "Talker":
        """Start one, and wait until its first `count` lines are kept."""
        fifo = held.settings.data_dir / uuid.uuid4().hex
        os.mkfifo(fifo)
        control = os.open(fifo, os.O_RDWR)
        argv = ("sh", "-c", TELLER, str(files[count]), str(files[BURST_LINES]), str(fifo))
        execution_id = await ours.enqueue(held, *argv)
        await worker.claim_next()
        talker = cls(held, execution_id, control, count)
        await talker._kept()
        return talker

    async def seconds_of_a_burst(self) -> float:
        """Have it print BURST_LINES more; how long until they are kept."""
        self._lines += BURST_LINES
        started = time.perf_counter()
        os.write(self._control, b"\n")
        await self._kept()
        return time.perf_counter() - started

    async def end(self) -> None:
        """Close its input, which ends it."""
        os.close(self._control)
        await ours.ended(self._held, self._id)

    async def _kept(self) -> None:
        with self._held.signals.watch(f"log:{self._id}") as watch:
            while (await self._held.database.read(logs.head, self._id)).last_seq < self._lines:
                await watch.wait(1.0)


if __name__ == "__main__":
    main()
