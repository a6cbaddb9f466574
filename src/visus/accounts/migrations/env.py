"""What Alembic runs around each migration: the connection comes from `accounts.database`."""

from alembic import context

from visus.accounts.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
