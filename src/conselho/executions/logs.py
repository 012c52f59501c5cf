"""How is a log kept, line by line, without a hole?

Lines travel in chunks of about a hundred, compressed together. A chunk is appended by compare-and-set on the
log's head: its first line must follow the last one stored, under the fence in force; otherwise nothing is
written. So a late write of a worker that lost its run makes neither an overlap nor a hole. `packing.py` says how they
are packed. Text holds the bytes as they came: what is no UTF-8 stands in it as surrogate escapes and is replaced only
when it is shown.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, func, insert, select, update

from conselho.db.among import among
from conselho.db.session import Tx, bulk, loose
from conselho.executions import packing
from conselho.executions.models import Execution, LogChunk, LogHead
from conselho.executions.packing import CODEC, Line, PlainLine, Run

__all__ = ["CODEC", "Chunk", "Head", "Line", "NumberedLine", "append", "pack"]

CHUNK_LINES = 100  # of those that follow each other quickly: a page then unpacks little that it does not show
CHUNK_CHARACTERS = 64 * 1024
CHUNKS_AT_ONCE = 8
PAGE_LINES_MAX = 1000
PAGE_BYTES_MAX = 1_000_000  # a page of log lines is at most so large, but always one line
SEQ_MAX = 2**31 - 1  # more lines no log has, and no database counts here

_ADVANCE = (
    update(LogHead)
    .where(
        LogHead.execution_id == bindparam("run_id"),
        LogHead.fence == bindparam("run_fence"),
        LogHead.last_seq == bindparam("before"),
    )
    .values(last_seq=bindparam("new_last"), bytes=LogHead.bytes + bindparam("added"))
    .returning(LogHead.last_seq)
)
_INSERT = insert(LogChunk)
_HEAD = select(LogHead.last_seq, LogHead.bytes).where(LogHead.execution_id == bindparam("run_id"))
_HOLDING_WANTED = func.coalesce(
    select(func.max(LogChunk.first_seq))
    .where(LogChunk.execution_id == bindparam("run_id"), LogChunk.first_seq <= bindparam("wanted"))
    .scalar_subquery(),
    0,
)
_ARE_WANTED = and_(
    LogChunk.execution_id == bindparam("run_id"),
    LogChunk.first_seq.between(_HOLDING_WANTED, bindparam("last_wanted")),
)
_CHUNK = (LogChunk.first_seq, LogChunk.first_at, LogChunk.data)
_CHUNKS = select(*_CHUNK).where(_ARE_WANTED).order_by(LogChunk.first_seq).limit(bindparam("chunks"))
_VIEW = (
    select(LogHead.last_seq, Execution.log_purged_at, *_CHUNK)
    .select_from(Execution)
    .outerjoin(LogHead, LogHead.execution_id == Execution.id)
    .outerjoin(LogChunk, _ARE_WANTED)
    .where(Execution.id == bindparam("run_id"))
    .order_by(LogChunk.first_seq)
    .limit(bindparam("chunks"))
)
_LAST_SEQS = (
    select(LogChunk.execution_id, func.max(LogChunk.first_seq).label("first_seq"))
    .where(among(LogChunk.__table__.c.execution_id, "run_ids"))
    .group_by(LogChunk.execution_id)
    .subquery()
)
_LAST_CHUNKS = select(LogChunk.execution_id, *_CHUNK).join(
    _LAST_SEQS,
    and_(LogChunk.execution_id == _LAST_SEQS.c.execution_id, LogChunk.first_seq == _LAST_SEQS.c.first_seq),
)


class NumberedLine(NamedTuple):
    """A line as it is stored: `seq` counts from 1 without gaps, the rest is that of a Line."""

    seq: int
    at: datetime
    kind: str
    text: str
    data: dict[str, Any] | None = None


class NumberedRun(NamedTuple):
    """Lines as they are stored together, the first of them number `first_seq`."""

    first_seq: int
    run: Run


class View(NamedTuple):
    """What a log shows of itself: its last line's number, when it was purged, and some of its lines."""

    last_seq: int
    purged_at: datetime | None
    runs: list[NumberedRun]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive lines, packed outside the writer. `size_bytes` is what the writer's lane counts."""

    execution_id: str
    fence: int
    first_seq: int
    line_count: int
    raw_bytes: int
    first_at: datetime
    last_at: datetime
    data: bytes

    @property
    def size_bytes(self) -> int:
        """Bytes that will be written."""
        return len(self.data)


@dataclass(frozen=True, slots=True)
class Head:
    """How far a log goes: its last line's number and the bytes of all its lines."""

    last_seq: int
    bytes: int


def pack(execution_id: str, fence: int, first_seq: int, lines: Sequence[PlainLine]) -> Chunk:
    """Make a chunk of `lines` (at least one), the first of which is number `first_seq`."""
    first_at, last_at, characters, data = packing.pack(lines)
    return Chunk(execution_id, fence, first_seq, len(lines), characters, first_at, last_at, data)


def portions(lines: Sequence[PlainLine], *, rest: bool) -> Iterator[Sequence[PlainLine]]:
    """`lines`, cut where a chunk is full; what would not fill the last one only with `rest`."""
    start = size = 0
    for end, line in enumerate(lines, 1):
        size += len(line[2]) + 1
        if end - start == CHUNK_LINES or size >= CHUNK_CHARACTERS:
            yield lines[start:end]
            start, size = end, 0
    if rest and start < len(lines):
        yield lines[start:]


