"""A claim reads the queue in the order of its index, and of the lanes only those that are held."""

from typing import Any

import pytest
from sqlalchemy import event

from conselho.db import engine
from conselho.db.session import Tx
from conselho.executions import queue
from tests.conftest import Clock
from tests.executions.making import ANNA, LEASE

# A table that is all of a few rows would be read whole, rightly; so what a long queue forbids is forbidden.
PATIENCE = "SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off"


def plans_of_a_claim(url: str, clock: Clock) -> list[str]:
    """What the database would do for each of its statements: several that are in no lane, then one by one."""
    told: list[tuple[str, Any]] = []

    def record(_c: object, _cursor: object, statement: str, parameters: Any, _x: object, _many: object) -> None:
        told.append((statement, parameters))

    opened = engine.open_engine(url)
    with opened.connect() as connection, connection.begin():
        postgres = connection.dialect.name == "postgresql"
        event.listen(connection, "before_cursor_execute", record)
        assert queue.claim(Tx(connection, clock()), ANNA, 1, LEASE) == []
        event.remove(connection, "before_cursor_execute", record)
        assert len(told) == 2
        if postgres:
            connection.exec_driver_sql(PATIENCE)
        explain = "EXPLAIN " if postgres else "EXPLAIN QUERY PLAN "
        found = [connection.exec_driver_sql(explain + statement, parameters).all() for statement, parameters in told]
    opened.dispose()
    return ["\n".join(str(row[0] if postgres else row[-1]) for row in rows) for rows in found]


def test_a_claim_reads_neither_the_whole_queue_nor_all_lanes(database_url: str, clock: Clock) -> None:
    for plan in plans_of_a_claim(database_url, clock):
        assert "ix_executions_queue" in plan
        assert plan.count("ix_execution_lanes_held") == 3
        for word in ("Seq Scan", "Sort", "SCAN executions", "SCAN candidate", "SCAN other", "SCAN mine", "TEMP B-TREE"):
            assert word not in plan


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_rule_sees_a_condition_that_an_index_does_not_serve(database_url: str) -> None:
    """Where a boolean is compared with 1, no index over a bare `held` serves it; PostgreSQL knows no difference."""
    opened = engine.open_engine(database_url)
    with opened.connect() as connection:
        for condition, is_served in (("held", True), ("held = 1", False)):
            rows = connection.exec_driver_sql(
                f"EXPLAIN QUERY PLAN SELECT count(*) FROM execution_lanes WHERE key = 'x' AND {condition}"  # noqa: S608
            ).all()
            assert ("ix_execution_lanes_held" in str(rows)) is is_served
    opened.dispose()
