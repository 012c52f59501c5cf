"""The council: what agents were promoted to do, what became of each moment, and how many of these an agent holds."""

import sqlalchemy as sa
from alembic import op

from conselho.db.types import JsonValue, UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_councilors()
    _create_council_slots()
    op.add_column("agents", sa.Column("councilors", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("agents", "councilors")
    op.drop_table("council_slots")
    op.drop_table("councilors")


def _create_councilors() -> None:
    op.create_table(
        "councilors",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("slug", sa.String(length=100), nullable=True),
        sa.Column("agent_id", sa.String(length=36), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("display_name", sa.String(length=200), nullable=True),
        sa.Column("avatar_url", sa.Text(), nullable=True),
        sa.Column("color", sa.String(length=32), nullable=True),
        sa.Column("task_name", sa.String(length=200), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("context_files", JsonValue, nullable=False),
        sa.Column("output_format", sa.String(length=10), nullable=False),
        sa.Column("severity_rules", JsonValue, nullable=False),
        sa.Column("notifications", JsonValue, nullable=False),
        sa.Column("schedule_type", sa.String(length=10), nullable=False),
        sa.Column("schedule_value", sa.String(length=100), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("anchored_at", UtcDateTime(), nullable=False),
        sa.Column("overlap", sa.String(length=10), nullable=False),
        sa.Column("catch_up", sa.String(length=10), nullable=False),
        sa.Column("catch_up_max", sa.Integer(), nullable=False),
        sa.Column("start_window_seconds", sa.Float(), nullable=True),
        sa.Column("jitter_seconds", sa.Float(), nullable=False),
        sa.Column("next_at", UtcDateTime(), nullable=True),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("missed_since", UtcDateTime(), nullable=True),
        sa.Column("missed", sa.Integer(), nullable=False),
        sa.Column("paused_at", UtcDateTime(), nullable=True),
        sa.Column("paused_by", sa.String(length=100), nullable=True),
        sa.Column("demoted_at", UtcDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("(due_at IS NULL) = (next_at IS NULL)", name=op.f("ck_councilors_due_at")),
        sa.CheckConstraint("catch_up IN ('none', 'last', 'all')", name=op.f("ck_councilors_catch_up")),
        sa.CheckConstraint(
            "output_format IN ('summary', 'detailed', 'checklist')", name=op.f("ck_councilors_output_format")
        ),
        sa.CheckConstraint("overlap IN ('skip', 'queue', 'cancel', 'allow')", name=op.f("ck_councilors_overlap")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_councilors")),
        sa.UniqueConstraint("slug", name=op.f("uq_councilors_slug")),
    )
    op.create_index("ix_councilors_agent_id", "councilors", ["agent_id"])
    condition = sa.text("due_at IS NOT NULL")
    op.create_index(
        "ix_councilors_due", "councilors", ["due_at", "id"], sqlite_where=condition, postgresql_where=condition
    )


def _create_council_slots() -> None:
    op.create_table(
        "council_slots",
        sa.Column("councilor_id", sa.String(length=36), nullable=False),
        sa.Column("moment", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("execution_id", sa.String(length=36), nullable=True),
        sa.Column("is_manual", sa.Boolean(), nullable=False),
        sa.Column("is_caught_up", sa.Boolean(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "(state = 'fired') = (execution_id IS NOT NULL)", name=op.f("ck_council_slots_execution_id")
        ),
        sa.CheckConstraint("state IN ('fired', 'skipped', 'missed')", name=op.f("ck_council_slots_state")),
        sa.PrimaryKeyConstraint("councilor_id", "moment", name=op.f("pk_council_slots")),
    )
    op.create_index("ix_council_slots_decided_at", "council_slots", ["decided_at"])
