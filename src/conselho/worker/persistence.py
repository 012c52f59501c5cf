"""What does a worker do while the database is away? It waits and tries again: the agents run on meanwhile.

Only for units that may be asked again safely, because they check what they saw (fence, status, last line). One
whose answer was lost is asked again as well: it then finds its own work done, and says so by changing nothing.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from conselho import errors
from conselho.db.session import Database, Tx

_log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.2, 5.0


async def insist(database: Database, unit: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Write, as often as it takes for the database to answer."""
    wait = FIRST_WAIT_SECONDS
    while True:
        try:
            return await database.write(unit, *args, **kwargs)
        except errors.Unavailable as error:
            _log.warning("%s waits: %s", unit.__name__, error.sentence)
        await asyncio.sleep(wait)
        wait = min(wait * 2, LONGEST_WAIT_SECONDS)


async def look(database: Database, query: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Read, as often as it takes for the database to answer."""
    wait = FIRST_WAIT_SECONDS
    while True:
        try:
            return await database.read(query, *args, **kwargs)
        except errors.Unavailable as error:
            _log.warning("%s waits: %s", query.__name__, error.sentence)
        await asyncio.sleep(wait)
        wait = min(wait * 2, LONGEST_WAIT_SECONDS)
