"""Full-text search, a durable cursor over the events, and indexes for every filter of a page, newest first."""

import sqlalchemy as sa
from alembic import op

from conselho.db import fulltext

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_BEFORE = ("status", "agent_id", "severity", "origin")
_ALWAYS = ("status", "origin")
_WHERE_KNOWN = ("severity", "agent", "agent_id", "councilor_id", "card_id")


def upgrade() -> None:
    cursors = op.create_table(
        "event_cursors",
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_event_cursors")),
    )
    # From the first event on: what is there already is indexed as what comes.
    op.bulk_insert(cursors, [{"name": "search", "event_id": 0}])
    op.create_table(
        "execution_search",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("execution_id", sa.String(length=36), nullable=False),
        sa.Column("words", fulltext.Words(), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["executions.id"],
            name=op.f("fk_execution_search_execution_id_executions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_execution_search")),
        sa.UniqueConstraint("execution_id", name=op.f("uq_execution_search_execution_id")),
    )
    fulltext.create_index(op.get_bind(), "execution_search")
    for column in _BEFORE:
        op.drop_index(f"ix_executions_{column}_id", table_name="executions")
    op.create_index("ix_executions_created_at_id", "executions", ["created_at", "id"])
    for column in _ALWAYS:
        op.create_index(f"ix_executions_{column}_created_at_id", "executions", [column, "created_at", "id"])
    for column in _WHERE_KNOWN:
        known = sa.text(f"{column} IS NOT NULL")
        op.create_index(
            f"ix_executions_{column}_created_at_id",
            "executions",
            [column, "created_at", "id"],
            sqlite_where=known,
            postgresql_where=known,
        )


def downgrade() -> None:
    for column in (*_WHERE_KNOWN, *_ALWAYS):
        op.drop_index(f"ix_executions_{column}_created_at_id", table_name="executions")
    op.drop_index("ix_executions_created_at_id", table_name="executions")
    for column in _BEFORE:
        op.create_index(f"ix_executions_{column}_id", "executions", [column, "id"])
    fulltext.drop_index(op.get_bind(), "execution_search")
    op.drop_table("execution_search")
    op.drop_table("event_cursors")
