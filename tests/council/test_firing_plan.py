"""Firing looks at who is due and at runs that have not ended: never at everybody, and never at the history."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, event

from conselho.council import firing, slots
from conselho.db import engine
from conselho.db.session import Tx

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
# A table of a few rows would be read whole, rightly; so what a million rows forbid is forbidden.
PATIENCE = "SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off"


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    opened = engine.open_engine(database_url)
    with opened.connect() as connection:
        yield connection
    opened.dispose()


def plan(connection: Connection, ask: Any) -> str:
    """What the database would do for the one statement that `ask` runs."""
    told: list[tuple[str, Any]] = []

    def record(_c: object, _cursor: object, statement: str, parameters: Any, _x: object, _many: object) -> None:
        told.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", record)
    ask(Tx(connection, NOW))
    event.remove(connection, "before_cursor_execute", record)
    postgres = connection.dialect.name == "postgresql"
    if postgres:
        connection.exec_driver_sql(PATIENCE)
    ((sql, parameters),) = told
    explain = "EXPLAIN " if postgres else "EXPLAIN QUERY PLAN "
    rows = connection.exec_driver_sql(explain + sql, parameters)
    return "\n".join(str(row[0] if postgres else row[-1]) for row in rows)


def test_who_is_due_is_found_by_when(connection: Connection) -> None:
    found = plan(connection, lambda tx: tx.execute(firing.DUE, {"now": NOW}))
    assert "ix_councilors_due" in found
    assert "SCAN" not in found
    assert "B-TREE" not in found


def test_the_first_that_is_due_is_at_one_end_of_the_index(connection: Connection) -> None:
    assert "ix_councilors_due" in plan(connection, firing.seconds_to_next)


def test_runs_that_have_not_ended_are_found_without_the_history(connection: Connection) -> None:
    found = plan(connection, lambda tx: tx.execute(firing.RUNNING, {"ids": ["a", "b"]}))
    assert "ix_executions_councilor_open" in found


def test_moments_are_looked_for_by_councilor_and_time(connection: Connection) -> None:
    found = plan(connection, lambda tx: slots.had(tx, ["a", "b"], NOW))
    assert "pk_council_slots" in found or "sqlite_autoindex_council_slots_1 (councilor_id=? AND moment>?)" in found
