"""What does everything that is kept about ended executions know of one of them?

The unit that ends an execution collects one of these for each sink: counters, standings, findings.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from conselho.executions.states import Status

EVERYTHING = "all"


class Ended(NamedTuple):
    """One execution that has just ended; times are aware UTC. Thousands are made in a second, so it is a tuple."""

    id: str
    agent_id: str | None
    councilor_id: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime
    status: str
    severity: str | None
    duration_seconds: float | None
    cost_usd: float | None
    input_tokens: int | None
    output_tokens: int | None
    findings: Sequence[dict[str, Any]] = ()
    is_reported: bool = False

    @property
    def is_rated(self) -> bool:
        """Whether a success rate speaks of it: it ran, or could not be started; nobody cancelled it."""
        return self.status != Status.CANCELLED and (self.started_at is not None or self.status == Status.FAILED)

    @property
    def day(self) -> date:
        """The day on which it ended, as UTC has it."""
        return self.completed_at.astimezone(UTC).date()

    @property
    def own_scopes(self) -> tuple[str, ...]:
        """Its agent and its councilor, as far as it has them."""
        agent = () if self.agent_id is None else (agent_scope(self.agent_id),)
        return agent if self.councilor_id is None else (*agent, councilor_scope(self.councilor_id))

    @property
    def scopes(self) -> tuple[str, ...]:
        """All that it counts for."""
        return (EVERYTHING, *self.own_scopes)


def agent_scope(agent_id: str) -> str:
    """The scope of an agent's executions."""
    return f"agent:{agent_id}"


def councilor_scope(councilor_id: str) -> str:
    """The scope of a councilor's executions."""
    return f"councilor:{councilor_id}"
