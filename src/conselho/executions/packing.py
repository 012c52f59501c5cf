"""How do the lines of a chunk become few bytes, and lines again?

zstd over a head and a body. The head is one line of JSON: runs of lines that came at the same moment and are of the
same kind, and what single lines have to tell beside their text. The body is the texts, one a line - so what a program
printed stays nearly as it printed it, which neither costs time to pack nor keeps zstd from seeing how it repeats.
Where a text holds line ends of its own, the texts stand in the head instead.

Bytes that are no UTF-8 came as surrogate escapes, and go and return as those.
"""

import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby, repeat
from typing import Any, NamedTuple

import zstandard

CODEC = "zstd2"
LEVEL = 3  # zstd's default: a quarter of the size at some 200 MB/s
CHUNK_BYTES_MAX = 64 * 1024 * 1024  # a chunk claiming to be larger is damaged

_MICROSECOND = timedelta(microseconds=1)
_OF_THREAD = threading.local()
_encode = json.JSONEncoder(separators=(",", ":")).encode


class Line(NamedTuple):
    """One line of a log. `text` may hold surrogate escapes; `data` is what a tool call, say, adds."""

    at: datetime
    kind: str
    text: str
    data: dict[str, Any] | None = None


# What a Line is, without its names: a plain tuple is made in a fifth of the time, and every line of every log is one.
PlainLine = tuple[datetime, str, str, dict[str, Any] | None]


class Run(NamedTuple):
    """Lines that follow each other, came at the same moment and are of the same kind. `details`: each one's `data`."""

    at: datetime
    kind: str
    texts: Sequence[str]
    details: Sequence[dict[str, Any] | None] | None

    def part(self, start: int, end: int) -> "Run":
        """Those from number `start` up to number `end`, counted from 0."""
        if start == 0 and end >= len(self.texts):
            return self
        details = None if self.details is None else self.details[start:end]
        return Run(self.at, self.kind, self.texts[start:end], details)


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


def unpack(first_at: datetime, data: bytes) -> list[Run]:
    """The lines of a chunk whose first came at `first_at`, run by run: a page of them takes a fifth of the time so."""
    raw = _decompressor().decompress(data, max_output_size=CHUNK_BYTES_MAX)
    first, _, body = raw.decode("utf-8", "surrogatepass").partition("\n")
    head = json.loads(first)
    texts = head["texts"] if "texts" in head else body.split("\n")
    told = head.get("data")
    details = None if told is None else [told.get(str(number)) for number in range(len(texts))]
    found: list[Run] = []
    begin = 0
    for count, offset, kind in head["runs"]:
        at = first_at + offset * _MICROSECOND
        end = begin + count
        found.append(Run(at, kind, texts, details).part(begin, end))
        begin = end
    return found


def lines_of(runs: Iterable[Run]) -> Iterator[Line]:
    """Line by line."""
    for at, kind, texts, details in runs:
        yield from map(Line, repeat(at), repeat(kind), texts, repeat(None) if details is None else details)


def _decompressor() -> zstandard.ZstdDecompressor:
    """This thread's own: to make one takes longer than to unpack a chunk."""
    if not hasattr(_OF_THREAD, "decompressor"):
        _OF_THREAD.decompressor = zstandard.ZstdDecompressor()
    found: zstandard.ZstdDecompressor = _OF_THREAD.decompressor
    return found
