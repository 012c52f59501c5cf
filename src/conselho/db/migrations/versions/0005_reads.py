"""Spans of time and pairs of words in PostgreSQL's search, and an index of what expires if it is not started."""

import sqlalchemy as sa
from alembic import op

from conselho.db import fulltext

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_EXPIRES = sa.text("status = 'queued' AND start_before IS NOT NULL")


def upgrade() -> None:
    op.create_index(
        "ix_executions_start_before",
        "executions",
        ["status", "start_before"],
        sqlite_where=_EXPIRES,
        postgresql_where=_EXPIRES,
    )
    connection = op.get_bind()
    fulltext.index_spans(connection, "execution_search")
    if connection.dialect.name == "postgresql":
        # No pair of words was indexed so far: the step begins again with the first event.
        op.execute("UPDATE event_cursors SET event_id = 0 WHERE name = 'search'")


def downgrade() -> None:
    fulltext.unindex_spans(op.get_bind(), "execution_search")
    op.drop_index("ix_executions_start_before", table_name="executions")
