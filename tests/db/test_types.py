"""Are moments and JSON the same on both databases?"""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, insert, select, text, type_coerce
from sqlalchemy.exc import StatementError

from conselho.db import engine, types
from conselho.db.session import Database, Tx

METADATA = MetaData()
MOMENTS = Table(
    "moments",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", types.UtcDateTime(), nullable=True),
    Column("data", types.JsonValue, nullable=True),
)

moments = st.datetimes(
    timezones=st.timezones() | st.just(UTC),
    min_value=datetime(2, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(9998, 1, 1),  # noqa: DTZ001
)


@pytest.fixture
def moments_database(database: Database, database_url: str) -> Database:
    opened = engine.open_engine(database_url)
    METADATA.create_all(opened)
    opened.dispose()
    return database


def store(database: Database, number: int, at: datetime | None, data: Any = None) -> None:
    def unit(tx: Tx) -> None:
        tx.execute(insert(MOMENTS), {"id": number, "at": at, "data": data})

    database.submit(unit).result(10)


def test_a_moment_comes_back_in_utc_whatever_its_zone(moments_database: Database) -> None:
    store(moments_database, 1, datetime(2026, 11, 21, 11, 0, 0, 1, timezone(timedelta(hours=-3))))

    found = moments_database.fetch(lambda tx: tx.execute(select(MOMENTS.c.at)).scalar_one()).result(10)

    assert found == datetime(2026, 11, 21, 14, 0, 0, 1, UTC)
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("at", "written"),
    [
        (datetime(2026, 11, 21, 11, 0, 0, 1, timezone(timedelta(hours=-3))), "2026-11-21T14:00:00.000001Z"),
        (datetime(2026, 11, 21, 14, 0, 0, 500_000, UTC), "2026-11-21T14:00:00.500000Z"),
        (datetime(2026, 11, 21, 14, 0, tzinfo=UTC), "2026-11-21T14:00:00Z"),
        (datetime(20, 1, 1, tzinfo=UTC), "0020-01-01T00:00:00Z"),
        (None, None),
    ],
)
def test_a_row_is_written_as_json_without_a_detour(
    moments_database: Database, at: datetime | None, written: str | None
) -> None:
    data = {"ação": [1, 2.5, None, True, '"\n'], "{": {}} if at else None
    store(moments_database, 1, at, data)
    columns = type_coerce(MOMENTS.c.at, types.WrittenMoment()), type_coerce(MOMENTS.c.data, types.WrittenJson())

    found = moments_database.fetch(lambda tx: tuple(tx.execute(select(*columns)).one())).result(10)

    assert json.loads(orjson.dumps(found, option=orjson.OPT_UTC_Z)) == [written, data]


def test_a_moment_without_a_zone_is_refused(moments_database: Database) -> None:
    with pytest.raises(StatementError, match="without a time zone"):
        store(moments_database, 1, datetime(2026, 11, 21, 14, 0))  # noqa: DTZ001 - that is the point


def test_the_database_sorts_and_compares_moments_as_moments(moments_database: Database) -> None:
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    store(moments_database, 1, noon.astimezone(timezone(timedelta(hours=9))))
    store(moments_database, 2, noon - timedelta(microseconds=1))
    store(moments_database, 3, (noon + timedelta(microseconds=1)).astimezone(timezone(timedelta(hours=-9))))

    def query(tx: Tx) -> tuple[list[int], list[int]]:
        in_order = tx.execute(select(MOMENTS.c.id).order_by(MOMENTS.c.at)).scalars().all()
        since = tx.execute(select(MOMENTS.c.id).where(MOMENTS.c.at >= noon).order_by(MOMENTS.c.id)).scalars().all()
        return list(in_order), list(since)

    assert moments_database.fetch(query).result(10) == ([2, 1, 3], [1, 3])


def test_sqlite_keeps_a_moment_as_text_of_fixed_width() -> None:
    assert types.moment_text(datetime(2026, 11, 21, 14, tzinfo=UTC)) == "2026-11-21T14:00:00.000000Z"


@given(moments, moments)
def test_text_order_is_time_order(one: datetime, other: datetime) -> None:
    first, second = types.moment_text(one), types.moment_text(other)

    assert (first < second) == (one.astimezone(UTC) < other.astimezone(UTC))
    assert len(first) == types.MOMENT_WIDTH
    assert datetime.fromisoformat(first) == one.astimezone(UTC)


def test_json_comes_back_as_it_was(moments_database: Database) -> None:
    data = {"text": "não 🎉", "list": [1, 2.5, None, True], "nested": {"a": {}}}
    store(moments_database, 1, None, data)

    assert moments_database.fetch(lambda tx: tx.execute(select(MOMENTS.c.data)).scalar_one()).result(10) == data


def test_no_json_is_null_to_the_database(moments_database: Database) -> None:
    store(moments_database, 1, None, None)

    found = moments_database.fetch(
        lambda tx: tx.execute(text("SELECT count(*) FROM moments WHERE data IS NULL AND at IS NULL")).scalar_one()
    )
    assert found.result(10) == 1
