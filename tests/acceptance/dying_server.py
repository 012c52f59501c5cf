"""A real `conselho serve` that ends, or freezes, at one chosen point of its course.

One function of the product is wrapped, and nothing else of it changed. The first time the server comes to the point
it gets a SIGKILL, which nothing in it can feel coming, or a SIGSTOP, as a suspended host would.
"""

import functools
import importlib
import inspect
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

SIGNALS = {"kill": signal.SIGKILL, "freeze": signal.SIGSTOP}


@dataclass(frozen=True)
class Point:
    """A moment right before or right after a function of the product."""

    module: str
    name: str
    when: str  # before, after


POINTS = {
    "enqueue before its commit": Point("conselho.executions.queue", "enqueue", "after"),
    "enqueue committed, not answered": Point("conselho.executions.routes", "_accepted", "before"),
    "claim before its commit": Point("conselho.executions.queue", "claim", "after"),
    "claim committed": Point("conselho.worker.run", "Run.begin", "before"),
    "run directory made": Point("conselho.worker.run", "Run._commit_intent", "before"),
    "intent before its commit": Point("conselho.executions.queue", "start", "after"),
    "intent committed, nothing forked": Point("conselho.worker.run", "start_shim", "before"),
    "shim forked": Point("conselho.worker.run", "start_shim", "after"),
    "log chunk before its commit": Point("conselho.executions.logs", "append", "after"),
    "outcome before its commit": Point("conselho.executions.endings", "finish", "before"),
    "outcome committed, directory there": Point("conselho.worker.run", "Run._finish", "after"),
    "adoption before its commit": Point("conselho.executions.leases", "adopt", "after"),
    "adoption committed": Point("conselho.worker.run", "Run.adopt", "before"),
    "cancel before its commit": Point("conselho.executions.endings", "request_cancel", "after"),
    "cancel committed": Point("conselho.worker.run", "Run.cancel", "before"),
    "give back before its commit": Point("conselho.executions.queue", "give_back", "after"),
    "begin anew before it is said": Point("conselho.worker.run", "Run._began_anew", "before"),
    "begin anew before its commit": Point("conselho.executions.queue", "begin_anew", "after"),
    "begin anew committed, directory there": Point("conselho.worker.run", "Run._began_anew", "after"),
    "worktree made": Point("conselho.cards.commands", "make_place", "after"),
    "command before its commit": Point("conselho.cards.commands", "begin", "after"),
    "command committed, not answered": Point("conselho.cards.giving", "give", "after"),
    "work looked at": Point("conselho.cards.settling", "_work", "before"),
    "work committed": Point("conselho.cards.settling", "_work", "after"),
    "work kept before its commit": Point("conselho.cards.settling", "keep", "after"),
    "work kept": Point("conselho.cards.settling", "settle", "after"),
}


def arm(name: str, how: str) -> None:
    """Put the signal where the point of that name is."""
    point, number = POINTS[name], SIGNALS[how]
    holder: Any = importlib.import_module(point.module)
    *path, last = point.name.split(".")
    for step in path:
        holder = getattr(holder, step)
    original: Callable[..., Any] = getattr(holder, last)

    struck = threading.Event()

    def strike(when: str) -> None:
        if point.when == when and not struck.is_set():
            struck.set()
            os.kill(os.getpid(), number)

    @functools.wraps(original)
    def plain(*args: Any, **kwargs: Any) -> Any:
        strike("before")
        result = original(*args, **kwargs)
        strike("after")
        return result

    @functools.wraps(original)
    async def asynchronous(*args: Any, **kwargs: Any) -> Any:
        strike("before")
        result = await original(*args, **kwargs)
        strike("after")
        return result

    setattr(holder, last, asynchronous if inspect.iscoroutinefunction(original) else plain)
