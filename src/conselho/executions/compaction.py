"""How do the many chunks of a log that has ended become few? They are read, packed together and put in their place.

A log grows in chunks of a hundred lines and less, because a line must not wait for its neighbours. What does not grow
any more takes less room in chunks of a thousand, and a tenth of the rows. A step follows the events: behind each that
says that an execution finished, its log is rewritten, one large chunk a step, and its head says how far that has come.

Two halves: `find_next` reads, unpacks and packs beside the writer; `store` looks whether all is as it was found, and
puts the new chunk where the old ones were, in one unit. Whoever reads sees the one or the others, and the same lines.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import zstandard
from sqlalchemy import bindparam, delete, func, insert, select, update

from conselho.db.session import Tx, bulk
from conselho.events import cursors
from conselho.events import log as events
from conselho.executions import logs, packing
from conselho.executions.logs import Chunk
from conselho.executions.models import LogChunk, LogHead
from conselho.executions.packing import Line

FOLLOWER = "compaction"
EVENTS_AT_ONCE = 200
LINES_MAX = 10 * logs.CHUNK_LINES
CHARACTERS_MAX = 10 * logs.CHUNK_CHARACTERS
PACKED_BYTES_MAX = 1_000_000  # of the chunks that are read for one

_log = logging.getLogger(__name__)

_HEAD = select(LogHead.last_seq, LogHead.compacted_seq).where(LogHead.execution_id == bindparam("run_id"))
_HOLD_HEAD = _HEAD.with_for_update()
_PLACES = (
    select(LogChunk.first_seq, LogChunk.line_count, func.length(LogChunk.data).label("packed_bytes"))
    .where(LogChunk.execution_id == bindparam("run_id"), LogChunk.first_seq > bindparam("behind"))
    .order_by(LogChunk.first_seq)
    .limit(LINES_MAX)
)
_AMONG = (
    LogChunk.execution_id == bindparam("run_id"),
    LogChunk.first_seq >= bindparam("first"),
    LogChunk.first_seq <= bindparam("last"),
)
_CHUNKS = select(LogChunk.first_at, LogChunk.data).where(*_AMONG).order_by(LogChunk.first_seq)
_NOW = select(LogChunk.first_seq, LogChunk.line_count).where(*_AMONG).order_by(LogChunk.first_seq)
_TAKE = delete(LogChunk).where(*_AMONG)
_PUT = insert(LogChunk)
_SAY = (
    update(LogHead).where(LogHead.execution_id == bindparam("run_id")).values(compacted_seq=bindparam("new_compacted"))
)


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Chunks that follow each other, as (first_seq, line_count), and the one for all of them; None: one stays alone."""

    execution_id: str
    old: list[tuple[int, int]]
    new: Chunk | None


@dataclass(frozen=True, slots=True)
class Found:
    """What is to be done next. Up to the event `seen` nothing is left to do; `is_last`: nor behind it, for now."""

    seen: int
    is_last: bool
    rewrite: Rewrite | None = None

    @property
    def size_bytes(self) -> int:
        """Bytes that will be written."""
        return self.rewrite.new.size_bytes if self.rewrite is not None and self.rewrite.new is not None else 0


def find_next(tx: Tx) -> Found:
    """The next chunks to be made one."""
    seen = cursors.at(tx, FOLLOWER)
    entries = events.subjects_after(tx, seen, EVENTS_AT_ONCE)
    for entry in entries:
        if entry.kind == "execution.finished" and (rewrite := _rewrite(tx, entry.execution_id)) is not None:
            return Found(seen, is_last=False, rewrite=rewrite)
        seen = entry.id
    return Found(seen, is_last=len(entries) < EVENTS_AT_ONCE)


