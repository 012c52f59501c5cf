"""Which rows make up an execution: the run itself, what it waits for, its log, and what was counted.

An execution is written by statements, not through the mapper: see `queue.py` and `leases.py`.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from conselho.db.base import Base, RisingId, index_where
from conselho.db.fulltext import Words
from conselho.db.types import JsonValue, UtcDateTime
from conselho.executions.states import ACTIVE, Status

ORIGINS = ("schedule", "card", "api", "cli", "retry", "import")
SEVERITIES = ("success", "warning", "error")
FINDING_STATES = ("open", "acknowledged", "resolved", "regressed")


def _one_of(column: str, words: tuple[str, ...]) -> str:
    listed = ", ".join(f"'{word}'" for word in words)
    return f"{column} IN ({listed})"


def _index_known(*columns: str) -> Index:
    """Over the rows that have the first column: who has no card costs the index of cards nothing."""
    return index_where(f"ix_executions_{'_'.join(columns)}", f"{columns[0]} IS NOT NULL", *columns)


class Execution(Base):
    """One durable run, whoever asked for it."""

    __tablename__ = "executions"
    __table_args__ = (
        CheckConstraint(_one_of("status", tuple(Status)), name="status"),
        CheckConstraint(_one_of("origin", ORIGINS), name="origin"),
        CheckConstraint(_one_of("severity", SEVERITIES), name="severity"),
        # A held run always has a lease: what no lease guards, nobody would ever rescue.
        CheckConstraint(f"NOT ({_one_of('status', ACTIVE)}) OR lease_until IS NOT NULL", name="held_has_lease"),
        # `status` first, though it is one in all of them: SQLite would rather sort than read an index in its order.
        index_where("ix_executions_queue", "status = 'queued'", "status", "rank", "id"),
        index_where("ix_executions_active", _one_of("status", ACTIVE), "worker_id", "id"),
        index_where(
            "ix_executions_start_before", "status = 'queued' AND start_before IS NOT NULL", "status", "start_before"
        ),
        index_where(
            "ix_executions_councilor_open",
            "councilor_id IS NOT NULL AND completed_at IS NULL",  # by status another index would be taken for it
            "councilor_id",
            "id",
        ),
        # Of a card one run at a time, whoever asks for it.
        index_where("uq_executions_card_open", "card_id IS NOT NULL AND completed_at IS NULL", "card_id", unique=True),
        Index("ix_executions_created_at_id", "created_at", "id"),
        Index("ix_executions_status_created_at_id", "status", "created_at", "id"),
        Index("ix_executions_origin_created_at_id", "origin", "created_at", "id"),
        *(
            _index_known(name, "created_at", "id")
            for name in ("severity", "agent", "agent_id", "councilor_id", "card_id")
        ),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    status: Mapped[str] = mapped_column(String(10))
    origin: Mapped[str] = mapped_column(String(10))
    title: Mapped[str | None] = mapped_column(String(200))
    # What runs
    agent_id: Mapped[str | None] = mapped_column(String(36))
    agent: Mapped[str | None] = mapped_column(String(100))
    provider: Mapped[str] = mapped_column(String(50))
    model: Mapped[str | None] = mapped_column(String(100))
    argv: Mapped[list[str] | None] = mapped_column(JsonValue)
    prompt: Mapped[str | None] = mapped_column(Text)
    options: Mapped[dict[str, Any] | None] = mapped_column(JsonValue)  # as `providers/options.py` has them
    cwd: Mapped[str] = mapped_column(Text)
    env: Mapped[dict[str, str] | None] = mapped_column(JsonValue)
    env_allow: Mapped[list[str] | None] = mapped_column(JsonValue)  # names, of which the worker has the values
    context: Mapped[dict[str, Any] | None] = mapped_column(JsonValue)
    timeout_seconds: Mapped[float | None] = mapped_column(Float)
    idle_timeout_seconds: Mapped[float | None] = mapped_column(Float)
    accepted_exit_codes: Mapped[list[int]] = mapped_column(JsonValue)
    exclusive: Mapped[bool] = mapped_column()
    retry_on_loss: Mapped[bool] = mapped_column()
    severity_rules: Mapped[list[dict[str, str]] | None] = mapped_column(JsonValue)  # those its councilor had then
    # Who asked
    councilor_id: Mapped[str | None] = mapped_column(String(36))
    card_id: Mapped[str | None] = mapped_column(String(36))
    command: Mapped[str | None] = mapped_column(String(50))
    attachments: Mapped[list[str] | None] = mapped_column(JsonValue)  # paths of files that belong to what is asked
    instance_id: Mapped[str | None] = mapped_column(String(100))
    continue_from: Mapped[str | None] = mapped_column(String(36))  # the run whose conversation it takes up
    resume: Mapped[str | None] = mapped_column(String(200))  # that run's session, None where it is begun anew
    retry_of: Mapped[str | None] = mapped_column(String(36))
    attempt: Mapped[int] = mapped_column(Integer)
    # When it may start
    rank: Mapped[int] = mapped_column(Integer)  # minus the priority, so that a plain ascending index serves the queue
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    start_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    waiting_for: Mapped[str | None] = mapped_column(Text)
    lanes: Mapped[list[list[Any]] | None] = mapped_column(JsonValue)  # [key, room] pairs, kept for a retry
    # Who holds it
    fence: Mapped[int] = mapped_column(Integer)
    worker_id: Mapped[str | None] = mapped_column(String(36))
    worker: Mapped[str | None] = mapped_column(String(100))
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    unreachable_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cancel_requested_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # How it went
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    duration_seconds: Mapped[float | None] = mapped_column(Float)
    severity: Mapped[str | None] = mapped_column(String(10))
    summary: Mapped[str | None] = mapped_column(Text)
    findings: Mapped[list[dict[str, Any]] | None] = mapped_column(JsonValue)
    evidence: Mapped[dict[str, Any] | None] = mapped_column(JsonValue)
    result: Mapped[str | None] = mapped_column(Text)
    error: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(String(50))
    exit_code: Mapped[int | None] = mapped_column(Integer)
    signal: Mapped[int | None] = mapped_column(Integer)
    input_tokens: Mapped[int | None] = mapped_column(BigInteger)
    output_tokens: Mapped[int | None] = mapped_column(BigInteger)
    cached_tokens: Mapped[int | None] = mapped_column(BigInteger)  # of the input
    turns: Mapped[int | None] = mapped_column(Integer)
    lifts_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when the limit is gone that it ran into
    cost_usd: Mapped[float | None] = mapped_column(Float)
    session: Mapped[str | None] = mapped_column(String(200))
    session_usage: Mapped[dict[str, int] | None] = mapped_column(JsonValue)  # all of it, where its CLI counts it all
    log_lines: Mapped[int] = mapped_column(Integer)
    log_bytes: Mapped[int] = mapped_column(BigInteger)
    log_purged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    note: Mapped[str | None] = mapped_column(Text)  # a report that came after the end


class Lane(Base):
    """A room for so many runs at once that an execution must find space in: one agent's, one directory's.

    A row lives while its execution is open, so that counting a lane never reads its history.
    """

    __tablename__ = "execution_lanes"
    __table_args__ = (index_where("ix_execution_lanes_held", "held", "key"),)

    execution_id: Mapped[str] = mapped_column(ForeignKey("executions.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    room: Mapped[int] = mapped_column(Integer)  # runs at once; the smallest that anyone in the lane names holds
    held: Mapped[bool] = mapped_column()  # its execution is claimed or running


class IdempotencyKey(Base):
    """A caller's name for one request, so that asking twice makes one execution."""

    __tablename__ = "idempotency_keys"

    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    request_digest: Mapped[str] = mapped_column(String(64))
    execution_id: Mapped[str] = mapped_column(String(36))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class LogHead(Base):
    """Where a log ends, and under which fence it may be continued."""

    __tablename__ = "log_heads"

    execution_id: Mapped[str] = mapped_column(ForeignKey("executions.id", ondelete="CASCADE"), primary_key=True)
    fence: Mapped[int] = mapped_column(Integer)
    last_seq: Mapped[int] = mapped_column(Integer)
    bytes: Mapped[int] = mapped_column(BigInteger)
    compacted_seq: Mapped[int] = mapped_column(Integer, server_default="0")  # lines up to it are in large chunks


