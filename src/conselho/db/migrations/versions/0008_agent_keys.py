"""What was answered to whom made an agent under a key. The columns of agents that held keys are written no more."""

import sqlalchemy as sa
from alembic import op

from conselho.db.types import JsonValue, UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agent_keys",
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("request_digest", sa.String(length=64), nullable=False),
        sa.Column("answer", JsonValue, nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_agent_keys")),
    )
    op.create_index(op.f("ix_agent_keys_created_at"), "agent_keys", ["created_at"])


def downgrade() -> None:
    op.drop_table("agent_keys")
