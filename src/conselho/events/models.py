"""What happened, in order: one row an event, and the epoch their ids belong to."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from conselho.db.base import NEVER_AGAIN, Base, RisingId
from conselho.db.types import JsonValue, UtcDateTime


class Event(Base):
    """One fact. Ids rise in the order of commits; on PostgreSQL they may have gaps."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_execution_id_id", "execution_id", "id"), NEVER_AGAIN)

    id: Mapped[int] = mapped_column(RisingId, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(String(50))
    execution_id: Mapped[str | None] = mapped_column(String(36))
    data: Mapped[dict[str, Any]] = mapped_column(JsonValue)


class Epoch(Base):
    """The one row that names this history: a restore begins another, so that old ids are not mistaken."""

    __tablename__ = "epochs"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(36))
    bound_to: Mapped[str | None] = mapped_column(String(100))  # where its database lives; NULL: nobody has looked yet


class Cursor(Base):
    """How far somebody has followed the events; its row is made by the migration that brings the follower."""

    __tablename__ = "event_cursors"

    name: Mapped[str] = mapped_column(String(50), primary_key=True)
    event_id: Mapped[int] = mapped_column(BigInteger)
