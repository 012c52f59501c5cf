"""Agent CLIs: how one is to work, which session it continues, and what it said of its run."""

import sqlalchemy as sa
from alembic import op

from conselho.db.types import JsonValue, UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("agents", sa.Column("options", JsonValue, nullable=True))
    for column in _of_executions():
        op.add_column("executions", column)


def downgrade() -> None:
    for column in reversed(_of_executions()):
        op.drop_column("executions", column.name)
    op.drop_column("agents", "options")


def _of_executions() -> "list[sa.Column[object]]":
    return [
        sa.Column("options", JsonValue, nullable=True),
        sa.Column("continue_from", sa.String(length=36), nullable=True),
        sa.Column("resume", sa.String(length=200), nullable=True),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=True),
        sa.Column("turns", sa.Integer(), nullable=True),
        sa.Column("lifts_at", UtcDateTime, nullable=True),
        sa.Column("session_usage", JsonValue, nullable=True),
    ]
