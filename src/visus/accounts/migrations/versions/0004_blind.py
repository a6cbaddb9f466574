"""What becomes of a key's pictures where a model takes text alone."""

import sqlalchemy as sql
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Adds the policy; null for that of the settings."""
    op.add_column("keys", sql.Column("blind", sql.String(20), nullable=True))


def downgrade() -> None:
    """Removes the policy."""
    op.drop_column("keys", "blind")
