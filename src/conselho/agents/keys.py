"""What does somebody get who asks for the same agent twice? The answer there was, as `db/keys.py` keeps it."""

from conselho.agents import definitions, queries
from conselho.agents.definitions import Definition
from conselho.agents.schemas import AgentSnapshot, ShownAgent
from conselho.db import keys
from conselho.db.session import Tx
from conselho.events import log as events


def add_once(tx: Tx, definition: Definition, agent_id: str, key: str) -> AgentSnapshot:
    """Make an agent under a key, or say again what was said when the key made one.

    Raises: errors.Invalid, also for a key that came with another definition; errors.Conflict where the slug is taken.
    """
    digest = definitions.checked(definition).digest()
    earlier = keys.said(tx, key, digest)
    if earlier is None:
        definitions.check_free(tx, definition)
        earlier = keys.claim(tx, key, digest)
    if earlier is not None:
        return AgentSnapshot.model_validate(earlier)
    as_of = events.cursor(tx)
    definitions.add(tx, definition, agent_id)
    answer = AgentSnapshot(**ShownAgent.of(queries.one(tx, agent_id)).model_dump(), as_of=as_of)
    keys.keep(tx, key, answer.model_dump(mode="json"))
    return answer
