"""What has a run written so far?

A spool is a header and frames, appended by the shim while we read. What is half written, or was torn when the
machine lost power, simply is not there yet: reading stops before it and goes on when more has come. The format is
stated a second time in recorder.py, which the shim must be able to load without this package's dependencies.
"""

import struct
import zlib
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

MAGIC = b"CNSPOOL1"
# Frame number from 1, stream, three blanks, Unix time in microseconds, payload length, CRC32 of all but itself.
HEADER = struct.Struct("<QBxxxQII")
CRC_BYTES = 4
PAYLOAD_MAX = 65_536
READ_BYTES_MAX = 1_048_576  # of one `read`, unless the caller says otherwise

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Stream(IntEnum):
    """What a frame's payload is: the agent's bytes, or JSON about bytes that are missing."""

    STDOUT = 1
    STDERR = 2
    CAP = 3  # {"bytes"}: the live part is full; only the end will be kept, and follow when the run is over
    DROPPED = 4  # {"bytes", "lines"}: thrown away between the live part and the end that follows
    LOST = 5  # {"bytes"}: could not be written


class Frame(NamedTuple):
    """One piece of output, as it came."""

    number: int
    stream: Stream
    at: datetime
    data: bytes


class SpoolReader:
    """Reads a spool from its first frame, as far as it goes, again and again.

    `number` is the last frame that was returned, `offset` where the next one begins. Nothing is held open between
    two reads: a spool may be watched for days.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.number = 0
        self.offset = 0

    def read(self, bytes_max: int = READ_BYTES_MAX) -> list[Frame]:
        """Return the next whole frames, of about `bytes_max` bytes and at least one; empty if there are none yet.

        A frame that is incomplete, damaged or out of turn ends the reading and raises nothing; the next call tries
        it again.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                text = file.read(max(bytes_max, len(MAGIC) + HEADER.size + PAYLOAD_MAX))
        except FileNotFoundError:
            return []
        at = 0
        if self.offset == 0:
            if not text.startswith(MAGIC):
                return []
            at = len(MAGIC)
        frames: list[Frame] = []
        while (frame := _parse(text, at)) is not None and frame.number == self.number + 1:
            frames.append(frame)
            self.number = frame.number
            at += HEADER.size + len(frame.data)
        self.offset += at
        return frames


def _parse(text: bytes, at: int) -> Frame | None:
    """Return the frame that begins there, or None if it is not whole and sound."""
    if len(text) - at < HEADER.size:
        return None
    number, stream, micros, length, crc = HEADER.unpack_from(text, at)
    start = at + HEADER.size
    if length > PAYLOAD_MAX or len(text) - start < length:
        return None
    data = text[start : start + length]
    if zlib.crc32(data, zlib.crc32(text[at : start - CRC_BYTES])) != crc:
        return None
    try:
        return Frame(number, Stream(stream), _EPOCH + timedelta(microseconds=micros), data)
    except (ValueError, OverflowError):
        return None
