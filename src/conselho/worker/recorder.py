"""How does output become frames on disk, whatever its size and whatever the disk says?

Standard library only and light on imports: the shim loads this file on every start. spool.py reads what is
written here, and its tests prove that both mean the same format.

The first part goes to the spool as it comes. Past the limit the spool gets one frame that says so, and only the
end of the output is kept, in two files of which the older is emptied when the newer is full; when the run is over
it is put behind the spool. Every byte is counted: live + tail + dropped + lost is what the run wrote.

A flood costs little: past the limit, chunks wait in memory for a moment, and those a later one pushes out again
are never framed, summed or written.

A full disk stops nothing: what could not be written is counted, a torn frame is cut off, and the next frame that
can be written is preceded by one that tells the count.
"""

# contextlib costs more to import than everything this file does.
# ruff: noqa: SIM105

from __future__ import annotations

import time
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
else:
    import posix as os  # the same without os.path and the classes of collections.abc

MAGIC = b"CNSPOOL1"
HEADER_BYTES = 28
PAYLOAD_MAX = 65_536
PIPE_BYTES = 262_144  # four times the default: fewer turns for a chatty agent
STDOUT, STDERR, CAP, DROPPED, LOST = 1, 2, 3, 4, 5

SYNC_SECONDS = 5.0  # how much of the spool a power cut may take
SETTLE_SECONDS = 1.0  # how much of the tail a kill -9 of the shim may take
FOREVER = float("inf")

Frame = tuple[int, int, bytes]  # stream, Unix time in microseconds, payload


_FIELDS = (8, 12), (12, 20), (20, 24)  # of a header: stream, time and length


def widen(pipe: int) -> None:
    """Give a pipe that was found full more room, so that a chatty agent waits less."""
    try:
        import fcntl  # noqa: PLC0415 - few agents fill a pipe, and every shim would load it

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    except (ImportError, OSError):
        pass  # Python is just being replaced, or that is more than the user may have in pipes: the default will do


class FrameFile:
    """A file of frames that takes all of a batch or nothing of it."""

    def __init__(self, path: str) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        self.fd = os.open(path, flags, 0o600)
        self.size = self.number = 0
        self.torn = False

    def append(self, *frames: Frame) -> bool:
        """Write the frames; False if the disk would not have them, and then no part of them stays.

        Each is its number from 1, stream, Unix time, length and the CRC32 of all but itself, then the payload.
        """
        parts = [] if self.size else [MAGIC]
        for number, (stream, at, data) in enumerate(frames, self.number + 1):
            head = _little(number, 8) + _little(stream, 4) + _little(at, 8) + _little(len(data), 4)
            parts += [head + _little(zlib.crc32(data, zlib.crc32(head)), 4), data]
        try:
            if self.torn:
                self._cut(self.size)
            size = sum(map(len, parts))
            if size and os.writev(self.fd, parts) != size:
                self.torn = True
                self._cut(self.size)
                return False
        except OSError:
            return False
        self.size += size
        self.number += len(frames)
        return True

    def empty(self) -> None:
        """Forget every frame."""
        self.size = self.number = 0
        self.torn = True
        try:
            self._cut(0)
        except OSError:
            pass  # tried again before the next frame

    def frames(self) -> list[Frame]:
        """Read back what was written, whole: meant for the small files of the tail. Empty if unreadable."""
        found: list[Frame] = []
        try:
            text = os.pread(self.fd, self.size, 0)
        except OSError:
            return found
        at = len(MAGIC)
        while at < len(text):
            stream, moment, length = (int.from_bytes(text[at + a : at + b], "little") for a, b in _FIELDS)
            at += HEADER_BYTES
            found.append((stream, moment, text[at : at + length]))
            at += length
        return found

    def sync(self) -> None:
        """Make it durable, as far as the disk can."""
        try:
            os.fdatasync(self.fd)
        except OSError:
            pass  # a log that cannot be written to either: there is nobody to tell

    def _cut(self, size: int) -> None:
        os.ftruncate(self.fd, size)
        self.torn = False


def _little(value: int, size: int) -> bytes:
    """Return a field of a header; struct does the same, and costs an import."""
    return value.to_bytes(size, "little")


