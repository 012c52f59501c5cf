"""What expired is looked for among those that can expire, however long the queue is."""

from datetime import timedelta
from typing import Any

from sqlalchemy import event

from conselho.db import engine
from conselho.db.session import Tx
from conselho.executions import leases
from conselho.executions.leases import Patience
from tests.conftest import Clock
from tests.executions.making import LEASE

# A table that is all of a few rows would be read whole, rightly; so what a long queue forbids is forbidden.
PATIENCE = "SET enable_seqscan = off"


def plans_of_a_rescue(url: str, clock: Clock) -> list[str]:
    """What the database would do for each statement that asks for `start_before`."""
    told: list[tuple[str, Any]] = []

    def record(_c: object, _cursor: object, statement: str, parameters: Any, _x: object, _many: object) -> None:
        told.append((statement, parameters))

    opened = engine.open_engine(url)
    with opened.connect() as connection, connection.begin():
        postgres = connection.dialect.name == "postgresql"
        patience = Patience(lease=LEASE, outage=timedelta(seconds=15), lost_after=timedelta(hours=1))
        leases.rescue_next(Tx(connection, clock()), patience)
        event.listen(connection, "before_cursor_execute", record)
        leases.rescue_next(Tx(connection, clock.advance(seconds=1)), patience)
        event.remove(connection, "before_cursor_execute", record)
        if postgres:
            connection.exec_driver_sql(PATIENCE)
        explain = "EXPLAIN " if postgres else "EXPLAIN QUERY PLAN "
        plans = [
            "\n".join(str(row[0 if postgres else -1]) for row in connection.exec_driver_sql(explain + sql, parameters))
            for sql, parameters in told
            if "start_before <=" in sql
        ]
    opened.dispose()
    return plans


def test_what_expired_is_found_by_an_index_of_those_that_can_expire(database_url: str, clock: Clock) -> None:
    (plan,) = plans_of_a_rescue(database_url, clock)
    assert "ix_executions_start_before" in plan
    for word in ("Seq Scan", "SCAN", "TEMP B-TREE"):
        assert word not in plan
