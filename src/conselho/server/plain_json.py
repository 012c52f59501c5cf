"""Which JSON is let in? What every part of the program, both databases and every client can hold.

Refused: what is no UTF-8, more than 64 levels, NUL and half characters in text, integers beyond 64 bits, NaN and the
infinities. Most bodies are settled while they are read: text without escapes holds neither, few brackets make no
depth. Only what is under suspicion is walked, which also finds out where it stands.
"""

import json
import math
from typing import Any

from conselho import errors

DEPTH_MAX = 64
INTEGER_MAX = 2**63 - 1
_DIGITS_MAX = len(str(INTEGER_MAX)) + 1  # a longer number is not even read: that would take its time
_PLACE_CHARACTERS_MAX = 100

# Where a value stands: its name or number, and where what it is in stands.
_Place = tuple[Any, "str | int"] | None


def check(body: bytes) -> None:
    """Raises: errors.Invalid with a sentence."""
    suspects: list[str] = []

    def integer(digits: str) -> float | int:
        if len(digits) < _DIGITS_MAX - 1:
            return int(digits)
        suspects.append(digits)
        return int(digits) if len(digits) <= _DIGITS_MAX else math.inf

    def constant(name: str) -> float:
        suspects.append(name)
        return math.nan

    def number(digits: str) -> float:
        value = float(digits)
        return value if math.isfinite(value) else constant(digits)

    try:
        text = body.decode("utf-8")
        value = json.loads(text, parse_int=integer, parse_float=number, parse_constant=constant)
    except UnicodeDecodeError as error:
        raise errors.Invalid(f"the body is no UTF-8 (byte {error.start})") from error
    except RecursionError as error:
        raise _too_deep() from error
    except json.JSONDecodeError as error:
        raise errors.Invalid(f"the body is no JSON: {error.msg.lower()} (character {error.pos})") from error
    if suspects or "\\u" in text or text.count("[") + text.count("{") > DEPTH_MAX:
        _walk(value)


def _walk(value: Any) -> None:
    left: list[tuple[Any, int, _Place]] = [(value, 1, None)]
    while left:
        each, depth, place = left.pop()
        match each:
            case str():
                _check_text(each, place)
            case dict() | list() if depth > DEPTH_MAX:
                raise _too_deep()
            case dict():
                for name, part in each.items():
                    _check_text(name, place)
                    left.append((part, depth + 1, (place, name)))
            case list():
                left += [(part, depth + 1, (place, number)) for number, part in enumerate(each)]
            case float() if not math.isfinite(each):
                raise errors.Invalid(f"{_words(place)} is a number out of range, or none")
            case int() if not -INTEGER_MAX - 1 <= each <= INTEGER_MAX:
                raise errors.Invalid(f"{_words(place)} is out of range: integers have at most 64 bits")


def _check_text(text: str, place: _Place) -> None:
    if "\0" in text:
        raise errors.Invalid(f"{_words(place)} holds a NUL, which cannot be kept: leave it out")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise errors.Invalid(f"{_words(place)} holds half a character: send valid Unicode text")


def _words(place: _Place) -> str:
    parts: list[str] = []
    while place is not None:
        place, name = place
        parts.append(str(name))
    return ".".join(reversed(parts))[:_PLACE_CHARACTERS_MAX] or "the body"


def _too_deep() -> errors.Invalid:
    return errors.Invalid(f"the body is nested more than {DEPTH_MAX} levels deep")
