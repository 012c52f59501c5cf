"""How many executions ended, and how? Counted by the unit that ends one, so that no page adds up rows.

Units only collect; a group adds its sums in key order, because processes that update shared rows inside
their units deadlock and crawl (three of them: 72 a second against 3,981).
"""

from collections import defaultdict

from sqlalchemy import select

from conselho.db.session import Sink, Tx
from conselho.db.upsert import insert_or_add
from conselho.executions.models import Counter

EVERYTHING = "all"

_ADD = insert_or_add(Counter, ("scope", "name"), "value")


def count_finished(
    tx: Tx, *, agent_id: str | None, status: str, severity: str | None, duration_seconds: float | None
) -> None:
    """Count one ended execution, overall and for its agent."""
    scopes = [EVERYTHING] if agent_id is None else [EVERYTHING, f"agent:{agent_id}"]
    for scope in scopes:
        tx.collect(_SINK, (scope, "total", 1.0))
        tx.collect(_SINK, (scope, status, 1.0))
        if severity is not None:
            tx.collect(_SINK, (scope, f"severity_{severity}", 1.0))
        if duration_seconds is not None:
            tx.collect(_SINK, (scope, "duration_seconds", duration_seconds))


def read(tx: Tx, scope: str = EVERYTHING) -> dict[str, float]:
    """What was counted in that scope, by name; absent names count 0."""
    found = tx.execute(select(Counter.name, Counter.value).where(Counter.scope == scope))
    return {name: value for name, value in found}  # noqa: C416 - rows are no pairs to the type checker


def _add(tx: Tx, collected: list[tuple[str, str, float]]) -> None:
    sums: dict[tuple[str, str], float] = defaultdict(float)
    for scope, name, value in collected:
        sums[scope, name] += value
    tx.execute(_ADD, [{"scope": scope, "name": name, "value": sums[scope, name]} for scope, name in sorted(sums)])


_SINK: Sink[tuple[str, str, float]] = Sink(name="execution_counters", rank=10, apply=_add)
