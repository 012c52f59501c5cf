"""What may something be called, and which text can both databases hold?

Each check raises errors.Invalid with one sentence that names the field and its limit.
"""

import re

from conselho import errors, ids

SLUG = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
SLUG_CHARACTERS_MAX = 100
TITLE_CHARACTERS_MAX = 200


def check_slug(slug: str, name: str = "slug") -> None:
    """A name in commands and addresses, which no id can be taken for."""
    if not re.fullmatch(SLUG, slug, re.ASCII) or len(slug) > SLUG_CHARACTERS_MAX:
        raise errors.Invalid(
            f"{name}: {slug[:50]!r} is none: letters, digits, _ . and -, the first a letter or a digit,"
            f" at most {SLUG_CHARACTERS_MAX}"
        )
    if ids.is_id(slug):
        raise errors.Invalid(f"{name}: it looks like an id, and could be taken for one")


def check_text(name: str, text: str | None, characters_max: int | None = None) -> None:
    """Text that both databases can hold, of at most so many characters."""
    if not is_storable(text or ""):
        raise errors.Invalid(f"{name} holds a NUL or half a character: send valid Unicode text")
    if characters_max is not None and len(text or "") > characters_max:
        raise errors.Invalid(f"the {name} is longer than {characters_max} characters")


def is_storable(text: str) -> bool:
    """Whether both databases can hold it: PostgreSQL knows neither NUL nor half a character."""
    if "\0" in text:
        return False
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
