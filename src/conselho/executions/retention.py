"""How long is a log kept? For some time after its execution has ended; the row and what came of it stay.

The unit of retention is an execution: first the row says that its log is gone, then its chunks go, a few a step, and
with the last of them its head, which is what a step finds the rest by. They go from the end, so that whoever is in the
middle of reading one meets an early end and no hole.
"""

from datetime import timedelta

from sqlalchemy import bindparam, delete, select, update

from conselho.db.session import Tx
from conselho.executions.models import Execution, LogChunk, LogHead

CHUNKS_AT_ONCE = 30  # in one short transaction: of large ones some 2 MB, and 10 ms
EXECUTIONS_AT_ONCE = 20
OLDEST_LOOKED_AT = 500

# By id is by age, nearly: what waited long in the queue ended late, and holds up at most so many behind it until its
# own time has come. An index of ends would cost every execution something.
_OLDEST = select(LogHead.execution_id).order_by(LogHead.execution_id).limit(OLDEST_LOOKED_AT)
_DUE = (
    select(LogHead.execution_id, LogHead.last_seq)
    .join(Execution, Execution.id == LogHead.execution_id)
    .where(LogHead.execution_id.in_(_OLDEST), Execution.completed_at < bindparam("before"))
    .order_by(LogHead.execution_id)
    .limit(EXECUTIONS_AT_ONCE)
    .with_for_update(of=LogHead, skip_locked=True)
)
_SAY = (
    update(Execution)
    .where(Execution.id == bindparam("run_id"), Execution.log_purged_at.is_(None))
    .values(log_purged_at=bindparam("moment"))
)
_LAST_CHUNKS = (
    select(LogChunk.first_seq)
    .where(LogChunk.execution_id == bindparam("run_id"))
    .order_by(LogChunk.first_seq.desc())
    .limit(bindparam("most"))
)
_TAKE = delete(LogChunk).where(LogChunk.execution_id == bindparam("run_id"), LogChunk.first_seq >= bindparam("first"))
_FORGET = delete(LogHead).where(LogHead.execution_id == bindparam("run_id"))


def purge_next(tx: Tx, kept: timedelta) -> bool:
    """Take chunks of logs whose executions ended longer than `kept` ago; True if there may be more."""
    due = tx.execute(_DUE, {"before": tx.now - kept}).all()
    left = CHUNKS_AT_ONCE
    for execution_id, last_seq in due:
        if left == 0:
            break
        if last_seq:  # of one that never logged there is nothing to say
            tx.execute(_SAY, {"run_id": execution_id, "moment": tx.now})
        left -= _take(tx, execution_id, left)
    return bool(due)


def _take(tx: Tx, execution_id: str, most: int) -> int:
    """Take the last chunks, and the head with the last of all; returns how many, at most `most`."""
    found = tx.execute(_LAST_CHUNKS, {"run_id": execution_id, "most": most}).scalars().all()
    if found:
        tx.execute(_TAKE, {"run_id": execution_id, "first": found[-1]})
    if len(found) < most:
        tx.execute(_FORGET, {"run_id": execution_id})
    return len(found)
