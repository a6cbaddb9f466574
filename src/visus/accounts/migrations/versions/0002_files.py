"""Uploaded files, and the contents that they share."""

import sqlalchemy as sql
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds the tables of contents and of files."""
    op.create_table(
        "blobs",
        sql.Column("address", sql.String(64), primary_key=True),
        sql.Column("owner", sql.String(40), nullable=False, index=True),
        sql.Column("size_bytes", sql.BigInteger, nullable=False),
    )
    op.create_table(
        "files",
        sql.Column("id", sql.String(40), primary_key=True),
        sql.Column("owner", sql.String(40), nullable=False),
        sql.Column(
            "address",
            sql.String(64),
            sql.ForeignKey("blobs.address"),
            nullable=False,
            index=True,
        ),
        sql.Column("digest", sql.LargeBinary(32), nullable=False),
        sql.Column("size_bytes", sql.BigInteger, nullable=False),
        sql.Column("filename", sql.Text, nullable=False),
        sql.Column("content_type", sql.Text, nullable=True),
        sql.Column("purpose", sql.String(40), nullable=False),
        sql.Column("created_at", sql.BigInteger, nullable=False),
        sql.Column("expires_at", sql.BigInteger, nullable=True, index=True),
        sql.Index("ix_files_owner_id", "owner", "id"),
    )


def downgrade() -> None:
    """Removes both tables; the contents stay on disk."""
    op.drop_table("files")
    op.drop_table("blobs")
