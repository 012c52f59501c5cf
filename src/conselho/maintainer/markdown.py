"""How does a report for people say names and places, as Markdown that names of files cannot break?"""

import re

from conselho.analyses.text import shown

LINES_SHOWN_MAX = 8


def code(text: str | bytes) -> str:
    """Any text as code in a line: fenced with more backticks than it has in a row."""
    plain = shown(text)
    fence = "`" * (max(map(len, re.findall("`+", plain)), default=0) + 1)
    pad = " " if plain.startswith("`") or plain.endswith("`") else ""
    return f"{fence}{pad}{plain}{pad}{fence}"


def place(path: bytes, line: int | None) -> str:
    """`src/a.py:12`, as editors open it."""
    return code(shown(path) + (f":{line}" if line else ""))


def numbers(lines: tuple[int, ...]) -> str:
    """`12, 14, 20 and 3 more`."""
    named = ", ".join(map(str, lines[:LINES_SHOWN_MAX]))
    return named if len(lines) <= LINES_SHOWN_MAX else f"{named} and {len(lines) - LINES_SHOWN_MAX:,} more"
