"""How is a moment written over HTTP? As RFC 3339 says; a number, which might be seconds or milliseconds, is none."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator

from conselho import errors

_BEGINS_WITH_A_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:$|[Tt ])")


def _written(value: Any) -> datetime:
    if isinstance(value, str) and _BEGINS_WITH_A_DATE.match(value):
        try:
            return datetime.fromisoformat(value.upper())
        except ValueError:
            pass  # such a day or hour there is not
    raise ValueError("it is no moment: write it as in 2026-01-31T09:00:00Z")


# Whether it has a time zone, and one in which it can be said in UTC, is looked at where it is used.
Moment = Annotated[datetime, BeforeValidator(_written)]


def check_moment(name: str, moment: datetime | None) -> None:
    """Raises: errors.Invalid for a moment without a time zone, or of which there is none in UTC."""
    if moment is None:
        return
    if moment.tzinfo is None:
        raise errors.Invalid(f"{name} needs a time zone, as in 2026-01-31T09:00:00Z")
    try:
        moment.astimezone(UTC)
    except OverflowError:
        raise errors.Invalid(f"{name} must lie between the years 1 and 9999 in UTC") from None
