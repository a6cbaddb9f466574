"""Which providers the questions of a key or a project may be put to."""

import sqlalchemy as sql
from alembic import op

revision = "0010"
down_revision = "0009"
_TABLES = ("projects", "keys")


def upgrade() -> None:
    """Adds the columns."""
    for table in _TABLES:
        op.add_column(table, sql.Column("providers", sql.Text, nullable=True))


def downgrade() -> None:
    """Drops the columns."""
    for table in _TABLES:
        op.drop_column(table, "providers")
