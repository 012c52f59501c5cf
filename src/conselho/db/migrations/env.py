"""How does Alembic run a migration here? On the connection it is handed, inside the caller's transaction.

Run by Alembic, never imported. There is no offline mode: a migration may look at rows.
"""

from alembic import context

from conselho.db.base import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite cannot alter a table: it is written anew
    compare_type=True,
    transactional_ddl=True,  # SQLite's too: an upgrade happens as a whole or not at all
)
context.run_migrations()
