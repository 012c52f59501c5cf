"""A claim reads the queue in the order of its index, and of the lanes only those that are held."""

from typing import Any

import pytest
from sqlalchemy import event

from conselho import ids
from conselho.db import engine
from conselho.db.session import Database, Tx
from conselho.executions import queue
from tests.conftest import Clock
from tests.executions.making import ANNA, LEASE, make_request

QUEUED = 300
# What is small would be read whole, rightly; so what a long queue forbids is forbidden.
PATIENCE = "ANALYZE; SET enable_seqscan = off; SET enable_bitmapscan = off"


def plan_of_a_claim(url: str, clock: Clock) -> str:
    """What the database would do for it."""
    told: list[tuple[str, Any]] = []

    def record(_c: object, _cursor: object, statement: str, parameters: Any, _x: object, _many: object) -> None:
        told.append((statement, parameters))

    opened = engine.open_engine(url)
    with opened.connect() as connection, connection.begin():
        postgres = connection.dialect.name == "postgresql"
        if postgres:
            connection.exec_driver_sql(PATIENCE)
        event.listen(connection, "before_cursor_execute", record)
        assert len(queue.claim(Tx(connection, clock()), ANNA, 2, LEASE)) == 2
        event.remove(connection, "before_cursor_execute", record)
        ((statement, parameters),) = told
        explain = "EXPLAIN " if postgres else "EXPLAIN QUERY PLAN "
        rows = connection.exec_driver_sql(explain + statement, parameters).all()
    opened.dispose()
    return "\n".join(str(row[0] if postgres else row[-1]) for row in rows)


def test_a_claim_is_one_statement_that_reads_neither_the_whole_queue_nor_all_lanes(
    database: Database, database_url: str, clock: Clock
) -> None:
    for enqueued in [database.submit(queue.enqueue, make_request(), ids.new()) for _ in range(QUEUED)]:
        enqueued.result()
    plan = plan_of_a_claim(database_url, clock)
    assert plan.count("ix_executions_queue") == 1
    assert plan.count("ix_execution_lanes_held") == 3
    assert "Seq Scan" not in plan
    if plan.startswith("Update"):
        _, _, chosen = plan.partition("using pk_executions on executions ")
        assert chosen.splitlines()[1].strip().startswith("Index Cond: ((id)::text =")
        _, _, queue_read = plan.partition("CTE next")
        assert "Sort" not in queue_read.partition("->  Nested Loop  ")[0], "the queue is read in its order"
    else:
        assert "SEARCH executions USING INDEX sqlite_autoindex_executions_1 (id=?)" in plan
        scanned = [line.strip() for line in plan.splitlines() if line.strip().startswith("SCAN")]
        assert set(scanned) == {"SCAN next", "SCAN anon_1"}, "what was chosen already"


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
