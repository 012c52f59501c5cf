"""Tests that await: each on an event loop of its own, closed behind it, and waiting for what nobody announces."""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import ParamSpec

P = ParamSpec("P")


def on_a_loop(test: Callable[P, Coroutine[None, None, None]]) -> Callable[P, None]:
    """Let pytest call an `async def` like any other test."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


async def until(question: Callable[[], object], seconds: float = 40.0) -> None:
    """Let the loop run until the answer is true. Raises: TimeoutError, which only a test that fails waits for."""
    async with asyncio.timeout(seconds):
        while not question():  # noqa: ASYNC110 - what is asked for has no event
            await asyncio.sleep(0.005)
