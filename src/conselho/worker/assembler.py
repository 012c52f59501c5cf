"""How do bytes become lines? By newline and by length alone, never by time.

So reading a spool again from its first frame after a restart yields the same lines with the same numbers, and
those that are stored already can be skipped by counting.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from conselho.providers.base import Output, Said
from conselho.worker.spool import Frame, Stream

_NAMES = {Stream.STDOUT: "stdout", Stream.STDERR: "stderr"}


@dataclass(frozen=True, slots=True)
class Piece:
    """Lines of output that ended at one moment, or a remark of ours (`said`) that stands where it happened."""

    at: datetime
    output: Output | None = None
    said: Said | None = None


class Assembler:
    """Cuts the frames of one run into lines; a line longer than `line_bytes_max` comes in pieces."""

    def __init__(self, line_bytes_max: int) -> None:
        self._limit = line_bytes_max
        self._open: dict[Stream, bytearray] = {Stream.STDOUT: bytearray(), Stream.STDERR: bytearray()}

    def feed(self, frame: Frame) -> list[Piece]:
        """The lines that end in this frame."""
        if frame.stream in self._open:
            return self._cut(frame)
        # Output is missing from here on: what was open will not be continued by what comes next.
        return [*self.flush(frame.at), Piece(frame.at, said=_remark(frame))]

    def flush(self, at: datetime) -> list[Piece]:
        """The last line of each stream, where no newline ended it."""
        found = []
        for stream, held in self._open.items():
            if held:
                found.append(Piece(at, Output(_NAMES[stream], (_text(bytes(held)),), at)))
                held.clear()
        return found

    def _cut(self, frame: Frame) -> list[Piece]:
        held = self._open[frame.stream]
        name, at = _NAMES[frame.stream], frame.at
        first, *others = frame.data.split(b"\n")
        held += first
        found = self._pieces(name, held, at, ends=bool(others))
        if others:
            rest = others.pop()
            if others and len(max(others, key=len)) <= self._limit:  # nearly always
                # A newline is part of no other character: text may be cut there as well after it was decoded.
                found.append(Piece(at, Output(name, _text(b"\n".join(others)).split("\n"), at)))
            else:
                for line in others:
                    held += line
                    found += self._pieces(name, held, at, ends=True)
            held += rest
            found += self._pieces(name, held, at, ends=False)
        return found

    def _pieces(self, name: str, held: bytearray, at: datetime, *, ends: bool) -> list[Piece]:
        found = []
        while len(held) > self._limit:
            end = _between_characters(held, self._limit)
            found.append(Piece(at, Output(name, (_text(bytes(held[:end])),), at, is_whole=False)))
            del held[:end]
        if ends:
            found.append(Piece(at, Output(name, (_text(bytes(held)),), at)))
            held.clear()
        return found


def _between_characters(data: bytearray, at_most: int) -> int:
    """Where to cut so that no character of UTF-8 is parted; what is none is cut at the limit."""
    for end in range(at_most, max(0, at_most - 4), -1):
        if data[end] & 0xC0 != 0x80:  # the first byte of a character, or all of it
            return end if end == at_most or data[end] >= 0xC0 else at_most
    return at_most


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _remark(frame: Frame) -> Said:
    facts = json.loads(frame.data or b"{}")
    count = int(facts.get("bytes", 0))
    match frame.stream:
        case Stream.CAP:
            text = (
                f"[output passed {count:,} bytes: from here on only its end is kept, and shown once the run has ended]"
            )
        case Stream.DROPPED:
            text = f"[{count:,} bytes with {int(facts.get('lines', 0)):,} line ends were dropped here]"
        case _:
            text = f"[{count:,} bytes could not be kept here: the disk was full]"
    return Said("warning", (text,), speaks=False)
