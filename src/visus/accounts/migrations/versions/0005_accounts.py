"""Organisations, projects, what a key may do, and the ledger.

Every key that there is gets a project of its own, which takes over the key's id: what the key
owns stays with it, and nobody else comes to see it.
"""

import sqlalchemy as sql
from alembic import op

revision = "0005"
down_revision = "0004"

_COUNTS = (
    "requests",
    "failed",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "image_tokens",
    "video_tokens",
    "document_tokens",
    "images",
    "cost_micros",
)
_OF_A_RECORD = (
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "image_tokens",
    "video_tokens",
    "document_tokens",
)


def upgrade() -> None:
    """Adds the tables, and a project for each key."""
    op.create_table(
        "organisations",
        sql.Column("id", sql.String(40), primary_key=True),
        sql.Column("name", sql.String(200), nullable=False),
        sql.Column("created_at", sql.BigInteger, nullable=False),
    )
    op.create_table(
        "projects",
        sql.Column("id", sql.String(40), primary_key=True),
        sql.Column(
            "organisation_id",
            sql.String(40),
            sql.ForeignKey("organisations.id"),
            nullable=False,
        ),
        sql.Column("name", sql.String(200), nullable=False),
        sql.Column("created_at", sql.BigInteger, nullable=False),
        sql.Column("archived_at", sql.BigInteger, nullable=True),
        sql.Column("residency", sql.String(200), nullable=True),
        sql.Column("models", sql.Text, nullable=True),
        sql.Column("limits", sql.Text, nullable=True),
        sql.Column("budget_micros", sql.BigInteger, nullable=True),
    )
    op.create_index("ix_projects_organisation_id", "projects", ["organisation_id"])
    with op.batch_alter_table("keys") as keys:
        keys.add_column(
            sql.Column("project_id", sql.String(40), nullable=False, server_default="")
        )
        keys.add_column(sql.Column("expires_at", sql.BigInteger, nullable=True))
        keys.add_column(sql.Column("models", sql.Text, nullable=True))
        keys.add_column(sql.Column("limits", sql.Text, nullable=True))
        keys.add_column(
            sql.Column("is_admin", sql.Boolean, nullable=False, server_default=sql.false())
        )
    _give_each_key_a_project()
    with op.batch_alter_table("keys") as keys:
        keys.alter_column("project_id", server_default=None)
        keys.create_index("ix_keys_project_id", ["project_id"])
    _create_ledger()


def _give_each_key_a_project() -> None:
    op.execute(
        "INSERT INTO organisations (id, name, created_at) "
        "SELECT 'org_default', 'default', MIN(created_at) FROM keys HAVING COUNT(*) > 0"
    )
    op.execute(
        "INSERT INTO projects (id, organisation_id, name, created_at) "
        "SELECT id, 'org_default', name, created_at FROM keys"
    )
    op.execute("UPDATE keys SET project_id = id")


def _create_ledger() -> None:
    op.create_table(
        "usage_records",
        sql.Column("id", sql.String(40), primary_key=True),
        sql.Column("began_at", sql.BigInteger, nullable=False),
        sql.Column("ended_at", sql.BigInteger, nullable=True),
        sql.Column("lease_until", sql.BigInteger, nullable=True),
        sql.Column("node", sql.String(40), nullable=False),
        sql.Column("key_id", sql.String(40), nullable=False),
        sql.Column("project_id", sql.String(40), nullable=False),
        sql.Column("model", sql.String(200), nullable=False),
        sql.Column("provider", sql.String(200), nullable=True),
        sql.Column("region", sql.String(100), nullable=True),
        sql.Column("status", sql.Integer, nullable=True),
        sql.Column("attempts", sql.Integer, nullable=False, server_default="0"),
        *(
            sql.Column(name, sql.BigInteger, nullable=False, server_default="0")
            for name in _OF_A_RECORD
        ),
        sql.Column("images", sql.Integer, nullable=False, server_default="0"),
        sql.Column("is_estimated", sql.Boolean, nullable=False, server_default=sql.false()),
        sql.Column("held_micros", sql.BigInteger, nullable=False, server_default="0"),
        sql.Column("cost_micros", sql.BigInteger, nullable=False, server_default="0"),
    )
    for name in ("began_at", "lease_until", "project_id"):
        op.create_index(f"ix_usage_records_{name}", "usage_records", [name])
    op.create_table(
        "usage_hours",
        sql.Column("hour", sql.BigInteger, primary_key=True),
        sql.Column("project_id", sql.String(40), primary_key=True),
        sql.Column("key_id", sql.String(40), primary_key=True),
        sql.Column("model", sql.String(200), primary_key=True),
        sql.Column("provider", sql.String(200), primary_key=True),
        sql.Column("region", sql.String(100), primary_key=True),
        *(sql.Column(name, sql.BigInteger, nullable=False) for name in _COUNTS),
    )
    op.create_table(
        "budgets",
        sql.Column("project_id", sql.String(40), primary_key=True),
        sql.Column("month", sql.String(7), primary_key=True),
        sql.Column("spent_micros", sql.BigInteger, nullable=False),
        sql.Column("held_micros", sql.BigInteger, nullable=False),
    )
    op.create_table(
        "ledger_batches",
        sql.Column("name", sql.String(80), primary_key=True),
        sql.Column("written_at", sql.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Removes the ledger and the projects: a project's files go to the first of its keys."""
    op.drop_table("ledger_batches")
    op.drop_table("budgets")
    op.drop_table("usage_hours")
    op.drop_table("usage_records")
    op.execute("DELETE FROM keys WHERE is_admin")
    for table in ("files", "blobs"):
        op.execute(
            f"UPDATE {table} SET owner = (SELECT MIN(keys.id) FROM keys "  # noqa: S608 -- two names of ours
            f"WHERE keys.project_id = {table}.owner) "
            "WHERE owner IN (SELECT project_id FROM keys)"
        )
    with op.batch_alter_table("keys") as keys:
        keys.drop_index("ix_keys_project_id")
        for name in ("is_admin", "limits", "models", "expires_at", "project_id"):
            keys.drop_column(name)
    op.drop_table("projects")
    op.drop_table("organisations")
