"""Whose request made a batch, for its traces; of the ledger, the used indexes."""

import sqlalchemy as sql
from alembic import op

revision = "0008"
down_revision = "0007"
_HELD = "lease_until IS NOT NULL"
_UNUSED = ("began_at", "project_id")


def upgrade() -> None:
    """Adds the column, and changes the indexes."""
    op.add_column("batches", sql.Column("traceparent", sql.String(60), nullable=True))
    for column in (*_UNUSED, "lease_until"):
        op.drop_index(f"ix_usage_records_{column}", "usage_records")
    op.create_index(
        "ix_usage_records_lease_until",
        "usage_records",
        ["lease_until"],
        sqlite_where=sql.text(_HELD),
        postgresql_where=sql.text(_HELD),
    )


def downgrade() -> None:
    """Puts them back."""
    op.drop_index("ix_usage_records_lease_until", "usage_records")
    for column in (*_UNUSED, "lease_until"):
        op.create_index(f"ix_usage_records_{column}", "usage_records", [column])
    op.drop_column("batches", "traceparent")
