"""Requests that are answered later, and files of them."""

import sqlalchemy as sql
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Adds the tables."""
    _create_jobs()
    _create_batches()


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sql.Column("id", sql.String(40), primary_key=True),
        sql.Column("project_id", sql.String(40), nullable=False),
        sql.Column("key_id", sql.String(40), nullable=False),
        sql.Column("route", sql.String(100), nullable=False),
        sql.Column("status", sql.String(20), nullable=False),
        sql.Column("created_at", sql.BigInteger, nullable=False),
        sql.Column("started_at", sql.BigInteger, nullable=True),
        sql.Column("ended_at", sql.BigInteger, nullable=True),
        sql.Column("expires_at", sql.BigInteger, nullable=False),
        sql.Column("priority", sql.Integer, nullable=False, server_default="0"),
        sql.Column("due_at", sql.BigInteger, nullable=True),
        sql.Column("lease", sql.String(40), nullable=True),
        sql.Column("losses", sql.Integer, nullable=False, server_default="0"),
        sql.Column("batch_id", sql.String(40), nullable=True),
        sql.Column("line", sql.Integer, nullable=True),
        sql.Column("custom_id", sql.Text, nullable=True),
        sql.Column("status_code", sql.Integer, nullable=True),
        sql.Column("request_id", sql.String(40), nullable=True),
        sql.Column("request_bytes", sql.BigInteger, nullable=False),
        sql.Column("request_headers", sql.Text, nullable=False),
        sql.Column("response_headers", sql.Text, nullable=True),
        sql.Column("request", sql.LargeBinary, nullable=True),
        sql.Column("result", sql.LargeBinary, nullable=True),
    )
    op.create_index("ix_jobs_project_id", "jobs", ["project_id"])
    op.create_index("ix_jobs_expires_at", "jobs", ["expires_at"])
    op.create_index("ix_jobs_lease", "jobs", ["lease"])
    op.create_index("ix_jobs_batch_id_line", "jobs", ["batch_id", "line"])
    op.create_index(
        "ix_jobs_due",
        "jobs",
        ["priority", "due_at"],
        sqlite_where=sql.text("due_at IS NOT NULL"),
        postgresql_where=sql.text("due_at IS NOT NULL"),
    )


def _create_batches() -> None:
    op.create_table(
        "batches",
        sql.Column("id", sql.String(40), primary_key=True),
        sql.Column("project_id", sql.String(40), nullable=False),
        sql.Column("key_id", sql.String(40), nullable=False),
        sql.Column("status", sql.String(20), nullable=False),
        sql.Column("endpoint", sql.String(100), nullable=False),
        sql.Column("input_file_id", sql.String(40), nullable=False),
        sql.Column("output_file_id", sql.String(40), nullable=True),
        sql.Column("error_file_id", sql.String(40), nullable=True),
        sql.Column("metadata", sql.Text, nullable=True),
        sql.Column("errors", sql.Text, nullable=True),
        sql.Column("times", sql.Text, nullable=False),
        sql.Column("created_at", sql.BigInteger, nullable=False),
        sql.Column("expires_at", sql.BigInteger, nullable=False),
        sql.Column("due_at", sql.BigInteger, nullable=True),
        sql.Column("lease", sql.String(40), nullable=True),
        sql.Column("total", sql.Integer, nullable=False, server_default="0"),
        sql.Column("completed", sql.Integer, nullable=False, server_default="0"),
        sql.Column("failed", sql.Integer, nullable=False, server_default="0"),
    )
    op.create_index("ix_batches_due_at", "batches", ["due_at"])
    op.create_index("ix_batches_project_id_id", "batches", ["project_id", "id"])


def downgrade() -> None:
    """Removes them, with whatever waits."""
    op.drop_table("batches")
    op.drop_table("jobs")
