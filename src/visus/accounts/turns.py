"""Named locks in the database, for work that must not run twice at the same time.

SQLite has a single writer anyway. PostgreSQL has many, so that who needs a turn takes an
advisory lock, which ends with the transaction, also when the connection breaks.
"""

import hashlib
from collections.abc import Generator
from contextlib import contextmanager

import sqlalchemy as sql

from visus.accounts.faults import storage_faults


@contextmanager
def turn(engine: sql.Engine, name: str) -> Generator[None]:
    """Holds the lock of this name during the block, which uses other connections.

    Raises:
        StorageUnavailable: the turn does not come, or the database does not answer.
    """
    with storage_faults(), engine.begin() as connection:
        take_turn(connection, name)
        yield


def take_turn(connection: sql.Connection, name: str) -> None:
    """Holds the lock of this name from here to the end of the transaction.

    What another one did in its turn is seen by every statement from here on. Two turns in one
    transaction are taken in an order that all keep, or they wait for each other for ever.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sql.select(sql.func.pg_advisory_xact_lock(_number(name))))


def _number(name: str) -> sql.BindParameter[int]:
    """64 bits; a rare equal one only makes two wait who need not."""
    start = hashlib.sha256(b"visus\0" + name.encode()).digest()[:8]
    return sql.literal(int.from_bytes(start, signed=True), sql.BigInteger)
