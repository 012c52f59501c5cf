"""The heart: executions, their logs, lanes and counters, the workers, and the events."""

import sqlalchemy as sa
from alembic import op

from conselho import ids
from conselho.db.types import JsonValue, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_epochs()
    _create_events()
    _create_execution_counters()
    _create_executions()
    _create_idempotency_keys()
    _create_rescue()
    _create_workers()
    _create_execution_lanes()
    _create_log_chunks()
    _create_log_heads()
    epochs = sa.table("epochs", sa.column("id", sa.Integer), sa.column("name", sa.String))
    op.bulk_insert(epochs, [{"id": 1, "name": ids.new()}])


def downgrade() -> None:

    op.drop_table("log_heads")
    op.drop_table("log_chunks")
    op.drop_index(
        "ix_execution_lanes_held",
        table_name="execution_lanes",
        sqlite_where=sa.text("held"),
        postgresql_where=sa.text("held"),
    )
    op.drop_table("execution_lanes")
    op.drop_table("workers")
    op.drop_table("rescue")
    op.drop_index(op.f("ix_idempotency_keys_created_at"), table_name="idempotency_keys")
    op.drop_table("idempotency_keys")
    op.drop_index("ix_executions_status_id", table_name="executions")
    op.drop_index("ix_executions_severity_id", table_name="executions")
    op.drop_index(
        "ix_executions_queue",
        table_name="executions",
        sqlite_where=sa.text("status = 'queued'"),
        postgresql_where=sa.text("status = 'queued'"),
    )
    op.drop_index("ix_executions_origin_id", table_name="executions")
    op.drop_index("ix_executions_agent_id_id", table_name="executions")
    op.drop_index(
        "ix_executions_active",
        table_name="executions",
        sqlite_where=sa.text("status IN ('claimed', 'running')"),
        postgresql_where=sa.text("status IN ('claimed', 'running')"),
    )
    op.drop_table("executions")
    op.drop_table("execution_counters")
    op.drop_index("ix_events_execution_id_id", table_name="events")
    op.drop_table("events")
    op.drop_table("epochs")


