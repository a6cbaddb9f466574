"""Webhooks: the secrets of projects, and who is to be told; an index of the jobs that wait."""

import sqlalchemy as sql
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Adds the tables and the index."""
    op.create_table(
        "webhook_secrets",
        sql.Column("id", sql.String(40), primary_key=True),
        sql.Column("project_id", sql.String(40), nullable=False),
        sql.Column("secret", sql.String(80), nullable=False),
        sql.Column("created_at", sql.BigInteger, nullable=False),
        sql.Column("expires_at", sql.BigInteger, nullable=True),
    )
    op.create_index("ix_webhook_secrets_project_id", "webhook_secrets", ["project_id"])
    op.create_table(
        "deliveries",
        sql.Column("id", sql.String(40), primary_key=True),
        sql.Column("subject_id", sql.String(40), nullable=False, unique=True),
        sql.Column("project_id", sql.String(40), nullable=False),
        sql.Column("url", sql.Text, nullable=False),
        sql.Column("origin", sql.String(300), nullable=False),
        sql.Column("status", sql.String(20), nullable=False),
        sql.Column("event", sql.String(40), nullable=True),
        sql.Column("happened_at", sql.BigInteger, nullable=True),
        sql.Column("due_at", sql.BigInteger, nullable=True),
        sql.Column("lease", sql.String(40), nullable=True),
        sql.Column("attempts", sql.Integer, nullable=False, server_default="0"),
        sql.Column("status_code", sql.Integer, nullable=True),
        sql.Column("fault", sql.String(40), nullable=True),
        sql.Column("ended_at", sql.BigInteger, nullable=True),
        sql.Column("known_until", sql.BigInteger, nullable=False),
    )
    for column in ("due_at", "known_until"):
        op.create_index(f"ix_deliveries_{column}", "deliveries", [column])
    op.create_index(
        "ix_jobs_open",
        "jobs",
        ["priority", "status", "created_at"],
        sqlite_where=sql.text("due_at IS NOT NULL"),
        postgresql_where=sql.text("due_at IS NOT NULL"),
    )


def downgrade() -> None:
    """Removes them, with whatever has not been told."""
    op.drop_index("ix_jobs_open", "jobs")
    op.drop_table("deliveries")
    op.drop_table("webhook_secrets")
