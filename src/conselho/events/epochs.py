"""Is this still the history that the ids of events belong to? What a restore forgets to say, the database may tell.

A PostgreSQL that was recovered to a point in time, or a standby that was promoted, goes on with the same rows, and
may have lost the last of them: ids that watchers have seen would come to mean other events. So an epoch is bound to
where its database lives, and where that has changed another begins: who watches loads anew, once. That is also the
price of a failover in which nothing was lost, because nobody can tell one from the other.

What lives on in the same place is not noticed: an old snapshot of a server's disk, say. For that, and for the
executions in it, there is `conselho db restored`.
"""

import logging

from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import DBAPIError

from conselho import ids
from conselho.db import lineage
from conselho.db.session import Database, Tx
from conselho.events import log
from conselho.events.models import Epoch

_BOUND_TO = select(Epoch.bound_to)
_BIND = update(Epoch).where(Epoch.bound_to.is_(None)).values(bound_to=bindparam("now"))
_BEGIN = (
    update(Epoch)
    .where(Epoch.bound_to == bindparam("before"))
    .values(name=bindparam("another"), bound_to=bindparam("now"))
)

_log = logging.getLogger(__name__)


def begin(tx: Tx) -> str:
    """Begin another epoch, whatever the reason; returns its name. Whoever serves it next binds it."""
    name = ids.new()
    tx.execute(update(Epoch).values(name=name, bound_to=None))
    tx.signal(log.TOPIC)
    return name


def is_kept(tx: Tx) -> bool:
    """Whether the database is where its epoch is bound to."""
    now = lineage.of(tx)
    return now is None or tx.execute(_BOUND_TO).scalar_one() == now


def keep(tx: Tx) -> str | None:
    """Begin another epoch where the database has come to live elsewhere; returns its name, None: it goes on."""
    now = lineage.of(tx)
    before = tx.execute(_BOUND_TO).scalar_one()
    if now is None or before == now:
        return None
    if before is None:
        tx.execute(_BIND, {"now": now})
        return None
    name = ids.new()
    if tx.execute(_BEGIN, {"before": before, "another": name, "now": now}).rowcount == 0:
        return None  # another process was first
    tx.signal(log.TOPIC)
    return name


class Keeper:
    """Looks, for one process, whether its database is where it was."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._can_know = True

    async def look(self) -> None:
        """Begin another epoch if need be. Raises: Unavailable and its kinds."""
        if not self._can_know:
            return
        try:
            if await self._database.read(is_kept):  # most often, and then nothing is written
                return
            name = await self._database.write(keep)
        except DBAPIError as error:
            self._can_know = False
            _log.warning(
                "this PostgreSQL does not tell which one it is: after a restore, and a failover that may have lost"
                " something, stop every server and run `conselho db restored` (%s)",
                str(error.orig).strip(),
            )
            return
        if name is not None:
            _log.warning(
                "the database has moved to another server or timeline: a new history of events begins, and who"
                " watches loads anew. If it was restored from a backup, stop every server and run"
                " `conselho db restored`, so that nothing runs a second time"
            )
