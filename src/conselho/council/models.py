"""Which rows make up the council? A councilor - what an agent was promoted to do, and when - and its moments."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Float, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from conselho.db.base import Base, index_where
from conselho.db.types import JsonValue, UtcDateTime

OUTPUT_FORMATS = ("summary", "detailed", "checklist")
OVERLAPS = ("skip", "queue", "cancel", "allow")
CATCH_UPS = ("none", "last", "all")
SLOT_STATES = ("fired", "skipped", "missed")


def _one_of(column: str, words: tuple[str, ...]) -> str:
    listed = ", ".join(f"'{word}'" for word in words)
    return f"{column} IN ({listed})"


class Councilor(Base):
    """A task that an agent does by itself. One that was demoted stays as a row, for the record that it left."""

    __tablename__ = "councilors"
    __table_args__ = (
        CheckConstraint(_one_of("output_format", OUTPUT_FORMATS), name="output_format"),
        CheckConstraint(_one_of("overlap", OVERLAPS), name="overlap"),
        CheckConstraint(_one_of("catch_up", CATCH_UPS), name="catch_up"),
        # Who is paused, done or demoted is never due.
        CheckConstraint("(due_at IS NULL) = (next_at IS NULL)", name="due_at"),
        index_where("ix_councilors_due", "due_at IS NOT NULL", "due_at", "id"),
        Index("ix_councilors_agent_id", "agent_id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    slug: Mapped[str | None] = mapped_column(String(100), unique=True)  # None: demoted, and the name is free again
    agent_id: Mapped[str] = mapped_column(String(36))
    # What people see
    title: Mapped[str] = mapped_column(String(200))
    display_name: Mapped[str | None] = mapped_column(String(200))
    avatar_url: Mapped[str | None] = mapped_column(Text)
    color: Mapped[str | None] = mapped_column(String(32))
    # What it does
    task_name: Mapped[str] = mapped_column(String(200))
    prompt: Mapped[str] = mapped_column(Text)
    context_files: Mapped[list[str]] = mapped_column(JsonValue)  # below the agent's directory, and relative to it
    output_format: Mapped[str] = mapped_column(String(10))
    severity_rules: Mapped[list[dict[str, Any]]] = mapped_column(JsonValue)
    notifications: Mapped[dict[str, Any]] = mapped_column(JsonValue)
    # When
    schedule_type: Mapped[str] = mapped_column(String(10))
    schedule_value: Mapped[str] = mapped_column(String(100))
    timezone: Mapped[str] = mapped_column(String(64))
    anchored_at: Mapped[datetime] = mapped_column(UtcDateTime)  # intervals are counted from here
    overlap: Mapped[str] = mapped_column(String(10))
    catch_up: Mapped[str] = mapped_column(String(10))
    catch_up_max: Mapped[int] = mapped_column(Integer)
    start_window_seconds: Mapped[float | None] = mapped_column(Float)  # None: a tenth of the time to the next moment
    jitter_seconds: Mapped[float] = mapped_column(Float)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the next moment of which nothing is decided yet
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # that moment and its jitter
    missed_since: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the first one missed since it fired last
    missed: Mapped[int] = mapped_column(Integer)  # how many these are
    # Who changed it
    paused_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    paused_by: Mapped[str | None] = mapped_column(String(100))
    demoted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer)  # rises with each change that somebody makes
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Slot(Base):
    """What became of one moment of a councilor: nothing happens at it twice, because its row is there once."""

    __tablename__ = "council_slots"
    __table_args__ = (
        CheckConstraint(_one_of("state", SLOT_STATES), name="state"),
        CheckConstraint("(state = 'fired') = (execution_id IS NOT NULL)", name="execution_id"),
        Index("ix_council_slots_decided_at", "decided_at"),
    )

    councilor_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    moment: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the last of those it stands for, where they are many
    state: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str | None] = mapped_column(Text)
    execution_id: Mapped[str | None] = mapped_column(String(36))
    is_manual: Mapped[bool] = mapped_column()  # somebody fired it by hand
    is_caught_up: Mapped[bool] = mapped_column()  # it was fired late, because nobody had been there in time
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime)
