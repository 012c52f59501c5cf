"""Cards: what is to be done in a project, the diff of its work, its files; who works on a project's cards."""

import sqlalchemy as sa
from alembic import op

from conselho.db.types import JsonValue, UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_COLUMNS = "'backlog', 'plan', 'implement', 'test', 'review', 'done', 'archived', 'cancelled'"
_OPEN = sa.text("card_id IS NOT NULL AND completed_at IS NULL")
_UNSETTLED = sa.text("unsettled_execution_id IS NOT NULL")
_WORKTREE = sa.text("worktree IS NOT NULL")


def upgrade() -> None:
    op.add_column("projects", sa.Column("agent", sa.String(length=100), nullable=True))
    op.add_column("projects", sa.Column("agents", JsonValue, nullable=False, server_default="{}"))
    op.add_column("projects", sa.Column("check_argv", JsonValue, nullable=True))
    op.add_column("executions", sa.Column("attachments", JsonValue, nullable=True))
    op.create_index(
        "uq_executions_card_open", "executions", ["card_id"], unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN
    )
    op.create_table(
        "cards",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.String(length=36), nullable=True),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("plan", sa.Text(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("agent", sa.String(length=100), nullable=True),
        sa.Column("agents", JsonValue, nullable=False),
        sa.Column("column", sa.String(length=10), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("moved_at", UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("branch", sa.String(length=200), nullable=True),
        sa.Column("worktree", sa.Text(), nullable=True),
        sa.Column("base", sa.String(length=64), nullable=True),
        sa.Column("latest_execution_id", sa.String(length=36), nullable=True),
        sa.Column("unsettled_execution_id", sa.String(length=36), nullable=True),
        sa.Column("commit", sa.String(length=64), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("last_line", JsonValue, nullable=True),
        sa.Column("files_changed", sa.Integer(), nullable=True),
        sa.Column("lines_added", sa.Integer(), nullable=True),
        sa.Column("lines_removed", sa.Integer(), nullable=True),
        sa.CheckConstraint(f'"column" IN ({_COLUMNS})', name=op.f("ck_cards_column")),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_cards_project_id_projects"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cards")),
        sa.UniqueConstraint("number", name=op.f("uq_cards_number")),
    )
    op.create_index("ix_cards_column_position_id", "cards", ["column", "position", "id"])
    op.create_index("ix_cards_project_id_column_position_id", "cards", ["project_id", "column", "position", "id"])
    op.create_index(
        "ix_cards_unsettled", "cards", ["unsettled_execution_id"],
        sqlite_where=_UNSETTLED, postgresql_where=_UNSETTLED,
    )  # fmt: skip
    op.create_index("ix_cards_worktree", "cards", ["column", "id"], sqlite_where=_WORKTREE, postgresql_where=_WORKTREE)
    op.create_table(
        "card_diffs",
        sa.Column("card_id", sa.String(length=36), nullable=False),
        sa.Column("execution_id", sa.String(length=36), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("data", JsonValue, nullable=False),
        sa.ForeignKeyConstraint(
            ["card_id"], ["cards.id"], name=op.f("fk_card_diffs_card_id_cards"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("card_id", name=op.f("pk_card_diffs")),
    )
    op.create_table(
        "card_attachments",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("card_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("file", sa.String(length=255), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["card_id"], ["cards.id"], name=op.f("fk_card_attachments_card_id_cards"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_card_attachments")),
    )
    op.create_index("ix_card_attachments_card_id_id", "card_attachments", ["card_id", "id"])


def downgrade() -> None:
    for table in ("card_attachments", "card_diffs", "cards"):
        op.drop_table(table)
    op.drop_index("uq_executions_card_open", "executions")
    op.drop_column("executions", "attachments")
    for column in ("check_argv", "agents", "agent"):
        op.drop_column("projects", column)
