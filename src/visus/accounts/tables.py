"""The database's tables, as the newest migration leaves them."""

from typing import Final

import sqlalchemy as sql

HEAD: Final = "0004"
"""The newest migration; a test compares it with the migrations themselves."""

metadata: Final = sql.MetaData()

keys: Final = sql.Table(
    "keys",
    metadata,
    sql.Column("id", sql.String(40), primary_key=True),
    sql.Column("name", sql.String(200), nullable=False),
    sql.Column("digest", sql.LargeBinary(32), nullable=False, unique=True),
    sql.Column("hint", sql.String(16), nullable=False),
    sql.Column("created_at", sql.BigInteger, nullable=False),
    sql.Column("revoked_at", sql.BigInteger, nullable=True),
    sql.Column("residency", sql.String(200), nullable=True),
    sql.Column("blind", sql.String(20), nullable=True),
)

blobs: Final = sql.Table(
    "blobs",
    metadata,
    sql.Column("address", sql.String(64), primary_key=True),
    sql.Column("owner", sql.String(40), nullable=False, index=True),
    sql.Column("size_bytes", sql.BigInteger, nullable=False),
)
"""Contents on disk: one for all equal files of an owner."""

files: Final = sql.Table(
    "files",
    metadata,
    sql.Column("id", sql.String(40), primary_key=True),
    sql.Column("owner", sql.String(40), nullable=False),
    sql.Column(
        "address", sql.String(64), sql.ForeignKey("blobs.address"), nullable=False, index=True
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
