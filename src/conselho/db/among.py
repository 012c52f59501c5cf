"""How is a row asked for by one of many values, in a statement that is the same for any number of them?

`IN` has a mark for each value, so it is written anew each time, which took longer than to find fifty rows. One
parameter that holds all values does without: an array on PostgreSQL, JSON on SQLite.
"""

from collections.abc import Sequence
from typing import Any, cast

import orjson
from sqlalchemy import ARRAY, ColumnElement, Dialect, Integer, Text, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine


def among(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Whether `column` has one of the values in the list that is the parameter `name`."""
    return cast("ColumnElement[bool]", _Among(column, bindparam(name, type_=_List(column.type))))


class _List(TypeDecorator[Sequence[Any]]):
    impl = Text
    cache_ok = True

    def __init__(self, of: TypeEngine[Any]) -> None:
        super().__init__()
        self.of = of

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(ARRAY(self.of) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Sequence[Any] | None, dialect: Dialect) -> Any:
        return value if value is None or dialect.name == "postgresql" else orjson.dumps(value).decode()


class _Among(FunctionElement[int]):
    inherit_cache = True
    name = "among"
    type = Integer()  # not Boolean: SQLite would be asked whether it is 1, and then use no index


@compiles(_Among, "postgresql")
def _in_array(element: _Among, compiler: SQLCompiler, **how: Any) -> str:
    column, values = element.clauses
    return f"{compiler.process(column, **how)} = ANY ({compiler.process(values, **how)})"


@compiles(_Among)
def _in_json(element: _Among, compiler: SQLCompiler, **how: Any) -> str:
    column, values = element.clauses
    given = f"(SELECT value FROM json_each({compiler.process(values, **how)}))"  # noqa: S608 - a mark, no value
    return f"{compiler.process(column, **how)} IN {given}"
