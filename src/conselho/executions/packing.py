"""How do the lines of a chunk become few bytes, and lines again?

zstd over a head and a body. The head is one line of JSON: runs of lines that came at the same moment and are of the
same kind, and what single lines have to tell beside their text. The body is the texts, one a line - so what a program
printed stays nearly as it printed it, which neither costs time to pack nor keeps zstd from seeing how it repeats.
Where a text holds line ends of its own, the texts stand in the head instead.

Bytes that are no UTF-8 came as surrogate escapes, and go and return as those.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

import zstandard

CODEC = "zstd2"
LEVEL = 3  # zstd's default: a quarter of the size at some 200 MB/s
CHUNK_BYTES_MAX = 64 * 1024 * 1024  # a chunk claiming to be larger is damaged

_MICROSECOND = timedelta(microseconds=1)
_encode = json.JSONEncoder(separators=(",", ":")).encode


class Line(NamedTuple):
    """One line of a log. `text` may hold surrogate escapes; `data` is what a tool call, say, adds."""

    at: datetime
    kind: str
    text: str
    data: dict[str, Any] | None = None


# What a Line is, without its names: a plain tuple is made in a fifth of the time, and every line of every log is one.
PlainLine = tuple[datetime, str, str, dict[str, Any] | None]


class Packed(NamedTuple):
    """Lines packed: when the first and the last came, how many characters they have with their ends, and the bytes."""

    first_at: datetime
    last_at: datetime
    characters: int
    data: bytes


def pack(lines: Sequence[PlainLine]) -> Packed:
    """Pack at least one line."""
    moments, kinds, texts, details = zip(*lines, strict=True)
    first_at = min(moments)
    runs = [
        (len(list(run)), (at - first_at) // _MICROSECOND, kind)
        for (at, kind), run in groupby(zip(moments, kinds, strict=True))
    ]
    head: dict[str, Any] = {"runs": runs}
    if any(each is not None for each in details):
        head["data"] = {number: each for number, each in enumerate(details) if each is not None}
    body = "\n".join(texts)
    characters = len(body) + 1
    if body.count("\n") >= len(texts):
        head["texts"], body = texts, ""
    raw = f"{_encode(head)}\n{body}".encode("utf-8", "surrogatepass")
    return Packed(first_at, max(moments), characters, zstandard.ZstdCompressor(level=LEVEL).compress(raw))


def unpack(first_at: datetime, data: bytes) -> list[Line]:
    """The lines of a chunk whose first came at `first_at`."""
    raw = zstandard.ZstdDecompressor().decompress(data, max_output_size=CHUNK_BYTES_MAX)
    first, _, body = raw.decode("utf-8", "surrogatepass").partition("\n")
    head = json.loads(first)
    texts = head["texts"] if "texts" in head else body.split("\n")
    details = head.get("data", {})
    lines: list[Line] = []
    for count, offset, kind in head["runs"]:
        at = first_at + offset * _MICROSECOND
        begin = len(lines)
        if details:
            lines += [Line(at, kind, texts[each], details.get(str(each))) for each in range(begin, begin + count)]
        else:
            lines += [Line(at, kind, text) for text in texts[begin : begin + count]]
    return lines
