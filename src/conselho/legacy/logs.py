"""What did a card's runs say, as older clients ask for it? The last run with its log, and the runs before it.

All of it is read from the rows of the execution, so the answer is the same while it runs, when it has ended, and after
any restart. As of old a card that never ran has a log, which is empty; one that nobody knows has none.

The older words: `running` from when a run is accepted, `success` if it succeeded, `error` for any other end. A log is
told from its end, as far as its limit goes; its first line then says how much is left out.
"""

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy import Row, bindparam, select

from conselho import errors
from conselho.cards import queries
from conselho.cards.models import Card
from conselho.db.session import Tx
from conselho.executions import answers, log_tail
from conselho.executions import logs as kept
from conselho.executions.logs import NumberedLine
from conselho.executions.models import Execution
from conselho.executions.states import OPEN, Status
from conselho.legacy import runs
from conselho.legacy.card_shapes import OlderHistory, OlderLog
from conselho.legacy.councilors import Store

IDLE, RUNNING, SUCCESS, ERROR = "idle", "running", "success", "error"
LOG_BYTES_MAX = 1024 * 1024  # of the lines of one log, as they are sent
HISTORY_LOG_BYTES_MAX = 128 * 1024  # of each log of a history
HISTORY_MAX = 50

_TYPES = {
    "thinking": "text", "tool_result": "tool", "result": "text", "stdout": "info", "stderr": "warning"
}  # fmt: skip
_SAME = frozenset({"info", "error", "warning", "success", "command", "system", "text", "tool"})
_columns = Execution.__table__.c
_RUN = (
    "id", "card_id", "command", "title", "status", "created_at", "started_at", "completed_at", "duration_seconds",
    "result", "error", "log_purged_at",
)  # fmt: skip
_RUNS = select(*(_columns[name] for name in _RUN))
_ONE = _RUNS.where(Execution.id == bindparam("run_id"))
_LAST = _RUNS.join(Card, Card.latest_execution_id == Execution.id).where(Card.id == bindparam("of_card"))
_ALL = (
    _RUNS.where(Execution.card_id == bindparam("of_card"))
    .order_by(Execution.created_at.desc(), Execution.id.desc())
    .limit(HISTORY_MAX)
)

router = APIRouter(prefix="/api/logs")

_ABSENT = errors.documented(errors.NotFound)


@router.get(
    "/{card_id}", response_model=OlderLog, responses=_ABSENT, summary="Show the log of a card's last run, as of old"
)
async def show_log(database: Store, card_id: str) -> Response:
    """How the last run of a card stands and what it said: the last of its lines, 1 MiB at most.

    `{"status": "idle", "logs": []}` while nothing ran. New clients read and follow logs of any length with
    `/api/v1/executions/{execution_id}/log`.
    """
    return answers.as_response(await database.read(_last, card_id))


@router.get(
    "/{card_id}/history", response_model=OlderHistory, responses=_ABSENT, summary="Show a card's runs, as of old"
)
async def show_history(database: Store, card_id: str) -> Response:
    """The runs of a card, newest first: 50 at most, with 128 KiB of each log and 4 MiB in all.

    For new clients there is `/api/v1/cards/{card}/executions`, page by page.
    """
    return answers.as_response(await database.read(_history, card_id))


def word(status: str) -> str:
    """The older word for the status of a card's run."""
    if status in OPEN:
        return RUNNING
    return SUCCESS if status == Status.SUCCEEDED else ERROR


def run(tx: Tx, execution_id: str) -> Row[Any]:
    """The run of that id, as `lines` and others need it."""
    return tx.execute(_ONE, {"run_id": execution_id}).one()


def lines(tx: Tx, row: Row[Any], bytes_max: int = LOG_BYTES_MAX) -> bytes:
    """The last lines of a run's log, encoded as a list of at most so many bytes, but always one line."""
    if row.log_purged_at is not None:
        gone = "the lines of this log were removed for their age"
        return b"[" + answers.encode(_line(row.log_purged_at, "system", gone)) + b"]"
    items, first = _fitting(log_tail.backwards(tx, row.id), bytes_max)
    if first is not None and first.seq > 1:
        missing = f"{first.seq - 1:,} lines before these are not shown here: see /api/v1/executions/{row.id}/log"
        items.append(answers.encode(_line(first.at, "system", missing)))
    return b"[" + b",".join(reversed(items)) + b"]"


def with_lines(told: dict[str, Any], encoded: bytes) -> bytes:
    """What is told, encoded, with lines that are."""
    return b'{"logs":' + encoded + b"," + answers.encode(told)[1:]


def _last(tx: Tx, name: str) -> bytes:
    row = tx.execute(_LAST, {"of_card": queries.one(tx, name).id}).one_or_none()
    if row is None:
        return answers.encode({"status": IDLE, "logs": []})
    return with_lines({"cardId": row.card_id} | _standing(row), lines(tx, row))


def _history(tx: Tx, name: str) -> bytes:
    card = queries.one(tx, name)
    rows = tx.execute(_ALL, {"of_card": card.id}).all()
    items = runs.fitting(with_lines(_named(row), lines(tx, row, HISTORY_LOG_BYTES_MAX)) for row in rows)
    return b'{"history":[' + b",".join(items) + b"]," + answers.encode({"success": True, "cardId": card.id})[1:]


def _named(row: Row[Any]) -> dict[str, Any]:
    return {"executionId": row.id, "command": row.command, "title": row.title} | _standing(row)


def _standing(row: Row[Any]) -> dict[str, Any]:
    return {
        "status": word(row.status),
        "startedAt": row.started_at,
        "completedAt": row.completed_at,
        "duration": runs.seconds_of(row),
        "result": row.error if row.result is None else row.result,
    }


def _fitting(found: Iterator[NumberedLine], bytes_max: int) -> tuple[list[bytes], NumberedLine | None]:
    """Those that go into so many bytes, in the same order, and the last of them."""
    items: list[bytes] = []
    size, reached = 0, None
    for each in found:
        item = answers.encode(_line(each.at, _TYPES.get(each.kind, each.kind), kept.shown(each.text)))
        size += len(item) + 1
        if items and size > bytes_max:
            break
        items.append(item)
        reached = each
    return items, reached


def _line(at: Any, kind: str, text: str) -> dict[str, Any]:
    return {"timestamp": at, "type": kind if kind in _SAME else "info", "content": text}
