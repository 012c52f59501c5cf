"""How do many rows reach PostgreSQL for the price of one? As one array a column, in one statement.

A statement for each row is a message for each row, also where they travel together: of three events an execution that
was half of what the writer had to say. SQLite has no wire, and takes them one by one.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, Text, bindparam, cast, func, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from conselho.db import engine
from conselho.db.base import Base
from conselho.db.tx import Tx
from conselho.db.types import JsonValue

Finish = Callable[[postgresql.Insert], postgresql.Insert]


class ManyRows:
    """An INSERT of rows that all have just the same columns."""

    def __init__(self, model: type[Base], columns: Sequence[str], finish: Finish = lambda insert: insert) -> None:
        """`finish`: what the statement says about rows that are there already, say."""
        table: Any = model.__table__
        self._json = [name for name in columns if table.c[name].type is JsonValue]
        types: dict[str, TypeEngine[Any]] = {
            name: Text() if name in self._json else table.c[name].type for name in columns
        }
        arrays = (bindparam(name, type_=ARRAY(types[name])) for name in columns)
        given = func.unnest(*arrays).table_valued(*columns, name="given").render_derived()
        rows = select(*(cast(given.c[name], table.c[name].type) for name in columns))
        self._one = finish(postgresql.insert(model))
        self._all = finish(postgresql.insert(model).from_select(list(columns), rows))
        self._columns = tuple(columns)

    def insert(self, tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write them, in their order."""
        if len(rows) == 1 or tx.dialect != "postgresql":
            tx.execute(self._one, list(rows))
            return
        arrays: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in self._columns}
        for name in self._json:
            arrays[name] = [None if value is None else engine.json_text(value) for value in arrays[name]]
        tx.execute(self._all, arrays)
