"""What does HTTP answer about the council? The shapes that the API promises, from rows and from what was counted."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Row

from conselho.council import words
from conselho.council.councilors import of_row
from conselho.executions.counters import Stats
from conselho.executions.severity import Severity
from conselho.executions.standings import Standing


class ShownTask(BaseModel):
    """What it does."""

    name: str
    prompt: str
    context_files: list[str]
    output_format: str


class ShownSchedule(BaseModel):
    """When it fires, and what happens where it cannot."""

    type: str
    value: str
    timezone: str
    words: Annotated[str, Field(description="the schedule as a person would say it")]
    overlap: str
    catch_up: str
    catch_up_max: int
    start_window_seconds: float | None
    jitter_seconds: float


class ShownNotifications(BaseModel):
    """Who is told of which end."""

    on_success: bool
    on_warning: bool
    on_error: bool
    channels: list[str]


class ShownRule(BaseModel):
    """What a line of the log says about the severity."""

    pattern: str
    severity: Severity
    summary: str | None = None


class ShownStats(BaseModel):
    """What was counted, with the unit that ended each run."""

    model_config = ConfigDict(from_attributes=True)

    total: Annotated[int, Field(description="executions that have ended")]
    success: int
    warning: int
    error: int
    cancelled: int
    success_rate: Annotated[
        float | None, Field(description="0 to 1, of those that started and ended, cancelled ones left out")
    ]
    average_seconds: float | None
    p50_seconds: Annotated[float | None, Field(description="± 5 %")]
    p95_seconds: Annotated[float | None, Field(description="± 5 %")]
    cost_usd: Annotated[float | None, Field(description="null: nobody said what it cost")]
    input_tokens: int
    output_tokens: int

    @classmethod
    def of(cls, stats: Stats) -> "ShownStats":
        """From what was counted in a scope."""
        return cls(
            total=stats.total,
            success=stats.success,
            warning=stats.warning,
            error=stats.error,
            cancelled=stats.by_status.get("cancelled", 0),
            success_rate=stats.success_rate,
            average_seconds=stats.average_seconds,
            p50_seconds=stats.p50_seconds,
            p95_seconds=stats.p95_seconds,
            cost_usd=stats.cost_usd,
            input_tokens=stats.input_tokens,
            output_tokens=stats.output_tokens,
        )


class ShownDay(BaseModel):
    """What ended on one day in UTC."""

    model_config = ConfigDict(from_attributes=True)

    day: date
    total: int
    success: int
    warning: int
    error: int
    success_rate: float | None
    average_seconds: float | None
    cost_usd: float | None


class ShownStanding(BaseModel):
    """How it stands: its last execution that has ended, and how many in a row ended like the last."""

    execution_id: str
    severity: Severity | None
    completed_at: datetime | None
    streak: Annotated[
        int, Field(description="ended ones in a row with this severity, cancelled left out; 1000: or more")
    ]
    streak_severity: Severity | None


class ShownCouncilor(BaseModel):
    """An agent's task, and when it does it."""

    id: str
    slug: str
    agent_id: str
    agent: str | None
    title: str
    display_name: str | None
    avatar_url: str | None
    color: str | None
    task: ShownTask
    schedule: ShownSchedule
    notifications: ShownNotifications
    severity_rules: list[ShownRule]
    next_at: Annotated[datetime | None, Field(description="its next moment; null: paused, or there is none any more")]
    paused_at: datetime | None
    paused_by: str | None
    stats: ShownStats
    last: ShownStanding | None
    findings: Annotated[int, Field(description="those that are not resolved")]
    version: int
    created_at: datetime
    updated_at: datetime


class CouncilorSnapshot(ShownCouncilor):
    """One councilor, and the event up to which it is true."""

    as_of: str


class CouncilorPage(BaseModel):
    """Some councilors, in the order they were promoted."""

    items: list[ShownCouncilor]
    next: Annotated[str | None, Field(description="`after` for the next page; null at the end")]
    as_of: str


class ShownSlot(BaseModel):
    """What became of a moment."""

    moment: datetime
    until: Annotated[datetime | None, Field(description="it stands for every moment up to this one")]
    state: Annotated[str, Field(description="fired, skipped or missed")]
    reason: str | None
    execution_id: str | None
    is_manual: Annotated[bool, Field(description="somebody fired it by hand")]
    is_caught_up: Annotated[bool, Field(description="it was fired late, since nobody was there in time")]
    decided_at: datetime


class SlotPage(BaseModel):
    """Some moments, the newest first."""

    items: list[ShownSlot]
    next: Annotated[str | None, Field(description="`after` for the next page; null at the end")]
    as_of: str


def councilor(
    row: Row[Any], stats: Mapping[str, Stats], standings: Mapping[str, Standing], findings: int
) -> ShownCouncilor:
    """A row of `queries.ROWS` as it is told, with what was counted, by scope."""
    scope = f"councilor:{row.id}"
    timing = ("timezone", "overlap", "catch_up", "catch_up_max", "start_window_seconds", "jitter_seconds")
    return ShownCouncilor(
        **{name: getattr(row, name) for name in _PLAIN},
        task=ShownTask(
            name=row.task_name,
            prompt=row.prompt,
            context_files=row.context_files,
            output_format=row.output_format,
        ),
        schedule=ShownSchedule(
            type=row.schedule_type,
            value=row.schedule_value,
            words=words.describe(of_row(row).schedule),
            **{name: getattr(row, name) for name in timing},
        ),
        notifications=ShownNotifications(**row.notifications),
        severity_rules=[ShownRule(**rule) for rule in row.severity_rules],
        stats=ShownStats.of(stats[scope]),
        last=last(standings[scope]),
        findings=findings,
    )


_PLAIN = (
    "id", "slug", "agent_id", "agent", "title", "display_name", "avatar_url", "color", "next_at", "paused_at",
    "paused_by", "version", "created_at", "updated_at",
)  # fmt: skip


def slots(rows: Sequence[Row[Any]]) -> list[ShownSlot]:
    """Rows of slots as they are told."""
    names = tuple(ShownSlot.model_fields)
    return [ShownSlot(**{name: getattr(row, name) for name in names}) for row in rows]


def last(standing: Standing) -> ShownStanding | None:
    """How a scope stands, None where nothing of it has ended."""
    if standing.last_execution_id is None:
        return None
    return ShownStanding(
        execution_id=standing.last_execution_id,
        severity=None if standing.last_severity is None else Severity(standing.last_severity),
        completed_at=standing.last_completed_at,
        streak=standing.streak,
        streak_severity=None if standing.streak_severity is None else Severity(standing.streak_severity),
    )
