"""What happens to executions when their database is restored? Whatever had not ended then ends as lost.

The copy believes what was true when it was made. What it calls queued may have run since, to any end, and nobody can
know: so nothing of it is started again, not even what asks for a retry on loss. A new epoch begins in the same unit,
because ids of events after the copy would otherwise come to mean something else.
"""

from dataclasses import dataclass

from sqlalchemy import Row, bindparam, select, update

from conselho.db.session import Tx
from conselho.events import epochs
from conselho.executions import endings, logs, states
from conselho.executions.endings import LogEnd
from conselho.executions.models import Execution, LogHead
from conselho.executions.states import Status

REASON = "restored"

_SENTENCE = "the database was restored from a backup that was made before its end"
_OPEN = select(Execution.id, Execution.fence, Execution.status).where(Execution.status.in_(states.OPEN))
_CLOSE_LOG = update(LogHead).where(LogHead.execution_id == bindparam("run_id")).values(fence=bindparam("run_fence"))


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore ended, and the history that begins with it."""

    lost: int
    epoch: str


def begin_anew(tx: Tx) -> Restored:
    """End what the copy holds as open, and begin another epoch: the second half of every restore."""
    rows = tx.execute(_OPEN.order_by(Execution.id)).all()
    for row in rows:
        _lose(tx, row)
    return Restored(len(rows), epochs.begin(tx))


def _lose(tx: Tx, row: Row[tuple[str, int, str]]) -> None:
    source = Status(row.status)
    states.arrow(source, Status.LOST, "restore")
    stored = logs.head(tx, row.id)
    endings.end_by_rule(tx, row, source, endings.lost(_SENTENCE, LogEnd(stored.last_seq, stored.bytes), REASON))
    # A worker that still follows it would go on with a log whose end has been told.
    tx.execute(_CLOSE_LOG, {"run_id": row.id, "run_fence": row.fence + 1})
