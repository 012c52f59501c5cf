"""Projects: directories that cards are worked on in."""

import sqlalchemy as sa
from alembic import op

from conselho.db.types import UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "projects",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("slug", sa.String(length=100), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=True),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("default_branch", sa.String(length=200), nullable=True),
        sa.Column("is_repository", sa.Boolean(), nullable=False),
        sa.Column("may_use_own_commands", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_projects")),
        sa.UniqueConstraint("path", name=op.f("uq_projects_path")),
        sa.UniqueConstraint("slug", name=op.f("uq_projects_slug")),
    )


def downgrade() -> None:
    op.drop_table("projects")
