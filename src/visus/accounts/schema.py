"""The schema of the database: its version, and its migration to ours."""

from typing import Final

import sqlalchemy as sql

from visus.accounts.tables import HEAD, metadata

_VERSION: Final = "alembic_version"


class StateRefused(Exception):
    """What an installation keeps cannot be used; starting without it would lose something."""


def is_up_to_date(connection: sql.Connection) -> bool:
    """Whether this Visus can begin at once.

    Raises:
        StateRefused: a newer Visus made it.
    """
    version = _version(connection)
    if version is not None and version > HEAD:
        raise StateRefused(
            f"The database is of version {version}, made by a newer Visus than this one "
            f"(which knows {HEAD})."
        )
    return version == HEAD


def is_empty(connection: sql.Connection) -> bool:
    """Whether the database holds none of our tables."""
    there = sql.inspect(connection).get_table_names()
    return {*metadata.tables, _VERSION}.isdisjoint(there)


def bring_up_to_date(connection: sql.Connection) -> None:
    """Makes the tables, or applies the migrations that they lack. In one transaction."""
    if is_empty(connection):
        _make(connection)
    else:
        _run_migrations(connection)


def _make(connection: sql.Connection) -> None:
    """A new database, as the newest migration would leave it; a test compares the two.

    The migrations would do the same, but reading their library takes a sixth of a first start.
    """
    _say_conditions_as(connection.dialect.name)
    metadata.create_all(connection)
    version = sql.Table(
        _VERSION,
        sql.MetaData(),
        sql.Column("version_num", sql.String(32), nullable=False),
        sql.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
    )
    version.create(connection)
    connection.execute(version.insert().values(version_num=HEAD))


def _say_conditions_as(dialect: str) -> None:
    """Which rows an index is of; `tables` says it in SQLite's word alone."""
    for index in (index for table in metadata.tables.values() for index in table.indexes):
        condition = index.dialect_options["sqlite"]["where"]
        if condition is not None:
            index.dialect_options[dialect]["where"] = condition


def _version(connection: sql.Connection) -> str | None:
    if not sql.inspect(connection).has_table(_VERSION):
        return None
    return connection.execute(sql.text(f"SELECT version_num FROM {_VERSION}")).scalar()  # noqa: S608 -- our own name


def _run_migrations(connection: sql.Connection) -> None:
    # Imported here because a database that is new or up to date has no use for it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "visus.accounts:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