@bulk
def store(tx: Tx, found: Found) -> bool:
    """Put it in its place if all is as it was found; True if there may be more to do."""
    at = cursors.hold(tx, FOLLOWER)
    if at is None:
        return False  # another process is at it
    if found.rewrite is not None and not _is_still_so(tx, found.rewrite):
        return True  # another process was, or retention has taken the log: look again
    if found.seen > at:
        cursors.move(tx, FOLLOWER, found.seen)
    if found.rewrite is not None:
        _replace(tx, found.rewrite)
    return not found.is_last


def _rewrite(tx: Tx, execution_id: str) -> Rewrite | None:
    """The next large chunk of one log; None where there is nothing to make larger."""
    head = tx.execute(_HEAD, {"run_id": execution_id}).one_or_none()
    if head is None or head.compacted_seq >= head.last_seq:
        return None
    rows = tx.execute(_PLACES, {"run_id": execution_id, "behind": head.compacted_seq}).all()
    if len(rows) < 2:
        return None
    old = _fitting([(row.first_seq, row.line_count, row.packed_bytes) for row in rows])
    try:
        lines, chunks = _unpacked(tx, execution_id, head.compacted_seq, old)
    except (zstandard.ZstdError, ValueError, LookupError) as error:
        _log.warning("the log of %s is damaged, and stays as it is: %s", execution_id, error)
        return None
    del old[chunks:]
    return Rewrite(execution_id, old, logs.pack(execution_id, 0, old[0][0], lines) if chunks > 1 else None)


def _fitting(places: Sequence[tuple[int, int, int]]) -> list[tuple[int, int]]:
    """The first chunks that make up one that is not too large; always one."""
    found: list[tuple[int, int]] = []
    lines = size = 0
    for first_seq, line_count, packed_bytes in places:
        lines, size = lines + line_count, size + packed_bytes
        if found and (lines > LINES_MAX or size > PACKED_BYTES_MAX):
            break
        found.append((first_seq, line_count))
    return found


def _unpacked(tx: Tx, execution_id: str, behind: int, places: Sequence[tuple[int, int]]) -> tuple[list[Line], int]:
    """The lines of the first of these chunks that do not have too many characters, and of how many chunks they are.

    Raises: ValueError and others where a chunk is not what it is said to be.
    """
    among = {"run_id": execution_id, "first": places[0][0], "last": places[-1][0]}
    rows = tx.execute(_CHUNKS, among).all()  # all: a result that is left half read keeps SQLite at its moment
    found: list[Line] = []
    characters = chunks = 0
    for (first_seq, line_count), (first_at, data) in zip(places, rows, strict=True):
        lines = list(packing.lines_of(packing.unpack(first_at, data)))
        if len(lines) != line_count or first_seq != behind + len(found) + 1:
            raise ValueError(f"the chunk from line {first_seq} on has not the lines that it should have")
        characters += sum(len(line.text) + 1 for line in lines)
        if chunks and characters > CHARACTERS_MAX:
            break
        found += lines
        chunks += 1
    return found, chunks


def _is_still_so(tx: Tx, rewrite: Rewrite) -> bool:
    """Whether the chunks are there as they were read. Holds the head, as retention does: it passes by meanwhile."""
    head = tx.execute(_HOLD_HEAD, {"run_id": rewrite.execution_id}).one_or_none()
    if head is None or head.compacted_seq != rewrite.old[0][0] - 1:
        return False
    return [(first_seq, count) for first_seq, count in tx.execute(_NOW, _among(rewrite))] == rewrite.old


def _replace(tx: Tx, rewrite: Rewrite) -> None:
    if rewrite.new is not None:
        tx.execute(_TAKE, _among(rewrite))
        tx.execute(_PUT, logs.as_row(rewrite.new))
    first_seq, line_count = rewrite.old[-1]
    tx.execute(_SAY, {"run_id": rewrite.execution_id, "new_compacted": first_seq + line_count - 1})


def _among(rewrite: Rewrite) -> dict[str, object]:
    return {"run_id": rewrite.execution_id, "first": rewrite.old[0][0], "last": rewrite.old[-1][0]}
