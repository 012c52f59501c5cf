"""What does somebody get who asks for the same agent twice, because the first answer was lost? That answer, as it was.

It is kept for seven days beside the key, whatever became of the agent meanwhile: a late repeat neither tells of what
was changed since, nor brings back what was removed.
"""

from datetime import timedelta

from sqlalchemy import bindparam, delete, select, update

from conselho import errors
from conselho.agents import definitions, queries
from conselho.agents.definitions import Definition
from conselho.agents.models import AgentKey
from conselho.agents.schemas import AgentSnapshot, ShownAgent
from conselho.db.session import Tx
from conselho.db.upsert import insert_if_absent
from conselho.events import log as events

KEPT = timedelta(days=7)
AT_ONCE = 500  # keys that are forgotten in one transaction

_KEY = select(AgentKey.request_digest, AgentKey.answer, AgentKey.created_at).where(AgentKey.key == bindparam("asked"))
_CLAIM = insert_if_absent(AgentKey, ["key"]).returning(AgentKey.key)
_ANSWER = update(AgentKey).where(AgentKey.key == bindparam("asked")).values(answer=bindparam("said"))
_FORGET = delete(AgentKey).where(AgentKey.key == bindparam("asked"))


def add_once(tx: Tx, definition: Definition, agent_id: str, key: str) -> AgentSnapshot:
    """Make an agent under a key, or say again what was said when the key made one.

    Raises: errors.Invalid, also for a key that came with another definition; errors.Conflict where the slug is taken.
    """
    digest = definitions.checked(definition).digest()
    earlier = _said(tx, key, digest)
    if earlier is not None:
        return earlier
    definitions.check_free(tx, definition)
    row = {"key": key, "request_digest": digest, "answer": None, "created_at": tx.now}
    if tx.execute(_CLAIM, row).one_or_none() is None:
        earlier = _said(tx, key, digest)  # another process was first, and has committed
        if earlier is None:
            raise errors.Conflict("this Idempotency-Key is being used elsewhere: send the request again")
        return earlier
    as_of = events.cursor(tx)
    definitions.add(tx, definition, agent_id)
    answer = AgentSnapshot(**ShownAgent.of(queries.one(tx, agent_id)).model_dump(), as_of=as_of)
    tx.execute(_ANSWER, {"asked": key, "said": answer.model_dump(mode="json")})
    return answer


def forget(tx: Tx) -> bool:
    """Drop keys that are too old to be asked for; True if there may be more."""
    old = select(AgentKey.key).where(AgentKey.created_at < tx.now - KEPT).limit(AT_ONCE)
    return tx.execute(delete(AgentKey).where(AgentKey.key.in_(old.scalar_subquery()))).rowcount == AT_ONCE


def _said(tx: Tx, key: str, digest: str) -> AgentSnapshot | None:
    earlier = tx.execute(_KEY, {"asked": key}).one_or_none()
    if earlier is None:
        return None
    if tx.now - earlier.created_at > KEPT:
        tx.execute(_FORGET, {"asked": key})
        return None
    if earlier.request_digest != digest:
        raise errors.Invalid("this Idempotency-Key came with another request before: use a new key for a new request")
    return AgentSnapshot.model_validate(earlier.answer)
