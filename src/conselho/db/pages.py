"""How is a long list read a page at a time? In the order its rows were made, each page behind the id before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select
from sqlalchemy.orm import InstrumentedAttribute

from conselho import errors, ids
from conselho.db.session import Tx

PAGE_MAX = 200


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, the oldest first, and the cursor of the next page, None at the end."""

    rows: Sequence[Row[Any]]
    next: str | None


def page(
    tx: Tx, statement: Select[Any], id_column: InstrumentedAttribute[str], limit: int, after: str | None = None
) -> Page:
    """A page of what a statement finds. Raises: errors.Invalid for a cursor that is none."""
    if not 1 <= limit <= PAGE_MAX:
        raise errors.Invalid(f"limit must lie between 1 and {PAGE_MAX}")
    statement = statement.order_by(id_column).limit(limit + 1)
    if after is not None:
        if not ids.is_id(after):
            raise errors.Invalid("this cursor is none: begin again without it")
        statement = statement.where(id_column > after)
    rows = tx.execute(statement).all()
    return Page(rows[:limit], rows[limit - 1].id if len(rows) > limit else None)