class Tail:
    """The last bytes of a stream of chunks: at least half of `bytes_max`, at most all of it."""

    def __init__(self, bytes_max: int) -> None:
        self.half = bytes_max // 2
        self.files = (FrameFile("tail.0"), FrameFile("tail.1"))
        self.held = [[0, 0], [0, 0]]  # bytes and lines in each file
        self.now = 0
        self.waiting: list[Frame] = []
        self.waiting_bytes = 0
        self.dropped_bytes = self.dropped_lines = self.lost_bytes = 0

    def keep(self, stream: int, at: int, data: bytes) -> None:
        """Take a chunk; what it pushes out is counted as dropped."""
        self.waiting.append((stream, at, data))
        self.waiting_bytes += len(data)
        if self.waiting_bytes >= 4 * self.half + PAYLOAD_MAX:
            self._trim()

    def settle(self) -> None:
        """Write what waits in memory to the files."""
        self._trim()
        for frame in self.waiting:
            self._store(*frame)
        self.waiting, self.waiting_bytes = [], 0

    def frames(self) -> list[Frame]:
        """Return what was kept, in order; what cannot be read back is counted as lost."""
        self.settle()
        kept = self.files[1 - self.now].frames() + self.files[self.now].frames()
        self.lost_bytes += self.held[0][0] + self.held[1][0] - sum(len(data) for _, _, data in kept)
        return kept

    def _store(self, stream: int, at: int, data: bytes) -> None:
        while data:
            if self.held[self.now][0] >= self.half:
                self._turn()
            room = self.half - self.held[self.now][0]
            piece, data = data[:room], data[room:]
            if self.files[self.now].append((stream, at, piece)):
                self.held[self.now][0] += len(piece)
                self.held[self.now][1] += piece.count(b"\n")
            else:
                self.lost_bytes += len(piece)

    def _trim(self) -> None:
        """Drop from the front what two full files after it would push out anyway."""
        over = self.waiting_bytes - 2 * self.half
        gone = 0
        while over > 0:
            stream, at, data = self.waiting[gone]
            self._drop(min(over, len(data)), data[:over].count(b"\n"))
            if len(data) > over:
                self.waiting[gone] = (stream, at, data[over:])
                break
            over -= len(data)
            gone += 1
        del self.waiting[:gone]
        self.waiting_bytes = min(self.waiting_bytes, 2 * self.half)

    def _turn(self) -> None:
        self.now = 1 - self.now
        self._drop(*self.held[self.now])
        self.held[self.now] = [0, 0]
        self.files[self.now].empty()

    def _drop(self, size: int, lines: int) -> None:
        self.dropped_bytes += size
        self.dropped_lines += lines


class Recorder:
    """Everything a run wrote, on its way to the disk."""

    def __init__(self, output_bytes_max: int, tail_bytes: int) -> None:
        self.live_max = max(0, output_bytes_max - tail_bytes)
        self.live_bytes = self.output_bytes = self.lost_bytes = 0
        self.lost_untold = 0
        self.spool = FrameFile("spool")
        self.tail = Tail(tail_bytes)
        self.capped = self.cap_told = False
        self.sync_at = self.settle_at = FOREVER

    def take(self, stream: int, data: bytes, now: float) -> bool:
        """Take what was read, at most PAYLOAD_MAX bytes; True if the spool has grown.

        `now` is the boot clock's, for `tick`.
        """
        self.output_bytes += len(data)
        at = time.time_ns() // 1000
        room = self.live_max - self.live_bytes
        grown = False
        if room > 0:
            grown = self._write(now, (stream, at, data[:room]))
            if not grown:
                self._lose(len(data))  # whole: what is past the limit may not come before what is within
                return False
            self.live_bytes += min(room, len(data))
        if len(data) > room:
            if not self.cap_told:
                self.capped = True
                grown = self._write(now) or grown
            self.tail.keep(stream, at, data[room:])
            self.settle_at = min(self.settle_at, now + SETTLE_SECONDS)
        return grown

    def tick(self, now: float) -> None:
        """Do what is due: the spool to the disk, the waiting tail to its files."""
        if now >= self.settle_at:
            self.tail.settle()
            self.settle_at = FOREVER
        if now >= self.sync_at:
            self.spool.sync()
            self.sync_at = FOREVER

    def finish(self, now: float) -> None:
        """Put the tail behind the live part, tell what is missing and make it durable."""
        if self.capped:
            kept = self.tail.frames()
            at = time.time_ns() // 1000
            count = b'{"bytes": %d, "lines": %d}' % (self.tail.dropped_bytes, self.tail.dropped_lines)
            self._lose(self.tail.lost_bytes)
            self._write(now, *([(DROPPED, at, count)] if self.tail.dropped_bytes else []))
            for frame in kept:
                if not self._write(now, frame):
                    self._lose(len(frame[2]))
        if self.lost_untold:
            self._write(now)
        if self.sync_at < FOREVER:
            self.spool.sync()

    def _write(self, now: float, *frames: Frame) -> bool:
        """Append to the spool what is owed to the reader - losses, the cap - and then the frames."""
        at = time.time_ns() // 1000
        owed: list[Frame] = []
        if self.lost_untold:
            owed.append((LOST, at, b'{"bytes": %d}' % self.lost_untold))
        if self.capped and not self.cap_told:
            owed.append((CAP, at, b'{"bytes": %d}' % self.live_max))
        if not self.spool.append(*owed, *frames):
            return False
        self.lost_untold = 0
        self.cap_told = self.capped
        self.sync_at = min(self.sync_at, now + SYNC_SECONDS)
        return True

    def _lose(self, size: int) -> None:
        self.lost_bytes += size
        self.lost_untold += size
