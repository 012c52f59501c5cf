"""How are names, numbers and ages written, when some of them come from strangers?

File names, author names and comments are data of the repository: they may hold line breaks, escape
sequences for the terminal, letters that turn the direction of writing, bytes that are no UTF-8. What is
shown has none of these.
"""

import os

DAYS_COUNTED_MAX = 60
MONTHS_COUNTED_MAX_DAYS = 730
"""Below two months people count days, below two years months."""

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def shown(name: str | bytes | os.PathLike[str], length_max: int = 400) -> str:
    """One printable line for any name or text: what cannot be printed is escaped."""
    text = name if isinstance(name, str) else os.fsencode(name).decode(errors="backslashreplace")
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)
    return text if len(text) <= length_max else text[: length_max - 1] + "…"


def counted(number: int, one: str, many: str = "") -> str:
    """`1 file`, `1,204 files`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def age(days: int) -> str:
    """`today`, `12 days`, `7 months`, `4 years`."""
    if days < 1:
        return "today"
    if days < DAYS_COUNTED_MAX:
        return counted(days, "day")
    if days < MONTHS_COUNTED_MAX_DAYS:
        return f"{days // 30} months"
    return f"{days // 365} years"


def _escaped(letter: str) -> str:
    code = ord(letter)
    if letter in _NAMED:
        return _NAMED[letter]
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
