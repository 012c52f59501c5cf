"""How does an execution end, once and for ever?

Whatever ends it - its worker, a cancel, a deadline, the rescue - goes through `_end`: one statement that moves an
open row to its terminal state, then in the same unit the counters, the lanes and the event. A second report
finds no open row and changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, BindParameter, Integer, Row, bindparam, case, delete, func, or_, select, update

from conselho import errors, ids
from conselho.db.session import Tx, at_once, loose
from conselho.events import log as events
from conselho.executions import comparing, counters, standings, states
from conselho.executions.ended import Ended
from conselho.executions.models import Execution, Lane, LogHead
from conselho.executions.states import Status

CANCEL = "executions.cancel"  # told when a held execution is asked to end
ENDED = "executions.ended"  # told when one has ended: a lane may have room

_ONE_ENDED = "end:"  # and its id: told when that one has ended

CANCELLED_SUMMARY = "cancelled before it was started"
SUMMARY_CHARACTERS_MAX = 1000  # kept of a summary in the event


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended. Times are aware UTC; `duration_seconds` comes from a monotonic clock."""

    status: Status
    severity: str | None
    summary: str | None = None
    findings: list[dict[str, Any]] | None = None
    is_reported: bool = False  # its agent ended with a verdict line, and what that does not name was not found
    evidence: dict[str, Any] | None = None
    result: str | None = None
    error: str | None = None
    reason: str | None = None
    exit_code: int | None = None
    signal: int | None = None
    duration_seconds: float | None = None
    completed_at: datetime | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cost_usd: float | None = None
    turns: int | None = None
    lifts_at: datetime | None = None
    session: str | None = None
    session_usage: dict[str, int] | None = None
    model: str | None = None  # kept where none was asked for
    log: "LogEnd" = field(default_factory=lambda: LogEnd(0, 0))


@dataclass(frozen=True, slots=True)
class LogEnd:
    """The lines and bytes of the log that must be stored before the outcome may be."""

    last_seq: int
    bytes: int


@dataclass(frozen=True, slots=True)
class _Ending:
    """One that is to end, and how."""

    execution_id: str
    fence: int
    source: Status
    outcome: Outcome


_OUTCOME_FIELDS = (
    "status", "severity", "summary", "findings", "evidence", "result", "error", "reason", "exit_code", "signal",
    "duration_seconds", "input_tokens", "output_tokens", "cached_tokens", "cost_usd", "turns", "lifts_at", "session",
    "session_usage",
)  # fmt: skip

_log_lines: BindParameter[int] = bindparam("new_log_lines", type_=Integer)
_log_bytes: BindParameter[int] = bindparam("new_log_bytes", type_=BigInteger)
_stored_bytes = select(LogHead.bytes).where(LogHead.execution_id == bindparam("run_id")).scalar_subquery()
_stored = select(LogHead.last_seq).where(LogHead.execution_id == bindparam("run_id")).scalar_subquery()
_END = (
    update(Execution)
    .where(
        Execution.id == bindparam("run_id"),
        Execution.status == bindparam("source"),
        Execution.fence == bindparam("run_fence"),
        or_(_log_lines == 0, _stored >= _log_lines),
    )
    .values(
        **{name: bindparam(f"new_{name}", type_=Execution.__table__.c[name].type) for name in _OUTCOME_FIELDS},
        model=func.coalesce(Execution.model, bindparam("new_model", type_=Execution.__table__.c.model.type)),
        completed_at=bindparam("new_completed_at", type_=Execution.__table__.c.completed_at.type),
        # Where nothing is said of its log, an earlier start that came to nothing may have left one.
        log_lines=case((_log_lines == 0, func.coalesce(_stored, 0)), else_=_log_lines),
        log_bytes=case((_log_lines == 0, func.coalesce(_stored_bytes, 0)), else_=_log_bytes),
        lease_until=None,
        unreachable_since=None,
        waiting_for=None,
    )
    .returning(
        Execution.id,
        Execution.agent_id,
        Execution.agent,
        Execution.councilor_id,
        Execution.card_id,
        Execution.title,
        Execution.lanes,
        Execution.provider,
        Execution.created_at,
        Execution.started_at,
    )
)
_NOTE = (
    update(Execution)
    .where(Execution.id == bindparam("run_id"), Execution.status == Status.LOST)
    .values(note=bindparam("late"))
)
_HEAD = select(LogHead.last_seq).where(LogHead.execution_id == bindparam("run_id"))
_LEAVE_LANES = delete(Lane).where(Lane.execution_id == bindparam("run_id"))
_ASK = (
    update(Execution)
    .where(
        Execution.id == bindparam("run_id"),
        Execution.status.in_(states.ACTIVE),
        Execution.cancel_requested_at.is_(None),
    )
    .values(cancel_requested_at=bindparam("now"))
    .returning(Execution.id)
)
_STATE = select(
    Execution.status, Execution.fence, Execution.cancel_requested_at, Execution.completed_at, Execution.worker
).where(Execution.id == bindparam("run_id"))


