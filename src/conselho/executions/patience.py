"""How does a caller wait for the end of an execution?

Woken by a signal when it ends; a look at the database now and then, ever more seldom, is for signals that were lost
and for ends that another server wrote. A caller who goes away is not waited for, and a server that stops answers.
"""

import asyncio
from collections.abc import Awaitable, Callable

from conselho import clock, errors, ids
from conselho.db.session import Database
from conselho.events.signals import Signals
from conselho.executions import endings

WAIT_SECONDS_MAX = 60.0
LOOK_SECONDS, LOOK_SECONDS_MAX = 1.0, 5.0  # the first look without a signal, doubled up to the last


async def is_over(database: Database, execution_id: str) -> bool:
    """Whether an execution has ended. Raises: errors.NotFound."""
    found = await database.read(endings.state, execution_id) if ids.is_id(execution_id) else None
    if found is None:
        raise errors.NotFound(f"there is no execution {execution_id[:50]}")
    return found[0].is_terminal


async def for_the_end(
    database: Database, signals: Signals, execution_id: str, seconds: float, gone: Callable[[], Awaitable[None]]
) -> bool:
    """Return when it has ended or the time is over; False if the caller went away first.

    `gone` returns when the caller has gone. Raises: errors.NotFound.
    """
    until = clock.monotonic() + seconds
    look = LOOK_SECONDS
    with signals.watch(endings.topic_of(execution_id)) as watch:
        leaving = asyncio.ensure_future(gone())
        try:
            while not await is_over(database, execution_id):
                left = until - clock.monotonic()
                if left <= 0 or signals.is_closing:
                    return True
                waking = asyncio.ensure_future(watch.wait(min(look, left)))
                await asyncio.wait((waking, leaving), return_when=asyncio.FIRST_COMPLETED)
                if leaving.done():
                    waking.cancel()
                    return False
                look = min(look * 2, LOOK_SECONDS_MAX)
            return True
        finally:
            leaving.cancel()
