"""B5: how many watchers does one event reach a second, what does each cost, and what if all come back at once?

A server, and a client in another process with 1,000 and 10,000 connections to its stream. An event happens (ours: a
commit on SQLite, read from the table by the one reader) and the next one follows when every watcher has it: deliveries
a second, over all of them. Against a bare generator of Starlette's on the same server and HTTP implementation, encoded
once, that keeps nothing, can resume nothing and is told of events without a database in between.

Memory is what the server's process holds more for each connection (PSS). Then all connections are cut at once, events
happen, and all come back with the id they saw last: until each has what it missed, none twice.
"""

import argparse
import contextlib
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import psutil

from benchmarks import measure, ours
from benchmarks.report import Report

WAYS = {"ours": "/api/v1/events/stream", "bare": "/stream"}
MISSED = 10  # events that happen while all are gone
WARM_UP = 2  # events that are not timed
LEFT_FOR_OTHERS = 200  # of the files that a process may have open
BOUND = "Half of a delivery is HTTP's own; the rest passes the framework's wrappers and ours, to the ring and back."
NEXT = "Send past the wrappers once the answer has begun; an HTTP implementation in C."


class Process:
    """One of the parts, spoken to by lines."""

    def __init__(self, *arguments: str) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.watching", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, *words: object) -> list[str]:
        """Tell it something; its answer."""
        assert self.popen.stdin is not None
        print(*words, file=self.popen.stdin, flush=True)
        return self.hear()

    def hear(self) -> list[str]:
        """Its next line."""
        assert self.popen.stdout is not None
        line = self.popen.stdout.readline()
        if not line:
            raise SystemExit("one of the processes has ended")
        return line.split()

    @property
    def memory_bytes(self) -> int:
        """What it holds."""
        return measure.memory_bytes([psutil.Process(self.popen.pid)])


@contextmanager
def running(*arguments: str) -> Iterator[Process]:
    """The part, while the body runs."""
    process = Process(*arguments)
    try:
        yield process
    finally:
        process.popen.kill()
        process.popen.communicate()


class Watched:
    """A server and its watchers."""

    def __init__(self, way: str, stack: contextlib.ExitStack, count: int) -> None:
        place = stack.enter_context(ours.directory())
        arguments = (way, "-", str(place)) if way == "ours" else (way,)
        self.server = stack.enter_context(running(*arguments))
        (port,) = self.server.hear()
        self.clients = stack.enter_context(running("clients", port, WAYS[way]))
        self.count = count
        self.said = 0
        before = self.server.memory_bytes
        (seconds,) = self.clients.ask("open", count)
        self.opened_seconds = float(seconds)
        self.last = self.say()
        self.bytes_each = (self.server.memory_bytes - before) / count

    def say(self) -> str:
        """One event, heard by all; returns its id."""
        last, *_ = self.server.ask("say", 1)
        self.said += 1
        _, missed, more = self.clients.ask("heard", self.said)
        assert (missed, more) == ("0", "0"), f"{missed} missed, {more} twice"
        return last

    def seconds_for(self, events: int) -> float:
        """From the first to when all have the last, each after the one before."""
        began = time.monotonic()
        for _ in range(events):
            self.last = self.say()
        return time.monotonic() - began

    def come_back(self) -> tuple[float, int, int]:
        """Seconds until all have what they missed, and how many deliveries were missed, or double."""
        self.clients.ask("cut")
        self.server.ask("say", MISSED)
        began = time.monotonic()
        self.clients.ask("open", self.count, self.last)
        at, missed, more = self.clients.ask("heard", MISSED)
        return float(at) - began, int(missed), int(more)


def main() -> None:
    """Measure, and keep the report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    report = Report("b5", "events to many watchers", quick=quick)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for count, rounds, events in ((200, 2, 5),) if quick else ((1_000, 10, 20), (10_000, 6, 4)):
        if count + LEFT_FOR_OTHERS > hard:
            report.note(f"{count:,} were not tried: this machine allows a process {hard:,} open files")
            continue
        measured(report, count, rounds, events)
    report.save()


def measured(report: Report, count: int, rounds: int, events: int) -> None:
    """Both ways with so many watchers, in turns."""
    with contextlib.ExitStack() as stack:
        watched = {way: Watched(way, stack, count) for way in WAYS}
        for each in watched.values():
            each.seconds_for(WARM_UP)
        seconds = measure.interleaved({way: partial(each.seconds_for, events) for way, each in watched.items()}, rounds)
        rate = {way: count * events / measure.median(found) for way, found in seconds.items()}
        back, missed, more = watched["ours"].come_back()
        for way, each in watched.items():
            report.row(
                watchers=f"{count:,}",
                way=way,
                deliveries_a_second=rate[way],
                of_bare=rate[way] / rate["bare"],
                KB_a_watcher=each.bytes_each / 1024,
                opened_in_seconds=each.opened_seconds,
            )
        report.goal(
            f"deliveries a second to {count:,}, of the bare generator's",
            rate["ours"] / rate["bare"],
            at_least=0.8,
            missed=(BOUND, NEXT),
        )
        report.goal(f"KB a watcher, of {count:,}", watched["ours"].bytes_each / 1024, at_most=40.0)
        report.goal(f"seconds until {count:,} who were cut together have what they missed", back, at_most=60.0)
        report.goal(f"deliveries missed or double, of {count * MISSED:,} after that", missed + more, at_most=0)


if __name__ == "__main__":
    main()
