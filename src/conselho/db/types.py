"""How do moments and JSON look in the database? The same to Python on both.

SQLite has no type for a moment: it is kept there as text of a fixed width, so that text order is time order
and an index on it serves `ORDER BY` and `<`. PostgreSQL has `timestamptz`, and gets it.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import JSON, ColumnElement, DateTime, Dialect, String, Text, cast, type_coerce
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine

MOMENT_WIDTH = 27  # characters of "2026-11-21T14:00:00.000000Z"


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: aware and in UTC on the way out, aware in any zone on the way in."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text on SQLite, `timestamptz` on PostgreSQL."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(MOMENT_WIDTH))
        return dialect.type_descriptor(DateTime(timezone=True))

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any]:
        """What it makes of a moment raises ValueError for one that does not say its zone."""
        return _as_text if dialect.name == "sqlite" else _with_zone

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:  # noqa: ARG002 - SQLAlchemy's
        """Parse SQLite's text; turn whatever zone a PostgreSQL session speaks into UTC."""
        return _parsed if dialect.name == "sqlite" else _in_utc


class WrittenMoment(TypeDecorator[Any]):
    """A stored moment, read as it is put into JSON: RFC 3339 in UTC, or a `datetime` for orjson with OPT_UTC_Z."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """As it is stored."""
        return UtcDateTime().load_dialect_impl(dialect)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], str | None] | None:  # noqa: ARG002 - SQLAlchemy's
        """SQLite's text is nearly that; a PostgreSQL session of ours speaks UTC."""
        return _without_fraction if dialect.name == "sqlite" else None


class WrittenJson(TypeDecorator[Any]):
    """Stored JSON, read as it is put into other JSON: by orjson alone."""

    impl = Text
    cache_ok = True

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """As text, which need not be parsed."""
        return type_coerce(cast(column, Text), self)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:  # noqa: ARG002 - SQLAlchemy's
        """The text is JSON already."""
        return _as_fragment


def _with_zone(value: datetime | None) -> datetime | None:
    if value is not None and value.tzinfo is None:
        raise ValueError(f"a moment without a time zone cannot be stored: {value!r}")
    return value


def _as_text(value: datetime | None) -> str | None:
    moment = _with_zone(value)
    return None if moment is None else moment_text(moment)


def _parsed(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)  # with a Z at its end it is UTC's own


def _in_utc(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)


def _without_fraction(value: str | None) -> str | None:
    return value and value.replace(".000000Z", "Z")


def _as_fragment(value: str | None) -> orjson.Fragment | None:
    return None if value is None else orjson.Fragment(value)


@lru_cache(maxsize=256)  # a group's units all write the same moment
def moment_text(moment: datetime) -> str:
    """`moment` as SQLite keeps it, microseconds always written, so that every text is as wide as the next."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


# None is SQL's NULL, never JSON's null: `IS NULL` then means the same on both databases.
JsonValue = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
