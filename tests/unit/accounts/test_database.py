"""A new database is what the migrations make of an empty one, in a file and on a server."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sql
from alembic import command
from alembic.config import Config
from tests.support.postgres import Postgres
from tests.unit.conftest import Where, address_of

from visus.accounts.database import open_database
from visus.accounts.schema import StateRefused
from visus.accounts.tables import HEAD


@pytest.fixture(params=["sqlite", "postgresql"])
def another(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Where]:
    """Makes places where no database of ours is yet, all of one kind."""
    if request.param == "sqlite":
        names = iter("abc")
        return lambda: tmp_path / f"{next(names)}.db"
    server: Postgres = request.getfixturevalue("postgres")
    return lambda: address_of(server, server.database())


@contextmanager
def plain(where: Where) -> Iterator[sql.Engine]:
    """Without anything that we do to a database."""
    if isinstance(where, Path):
        engine = sql.create_engine(f"sqlite:///{where}")
    else:
        host = dict(where.parameters)
        engine = sql.create_engine("postgresql+psycopg://", connect_args=host)
    yield engine
    engine.dispose()


@contextmanager
def migrating(where: Where) -> Iterator[Config]:
    with plain(where) as engine, engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", "visus.accounts:migrations")
        config.attributes["connection"] = connection
        yield config


def migrated(where: Where, revision: str) -> None:
    """A database that was brought to `revision` step by step."""
    with migrating(where) as config:
        command.upgrade(config, revision)


def described(engine: sql.Engine) -> dict[str, Any]:
    """Everything that can be asked of a schema, in a fixed order."""
    found = sql.inspect(engine)
    return {
        table: {
            "columns": [
                (one["name"], str(one["type"]), one["nullable"], one["default"])
                for one in found.get_columns(table)
            ],
            "key": found.get_pk_constraint(table),
            "indexes": sorted(
                (str(one["name"]), one["column_names"], one["unique"], _condition(one))
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


def _condition(index: Any) -> list[str]:
    """Of which rows an index is, if not of all."""
    options = index.get("dialect_options", {})
    return [str(it) for name, it in options.items() if name.endswith("_where")]


def version(engine: sql.Engine) -> list[str]:
    with engine.connect() as connection:
        rows = connection.execute(sql.text("SELECT version_num FROM alembic_version"))
        return [row[0] for row in rows]


@contextmanager
def both_open(old: Where, new: Where) -> Iterator[tuple[sql.Engine, sql.Engine]]:
    with ExitStack() as stack:
        engines = [open_database(where) for where in (old, new)]
        for engine in engines:
            stack.callback(engine.dispose)
        yield engines[0], engines[1]


def test_a_new_database_is_what_the_migrations_make(another: Callable[[], Where]) -> None:
    place = another()
    migrated(place, "head")
    with both_open(place, another()) as (old, new):
        assert described(new) == described(old)
        assert version(new) == version(old) == [HEAD]


REVISIONS = [f"{number:04}" for number in range(1, int(HEAD))]


@pytest.mark.parametrize("revision", REVISIONS)
def test_an_older_database_is_brought_up_to_date(
    another: Callable[[], Where], revision: str
) -> None:
    place = another()
    migrated(place, revision)
    with both_open(place, another()) as (old, new):
        assert described(old) == described(new)
        assert version(old) == [HEAD]


@pytest.mark.parametrize("revision", REVISIONS)
def test_what_a_migration_does_can_be_taken_back(
    another: Callable[[], Where], revision: str
) -> None:
    there, back = another(), another()
    migrated(there, revision)
    open_database(back).dispose()
    with migrating(back) as config:
        command.downgrade(config, revision)
    with plain(there) as old, plain(back) as new:
        assert described(new) == described(old)
        assert version(new) == [revision]
    open_database(back).dispose()


def test_a_database_of_a_newer_visus_is_refused_and_stays_as_it_is(where: Where) -> None:
    open_database(where).dispose()
    with plain(where) as engine, engine.begin() as connection:
        connection.execute(sql.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StateRefused, match=f"9999, made by a newer Visus .*knows {HEAD}"):
        open_database(where)
    with plain(where) as engine:
        assert version(engine) == ["9999"]
