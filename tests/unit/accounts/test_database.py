"""A new database is what the migrations make of an empty one."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sql
from alembic import command
from alembic.config import Config

from visus.accounts.database import open_database
from visus.accounts.tables import HEAD


def migrated(path: Path, revision: str) -> None:
    """A database that was brought to `revision` step by step."""
    engine = sql.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", "visus.accounts:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def described(engine: sql.Engine) -> dict[str, Any]:
    """Everything that can be asked of a schema, in a fixed order."""
    found = sql.inspect(engine)
    return {
        table: {
            "columns": [
                (one["name"], str(one["type"]), one["nullable"], one["default"])
                for one in found.get_columns(table)
            ],
            "key": found.get_pk_constraint(table)["constrained_columns"],
            "indexes": sorted(
                (str(one["name"]), one["column_names"], one["unique"])
                for one in found.get_indexes(table)
            ),
            "unique": [one["column_names"] for one in found.get_unique_constraints(table)],
            "foreign": [
                (one["constrained_columns"], one["referred_table"], one["referred_columns"])
                for one in found.get_foreign_keys(table)
            ],
        }
        for table in sorted(found.get_table_names())
    }


def version(engine: sql.Engine) -> list[str]:
    with engine.connect() as connection:
        rows = connection.execute(sql.text("SELECT version_num FROM alembic_version"))
        return [row[0] for row in rows]


def test_a_new_database_is_what_the_migrations_make(tmp_path: Path) -> None:
    migrated(tmp_path / "old.db", "head")
    old, new = open_database(tmp_path / "old.db"), open_database(tmp_path / "new.db")
    assert described(new) == described(old)
    assert version(new) == version(old) == [HEAD]
    old.dispose()
    new.dispose()


@pytest.mark.parametrize("revision", ["0001", "0002", "0003"])
def test_an_older_database_is_brought_up_to_date(tmp_path: Path, revision: str) -> None:
    migrated(tmp_path / "old.db", revision)
    old, new = open_database(tmp_path / "old.db"), open_database(tmp_path / "new.db")
    assert described(old) == described(new)
    assert version(old) == [HEAD]
    old.dispose()
    new.dispose()
