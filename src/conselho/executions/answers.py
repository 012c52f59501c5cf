"""What does HTTP answer about executions and their logs? The shapes that the API promises.

They are told to `/openapi.json`; what is sent is made by `shown.py` and encoded where it is read, in a thread, so
that a large page does not stop the event loop. A test holds the two together.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi.responses import Response
from pydantic import BaseModel, Field
from sqlalchemy import bindparam, func, select

from conselho.db.session import Tx, brief, loose
from conselho.events import log as events
from conselho.events.models import Event
from conselho.executions import queries, shown
from conselho.executions.queries import Filter
from conselho.executions.severity import Severity
from conselho.executions.states import Status

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=shown.moment)
PAGE_BYTES_MAX = 4 * 1024 * 1024  # of a page of executions, but always one: a single one takes at most some 3 MiB


class ShownFinding(BaseModel):
    """One thing that a run found."""

    title: str
    severity: Severity
    file: str | None
    line: int | None
    key: Annotated[str | None, Field(description="names it across runs")]


class ShownEvidence(BaseModel):
    """What the severity was decided by."""

    source: str
    text: str
    line_seq: Annotated[int | None, Field(description="its line in the log")] = None
    notes: list[str] = []


class ShownExecution(BaseModel):
    """One durable run, whoever asked for it."""

    id: str
    agent_id: str | None
    agent: str | None
    provider: str
    model: Annotated[str | None, Field(description="what was asked for, else what it was")]
    options: Annotated[dict[str, Any] | None, Field(description="of its agent CLI, those that are not as by default")]
    argv: list[str] | None
    origin: str
    councilor_id: str | None
    card_id: str | None
    command: str | None
    title: str | None
    prompt: str | None
    cwd: str
    env_allow: Annotated[list[str] | None, Field(description="variables whose values the worker adds")]
    context: dict[str, Any] | None
    instance_id: str | None
    status: Status
    severity: Severity | None
    summary: str | None
    findings: list[ShownFinding] | None
    evidence: ShownEvidence | None
    result: str | None
    error: str | None
    exit_code: int | None
    signal: int | None
    reason: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    duration_seconds: float | None
    attempt: int
    retry_of: str | None
    continue_from: Annotated[str | None, Field(description="the execution whose conversation it takes up")]
    worker: str | None
    unreachable: Annotated[bool, Field(description="its worker has not been heard of for longer than a lease")]
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: Annotated[int | None, Field(description="of the input, read from the model's cache")]
    turns: int | None
    cost_usd: float | None
    session: Annotated[str | None, Field(description="what its agent CLI calls the conversation")]
    lifts_at: Annotated[datetime | None, Field(description="when the limit is gone that it ran into")]
    timeout_seconds: float | None
    idle_timeout_seconds: float | None
    accepted_exit_codes: list[int]
    exclusive: bool
    priority: int
    not_before: datetime | None
    start_before: datetime | None
    cancel_requested_at: datetime | None
    note: Annotated[str | None, Field(description="a report that came after it was given up as lost")]
    waiting_for: Annotated[str | None, Field(description="why a queued one is not started")]
    log_lines: int
    log_bytes: int
    log_purged_at: Annotated[datetime | None, Field(description="when the lines of its log were removed for their age")]


class ExecutionSnapshot(ShownExecution):
    """One execution, and the event up to which this is true."""

    as_of: str


class ExecutionPage(BaseModel):
    """Some executions, newest first."""

    items: list[ShownExecution]
    next: Annotated[str | None, Field(description="`after` for the next page; null at the end")]
    as_of: str


class LogLine(BaseModel):
    """One line of a log."""

    seq: Annotated[int, Field(ge=1, description="its number: from 1 without a gap")]
    at: datetime
    kind: Annotated[str, Field(description="stdout, stderr, or what its provider made of it")]
    text: str
    data: Annotated[dict[str, Any] | None, Field(description="what a tool call, say, adds")] = None


class LogPage(BaseModel):
    """Some lines of a log, in order."""

    items: list[LogLine]
    next: Annotated[int | None, Field(description="`after` for the next page; null where the log ends for now")]
    last_seq: Annotated[int, Field(description="number of the last line there is")]
    total: Annotated[int, Field(description="how many lines the log has, whatever was asked for")]
    log_purged_at: Annotated[
        datetime | None, Field(description="when its lines were removed for their age: there are none any more")
    ]


def as_response(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON that is encoded already."""
    return Response(body, status_code=status, headers=headers, media_type="application/json")


