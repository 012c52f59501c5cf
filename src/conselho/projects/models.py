"""Which row is a project? A directory, and what was found in it when it was last looked at."""

from datetime import datetime

from sqlalchemy import Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from conselho.db.base import Base
from conselho.db.types import JsonValue, UtcDateTime


class Project(Base):
    """A directory that cards are worked on in: a repository, or a plain one."""

    __tablename__ = "projects"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    slug: Mapped[str] = mapped_column(String(100), unique=True)
    title: Mapped[str | None] = mapped_column(String(200))
    path: Mapped[str] = mapped_column(Text, unique=True)  # absolute, without links
    default_branch: Mapped[str | None] = mapped_column(String(200))  # where branches of cards begin; None: at HEAD
    is_repository: Mapped[bool] = mapped_column()
    # Its own files of commands may take the place of ours: who writes them says what agents are told.
    may_use_own_commands: Mapped[bool] = mapped_column()
    agent: Mapped[str | None] = mapped_column(String(100))  # who is given the commands of its cards
    agents: Mapped[dict[str, str]] = mapped_column(JsonValue, server_default="{}")  # and who some, by their name
    check_argv: Mapped[list[str] | None] = mapped_column(JsonValue)  # its own check command, which /test runs
    version: Mapped[int] = mapped_column(Integer)  # rises with each change, for those who change what they have read
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
