"""API keys, by digest only."""

import sqlalchemy as sql
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Adds the table of keys."""
    op.create_table(
        "keys",
        sql.Column("id", sql.String(40), primary_key=True),
        sql.Column("name", sql.String(200), nullable=False),
        sql.Column("digest", sql.LargeBinary(32), nullable=False, unique=True),
        sql.Column("hint", sql.String(16), nullable=False),
        sql.Column("created_at", sql.BigInteger, nullable=False),
        sql.Column("revoked_at", sql.BigInteger, nullable=True),
    )


def downgrade() -> None:
    """Removes the table of keys."""
    op.drop_table("keys")
