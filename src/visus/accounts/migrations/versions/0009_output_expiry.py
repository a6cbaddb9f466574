"""How long the files of a batch are kept."""

import sqlalchemy as sql
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Adds the column."""
    op.add_column("batches", sql.Column("output_expires_after_s", sql.Integer, nullable=True))


def downgrade() -> None:
    """Removes it."""
    op.drop_column("batches", "output_expires_after_s")
