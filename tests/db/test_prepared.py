"""Is a statement the same when it goes straight to the driver as it was the first time, through SQLAlchemy?"""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Executable,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError, StatementError

from conselho.db import engine
from conselho.db.prepared import Rows
from conselho.db.session import Database, Tx
from conselho.db.types import JsonValue, UtcDateTime
from conselho.db.upsert import insert_if_absent, or_add
from conselho.errors import Conflict
from conselho.executions.models import Counter, IdempotencyKey
from tests.db.conftest import PATIENCE_SECONDS, together

METADATA = MetaData()
THINGS = Table(
    "things",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String(50)),
    Column("at", UtcDateTime()),
    Column("data", JsonValue),
    Column("ratio", Float),
    Column("is_odd", Boolean),
    Column("blob", LargeBinary),
    Column("made", String(10), default="in Python"),
)
PLAIN = [column for column in THINGS.c if column.name != "made"]

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
THING: dict[str, Any] = {
    "name": "naïve 🎉 %s :x ?",
    "at": NOON.astimezone(timezone(timedelta(hours=5))),
    "data": {"a": [1, None, "é"]},
    "ratio": 0.5,
    "is_odd": True,
    "blob": b"\x00\xff",
    "made": "here",
}
READ = (1, THING["name"], NOON, THING["data"], 0.5, True, b"\x00\xff", "here")


@pytest.fixture
def things(database: Database, database_url: str) -> Database:
    opened = engine.open_engine(database_url)
    METADATA.create_all(opened)
    opened.dispose()
    return database


def run(database: Database, statement: Executable, parameters: Any = None) -> tuple[bool, list[Any], int]:
    """Whether it went straight to the driver, its rows, and how many it touched."""

    def unit(tx: Tx) -> tuple[bool, list[Any], int]:
        result = tx.execute(statement, parameters)
        rows = [tuple(row) for row in result] if result.returns_rows else []
        return isinstance(result, Rows), rows, result.rowcount

    return database.submit(unit).result(PATIENCE_SECONDS)


def test_values_come_back_as_they_did_the_first_time(things: Database) -> None:
    put, get = insert(THINGS), select(THINGS).where(THINGS.c.id == bindparam("wanted"))

    for number in (1, 2, 3):
        straight, _, _ = run(things, put, {"id": number, **THING})
        assert straight == (number > 1)
    for number in (1, 2, 3):
        straight, rows, _ = run(things, get, {"wanted": number})
        assert straight == (number > 1)
        assert rows == [(number, *READ[1:])]


def test_rows_are_rows(things: Database) -> None:
    run(things, insert(THINGS), {"id": 1, **THING})
    get = select(THINGS.c.id, THINGS.c.name.label("called"), func.count().over()).order_by(THINGS.c.id)

    def unit(tx: Tx) -> None:
        for _ in range(3):
            row = tx.execute(get).one()
            assert (row.id, row.called, row[2]) == (1, THING["name"], 1)
            assert row._mapping[THINGS.c.id] == row._mapping["id"] == 1
            assert tx.execute(get).scalars().all() == [1]
            assert tx.execute(get).scalar_one() == 1
            assert tx.execute(get).mappings().one()["called"] == THING["name"]
            assert tx.execute(get.where(THINGS.c.id == 2)).one_or_none() is None

    things.submit(unit).result(PATIENCE_SECONDS)


def test_many_rows_go_at_once(things: Database) -> None:
    put = insert(THINGS)
    for start in (0, 10, 20):
        run(things, put, [{"id": start + n, **THING} for n in range(10)])

    assert run(things, select(func.count()).select_from(THINGS))[1] == [(30,)]


def test_changes_say_how_many_and_which(things: Database) -> None:
    run(things, insert(THINGS), [{"id": n, **THING} for n in range(6)])
    rename = update(THINGS).where(THINGS.c.id < bindparam("below")).values(name=bindparam("to")).returning(THINGS.c.id)
    remove = delete(THINGS).where(THINGS.c.id == bindparam("gone"))

    for below in (2, 3, 0):
        _, rows, _ = run(things, rename, {"below": below, "to": "new"})
        assert sorted(rows) == [(n,) for n in range(below)]
    for n in (0, 1, 77):
        assert run(things, remove, {"gone": n})[2] == (1 if n < 6 else 0)


def test_one_statement_takes_different_parameters(things: Database) -> None:
    put = insert(THINGS)
    for number in range(6):
        given = {"id": number, "name": "a"} if number % 2 else {"id": number, "ratio": 1.5}
        run(things, put, {**given, "made": "here"})

    found = run(things, select(THINGS.c.name, THINGS.c.ratio).order_by(THINGS.c.id))[1]
    assert found == [(None, 1.5), ("a", None)] * 3


