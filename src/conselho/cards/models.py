"""Which rows make up a card? What is to be done, where it stands on the board, and where its work lies."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from conselho.cards.columns import Column
from conselho.db.base import Base, index_where
from conselho.db.types import JsonValue, UtcDateTime

_COLUMNS = ", ".join(f"'{each}'" for each in Column)


class Card(Base):
    """Something to be done in a project, by agents that are given commands."""

    __tablename__ = "cards"
    __table_args__ = (
        CheckConstraint(f'"column" IN ({_COLUMNS})', name="column"),
        Index("ix_cards_column_position_id", "column", "position", "id"),
        Index("ix_cards_project_id_column_position_id", "project_id", "column", "position", "id"),
        # What one whose run has to be settled waits for is looked up in the executions, a few at a time.
        index_where("ix_cards_unsettled", "unsettled_execution_id IS NOT NULL", "unsettled_execution_id"),
        index_where("ix_cards_worktree", "worktree IS NOT NULL", "column", "id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, unique=True)  # what people call it, and its branch
    project_id: Mapped[str | None] = mapped_column(ForeignKey("projects.id", ondelete="SET NULL"))
    # What is to be done
    title: Mapped[str] = mapped_column(String(255))
    description: Mapped[str | None] = mapped_column(Text)
    plan: Mapped[str | None] = mapped_column(Text)  # what /plan came to, or what somebody wrote
    priority: Mapped[int] = mapped_column(Integer)  # of its runs
    agent: Mapped[str | None] = mapped_column(String(100))  # who is given its commands
    agents: Mapped[dict[str, str]] = mapped_column(JsonValue)  # and who some of them, by the command's name
    # Where it stands
    column: Mapped[str] = mapped_column(String(10))
    position: Mapped[int] = mapped_column(BigInteger)  # in its column, with room between two
    moved_at: Mapped[datetime] = mapped_column(UtcDateTime)  # when it came into its column
    version: Mapped[int] = mapped_column(Integer)  # rises with each change, for those who change what they have read
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # Where its work lies
    branch: Mapped[str | None] = mapped_column(String(200))
    worktree: Mapped[str | None] = mapped_column(Text)  # None: not made yet, or removed
    base: Mapped[str | None] = mapped_column(String(64))  # the commit at which its branch began
    # What came of its runs
    latest_execution_id: Mapped[str | None] = mapped_column(String(36))
    unsettled_execution_id: Mapped[str | None] = mapped_column(String(36))  # its work is not committed yet: settling.py
    commit: Mapped[str | None] = mapped_column(String(64))  # the last one that was made of a run's work
    note: Mapped[str | None] = mapped_column(Text)  # what somebody should know of its work: why it was not committed
    last_line: Mapped[dict[str, Any] | None] = mapped_column(JsonValue)  # of its latest run's log, once that has ended
    files_changed: Mapped[int | None] = mapped_column(Integer)
    lines_added: Mapped[int | None] = mapped_column(Integer)
    lines_removed: Mapped[int | None] = mapped_column(Integer)


class CardDiff(Base):
    """What a card has changed since its branch began, as it was when its last run ended."""

    __tablename__ = "card_diffs"

    card_id: Mapped[str] = mapped_column(ForeignKey("cards.id", ondelete="CASCADE"), primary_key=True)
    execution_id: Mapped[str] = mapped_column(String(36))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    data: Mapped[dict[str, Any]] = mapped_column(JsonValue)


class Attachment(Base):
    """A file that belongs to a card. Its content lies in the data directory."""

    __tablename__ = "card_attachments"
    __table_args__ = (Index("ix_card_attachments_card_id_id", "card_id", "id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    card_id: Mapped[str] = mapped_column(ForeignKey("cards.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(255))  # what people call it: no two of a card alike
    file: Mapped[str] = mapped_column(String(255))  # what it is called in the card's directory
    media_type: Mapped[str] = mapped_column(String(100))  # found by its content
    size_bytes: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
