"""How does a statement that runs thousands of times a second cost less? It goes straight to the driver.

SQLAlchemy compiles a statement once, but builds a context and a cursor's result around every execution: some 45
microseconds of 60, measured with an update of one row. So a statement that is built once and executed again is
recognised, and from then on only what matters is done: its text, the types' conversions, the driver.

Surprising: recognised is the object, not its text, so a statement built anew for each call never comes here.
Whatever is not plain stays with SQLAlchemy: IN lists, defaults made in Python, RETURNING of many rows at once. And no
type here makes anything of NULL but None, so none is asked to.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Dialect, Executable, Row, Select
from sqlalchemy.engine import IteratorResult
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.exc import CompileError, DBAPIError, StatementError
from sqlalchemy.sql import Insert
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class Rows(IteratorResult[Any]):
    """All rows of a statement that is through, and how many it touched."""

    def __init__(self, metadata: SimpleResultMetaData, rows: Sequence[Any] | None, rowcount: int) -> None:
        """`rows` None: it is no statement that returns any."""
        super().__init__(metadata, iter(rows or ()))
        self.returns_rows = rows is not None
        self.rowcount = rowcount


class Prepared:
    """One statement for one set of parameter names."""

    def __init__(self, compiled: SQLCompiler, dialect: Dialect) -> None:
        self._sql = compiled.string
        self._dialect = dialect
        self._positional = compiled.positional
        names = compiled.positiontup if compiled.positiontup is not None else compiled.binds
        self._names = list(names)
        binds = [compiled.binds[name] for name in self._names]
        self._defaults = {name: bind.value for name, bind in zip(self._names, binds, strict=True) if not bind.required}
        converts = (bind.type.dialect_impl(dialect).bind_processor(dialect) for bind in binds)
        self._bind_converts = [(place, convert) for place, convert in enumerate(converts) if convert is not None]
        returned = [] if compiled.implicit_returning else compiled._result_columns
        self._types = [column.type for column in returned]
        self._metadata = SimpleResultMetaData(
            [column.keyname for column in returned], extra=[column.objects for column in returned]
        )
        self._converts: list[tuple[int, Callable[[Any], Any]]] | None = None

    def execute(self, driver: Any, parameters: Any) -> Rows:
        """Run it, and fetch what it returns. Raises: DBAPIError as SQLAlchemy would."""
        cursor = driver.cursor()
        try:
            if type(parameters) is list:
                cursor.executemany(self._sql, [self._values(each) for each in parameters])
            else:
                cursor.execute(self._sql, self._values(parameters or {}))
            return Rows(self._metadata, self._fetched(cursor) if self._types else None, cursor.rowcount)
        except self._dialect.loaded_dbapi.Error as error:
            raise told(error, self._sql, self._dialect, driver, cursor) from error
        finally:
            cursor.close()

    def execute_each(self, driver: Any, parameters: Sequence[Mapping[str, Any]]) -> list[list[Row[Any]]]:
        """Run it once for each, one after the other; the rows that each returns. Raises: DBAPIError.

        PostgreSQL gets all of them before it is asked for the first answer.
        """
        cursor = driver.cursor()
        try:
            values = [self._values(each) for each in parameters]
            if self._dialect.name != "postgresql":
                return [self._named(self._fetched(cursor.execute(self._sql, each))) for each in values]
            cursor.executemany(self._sql, values, returning=True)
            found = [self._named(self._fetched(cursor))]
            while cursor.nextset():
                found.append(self._named(self._fetched(cursor)))
            return found
        except self._dialect.loaded_dbapi.Error as error:
            raise told(error, self._sql, self._dialect, driver, cursor) from error
        finally:
            cursor.close()

    def all_of(self, found: Sequence[Sequence[Row[Any]]]) -> Rows:
        """As one result: how many rows were touched by all of them."""
        return Rows(self._metadata, (), sum(map(len, found)))

    def _values(self, parameters: Mapping[str, Any]) -> Any:
        given = {**self._defaults, **parameters} if self._defaults else parameters
        try:
            values = [given[name] for name in self._names]
        except KeyError as missing:
            sentence = f"a value is missing: {missing.args[0]}"
            raise StatementError(sentence, self._sql, None, None, hide_parameters=True) from None
        try:
            for place, convert in self._bind_converts:
                if values[place] is not None:
                    values[place] = convert(values[place])
        except Exception as error:  # as SQLAlchemy says it, whatever a type makes of a value
            raise StatementError(str(error), self._sql, None, error, hide_parameters=True) from error
        return values if self._positional else dict(zip(self._names, values, strict=True))

    def _named(self, rows: Sequence[Any]) -> list[Row[Any]]:
        return list(Rows(self._metadata, rows, len(rows)).all()) if rows else []

    def _fetched(self, cursor: Any) -> Sequence[Any]:
        rows: list[Any] = cursor.fetchall()
        if self._converts is None:
            described = zip(self._types, cursor.description, strict=True)
            found = [
                kind.dialect_impl(self._dialect).result_processor(self._dialect, column[1])
                for kind, column in described
            ]
            self._converts = [(place, convert) for place, convert in enumerate(found) if convert is not None]
        return [self._converted_row(row) for row in rows] if self._converts else rows

    def _converted_row(self, row: Any) -> tuple[Any, ...]:
        """Most of sixty columns need nothing done to them, and most of those that do are empty."""
        values = list(row)
        for place, convert in self._converts or ():
            if values[place] is not None:
                values[place] = convert(values[place])
        return tuple(values)


def told(error: Any, sql: str, dialect: Dialect, driver: Any, cursor: Any) -> BaseException:
    """The driver's error as SQLAlchemy would raise it."""
    wrapped: BaseException = DBAPIError.instance(
        sql,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=dialect.is_disconnect(error, driver, cursor),
        dialect=dialect,
    )
    return wrapped


