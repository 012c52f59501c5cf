"""Which row is an agent? Its definition alone: a run keeps a copy, and never looks back at it."""

from datetime import datetime
from typing import Any

from sqlalchemy import Float, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from conselho.db.base import Base
from conselho.db.types import JsonValue, UtcDateTime


class Agent(Base):
    """What runs under a name, where, and how many at once."""

    __tablename__ = "agents"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    slug: Mapped[str] = mapped_column(String(100), unique=True)
    title: Mapped[str | None] = mapped_column(String(200))
    emoji: Mapped[str | None] = mapped_column(String(32))
    description: Mapped[str | None] = mapped_column(Text)
    # What runs
    provider: Mapped[str] = mapped_column(String(50))
    argv: Mapped[list[str] | None] = mapped_column(JsonValue)
    prompt: Mapped[str | None] = mapped_column(Text)  # may hold {prompt}, see `prompts.py`
    model: Mapped[str | None] = mapped_column(String(100))
    options: Mapped[dict[str, Any] | None] = mapped_column(JsonValue)  # as `providers/options.py` has them
    cwd: Mapped[str | None] = mapped_column(Text)
    env: Mapped[dict[str, str]] = mapped_column(JsonValue)
    env_allow: Mapped[list[str]] = mapped_column(JsonValue)  # names only: the worker that starts a run has the values
    timeout_seconds: Mapped[float | None] = mapped_column(Float)
    idle_timeout_seconds: Mapped[float | None] = mapped_column(Float)
    accepted_exit_codes: Mapped[list[int]] = mapped_column(JsonValue)
    # How many at once
    concurrency: Mapped[int | None] = mapped_column(Integer)  # None: as many as there are seats
    exclusive: Mapped[bool] = mapped_column()  # nothing else runs in its directory meanwhile
    councilors: Mapped[int] = mapped_column(Integer, server_default="0")  # what it does on schedules; kept by `council`
    # Who changed it
    version: Mapped[int] = mapped_column(Integer)  # rises with each change, for those who change what they have read
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # Written no more: `db/keys.py` holds them.
    idempotency_key: Mapped[str | None] = mapped_column(String(200), unique=True)
    request_digest: Mapped[str | None] = mapped_column(String(64))
