"""What does somebody get who asks for the same thing twice, because the first answer was lost? That answer, as it was.

The answer is kept for seven days beside the key, whatever became of the thing meanwhile: a late repeat neither tells of
what was changed since, nor brings back what was removed. Executions keep their keys themselves.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import String, bindparam, delete, select, update
from sqlalchemy.orm import Mapped, mapped_column

from conselho import errors
from conselho.db.base import Base
from conselho.db.session import Tx
from conselho.db.types import JsonValue, UtcDateTime
from conselho.db.upsert import insert_if_absent

KEPT = timedelta(days=7)
AT_ONCE = 500  # keys that are forgotten in one transaction


class Key(Base):
    """An idempotency key under which something was made, and what was answered, whatever it is by now."""

    __tablename__ = "agent_keys"  # the first that had any

    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    request_digest: Mapped[str] = mapped_column(String(64))
    answer: Mapped[dict[str, Any] | None] = mapped_column(JsonValue)  # None within the transaction that makes it
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


_KEY = select(Key.request_digest, Key.answer, Key.created_at).where(Key.key == bindparam("asked"))
_CLAIM = insert_if_absent(Key, ["key"]).returning(Key.key)
_ANSWER = update(Key).where(Key.key == bindparam("asked")).values(answer=bindparam("said"))
_FORGET = delete(Key).where(Key.key == bindparam("asked"))


def said(tx: Tx, key: str, digest: str) -> dict[str, Any] | None:
    """What was answered to the same request under that key, None where it was not asked yet.

    Raises: errors.Invalid for a key that came with another request.
    """
    earlier = tx.execute(_KEY, {"asked": key}).one_or_none()
    if earlier is None:
        return None
    if tx.now - earlier.created_at > KEPT:
        tx.execute(_FORGET, {"asked": key})
        return None
    if earlier.request_digest != digest:
        raise errors.Invalid("this Idempotency-Key came with another request before: use a new key for a new request")
    answer: dict[str, Any] = earlier.answer
    return answer


def claim(tx: Tx, key: str, digest: str) -> dict[str, Any] | None:
    """Take the key, for an answer that follows in this unit; what another process answered, where it was first.

    Raises: errors.Invalid as `said`; errors.Conflict where that one has not ended.
    """
    row = {"key": key, "request_digest": digest, "answer": None, "created_at": tx.now}
    if tx.execute(_CLAIM, row).one_or_none() is not None:
        return None
    earlier = said(tx, key, digest)
    if earlier is None:
        raise errors.Conflict("this Idempotency-Key is being used elsewhere: send the request again")
    return earlier


def keep(tx: Tx, key: str, answer: dict[str, Any]) -> None:
    """Have this said to whoever asks again under a key that this unit has claimed."""
    tx.execute(_ANSWER, {"asked": key, "said": answer})


def forget(tx: Tx) -> bool:
    """Drop keys that are too old to be asked for; True if there may be more."""
    old = select(Key.key).where(Key.created_at < tx.now - KEPT).limit(AT_ONCE)
    return tx.execute(delete(Key).where(Key.key.in_(old.scalar_subquery()))).rowcount == AT_ONCE