def finish_all(tx: Tx, runs: Sequence[tuple[Any, ...]]) -> list[bool | errors.Refused]:
    """`finish` for several, in their order; what it raises stands in the place of an answer."""
    ends = [_Ending(run_id, fence, source, outcome) for run_id, fence, outcome, source in map(_with_source, runs)]
    for each in ends:
        states.arrow(each.source, each.outcome.status, _verb(each.source, each.outcome.status))
    return [has_ended or _too_late(tx, each) for has_ended, each in zip(_end_all(tx, ends), ends, strict=True)]


@at_once(finish_all)
def finish(tx: Tx, execution_id: str, fence: int, outcome: Outcome, source: Status = Status.RUNNING) -> bool:
    """Write how it ended; False if it is not held under that fence any more, or has ended.

    Raises: errors.Conflict while lines of its log that the outcome counts on are not stored.
    """
    (answer,) = finish_all(tx, [(execution_id, fence, outcome, source)])
    if isinstance(answer, errors.Refused):
        raise answer
    return answer


def keep_late_report(tx: Tx, execution_id: str, report: str) -> None:
    """Keep what was learned of an execution after it was given up as lost; its state stays."""
    tx.execute(_NOTE, {"run_id": execution_id, "late": report[:SUMMARY_CHARACTERS_MAX]})


def request_cancel(tx: Tx, execution_id: str) -> Status:
    """Ask an execution to end; a queued one ends at once. Returns the state it is in now.

    Raises: errors.NotFound; errors.Conflict for one that has ended, saying how.
    """
    row = tx.execute(_STATE, {"run_id": execution_id}).one_or_none() if ids.is_id(execution_id) else None
    if row is None:
        raise errors.NotFound(f"there is no execution {execution_id[:50]}")
    status = Status(row.status)
    if status in states.TERMINAL:
        raise errors.Conflict(f"execution {execution_id} has ended already: it is {status}")
    if status is Status.QUEUED and _end(tx, execution_id, row.fence, Status.QUEUED, _cancelled()):
        return Status.CANCELLED
    if tx.execute(_ASK, {"run_id": execution_id, "now": tx.now}).one_or_none() is not None:
        tx.signal(CANCEL)
    return status


@loose
def state(tx: Tx, execution_id: str) -> tuple[Status, int] | None:
    """The status of an execution and the fence in force, None where there is none."""
    row = tx.execute(_STATE, {"run_id": execution_id}).one_or_none()
    return None if row is None else (Status(row.status), row.fence)


def topic_of(execution_id: str) -> str:
    """What is told when this execution has ended."""
    return _ONE_ENDED + execution_id


def cancel_unforked(tx: Tx, execution_id: str, fence: int, source: Status) -> bool:
    """End as cancelled what was asked to end before anything was forked; False where that is not so."""
    row = tx.execute(_STATE, {"run_id": execution_id}).one_or_none()
    if row is None or row.cancel_requested_at is None or row.fence != fence or row.status != source:
        return False
    return _end(tx, execution_id, fence, source, _cancelled())


def end_by_rule(tx: Tx, row: Row[Any], source: Status, outcome: Outcome) -> bool:
    """End a row that no worker answers for: expired in the queue, or lost. `row` needs id and fence."""
    return _end(tx, row.id, row.fence, source, outcome)


def lost(sentence: str, log: LogEnd, reason: str = "lost") -> Outcome:
    """The outcome of a run of which nobody can know whether, or how, it ended."""
    return Outcome(
        status=Status.LOST,
        severity="error",
        summary=f"lost: {sentence}",
        error=f"Nobody can know how it ended: {sentence}. Look at what it did before you retry it.",
        reason=reason,
        evidence={"source": "ending", "text": sentence},
        log=log,
    )


