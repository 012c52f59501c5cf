"""How far has somebody followed the log? A durable cursor, moved in the unit that wrote what it stands for.

So whoever dies between reading and writing reads again what was not written, and nothing else.
"""

from sqlalchemy import bindparam, select, update

from conselho.db.session import Tx
from conselho.events.models import Cursor

# SQLite's one writer needs no lock, and its dialect leaves the words out.
_AT = select(Cursor.event_id).where(Cursor.name == bindparam("follower"))
_HOLD = select(Cursor.event_id).where(Cursor.name == bindparam("follower")).with_for_update(skip_locked=True)
_MOVE = update(Cursor).where(Cursor.name == bindparam("follower")).values(event_id=bindparam("now_at"))


def hold(tx: Tx, name: str) -> int | None:
    """The last event that `name` has dealt with; None while another process is at it."""
    found: int | None = tx.execute(_HOLD, {"follower": name}).scalar_one_or_none()
    return found


def at(tx: Tx, name: str) -> int:
    """How far `name` has come, 0 if it has not begun."""
    found: int | None = tx.execute(_AT, {"follower": name}).scalar_one_or_none()
    return found or 0


def move(tx: Tx, name: str, event_id: int) -> None:
    """Say that `name` has dealt with everything up to `event_id`."""
    tx.execute(_MOVE, {"follower": name, "now_at": event_id})
