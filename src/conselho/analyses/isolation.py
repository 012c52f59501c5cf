"""How are files of strangers parsed without the analysis dying of one?

Parsers written in C crash on some files (thousands of `for` in one comprehension bring Python's compiler
down) and take hours over others. So files are judged in child processes, one for each processor: a child
that dies takes with it no more than the file it was at, and the work is done sooner.

A child has an alarm that ends it: set anew for each file, so that it ends a parser that hangs, and a child
whose parent was killed.
"""

import os
import resource
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import islice
from multiprocessing import get_context
from typing import TypeVar

FILE_SECONDS_MAX = 20
"""The largest file that is read, 1 MiB of Python, takes a second."""

CHILDREN_MAX = 8
"""The machine has other work."""

BATCH_FILES = 256
"""Held in memory at a time; judged again one by one when a child died."""

CHUNK_FILES = 8
"""Handed to a child at a time: fewer cost more handing over, more keep a child waiting at the end."""

T = TypeVar("T")
_File = tuple[bytes, bytes]


def judged(
    files: Iterable[_File], judge: Callable[[bytes, bytes], T], *, seconds: float = FILE_SECONDS_MAX
) -> Iterator[tuple[bytes, T | None]]:
    """(path, what `judge(path, data)` says) for each file, in order; None where it crashed or took too long.

    `judge` is a function of a module, and what it returns can be pickled.
    """
    waiting = iter(files)
    guarded = partial(_before_the_alarm, judge, seconds)
    pool = _pool(CHILDREN_MAX, seconds)
    try:
        while batch := list(islice(waiting, BATCH_FILES)):
            try:
                verdicts: list[T | None] = list(pool.map(guarded, batch, chunksize=CHUNK_FILES))
            except BrokenProcessPool:
                pool.shutdown()
                verdicts = list(_one_by_one(guarded, batch, seconds))
                pool = _pool(CHILDREN_MAX, seconds)
            for (path, _), verdict in zip(batch, verdicts, strict=True):
                yield path, verdict
    finally:
        pool.shutdown(cancel_futures=True)


def _one_by_one(guarded: Callable[[_File], T], batch: list[_File], seconds: float) -> Iterator[T | None]:
    pool = _pool(1, seconds)
    try:
        for file in batch:
            try:
                yield pool.submit(guarded, file).result()
            except BrokenProcessPool:
                pool.shutdown()
                pool = _pool(1, seconds)
                yield None
    finally:
        pool.shutdown()


def _pool(children_max: int, seconds: float) -> ProcessPoolExecutor:
    children = min(children_max, os.cpu_count() or 1)
    # Forked, a child searches no directory for modules; there are no threads yet that a fork could surprise.
    return ProcessPoolExecutor(children, get_context("fork"), initializer=_begin, initargs=(seconds,))


def _begin(seconds: float) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # A crash that is expected leaves no core file.
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _before_the_alarm(judge: Callable[[bytes, bytes], T], seconds: float, file: _File) -> T:
    signal.setitimer(signal.ITIMER_REAL, seconds)
    verdict = judge(*file)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    return verdict
