"""What is wrong with the white space of a text, and how does it read without that?

Pure, and on bytes: whatever else stands in a line is not looked at. Mending what is mended changes nothing. Which kinds
may be mended in a file, and which of its lines may be touched, others decide.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum

LF, CRLF = b"\n", b"\r\n"


class Kind(StrEnum):
    """The kinds of fault, in the words in which they are told."""

    TRAILING_SPACE = "trailing white space"
    LINE_ENDS = "mixed line ends"
    EMPTY_LINES = "empty lines at the end"
    NO_NEW_LINE = "no new line at the end"
    UNSORTED_IMPORTS = "unsorted imports"
    UNUSED_IMPORTS = "unused imports"


OF_WHITE_SPACE = (Kind.TRAILING_SPACE, Kind.LINE_ENDS, Kind.EMPTY_LINES, Kind.NO_NEW_LINE)


@dataclass(frozen=True, slots=True)
class Mended:
    """A text without its faults, and the lines, from 1, that had them."""

    data: bytes
    lines: dict[Kind, tuple[int, ...]] = field(default_factory=dict)


def mend(
    data: bytes,
    kinds: Collection[Kind] = OF_WHITE_SPACE,
    *,
    untouched: Collection[int] = (),
    line_end: bytes | None = None,
) -> Mended:
    """The text without the faults of these kinds.

    `untouched`: lines whose white space is part of what they say. `line_end`: what mixed lines shall end with; None:
    what most of them end with. A text of nothing but white space stays as it is; where all lines end alike, so they do
    after.
    """
    if not data.strip():
        return Mended(data)
    ends = _line_end(data, line_end)
    found: dict[Kind, list[int]] = {}
    lines = []
    for number, line in enumerate(_lines(data), start=1):
        body, end = _apart(line)
        if Kind.TRAILING_SPACE in kinds and number not in untouched and (less := _trimmed(body)) != body:
            found.setdefault(Kind.TRAILING_SPACE, []).append(number)
            body = less
        if Kind.LINE_ENDS in kinds and end and end != ends:
            found.setdefault(Kind.LINE_ENDS, []).append(number)
            end = ends
        lines.append(body + end)
    if Kind.EMPTY_LINES in kinds:
        _drop_empty(lines, found, untouched)
    if Kind.NO_NEW_LINE in kinds and lines[-1] and not lines[-1].endswith(LF):
        found[Kind.NO_NEW_LINE] = [len(lines)]
        lines[-1] += ends
    return Mended(b"".join(lines), {kind: tuple(numbers) for kind, numbers in found.items()})


def has_lone_return(data: bytes) -> bool:
    """Whether a carriage return stands within a line: what it means there nobody can know."""
    return b"\r" in data.replace(CRLF, b"")


def _line_end(data: bytes, wanted: bytes | None) -> bytes:
    with_return = data.count(CRLF)
    without = data.count(LF) - with_return
    if with_return and without:
        return wanted or (CRLF if with_return > without else LF)
    if with_return or without:
        return CRLF if with_return else LF
    return wanted or LF


def _lines(data: bytes) -> list[bytes]:
    *whole, last = data.split(LF)
    return [line + LF for line in whole] + ([last] if last else [])


def _apart(line: bytes) -> tuple[bytes, bytes]:
    end = CRLF if line.endswith(CRLF) else LF if line.endswith(LF) else b""
    return line.removesuffix(end), end


def _trimmed(body: bytes) -> bytes:
    less = body.rstrip(b" \t")
    return body if less.endswith(b"\\") else less  # without the space, the line would go on in the next one


def _drop_empty(lines: list[bytes], found: dict[Kind, list[int]], untouched: Collection[int]) -> None:
    last = len(lines)
    while not lines[last - 1].strip(b" \t\r\n") and last not in untouched:
        last -= 1
    if dropped := [number for number in range(last + 1, len(lines) + 1) if lines[number - 1]]:
        found[Kind.EMPTY_LINES] = dropped
    del lines[last:]