class LogChunk(Base):
    """Some consecutive lines of a log, compressed together."""

    __tablename__ = "log_chunks"

    execution_id: Mapped[str] = mapped_column(ForeignKey("executions.id", ondelete="CASCADE"), primary_key=True)
    first_seq: Mapped[int] = mapped_column(Integer, primary_key=True)
    line_count: Mapped[int] = mapped_column(Integer)
    first_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
    codec: Mapped[str] = mapped_column(String(10))
    data: Mapped[bytes] = mapped_column(LargeBinary)


class Searched(Base):
    """The words of an execution, written some moments after it changed (`search.py`)."""

    __tablename__ = "execution_search"

    key: Mapped[int] = mapped_column(RisingId, primary_key=True, autoincrement=False)
    execution_id: Mapped[str] = mapped_column(ForeignKey("executions.id", ondelete="CASCADE"), unique=True)
    words: Mapped[str] = mapped_column(Words)


class Counter(Base):
    """What finished so far, by scope: `all`, `agent:<id>`, …"""

    __tablename__ = "execution_counters"

    scope: Mapped[str] = mapped_column(String(100), primary_key=True)
    name: Mapped[str] = mapped_column(String(50), primary_key=True)
    value: Mapped[float] = mapped_column(Float)


class Day(Base):
    """What finished on one day, as UTC has it, by scope."""

    __tablename__ = "execution_days"

    scope: Mapped[str] = mapped_column(String(100), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True, index=True)
    total: Mapped[int] = mapped_column(Integer)
    success: Mapped[int] = mapped_column(Integer)
    warning: Mapped[int] = mapped_column(Integer)
    error: Mapped[int] = mapped_column(Integer)
    rated: Mapped[int] = mapped_column(Integer)  # of which the success rate speaks
    rated_success: Mapped[int] = mapped_column(Integer)
    duration_seconds: Mapped[float] = mapped_column(Float)
    timed: Mapped[int] = mapped_column(Integer)  # those that had a duration
    cost_usd: Mapped[float] = mapped_column(Float)
    priced: Mapped[int] = mapped_column(Integer)  # those whose cost is known