class _Known:
    """What is known of one statement: its prepared form for each set of parameter names, None where it has none."""

    __slots__ = ("forms",)

    def __init__(self) -> None:
        self.forms: dict[tuple[bool, tuple[str, ...]], Prepared | None] = {}


class Statements:
    """The statements that one connection has come to know. Used by one thread."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._known: WeakKeyDictionary[Executable, _Known] = WeakKeyDictionary()

    def find(self, statement: Executable, parameters: Parameters | None) -> Prepared | None:
        """The statement, prepared; None where SQLAlchemy has to run it, and the first time."""
        if not isinstance(statement, (UpdateBase, Select)):
            return None
        known = self._known.get(statement)
        if known is None:
            self._known[statement] = _Known()
            return None
        # Exact types: to ask for a Sequence or a Mapping takes longer than all the rest of this.
        many = type(parameters) is list
        first = parameters[0] if type(parameters) is list and parameters else parameters
        if not (first is None or type(first) is dict):
            return None
        form = (many, () if first is None else tuple(first))
        if form not in known.forms:
            known.forms[form] = self._prepare(statement, *form)
        return known.forms[form]

    def _prepare(self, statement: Executable, many: bool, names: tuple[str, ...]) -> Prepared | None:
        try:
            compiled = statement.compile(  # type: ignore[attr-defined]
                dialect=self._dialect, column_keys=list(names), for_executemany=many
            )
        except CompileError:
            return None  # SQLAlchemy says what is wrong with it
        return Prepared(compiled, self._dialect) if _is_plain(compiled, statement, many) else None


def _is_plain(compiled: SQLCompiler, statement: Executable, many: bool) -> bool:
    """Whether text, conversions and the driver are all there is to it."""
    return not (
        (many and not compiled.binds)  # an empty list of parameters
        or compiled.post_compile_params
        or compiled.literal_execute_params
        or compiled.escaped_bind_names
        or any(bind.callable is not None for bind in compiled.binds.values())
        or (isinstance(statement, Insert) and compiled.insert_prefetch)
        or (isinstance(statement, UpdateBase) and compiled.update_prefetch)
        or (many and (not isinstance(statement, UpdateBase) or compiled._result_columns))
    )