def encode(value: Any) -> bytes:
    """JSON as it is sent; what is no Unicode is replaced."""
    try:
        return orjson.dumps(value, option=orjson.OPT_UTC_Z)
    except orjson.JSONEncodeError:  # half a character or an integer of more than 64 bits, in what an agent said
        return _ENCODER.encode(value).encode("utf-8", "replace")


@loose
@brief(queries.is_one_brief)
def one(tx: Tx, execution_id: str) -> bytes:
    """An execution as it is now, encoded. Raises: errors.NotFound."""
    row = queries.one(tx, execution_id, shown.ROWS)
    return encode(shown.execution(row, queries.waiting(tx, [row])) | {"as_of": row.as_of})


def accepted(tx: Tx, execution_id: str, not_before: datetime | None = None) -> bytes:
    """An execution as it was when it was accepted, so that who asks again under the same key is told the same.

    `not_before` is what was asked for: the row's own moves when a directory is busy.
    """
    queued = tx.execute(_QUEUED, {"run_id": execution_id}).scalar_one()
    as_of = f"{events.epoch(tx)}-{queued or 0}"  # retention may have taken it: who goes on from there is told
    row = queries.one(tx, execution_id, shown.ROWS)
    asked = {"not_before": not_before and shown.moment(not_before)}
    return encode(shown.execution(row, {}) | _UNBEGUN | asked | {"as_of": as_of})


@loose
@brief(queries.is_page_brief)
def page(tx: Tx, which: Filter, limit: int, after: str | None) -> bytes:
    """A page of executions, as many as go into PAGE_BYTES_MAX. Raises: errors.Invalid."""
    found = queries.page(tx, which, limit, after, shown.ROWS)
    if not found.rows and not tx.hold_still():  # where nothing was found something may come before it is asked when
        found = queries.page(tx, which, limit, after, shown.ROWS)
    as_of = found.rows[0].as_of if found.rows else events.cursor(tx)
    waiting = queries.waiting(tx, found.rows)
    told = [shown.execution(row, waiting) for row in found.rows]
    items, following = encode(told)[1:-1], found.next
    if len(items) > PAGE_BYTES_MAX:
        fitting = _fitting(told)
        items = b",".join(fitting)
        if len(fitting) < len(told):
            following = queries.cursor_behind(found.rows[len(fitting) - 1])
    return listed(items, next=following, as_of=as_of)


def _fitting(told: Iterable[dict[str, Any]]) -> list[bytes]:
    """As many as go into PAGE_BYTES_MAX, but always one, encoded."""
    items: list[bytes] = []
    size = 0
    for item in map(encode, told):
        size += len(item) + 1
        if items and size > PAGE_BYTES_MAX:
            break
        items.append(item)
    return items


def listed(items: bytes, **rest: object) -> bytes:
    """A list of items that are encoded already, commas between them, with what stands beside it."""
    return b'{"items":[' + items + b"]," + encode(rest)[1:]


_QUEUED = select(func.min(Event.id)).where(Event.execution_id == bindparam("run_id"), Event.kind == "execution.queued")
_UNBEGUN: dict[str, Any] = {
    "status": Status.QUEUED,
    "unreachable": False,
    "log_lines": 0,
    "log_bytes": 0,
    **dict.fromkeys(
        ("severity", "summary", "findings", "evidence", "result", "error", "exit_code", "signal", "reason",
         "started_at", "completed_at", "duration_seconds", "worker", "input_tokens", "output_tokens",
         "cached_tokens", "turns", "cost_usd", "session", "lifts_at", "cancel_requested_at", "note", "waiting_for",
         "log_purged_at")
    ),
}  # fmt: skip
