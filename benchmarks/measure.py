"""How is something measured so that the answer means something on a machine that others use as well?

Contenders take turns within one run, in an order drawn anew each round: a slow minute slows all of them, and the
ratio stays. What comes out is medians, percentiles and ratios; absolute times are told, but prove little.
"""

import math
import os
import platform
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import psutil

T = TypeVar("T")

SEED = 20260302  # of every draw: orders, texts
FSYNCS = 50  # of 4 KB, to say what this disk's promise costs


def interleaved(
    contenders: Mapping[str, Callable[[], T]],
    rounds: int,
    *,
    seconds_max: float = 150.0,
    each_seconds_max: float = math.inf,
    seed: int = SEED,
) -> dict[str, list[T]]:
    """What each contender returned in each round; each goes once a round, in an order drawn anew.

    Ends early, after a whole round, when `seconds_max` have passed. Who took `each_seconds_max` for itself sits out the
    further rounds, so that there are many of those who are quick.
    """
    draw = random.Random(seed)
    found: dict[str, list[T]] = {name: [] for name in contenders}
    took = dict.fromkeys(contenders, 0.0)
    now = time.monotonic()
    over = now + seconds_max
    for _ in range(rounds):
        order = [name for name, seconds in took.items() if seconds < each_seconds_max]
        draw.shuffle(order)
        for name in order:
            began = now
            found[name].append(contenders[name]())
            now = time.monotonic()
            took[name] += now - began
        if now > over or not order:
            break
    return found


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least so many percent of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def spread(values: Sequence[float]) -> float:
    """How far the middle half of the values lies apart, as a part of their median."""
    if len(values) < 4:
        return (max(values) - min(values)) / median(values)
    first, _, third = statistics.quantiles(values, n=4)
    return (third - first) / median(values)


def tree_of(pid: int) -> list[psutil.Process]:
    """A process and all that descend from it, as far as they live."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def memory_bytes(processes: Sequence[psutil.Process]) -> int:
    """What they hold of the machine's memory: what they share with others is counted by its share (PSS)."""
    total = 0
    for process in processes:
        try:
            rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii")
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))
    return total


def cpu_seconds(processes: Sequence[psutil.Process]) -> float:
    """Processor time they have used, with that of their children who have ended."""
    total = 0.0
    for process in processes:
        try:
            total += sum(process.cpu_times()[:4])
        except psutil.NoSuchProcess:
            continue
    return total


def machine() -> dict[str, Any]:
    """The facts about this machine that a number depends on."""
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "load_average": round(os.getloadavg()[0], 2),
        "busy_percent": psutil.cpu_percent(interval=0.5),
        "fsync_milliseconds": round(fsync_seconds() * 1000, 3),
    }


def fsync_seconds() -> float:
    """What it takes to make 4 KB durable in a file that has room, as a database's log has, at the median."""
    times: list[float] = []
    with tempfile.TemporaryFile(dir=work_directory(), buffering=0) as file:
        file.write(bytes(4096 * FSYNCS))
        os.fsync(file.fileno())
        for number in range(FSYNCS):
            started = time.perf_counter()
            os.pwrite(file.fileno(), os.urandom(4096), 4096 * number)
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - started)
    return median(times)


def work_directory() -> Path:
    """Where the benchmarks keep databases and spools: on a real disk, beside the peers' environments."""
    place = Path(__file__).resolve().parent.parent / ".bench" / "work"
    place.mkdir(parents=True, exist_ok=True)
    return place


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
