"""How does what an agent CLI says become lines that can be kept?

What a CLI prints is data of any shape: numbers where texts belong, lists where objects do, half characters, texts of
megabytes. Everything here takes any of it and never raises.
"""

import json
import math
import re
from datetime import datetime
from typing import Any

LINE_CHARACTERS_MAX = 64 * 1024  # a longer line is kept in pieces of this size
LINES_MAX = 5_000  # of one message: nobody reads more of it
DATA_CHARACTERS_MAX = 16 * 1024  # of what is kept beside a line, as JSON
DEPTH_MAX = 100  # of nested JSON: what reads and writes it goes down with it
CALLS_MAX = 1_000  # open at once
COUNT_MAX = 2**53  # numbers of JSON are whole up to here, wherever they are read

# Bytes that are no UTF-8 came as U+DC80 to U+DCFF, and are kept as those; no other half of a character can be shown.
_HALF_CHARACTER = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def spoken(text: str) -> list[str]:
    """The lines of a text: none of an empty one, long ones in pieces, and at most `LINES_MAX` of them.

    Where there are more, the last one says how much was left out.
    """
    whole = storable(text).removesuffix("\n")
    if not whole:
        return []
    lines = whole.split("\n", LINES_MAX)
    pieces = [piece for line in lines for piece in _pieces(line.removesuffix("\r"))]
    if len(pieces) <= LINES_MAX:
        return pieces
    left = sum(map(len, pieces[LINES_MAX - 1 :]))
    return [*pieces[: LINES_MAX - 1], f"[{left:,} more characters are left out here]"]


def storable(text: str) -> str:
    """The text without halves of characters, which a JSON escape may make and no log can show."""
    return text if text.isascii() else _HALF_CHARACTER.sub("\ufffd", text)


def parsed(line: str) -> dict[str, Any] | None:
    """The JSON object that a line is; None for anything else, and for one nested deeper than `DEPTH_MAX`.

    Its numbers are such as every reader of JSON takes: NaN and Infinity, which only Python does, are None in it.
    """
    if line.lstrip()[:1] != "{":
        return None
    try:
        found = json.loads(line, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and _is_shallow(line, found) else None


def text_of(value: Any) -> str:
    """What a value says: a text as it is, nothing for None, else its JSON."""
    if value is None:
        return ""
    return storable(value) if isinstance(value, str) else storable(_encode(value))


def count_of(value: Any) -> int | None:
    """A whole number from 0 on, as tokens and turns are; None for all else."""
    return value if type(value) is int and 0 <= value <= COUNT_MAX else None


def amount_of(value: Any) -> float | None:
    """A number from 0 on, as money is; None for all else."""
    if type(value) not in {int, float} or not 0 <= value <= COUNT_MAX:
        return None
    return float(value)


def clipped(value: Any, characters: int = DATA_CHARACTERS_MAX) -> Any:
    """A value of JSON for a line's data: whole if its JSON is short enough, else cut.

    The fields of an object are cut each for itself, so that a short path stays beside a long text; where that does
    not do, what is left is the beginning of its JSON as a text.
    """
    whole = _clean(value)
    if len(_encode(whole)) <= characters:
        return whole
    if isinstance(whole, dict) and whole:
        share = characters // len(whole) // 2
        fields = {key: field if len(_encode(field)) <= share else _cut(field, share) for key, field in whole.items()}
        if len(_encode(fields)) <= characters:
            return fields
    return _cut(whole, characters)


class Calls:
    """When tool calls began, by their id, so that their results can tell how long they took."""

    def __init__(self) -> None:
        self._begun: dict[str, tuple[datetime, str]] = {}

    def begin(self, call: str, at: datetime, name: str = "") -> None:
        """A call begins. Of very many that never end, the oldest are forgotten."""
        if len(self._begun) >= CALLS_MAX and call not in self._begun:
            del self._begun[next(iter(self._begun))]
        self._begun[call] = (at, name)

    def end(self, call: str, at: datetime) -> tuple[float | None, str]:
        """A call ends: the seconds it took, None where its beginning was not seen, and its tool's name."""
        begun, name = self._begun.pop(call, (None, ""))
        return (None if begun is None else max(0.0, round((at - begun).total_seconds(), 3))), name

    def open(self) -> list[str]:
        """The names of the tools whose results have not come, oldest first."""
        return [name for _, name in self._begun.values()]


def _pieces(line: str) -> list[str]:
    if len(line) <= LINE_CHARACTERS_MAX:
        return [line]
    return [line[begin : begin + LINE_CHARACTERS_MAX] for begin in range(0, len(line), LINE_CHARACTERS_MAX)]


def _is_shallow(line: str, value: Any) -> bool:
    if line.count("[") + line.count("{") <= DEPTH_MAX:  # nearly always
        return True
    level = [value]
    for _ in range(DEPTH_MAX):
        level = [each for holder in level for each in _held(holder)]
        if not level:
            return True
    return False


def _held(holder: Any) -> list[Any]:
    """The objects and lists that one holds itself."""
    values = holder.values() if isinstance(holder, dict) else holder
    return [each for each in values if isinstance(each, dict | list)]


def _cut(value: Any, characters: int) -> str:
    """The beginning of what it says, with an ellipsis; its JSON is no longer than so many characters."""
    text = text_of(value)[: max(0, characters - 3)]
    while len(_encode(text)) > characters - 1 and text:  # what is escaped takes more: six for a control character
        text = text[: len(text) * 2 // 3]
    return text + "…"


def _clean(value: Any) -> Any:
    match value:
        case str():
            return storable(value)
        case dict():
            return {storable(str(key)): _clean(each) for key, each in value.items()}
        case list():
            return [_clean(each) for each in value]
        case bool() | None:
            return value
        case int():
            return value if abs(value) <= COUNT_MAX else repr(value)[:100]
        case float():
            return value if math.isfinite(value) else None
        case _:
            return text_of(str(value))
