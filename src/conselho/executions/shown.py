"""How do an execution and a line of its log become what HTTP tells of them?

Moments and JSON are sent as the database has them: to make values of them first, and to write these again, took longer
than all the rest of a page. So rows that are shown are read by a statement of their own.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, select, type_coerce

from conselho.db.types import JsonValue, UtcDateTime, WrittenJson, WrittenMoment
from conselho.events import log as events
from conselho.executions import logs, queries, states
from conselho.executions.logs import NumberedLine, NumberedRun
from conselho.executions.models import Execution, LogHead

_COLUMN = Execution.__table__.c
_OTHERWISE: Mapping[str, ColumnElement[Any]] = {
    "priority": -_COLUMN.rank,
    "unreachable": _COLUMN.unreachable_since.is_not(None),
    "not_before": _COLUMN.not_before,  # as a moment: why a run waits depends on it
}
FIELDS = (
    "id", "agent_id", "agent", "provider", "model", "options", "argv", "origin", "councilor_id", "card_id", "command",
    "title", "prompt", "cwd", "env_allow", "context", "instance_id", "status", "severity", "summary", "findings",
    "evidence", "result", "error", "exit_code", "signal", "reason", "created_at", "started_at", "completed_at",
    "duration_seconds", "attempt", "retry_of", "continue_from", "worker", "unreachable", "input_tokens",
    "output_tokens", "cached_tokens", "turns", "cost_usd", "session", "lifts_at", "timeout_seconds",
    "idle_timeout_seconds", "accepted_exit_codes", "exclusive", "priority", "not_before", "start_before",
    "cancel_requested_at", "note", "waiting_for", "log_lines", "log_bytes", "log_purged_at",
)  # fmt: skip


def _column(name: str) -> ColumnElement[Any]:
    if name in _OTHERWISE:
        return _OTHERWISE[name].label(name)
    column = _COLUMN[name]
    if isinstance(column.type, UtcDateTime):
        return type_coerce(column, WrittenMoment()).label(name)
    return type_coerce(column, WrittenJson()).label(name) if column.type is JsonValue else column


ROWS = select(*(_column(name) for name in FIELDS), *queries.BESIDE, events.CURSOR.label("as_of")).outerjoin(
    LogHead, LogHead.execution_id == Execution.id
)


def execution(row: Row[Any], waiting: Mapping[str, str]) -> dict[str, Any]:
    """A row of ROWS as people and programs get it. `waiting`: why queued ones wait, by id."""
    found: dict[str, Any] = dict(zip(FIELDS, row, strict=False))
    found["waiting_for"] = waiting.get(found["id"])
    if found["status"] in states.OPEN:
        found["log_lines"], found["log_bytes"] = row.live_lines or 0, row.live_bytes or 0
    if found["not_before"] is not None:
        found["not_before"] = moment(found["not_before"])
    if found["duration_seconds"] is None and found["started_at"] and found["completed_at"]:
        # Nobody was there to measure it: the wall clock is the next best.
        began, ended = (_read(found[name]) for name in ("started_at", "completed_at"))
        found["duration_seconds"] = round((ended - began).total_seconds(), 3)
    return found


def _read(written: str | datetime) -> datetime:
    return datetime.fromisoformat(written) if isinstance(written, str) else written


def line(numbered: NumberedLine) -> dict[str, Any]:
    """A line of a log; what is no UTF-8 is replaced."""
    seq, at, kind, text, data = numbered
    found: dict[str, Any] = {"seq": seq, "at": at, "kind": kind, "text": logs.shown(text)}
    return found if data is None else found | {"data": data}


def lines(numbered: NumberedRun) -> list[dict[str, Any]]:
    """Lines whose text is all UTF-8."""
    first_seq, (at, kind, texts, details) = numbered
    written = moment(at)
    found: list[dict[str, Any]] = [
        {"seq": seq, "at": written, "kind": kind, "text": text} for seq, text in enumerate(texts, first_seq)
    ]
    if details is not None:
        for told, data in zip(found, details, strict=True):
            if data is not None:
                told["data"] = data
    return found


def moment(value: datetime) -> str:
    """RFC 3339, in UTC."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
