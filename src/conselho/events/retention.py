"""How long are events kept? Until they are old and everybody who follows them durably has read them.

Some stay: the history of a card and of a councilor is read for as long as there is one. The newest event stays,
whatever it is, because the number of the last event is where a snapshot was taken. Where the taken ones end is said by
a cursor, moved in the same unit: who comes back with an older place is told to begin anew, and never left with a hole.
"""

from datetime import timedelta

from sqlalchemy import bindparam, delete, func, not_, or_, select

from conselho.db.session import Tx
from conselho.events import cursors, log, topics
from conselho.events.models import Cursor, Event
from conselho.events.tail import PRUNED

EVENTS_AT_ONCE = 500  # in one short transaction: some milliseconds of the writer

_SLOWEST = select(func.min(Cursor.event_id)).where(Cursor.name != PRUNED)
_NEXT = (
    select(Event.id, Event.at)
    .where(Event.id > bindparam("behind"), Event.id < bindparam("newest"), Event.id <= bindparam("read_by_all"))
    .order_by(Event.id)
    .limit(EVENTS_AT_ONCE)
)
_STAYS = or_(*(Event.kind.startswith(f"{kind}.") for kind, topic in topics.TOPICS.items() if topic in topics.KEPT))
_TAKE = delete(Event).where(Event.id > bindparam("behind"), Event.id <= bindparam("up_to"), not_(_STAYS))


def prune_next(tx: Tx, kept: timedelta) -> bool:
    """Take the next events that are older than `kept`; True if there may be more."""
    pruned = cursors.hold(tx, PRUNED)
    if pruned is None:
        return False
    newest = log.last_id(tx)
    slowest = tx.execute(_SLOWEST).scalar_one()
    wish = {"behind": pruned, "newest": newest, "read_by_all": newest if slowest is None else slowest}
    found = tx.execute(_NEXT, wish).all()
    before = tx.now - kept
    # Moments rise with ids, but for clocks that differ: the first young one ends it, so nothing is taken out of turn.
    old = next((number for number, each in enumerate(found) if each.at >= before), len(found))
    if not old:
        return False
    up_to = found[old - 1].id
    tx.execute(_TAKE, {"behind": pruned, "up_to": up_to})
    cursors.move(tx, PRUNED, up_to)
    return old == EVENTS_AT_ONCE
