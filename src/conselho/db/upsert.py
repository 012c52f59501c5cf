"""How is a row written that may be there already, without catching an error?

SQLite took the clause `ON CONFLICT` over from PostgreSQL, and SQLAlchemy's SQLite dialect compiles PostgreSQL's
statement for it (not the other way round): so one statement serves both, and callers need not know which they have.
"""

from collections.abc import Sequence

from sqlalchemy.dialects import postgresql

from conselho.db.base import Base


def insert_if_absent(model: type[Base], keys: Sequence[str] | None = None) -> postgresql.Insert:
    """An INSERT that leaves a row with the same `keys` alone; with RETURNING it tells whether it wrote.

    Without `keys`: with the same value in any column that must be unique.
    """
    return or_leave(keys, postgresql.insert(model))


def or_leave(keys: Sequence[str] | None, statement: postgresql.Insert) -> postgresql.Insert:
    """An INSERT, made to leave rows with the same `keys` alone."""
    return statement.on_conflict_do_nothing(index_elements=None if keys is None else list(keys))


def or_add(keys: Sequence[str], columns: Sequence[str], statement: postgresql.Insert) -> postgresql.Insert:
    """An INSERT, made to add `columns` to those of rows with the same `keys`."""
    sums = {column: statement.table.c[column] + statement.excluded[column] for column in columns}
    return statement.on_conflict_do_update(index_elements=list(keys), set_=sums)


def insert_or_replace(model: type[Base], keys: Sequence[str], columns: Sequence[str]) -> postgresql.Insert:
    """An INSERT that overwrites `columns` of a row with the same `keys`."""
    return or_replace(keys, columns, postgresql.insert(model))


def or_replace(keys: Sequence[str], columns: Sequence[str], statement: postgresql.Insert) -> postgresql.Insert:
    """An INSERT, made to overwrite `columns` of rows with the same `keys`."""
    fresh = {column: statement.excluded[column] for column in columns}
    return statement.on_conflict_do_update(index_elements=list(keys), set_=fresh)