@bulk
def append(tx: Tx, *chunks: Chunk) -> bool:
    """Store chunks that follow each other right behind the last line.

    False, and nothing is stored, if the log does not end there or the fence is old.
    """
    first, last = chunks[0], chunks[-1]
    wish = {
        "run_id": first.execution_id,
        "run_fence": first.fence,
        "before": first.first_seq - 1,
        "new_last": last.first_seq + last.line_count - 1,
        "added": sum(chunk.raw_bytes for chunk in chunks),
    }
    if tx.execute(_ADVANCE, wish).one_or_none() is None:
        return False
    tx.execute(_INSERT, [as_row(chunk) for chunk in chunks])
    tx.signal(f"log:{first.execution_id}")
    return True


@loose
def head(tx: Tx, execution_id: str) -> Head:
    """Where the log ends; Head(0, 0) where nothing was logged yet."""
    row = tx.execute(_HEAD, {"run_id": execution_id}).one_or_none()
    return Head(0, 0) if row is None else Head(row.last_seq, row.bytes)


def fenced_head(tx: Tx, execution_id: str) -> tuple[int, Head] | None:
    """The fence in force and where the log ends; None where no run ever started."""
    row = tx.execute(
        select(LogHead.fence, LogHead.last_seq, LogHead.bytes).where(LogHead.execution_id == execution_id)
    ).one_or_none()
    return None if row is None else (row.fence, Head(row.last_seq, row.bytes))


def read_after(tx: Tx, execution_id: str, after: int, limit: int = PAGE_LINES_MAX) -> list[NumberedLine]:
    """The lines behind number `after`, at most `limit` of them and at most PAGE_BYTES_MAX, but always one."""
    portion = _Portion(after, limit)
    portion.read(tx, execution_id)
    return list(lines_of(portion.runs))


def view(tx: Tx, execution_id: str, after: int, limit: int) -> View | None:
    """The lines of `read_after` as runs, with what is to be said of the log; None where there is no such execution."""
    portion = _Portion(after, limit)
    rows = tx.execute(_VIEW, portion.wish(execution_id)).all()
    if not rows:
        return None
    last_seq, purged_at = rows[0][:2]
    if rows[0].first_seq is not None:
        portion.take(row[2:] for row in rows)
        portion.read(tx, execution_id)
    return View(last_seq or 0, purged_at, portion.runs)


def last_lines(tx: Tx, execution_ids: Sequence[str]) -> dict[str, NumberedLine]:
    """The last line of each log that has any, by its execution."""
    found: dict[str, NumberedLine] = {}
    for execution_id, first_seq, first_at, data in tx.execute(_LAST_CHUNKS, {"run_ids": list(execution_ids)}):
        runs = packing.unpack(first_at, data)
        at, kind, texts, details = runs[-1]
        seq = first_seq + sum(len(run.texts) for run in runs) - 1
        found[execution_id] = NumberedLine(seq, at, kind, texts[-1], None if details is None else details[-1])
    return found


def lines_of(runs: Iterable[NumberedRun]) -> Iterator[NumberedLine]:
    """Line by line."""
    for first_seq, (at, kind, texts, details) in runs:
        alike = (itertools.count(first_seq), itertools.repeat(at), itertools.repeat(kind), texts)
        yield from map(NumberedLine, *alike) if details is None else map(NumberedLine, *alike, details)


def shown(text: str) -> str:
    """A line's text for display: what is no UTF-8 becomes the replacement character."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def as_row(chunk: Chunk) -> dict[str, Any]:
    """The values of its row."""
    return {
        "execution_id": chunk.execution_id,
        "first_seq": chunk.first_seq,
        "line_count": chunk.line_count,
        "first_at": chunk.first_at,
        "last_at": chunk.last_at,
        "codec": CODEC,
        "data": chunk.data,
    }


class _Portion:
    """The lines behind a number, as far as they may be read at once."""

    def __init__(self, after: int, limit: int) -> None:
        self.runs: list[NumberedRun] = []
        self._wanted = min(after, SEQ_MAX - 1) + 1
        self._lines_left = min(limit, PAGE_LINES_MAX) if after < SEQ_MAX else 0
        self._characters_left = PAGE_BYTES_MAX

    def wish(self, execution_id: str) -> dict[str, Any]:
        """Values of the statement that finds the next chunks."""
        return {
            "run_id": execution_id,
            "wanted": self._wanted,
            "last_wanted": min(self._wanted + self._lines_left - 1, SEQ_MAX),
            "chunks": min(CHUNKS_AT_ONCE, 2 + self._lines_left // CHUNK_LINES),
        }

    def read(self, tx: Tx, execution_id: str) -> None:
        """All that may be read."""
        while self._lines_left > 0:
            before = self._wanted
            self.take(tx.execute(_CHUNKS, self.wish(execution_id)).all())
            if self._wanted == before:
                break

    def take(self, chunks: Iterable[Sequence[Any]]) -> None:
        """What is wanted of chunks, given as (first_seq, first_at, data)."""
        for first_seq, first_at, data in chunks:
            seq = first_seq
            for run in packing.unpack(first_at, data):
                self._add(seq, run)
                seq += len(run.texts)
            if self._lines_left <= 0:
                return

    def _add(self, first_seq: int, run: Run) -> None:
        skipped = max(0, self._wanted - first_seq)
        wanted = run.part(skipped, skipped + self._lines_left)
        count = len(wanted.texts)
        characters = sum(map(len, wanted.texts))
        if characters > self._characters_left:
            count = self._fitting(wanted.texts)
            wanted = wanted.part(0, count)
            self._lines_left = count  # those are the last
        if count:
            self.runs.append(NumberedRun(first_seq + skipped, wanted))
            self._wanted = first_seq + skipped + count
            self._lines_left -= count
            self._characters_left -= characters

    def _fitting(self, texts: Sequence[str]) -> int:
        """How many of them there is room for; one, if it would be the first of all."""
        sizes = itertools.accumulate(map(len, texts))
        return sum(size <= self._characters_left for size in sizes) or int(not self.runs)
