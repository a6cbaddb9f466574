"""What stands on the database stands on both of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sql
from tests.support.postgres import Postgres

from visus.accounts.address import PostgresAddress, postgres_address
from visus.accounts.database import open_database

Where = Path | PostgresAddress


def address_of(server: Postgres, name: str) -> PostgresAddress:
    address = postgres_address(server.url(name))
    assert address is not None
    return address


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Where:
    """A place where no database of ours is yet."""
    if request.param == "sqlite":
        return tmp_path / "visus.db"
    server: Postgres = request.getfixturevalue("postgres")
    return address_of(server, server.database())


@pytest.fixture
def engine(where: Where) -> Iterator[sql.Engine]:
    opened = open_database(where)
    yield opened
    opened.dispose()
