"""Where the questions of a key may be answered."""

import sqlalchemy as sql
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Adds the places, separated by commas; null for anywhere."""
    op.add_column("keys", sql.Column("residency", sql.String(200), nullable=True))


def downgrade() -> None:
    """Removes the places: a key that had any may be used anywhere again."""
    op.drop_column("keys", "residency")
