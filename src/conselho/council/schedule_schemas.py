"""How does a schedule look over HTTP? What may be sent, and what is told of it before it is kept.

Limits are checked where a schedule is, in sentences of their own.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from conselho.council.triggers import Kind, Schedule


class ScheduleFields(BaseModel):
    """When something is to happen."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"type": "cron", "value": "0 9 * * 1", "timezone": "America/Sao_Paulo"}]},
    )

    type: Annotated[
        Literal["interval", "cron", "once"], Field(description="again and again, by the calendar, or a single time")
    ]
    value: Annotated[
        str,
        Field(
            description="interval: a number with s, m, h or d, as in 30m (10s to 366d); cron: minute, hour, day of the"
            " month, month and day of the week, as in 0 9 * * 1; once: a moment, as in 2026-12-01T09:00"
        ),
    ]
    timezone: Annotated[
        str | None, Field(description="whose clock cron and once go by, a name as in America/Sao_Paulo (UTC)")
    ] = None

    def schedule(self) -> Schedule:
        """What is asked for, not checked yet."""
        return Schedule(Kind(self.type), self.value, self.timezone or "UTC")


class ShownMoment(BaseModel):
    """One moment, and what the clock in the schedule's zone shows then."""

    at: datetime
    local: datetime


class SchedulePreview(BaseModel):
    """What a schedule means: in words, and the next moments at which it would fire if it began now."""

    words: str
    timezone: str
    moments: Annotated[list[ShownMoment], Field(description="at most five, the next one first")]