class Standing(Base):
    """Which execution of a scope came last, and how many in a row have ended like it. See `standings.py`."""

    __tablename__ = "execution_standings"

    scope: Mapped[str] = mapped_column(String(100), primary_key=True)
    last_execution_id: Mapped[str | None] = mapped_column(String(36))
    last_created_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_severity: Mapped[str | None] = mapped_column(String(10))
    streak_severity: Mapped[str | None] = mapped_column(String(10))
    streak: Mapped[int] = mapped_column(Integer)
    # Places in the order of executions: the newest of the streak, and the newest that is not in it any more.
    streak_newest: Mapped[str | None] = mapped_column(String(70))
    streak_after: Mapped[str | None] = mapped_column(String(70))


class Finding(Base):
    """Something that a councilor's runs found, from the first one that saw it to the one that saw it gone."""

    __tablename__ = "findings"
    __table_args__ = (
        CheckConstraint(_one_of("severity", SEVERITIES), name="severity"),
        CheckConstraint(_one_of("state", FINDING_STATES), name="state"),
        UniqueConstraint("councilor_id", "fingerprint"),
        Index("ix_findings_councilor_id_id", "councilor_id", "id"),
        Index("ix_findings_councilor_id_state_id", "councilor_id", "state", "id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    councilor_id: Mapped[str] = mapped_column(String(36))
    fingerprint: Mapped[str] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(Text)
    severity: Mapped[str] = mapped_column(String(10))
    file: Mapped[str | None] = mapped_column(Text)
    line: Mapped[int | None] = mapped_column(Integer)
    key: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(12))
    first_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    first_execution_id: Mapped[str] = mapped_column(String(36))
    last_execution_id: Mapped[str] = mapped_column(String(36))
    count: Mapped[int] = mapped_column(Integer)  # in how many runs it was seen
    acknowledged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acknowledged_by: Mapped[str | None] = mapped_column(String(200))
    resolved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    resolved_execution_id: Mapped[str | None] = mapped_column(String(36))
    regressed_execution_id: Mapped[str | None] = mapped_column(String(36))


class Worker(Base):
    """A process that holds seats. One that starts again under its old id takes up its own runs."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int] = mapped_column(Integer)
    boot_id: Mapped[str] = mapped_column(String(36))
    seats: Mapped[int] = mapped_column(Integer)
    joined_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    left_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Rescue(Base):
    """The one row that says when somebody last looked for runs to rescue."""

    __tablename__ = "rescue"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
