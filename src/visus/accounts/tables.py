"""The database's tables, as the newest migration leaves them."""

from typing import Final

import sqlalchemy as sql

HEAD: Final = "0001"
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
)
