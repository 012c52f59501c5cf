"""How do many rows, or changes of rows, reach PostgreSQL for the price of one? As one JSON text, in one statement.

A statement for each row is a message for each row, also where they travel together: of three events an execution that
was half of what the writer had to say. An array for each column is one message, too, but the driver escapes each of its
elements in Python, which for prompts took longer than all the rest. SQLite has no wire, and takes them one by one.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, ColumnElement, Date, Text, bindparam, cast, column, func, select, update
from sqlalchemy.dialects import postgresql

from conselho.db import engine
from conselho.db.base import Base
from conselho.db.tx import Tx
from conselho.db.types import UtcDateTime

Finish = Callable[[postgresql.Insert], postgresql.Insert]


class ManyRows:
    """An INSERT of rows that all have just the same columns."""

    def __init__(self, model: type[Base], columns: Sequence[str], finish: Finish = lambda insert: insert) -> None:
        """`finish`: what the statement says about rows that are there already, say."""
        self._given = _Given(model, columns)
        rows = select(*(self._given.column(name) for name in columns))
        self._one = finish(postgresql.insert(model))
        self._all = finish(postgresql.insert(model).from_select(list(columns), rows))

    def insert(self, tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write them, in their order."""
        if len(rows) == 1 or tx.dialect != "postgresql":
            tx.execute(self._one, list(rows))
            return
        tx.execute(self._all, self._given.rows(rows))


class ManyChanges:
    """An UPDATE of rows, each found by its `key`, that sets just the same columns of all of them."""

    def __init__(self, model: type[Base], key: str, columns: Sequence[str]) -> None:
        table: Any = model.__table__
        self._given = _Given(model, [key, *columns])
        self._names = {key: f"of_{key}"} | {name: f"new_{name}" for name in columns}
        new = {name: bindparam(self._names[name], type_=table.c[name].type) for name in columns}
        self._one = update(model).where(table.c[key] == bindparam(self._names[key])).values(new)
        found = {name: self._given.column(name) for name in columns}
        self._all = update(model).where(table.c[key] == self._given.column(key)).values(found)

    def apply(self, tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
        """Change them; each key is there at most once."""
        if len(rows) == 1 or tx.dialect != "postgresql":
            tx.execute(self._one, [{self._names[name]: value for name, value in row.items()} for row in rows])
            return
        tx.execute(self._all, self._given.rows(rows))


class _Given:
    """Rows as a table that a statement may read."""

    def __init__(self, model: type[Base], columns: Sequence[str]) -> None:
        table: Any = model.__table__
        self._types = {name: table.c[name].type for name in columns}
        rows = func.json_to_recordset(cast(bindparam("given_rows", type_=Text), JSON))
        described = (column(name, kind) for name, kind in self._types.items())
        self._table = rows.table_valued(*described, name="given").render_derived(with_types=True)

    def column(self, name: str) -> ColumnElement[Any]:
        """A column of it, of the type that the model has."""
        found: ColumnElement[Any] = self._table.c[name]
        return found

    def rows(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """What is bound."""
        moments = [name for name, kind in self._types.items() if isinstance(kind, UtcDateTime | Date)]
        found = [{name: row[name] for name in self._types} for row in rows]
        for row in found:
            for name in moments:
                row[name] = _written(row[name])
        return {"given_rows": engine.json_text(found)}


def _written(value: date | None) -> str | None:
    """A moment or a day as JSON has it. Raises: ValueError for a moment that does not say its zone."""
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError(f"a moment without a time zone cannot be stored: {value!r}")
    return None if value is None else value.isoformat()
