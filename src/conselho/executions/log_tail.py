"""How does a log end? Its last lines, read from the last one backwards, as far as somebody wants them.

What that costs follows from how much is shown, and not from how long the log is.
"""

from collections.abc import Iterator

from sqlalchemy import bindparam, select

from conselho.db.session import Tx
from conselho.executions import logs, packing
from conselho.executions.logs import NumberedLine, NumberedRun
from conselho.executions.models import LogChunk

CHUNKS_AT_ONCE = 2  # a thousand lines each, where the log has been packed tighter

_CHUNKS = (
    select(LogChunk.first_seq, LogChunk.first_at, LogChunk.data)
    .where(LogChunk.execution_id == bindparam("run_id"), LogChunk.first_seq < bindparam("below"))
    .order_by(LogChunk.first_seq.desc())
    .limit(CHUNKS_AT_ONCE)
)


def backwards(tx: Tx, execution_id: str) -> Iterator[NumberedLine]:
    """The lines of a log, the last one first; read as they are asked for."""
    below = logs.SEQ_MAX
    while chunks := tx.execute(_CHUNKS, {"run_id": execution_id, "below": below}).all():
        for first_seq, first_at, data in chunks:
            # Chunks may have been put together since those behind were read: they then hold some of these again.
            yield from (
                line for line in reversed(_lines(first_seq, packing.unpack(first_at, data))) if line.seq < below
            )
            below = first_seq


def _lines(first_seq: int, runs: list[packing.Run]) -> list[NumberedLine]:
    found: list[NumberedLine] = []
    for run in runs:
        found += logs.lines_of([NumberedRun(first_seq + len(found), run)])
    return found
