"""Agents, and for each execution the names of the variables that its run inherits."""

import sqlalchemy as sa
from alembic import op

from conselho.db.types import JsonValue, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agents",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("slug", sa.String(length=100), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=True),
        sa.Column("emoji", sa.String(length=32), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("provider", sa.String(length=50), nullable=False),
        sa.Column("argv", JsonValue, nullable=True),
        sa.Column("prompt", sa.Text(), nullable=True),
        sa.Column("model", sa.String(length=100), nullable=True),
        sa.Column("cwd", sa.Text(), nullable=True),
        sa.Column("env", JsonValue, nullable=False),
        sa.Column("env_allow", JsonValue, nullable=False),
        sa.Column("timeout_seconds", sa.Float(), nullable=True),
        sa.Column("idle_timeout_seconds", sa.Float(), nullable=True),
        sa.Column("accepted_exit_codes", JsonValue, nullable=False),
        sa.Column("concurrency", sa.Integer(), nullable=True),
        sa.Column("exclusive", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=200), nullable=True),
        sa.Column("request_digest", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agents")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_agents_idempotency_key")),
        sa.UniqueConstraint("slug", name=op.f("uq_agents_slug")),
    )
    # Not in a batch: neither needs the table written anew, and that would lose its CHECK constraints on SQLite.
    op.add_column("executions", sa.Column("env_allow", JsonValue, nullable=True))


def downgrade() -> None:
    op.drop_column("executions", "env_allow")
    op.drop_table("agents")
