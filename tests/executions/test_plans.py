"""No page reads a whole table or sorts it: every filter has an index in the order of the pages, at any depth."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event

from conselho import ids
from conselho.db import engine
from conselho.db.session import Database, Tx
from conselho.executions import queries, search
from conselho.executions.queries import Filter
from tests.conftest import Clock
from tests.executions.making import make_queued

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
EQUAL: dict[str, Any] = {
    "status": "failed",
    "severity": "error",
    "origin": "api",
    "agent": "ana",
    "card": "c1",
    "councilor": "k1",
}
TIMES: tuple[dict[str, Any], ...] = ({}, {"since": NOW}, {"until": NOW}, {"since": NOW, "until": NOW})
# A table that is all of a hundred rows would be read whole, rightly; so what a million rows forbid is forbidden.
PATIENCE = (
    "SET enable_seqscan = off; SET enable_sort = off; SET enable_incremental_sort = off; SET enable_bitmapscan = off"
)


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    opened = engine.open_engine(database_url, read_only=True)
    with opened.connect() as connection:
        yield connection
    opened.dispose()


def plans(connection: Connection, which: Filter, after: str | None, patience: str = PATIENCE) -> list[str]:
    """What the database would do for each statement of a page."""
    told: list[tuple[str, Any]] = []

    def record(_c: object, _cursor: object, statement: str, parameters: Any, _x: object, _many: object) -> None:
        told.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", record)
    queries.page(Tx(connection, NOW), which, 50, after)
    event.remove(connection, "before_cursor_execute", record)
    postgres = connection.dialect.name == "postgresql"
    explain = "EXPLAIN " if postgres else "EXPLAIN QUERY PLAN "
    if postgres:
        connection.exec_driver_sql(patience)
    return [
        "\n".join(str(row[0] if postgres else row[-1]) for row in connection.exec_driver_sql(explain + sql, parameters))
        for sql, parameters in told
        if "set_config" not in sql
    ]


def a_cursor() -> str:
    return queries.cursor_at(NOW, ids.new())


@pytest.mark.parametrize("times", TIMES, ids=lambda times: "+".join(times) or "always")
@pytest.mark.parametrize("name", [None, *EQUAL, "agent_id"])
@pytest.mark.parametrize("is_deep", [False, True], ids=["first", "deep"])
def test_a_page_is_read_in_the_order_of_an_index(
    connection: Connection, name: str | None, times: dict[str, Any], is_deep: bool
) -> None:
    which: dict[str, Any] = {} if name is None else {"agent": ids.new()} if name == "agent_id" else {name: EQUAL[name]}
    (plan,) = plans(connection, Filter(**which, **times), a_cursor() if is_deep else None)
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan
    assert "Seq Scan" not in plan
    column = {"card": "card_id", "councilor": "councilor_id"}.get(name or "", name)
    index = f"ix_executions_{column}_created_at_id" if column else "ix_executions_created_at_id"
    assert index in plan


@pytest.mark.parametrize("first", EQUAL)
@pytest.mark.parametrize("second", EQUAL)
def test_two_filters_are_served_by_one_of_their_indexes(connection: Connection, first: str, second: str) -> None:
    (plan,) = plans(connection, Filter(**{first: EQUAL[first], second: EQUAL[second]}), a_cursor())
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan
    assert "Seq Scan" not in plan
    assert any(f"ix_executions_{name}" in plan for name in (first, second))


@pytest.mark.parametrize(
    "which", [{}, {"status": "failed"}, {"since": NOW - timedelta(days=9), "until": NOW + timedelta(1)}], ids=str
)
@pytest.mark.parametrize("q", ["alpha", '"alpha beta" gamma', "alp*"])
def test_a_search_reads_no_table_whole(
    clock: Clock, database: Database, connection: Connection, q: str, which: dict[str, Any]
) -> None:
    make_queued(database, prompt="something else")
    assert database.submit(search.index_next).result() is False
    # GIN is only ever read by way of a bitmap.
    told = plans(connection, Filter(q=q, **which), None, patience="SET enable_seqscan = off")
    assert any("execution_search_fulltext" in plan or "VIRTUAL TABLE" in plan for plan in told) or "*" in q
    for plan in told:
        assert "Seq Scan" not in plan
        for line in plan.splitlines():
            assert not line.startswith("SCAN executions"), plan
            assert not line.startswith("SCAN execution_search") or "VIRTUAL TABLE" in line, plan