def test_upserts_go_straight_too(things: Database) -> None:
    add = or_add(("scope", "name"), ("value",), postgresql.insert(Counter))
    key = insert_if_absent(IdempotencyKey, ["key"]).returning(IdempotencyKey.key)

    for n in range(1, 4):
        straight, _, _ = run(things, add, [{"scope": "s", "name": "n", "value": 2.0}])
        assert straight == (n > 1)
        row = {"key": "k", "request_digest": "d", "execution_id": "e", "created_at": NOON}
        assert run(things, key, row)[1] == ([("k",)] if n == 1 else [])
    assert run(things, select(Counter.value).where(Counter.scope == "s"))[1] == [(6.0,)]


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        (select(THINGS.c.id).where(THINGS.c.id.in_([1, 2])).order_by(THINGS.c.id), None),
        (select(THINGS.c.id).where(THINGS.c.id.in_(bindparam("ids", expanding=True))), {"ids": [1, 2]}),
    ],
    ids=["in", "in parameter"],
)
def test_lists_stay_with_sqlalchemy(things: Database, statement: Executable, parameters: Any) -> None:
    run(things, insert(THINGS), [{"id": n, **THING} for n in (1, 2, 3)])
    for _ in range(3):
        assert run(things, statement, parameters) == (False, [(1,), (2,)], run(things, statement, parameters)[2])


def test_defaults_made_in_python_stay_with_sqlalchemy(things: Database) -> None:
    put = insert(THINGS)
    for number in range(3):
        straight, _, _ = run(things, put, {"id": number, "name": "x"})
        assert not straight
    assert run(things, select(THINGS.c.made).distinct())[1] == [("in Python",)]


def test_returning_of_many_rows_stays_with_sqlalchemy(things: Database) -> None:
    put = insert(THINGS).returning(THINGS.c.id)
    for start in (0, 2, 4):
        straight, rows, _ = run(things, put, [{"id": start + n, **THING} for n in range(2)])
        assert (straight, sorted(rows)) == (False, [(start,), (start + 1,)])


def test_an_id_the_database_gives_is_given(things: Database) -> None:
    put = insert(THINGS)
    for _ in range(3):
        run(things, put, {"name": "x", "made": "here"})

    assert run(things, select(THINGS.c.id).order_by(THINGS.c.id))[1] == [(1,), (2,), (3,)]


@pytest.mark.parametrize(
    ("statement", "parameters", "error"),
    [
        (insert(THINGS), {"id": 1, **THING}, IntegrityError),
        (insert(THINGS), {"id": 2, **THING, "at": NOON.replace(tzinfo=None)}, StatementError),
        (insert(THINGS), {"id": 2, **THING, "data": object()}, (StatementError, TypeError)),
        (select(THINGS.c.id).where(THINGS.c.id == bindparam("wanted")), {}, StatementError),
    ],
    ids=["constraint", "naive moment", "no JSON", "missing"],
)
def test_errors_are_the_same(
    things: Database, statement: Executable, parameters: Any, error: type[Exception] | tuple[type[Exception], ...]
) -> None:
    run(things, insert(THINGS), {"id": 1, **THING})
    raised: list[type[Exception]] = []
    for _ in range(3):
        with pytest.raises(error) as failed:
            run(things, statement, parameters)
        assert THING["name"] not in str(failed.value)
        raised.append(failed.type)

    assert len(set(raised)) == 1


@pytest.mark.parametrize("change", [True, False])
def test_a_refusal_after_a_straight_statement_is_undone_only_if_it_changed_something(
    things: Database, change: bool
) -> None:
    rename = update(THINGS).where(THINGS.c.id == bindparam("which")).values(name="new").returning(THINGS.c.id)
    run(things, insert(THINGS), {"id": 1, **THING})
    runs: list[None] = []

    def unit(tx: Tx) -> None:
        runs.append(None)
        for _ in range(3):
            assert (tx.execute(rename, {"which": 1 if change else 99}).one_or_none() is not None) == change
        raise Conflict

    def neighbour(tx: Tx) -> None:
        pass

    outcomes = together(things, lambda: things.submit(unit), lambda: things.submit(neighbour))

    assert isinstance(outcomes[0], Conflict)
    assert len(runs) == (2 if change else 1)
    assert run(things, select(THINGS.c.name))[1] == [(THING["name"],)]
