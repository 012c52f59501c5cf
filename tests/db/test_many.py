"""Rows that are written together are the same, and in the same order, as rows that are written one by one."""

from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from conselho.db.many import ManyRows
from conselho.db.session import Database, Tx
from conselho.db.upsert import or_replace
from conselho.events.models import Event
from conselho.executions.models import Counter

EVENTS = ManyRows(Event, ("at", "kind", "execution_id", "data"))
COUNTERS = ManyRows(Counter, ("scope", "name", "value"), partial(or_replace, ["scope", "name"], ["value"]))
AT = datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=UTC)


def make_rows(count: int) -> list[dict[str, Any]]:
    hostile = (
        "'; DROP TABLE events; --",
        "{a,b}",
        '"',
        "\\",
        "NULL",
        "",
        "é ✓ \U0001f600",
        "a\nb\tc",
        "{}",
        "%s %(at)s",
    )
    return [
        {
            "at": AT + timedelta(seconds=number),
            "kind": f"test.{hostile[number % len(hostile)]}"[:50],
            "execution_id": None if number % 3 else f"run {number}",
            "data": {"number": number, "text": hostile[number % len(hostile)], "none": None, "list": [1.5, [True]]},
        }
        for number in range(count)
    ]


def found(database: Database) -> list[dict[str, Any]]:
    def read(tx: Tx) -> list[dict[str, Any]]:
        rows = tx.execute(select(Event.at, Event.kind, Event.execution_id, Event.data).order_by(Event.id))
        return [dict(row._mapping) for row in rows]

    return database.fetch(read).result()


@pytest.mark.parametrize("count", [1, 2, 50])
def test_they_are_there_as_they_were_given_and_in_order(database: Database, count: int) -> None:
    rows = make_rows(count)
    for _ in range(3):  # the first times a statement is not known yet
        database.submit(EVENTS.insert, rows).result()
    assert found(database) == rows * 3


def test_a_moment_of_another_zone_is_the_same_moment(database: Database) -> None:
    rows = make_rows(2)
    rows[1]["at"] = rows[1]["at"].astimezone(timezone(timedelta(hours=-3)))
    database.submit(EVENTS.insert, rows).result()
    assert found(database) == rows


def test_those_that_are_there_already_are_replaced(database: Database) -> None:
    def read(tx: Tx) -> dict[str, float]:
        return {name: value for name, value in tx.execute(select(Counter.name, Counter.value))}  # noqa: C416

    for values in ((1.0, 2.0), (3.0, 4.0)):
        rows = [{"scope": "all", "name": name, "value": value} for name, value in zip("ab", values, strict=True)]
        database.submit(COUNTERS.insert, rows).result()
    assert database.fetch(read).result() == {"a": 3.0, "b": 4.0}


@pytest.mark.parametrize("wrong", [float("nan"), datetime(2026, 3, 2, tzinfo=UTC)])
def test_of_what_has_no_json_nothing_is_written(database: Database, wrong: object) -> None:
    rows = make_rows(3)
    rows[1]["data"] = {"wrong": wrong}
    with pytest.raises((ValueError, TypeError, SQLAlchemyError)):
        database.submit(EVENTS.insert, rows).result()
    assert found(database) == []
