"""An index that the queue is read from in its order, on SQLite too."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_QUEUED = sa.text("status = 'queued'")


def upgrade() -> None:
    _replace("status", "rank", "id")


def downgrade() -> None:
    _replace("rank", "id")


def _replace(*columns: str) -> None:
    op.drop_index("ix_executions_queue", table_name="executions")
    op.create_index("ix_executions_queue", "executions", columns, sqlite_where=_QUEUED, postgresql_where=_QUEUED)
