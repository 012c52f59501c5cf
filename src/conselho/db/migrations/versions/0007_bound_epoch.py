"""Where the epoch's database lives; not known before a server has looked, and then nothing changes."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("epochs", sa.Column("bound_to", sa.String(100), nullable=True))


def downgrade() -> None:
    op.drop_column("epochs", "bound_to")