def _create_epochs() -> None:
    op.create_table(
        "epochs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_epochs")),
    )


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("kind", sa.String(length=50), nullable=False),
        sa.Column("execution_id", sa.String(length=36), nullable=True),
        sa.Column("data", JsonValue, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_execution_id_id", "events", ["execution_id", "id"], unique=False)


def _create_execution_counters() -> None:
    op.create_table(
        "execution_counters",
        sa.Column("scope", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "name", name=op.f("pk_execution_counters")),
    )


def _create_executions() -> None:
    op.create_table(
        "executions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("origin", sa.String(length=10), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=True),
        sa.Column("agent_id", sa.String(length=36), nullable=True),
        sa.Column("agent", sa.String(length=100), nullable=True),
        sa.Column("provider", sa.String(length=50), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=True),
        sa.Column("argv", JsonValue, nullable=True),
        sa.Column("prompt", sa.Text(), nullable=True),
        sa.Column("cwd", sa.Text(), nullable=False),
        sa.Column("env", JsonValue, nullable=True),
        sa.Column("context", JsonValue, nullable=True),
        sa.Column("timeout_seconds", sa.Float(), nullable=True),
        sa.Column("idle_timeout_seconds", sa.Float(), nullable=True),
        sa.Column("accepted_exit_codes", JsonValue, nullable=False),
        sa.Column("exclusive", sa.Boolean(), nullable=False),
        sa.Column("retry_on_loss", sa.Boolean(), nullable=False),
        sa.Column("councilor_id", sa.String(length=36), nullable=True),
        sa.Column("card_id", sa.String(length=36), nullable=True),
        sa.Column("command", sa.String(length=50), nullable=True),
        sa.Column("instance_id", sa.String(length=100), nullable=True),
        sa.Column("retry_of", sa.String(length=36), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("not_before", UtcDateTime(), nullable=True),
        sa.Column("start_before", UtcDateTime(), nullable=True),
        sa.Column("waiting_for", sa.Text(), nullable=True),
        sa.Column("lanes", JsonValue, nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("worker_id", sa.String(length=36), nullable=True),
        sa.Column("worker", sa.String(length=100), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("unreachable_since", UtcDateTime(), nullable=True),
        sa.Column("cancel_requested_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("completed_at", UtcDateTime(), nullable=True),
        sa.Column("duration_seconds", sa.Float(), nullable=True),
        sa.Column("severity", sa.String(length=10), nullable=True),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("findings", JsonValue, nullable=True),
        sa.Column("evidence", JsonValue, nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("reason", sa.String(length=50), nullable=True),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("signal", sa.Integer(), nullable=True),
        sa.Column("input_tokens", sa.BigInteger(), nullable=True),
        sa.Column("output_tokens", sa.BigInteger(), nullable=True),
        sa.Column("cost_usd", sa.Float(), nullable=True),
        sa.Column("session", sa.String(length=200), nullable=True),
        sa.Column("log_lines", sa.Integer(), nullable=False),
        sa.Column("log_bytes", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "NOT (status IN ('claimed', 'running')) OR lease_until IS NOT NULL",
            name=op.f("ck_executions_held_has_lease"),
        ),
        sa.CheckConstraint(
            "origin IN ('schedule', 'card', 'api', 'cli', 'retry', 'import')", name=op.f("ck_executions_origin")
        ),
        sa.CheckConstraint("severity IN ('success', 'warning', 'error')", name=op.f("ck_executions_severity")),
        sa.CheckConstraint(
            "status IN ('queued', 'claimed', 'running', 'succeeded', 'failed', 'timed_out', 'cancelled', 'lost', "
            "'expired')",
            name=op.f("ck_executions_status"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_executions")),
    )
    op.create_index(
        "ix_executions_active",
        "executions",
        ["worker_id", "id"],
        unique=False,
        sqlite_where=sa.text("status IN ('claimed', 'running')"),
        postgresql_where=sa.text("status IN ('claimed', 'running')"),
    )
    op.create_index("ix_executions_agent_id_id", "executions", ["agent_id", "id"], unique=False)
    op.create_index("ix_executions_origin_id", "executions", ["origin", "id"], unique=False)
    op.create_index(
        "ix_executions_queue",
        "executions",
        ["rank", "id"],
        unique=False,
        sqlite_where=sa.text("status = 'queued'"),
        postgresql_where=sa.text("status = 'queued'"),
    )
    op.create_index("ix_executions_severity_id", "executions", ["severity", "id"], unique=False)
    op.create_index("ix_executions_status_id", "executions", ["status", "id"], unique=False)


def _create_idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("request_digest", sa.String(length=64), nullable=False),
        sa.Column("execution_id", sa.String(length=36), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"], unique=False)


def _create_rescue() -> None:
    op.create_table(
        "rescue",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rescue")),
    )


def _create_workers() -> None:
    op.create_table(
        "workers",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("boot_id", sa.String(length=36), nullable=False),
        sa.Column("seats", sa.Integer(), nullable=False),
        sa.Column("joined_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("left_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
    )


def _create_execution_lanes() -> None:
    op.create_table(
        "execution_lanes",
        sa.Column("execution_id", sa.String(length=36), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("room", sa.Integer(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["executions.id"],
            name=op.f("fk_execution_lanes_execution_id_executions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("execution_id", "key", name=op.f("pk_execution_lanes")),
    )
    op.create_index(
        "ix_execution_lanes_held",
        "execution_lanes",
        ["key"],
        unique=False,
        sqlite_where=sa.text("held"),
        postgresql_where=sa.text("held"),
    )


def _create_log_chunks() -> None:
    op.create_table(
        "log_chunks",
        sa.Column("execution_id", sa.String(length=36), nullable=False),
        sa.Column("first_seq", sa.Integer(), nullable=False),
        sa.Column("line_count", sa.Integer(), nullable=False),
        sa.Column("first_at", UtcDateTime(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.Column("codec", sa.String(length=10), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["executions.id"], name=op.f("fk_log_chunks_execution_id_executions"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("execution_id", "first_seq", name=op.f("pk_log_chunks")),
    )


def _create_log_heads() -> None:
    op.create_table(
        "log_heads",
        sa.Column("execution_id", sa.String(length=36), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["executions.id"], name=op.f("fk_log_heads_execution_id_executions"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("execution_id", name=op.f("pk_log_heads")),
    )
