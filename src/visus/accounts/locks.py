"""Named locks in the database, for work that must not run twice at the same time.

SQLite has a single writer anyway. PostgreSQL has many, so a transaction takes an
advisory lock, which ends with the transaction, also when the connection breaks.
"""

import hashlib
from collections.abc import Generator
from contextlib import contextmanager

import sqlalchemy as sql

from visus.accounts.faults import storage_faults


@contextmanager
def locked(engine: sql.Engine, name: str) -> Generator[None]:
    """Holds the lock of this name during the block, which uses other connections.

    Raises:
        StorageUnavailable: the lock is not free in time, or the database does not answer.
    """
    with storage_faults(), engine.begin() as connection:
        take_lock(connection, name)
        yield


def take_lock(connection: sql.Connection, name: str) -> None:
    """Holds the lock of this name from here to the end of the transaction.

    What the previous holder did is seen by every statement from here on. Two locks in one
    transaction must always be taken in the same order, or two transactions deadlock.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sql.select(sql.func.pg_advisory_xact_lock(_number(name))))


def _number(name: str) -> sql.BindParameter[int]:
    """64 bits of a hash; a collision only makes two holders wait for each other."""
    start = hashlib.sha256(b"visus\0" + name.encode()).digest()[:8]
    return sql.literal(int.from_bytes(start, signed=True), sql.BigInteger)