def _end(tx: Tx, execution_id: str, fence: int, source: Status, outcome: Outcome) -> bool:
    return _end_all(tx, [_Ending(execution_id, fence, source, outcome)])[0]


def _end_all(tx: Tx, ends: Sequence["_Ending"]) -> list[bool]:
    """Whether each was open in that state under that fence, with as much of its log as is counted on."""
    found = tx.execute_each(_END, [_values(tx, each) for each in ends])
    for rows, each in zip(found, ends, strict=True):
        for row in rows:
            _ended(tx, row, each.outcome)
    return [bool(rows) for rows in found]


def _values(tx: Tx, ending: "_Ending") -> dict[str, Any]:
    outcome = ending.outcome
    values: dict[str, Any] = {f"new_{name}": getattr(outcome, name) for name in _OUTCOME_FIELDS}
    return values | {
        "run_id": ending.execution_id,
        "run_fence": ending.fence,
        "source": ending.source,
        "new_model": outcome.model,
        "new_completed_at": outcome.completed_at or tx.now,
        "new_log_lines": outcome.log.last_seq,
        "new_log_bytes": outcome.log.bytes,
    }


def _ended(tx: Tx, row: Row[Any], outcome: Outcome) -> None:
    """What belongs to the end, beside the row."""
    if row.lanes:
        tx.execute(_LEAVE_LANES, {"run_id": row.id})
    ended = _known(tx, row, outcome)
    counters.count(tx, ended)
    standings.note(tx, ended)
    comparing.note(tx, ended)
    events.append(tx, "execution.finished", execution_id=row.id, data=_told(row, outcome))
    tx.signal(ENDED)
    tx.signal(topic_of(row.id))
    tx.signal(f"log:{row.id}")


def _known(tx: Tx, row: Row[Any], outcome: Outcome) -> Ended:
    return Ended(
        id=row.id,
        agent_id=row.agent_id,
        councilor_id=row.councilor_id,
        created_at=row.created_at,
        started_at=row.started_at,
        completed_at=outcome.completed_at or tx.now,
        status=outcome.status,
        severity=outcome.severity,
        duration_seconds=outcome.duration_seconds,
        cost_usd=outcome.cost_usd,
        input_tokens=outcome.input_tokens,
        output_tokens=outcome.output_tokens,
        findings=outcome.findings or (),
        is_reported=outcome.is_reported,
    )


def _too_late(tx: Tx, ending: "_Ending") -> bool | errors.Refused:
    """Its log is not stored yet, or it was given up meanwhile: then what was learned is kept."""
    stored = tx.execute(_HEAD, {"run_id": ending.execution_id}).scalar_one_or_none() or 0
    outcome = ending.outcome
    if stored < outcome.log.last_seq:
        return errors.Conflict(
            f"the log of {ending.execution_id} ends at line {stored}, not yet at {outcome.log.last_seq}"
        )
    said = outcome.summary or outcome.error or outcome.reason or "no summary"
    keep_late_report(tx, ending.execution_id, f"reported later: {outcome.status}, {said}")
    return False


def _with_source(run: tuple[Any, ...]) -> tuple[str, int, Outcome, Status]:
    run_id, fence, outcome, *rest = run
    return run_id, fence, outcome, rest[0] if rest else Status.RUNNING


def _told(row: Row[Any], outcome: Outcome) -> dict[str, Any]:
    return {
        "status": outcome.status,
        "severity": outcome.severity,
        "summary": (outcome.summary or "")[:SUMMARY_CHARACTERS_MAX] or None,
        "reason": outcome.reason,
        "duration_seconds": outcome.duration_seconds,
        "title": row.title,
        "agent": row.agent,
        "councilor": row.councilor_id,
        "card": row.card_id,
    }


def _cancelled() -> Outcome:
    return Outcome(
        status=Status.CANCELLED,
        severity="warning",
        summary=CANCELLED_SUMMARY,
        reason="cancelled",
        evidence={"source": "ending", "text": CANCELLED_SUMMARY},
    )


def _verb(source: Status, target: Status) -> str:
    if target is Status.LOST:
        return "lose"
    return "cancel" if source is Status.CLAIMED and target is Status.CANCELLED else "finish"
