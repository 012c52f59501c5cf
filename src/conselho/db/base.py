"""What do all tables share? One metadata, and names for constraints that a migration can speak of.

Without a naming convention SQLite's constraints have no names, and a batch rebuild could not drop them. What must be
said to each database in its own words is said here too, so that no other room need know which one it has.
"""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index, Integer, MetaData, text
from sqlalchemy.orm import DeclarativeBase

from conselho.db.types import UtcDateTime

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The parent of every mapped class; `Base.metadata` is what a migration must arrive at."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: UtcDateTime()}


RisingId = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers only the rows of an INTEGER key by itself
NEVER_AGAIN = {"sqlite_autoincrement": True}  # a table's ids that were pruned are not given again


def index_where(name: str, condition: str, *columns: str, unique: bool = False) -> Index:
    """An index over the rows alone for which `condition` holds; `unique` among those alone."""
    return Index(name, *columns, unique=unique, sqlite_where=text(condition), postgresql_where=text(condition))
