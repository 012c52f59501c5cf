"""What retention needs: who has been through the events, when a log was removed, and how far one has been compacted."""

import sqlalchemy as sa
from alembic import op

from conselho.db.types import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_CURSORS = sa.table("event_cursors", sa.column("name", sa.String), sa.column("event_id", sa.BigInteger))
_NAMES = ("pruned", "compaction")


def upgrade() -> None:
    op.bulk_insert(_CURSORS, [{"name": name, "event_id": 0} for name in _NAMES])
    # Not in a batch: neither needs the table written anew, and that would lose its CHECK constraints on SQLite.
    op.add_column("executions", sa.Column("log_purged_at", UtcDateTime(), nullable=True))
    op.add_column("log_heads", sa.Column("compacted_seq", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("log_heads", "compacted_seq")
    op.drop_column("executions", "log_purged_at")
    op.execute(sa.delete(_CURSORS).where(_CURSORS.c.name.in_(_NAMES)))
