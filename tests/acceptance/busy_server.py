"""A real `conselho serve` that is busy: executions are enqueued and cancelled in it as fast as it takes them.

That is done by what a request does, called in the server itself, because ten thousand requests take a minute. It
begins when somebody watches the events.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from conselho import ids, supervisor
from conselho.executions import endings, queue
from conselho.executions.request import Request
from conselho.runtime import Runtime
from conselho.worker.loop import Worker

AT_ONCE = 20
LOOK_SECONDS = 0.01
EVENTS_EACH = 2  # of an execution that is cancelled before it begins


def arm(executions: int) -> None:
    """Have the server make so many executions."""
    original = supervisor.supervised

    @asynccontextmanager
    async def supervised(runtime: Runtime, worker: Worker | None) -> AsyncIterator[None]:
        async with original(runtime, worker):
            writing = asyncio.ensure_future(_write(runtime, executions))
            try:
                yield
            finally:
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)

    supervisor.supervised = supervised


async def _write(runtime: Runtime, executions: int) -> None:
    while not runtime.broadcast.watching:  # noqa: ASYNC110 - nobody announces it
        await asyncio.sleep(LOOK_SECONDS)
    request = Request(provider="command", cwd="/", argv=("true",))

    async def make(count: int) -> None:
        for _ in range(count):
            execution_id = ids.new()
            await runtime.database.write(queue.enqueue, request, execution_id, None)
            await runtime.database.write(endings.request_cancel, execution_id)

    shares = [executions // AT_ONCE + (number < executions % AT_ONCE) for number in range(AT_ONCE)]
    await asyncio.gather(*(make(share) for share in shares))
