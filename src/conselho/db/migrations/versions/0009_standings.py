"""What is kept about ended runs: their days, the latest of each scope, what they found, and the rules they ran with."""

import sqlalchemy as sa
from alembic import op

from conselho.db.types import JsonValue, UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_OPEN_OF_COUNCILOR = sa.text("councilor_id IS NOT NULL AND completed_at IS NULL")


def upgrade() -> None:
    # Not in a batch: it does not need the table written anew, and that would lose its CHECK constraints on SQLite.
    op.add_column("executions", sa.Column("severity_rules", JsonValue, nullable=True))
    op.create_index(
        "ix_executions_councilor_open",
        "executions",
        ["councilor_id", "id"],
        sqlite_where=_OPEN_OF_COUNCILOR,
        postgresql_where=_OPEN_OF_COUNCILOR,
    )
    _create_execution_days()
    _create_execution_standings()
    _create_findings()
    # A sum without the number of its parts, which is counted from now on: an average of both would be none. A recount
    # brings what was before.
    op.execute("DELETE FROM execution_counters WHERE name = 'duration_seconds'")


def downgrade() -> None:
    op.drop_table("findings")
    op.drop_table("execution_standings")
    op.drop_table("execution_days")
    op.drop_index(
        "ix_executions_councilor_open",
        table_name="executions",
        sqlite_where=_OPEN_OF_COUNCILOR,
        postgresql_where=_OPEN_OF_COUNCILOR,
    )
    op.drop_column("executions", "severity_rules")


def _create_execution_days() -> None:
    op.create_table(
        "execution_days",
        sa.Column("scope", sa.String(length=100), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("success", sa.Integer(), nullable=False),
        sa.Column("warning", sa.Integer(), nullable=False),
        sa.Column("error", sa.Integer(), nullable=False),
        sa.Column("rated", sa.Integer(), nullable=False),
        sa.Column("rated_success", sa.Integer(), nullable=False),
        sa.Column("duration_seconds", sa.Float(), nullable=False),
        sa.Column("timed", sa.Integer(), nullable=False),
        sa.Column("cost_usd", sa.Float(), nullable=False),
        sa.Column("priced", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "day", name=op.f("pk_execution_days")),
    )
    op.create_index(op.f("ix_execution_days_day"), "execution_days", ["day"])


def _create_execution_standings() -> None:
    op.create_table(
        "execution_standings",
        sa.Column("scope", sa.String(length=100), nullable=False),
        sa.Column("last_execution_id", sa.String(length=36), nullable=True),
        sa.Column("last_created_at", UtcDateTime(), nullable=True),
        sa.Column("last_completed_at", UtcDateTime(), nullable=True),
        sa.Column("last_severity", sa.String(length=10), nullable=True),
        sa.Column("streak_severity", sa.String(length=10), nullable=True),
        sa.Column("streak", sa.Integer(), nullable=False),
        sa.Column("streak_newest", sa.String(length=70), nullable=True),
        sa.Column("streak_after", sa.String(length=70), nullable=True),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_execution_standings")),
    )


def _create_findings() -> None:
    op.create_table(
        "findings",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("councilor_id", sa.String(length=36), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("severity", sa.String(length=10), nullable=False),
        sa.Column("file", sa.Text(), nullable=True),
        sa.Column("line", sa.Integer(), nullable=True),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("first_seen_at", UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=False),
        sa.Column("first_execution_id", sa.String(length=36), nullable=False),
        sa.Column("last_execution_id", sa.String(length=36), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("acknowledged_at", UtcDateTime(), nullable=True),
        sa.Column("acknowledged_by", sa.String(length=200), nullable=True),
        sa.Column("resolved_at", UtcDateTime(), nullable=True),
        sa.Column("resolved_execution_id", sa.String(length=36), nullable=True),
        sa.Column("regressed_execution_id", sa.String(length=36), nullable=True),
        sa.CheckConstraint("severity IN ('success', 'warning', 'error')", name=op.f("ck_findings_severity")),
        sa.CheckConstraint(
            "state IN ('open', 'acknowledged', 'resolved', 'regressed')", name=op.f("ck_findings_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_findings")),
        sa.UniqueConstraint("councilor_id", "fingerprint", name=op.f("uq_findings_councilor_id_fingerprint")),
    )
    op.create_index(op.f("ix_findings_councilor_id_id"), "findings", ["councilor_id", "id"])
    op.create_index(op.f("ix_findings_councilor_id_state_id"), "findings", ["councilor_id", "state", "id"])
