"""The database in a file: SQLite, in WAL mode so that readers never wait for a writer.

It is made once, for a new installation; one that is gone is never made again in silence, for
the keys would be gone with it.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import sqlalchemy as sql
from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError

from visus.accounts import schema
from visus.accounts.faults import reason
from visus.accounts.schema import StateRefused
from visus.units import MIB

BUSY_TIMEOUT_MS: Final = 5000
_CHECKED_BYTES: Final = 64 * MIB
"""A larger database is opened without looking through all of it."""


def open_file(path: Path, *, is_new: bool) -> sql.Engine:
    """The database at `path`, with every migration applied.

    Args:
        path: its file; the folder is there.
        is_new: whether it may be made where there is none.

    Raises:
        StateRefused: gone, damaged, locked, not ours to write, or made by a newer Visus.
    """
    try:
        if is_new:
            path.touch(mode=0o600)
        elif not path.exists() or not path.stat().st_size:
            raise StateRefused(
                f"The database {path} is gone, and every key with it. Put it back; or remove "
                "what else is in its folder, to begin anew with other keys."
            )
        path.open("r+b").close()  # before SQLite makes files beside it that outlive a refusal
    except OSError as fault:
        why = os.strerror(fault.errno) if fault.errno else "it is no ordinary file"
        raise _refusal(path, why) from fault
    engine = _engine(path)
    try:
        _prepare(engine, path)
    except SQLAlchemyError as fault:
        engine.dispose()
        raise _refusal(path, reason(fault)) from fault
    except StateRefused:
        engine.dispose()
        raise
    return engine


def _engine(path: Path) -> sql.Engine:
    address = sql.URL.create(
        "sqlite",
        database=f"file:{quote(str(path.absolute()))}",
        query={"mode": "rw", "uri": "true"},
    )
    engine = sql.create_engine(address)
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "connect", _noting(path))
    event.listen(engine, "checkout", _comparing(path))
    return engine


def empty_log(engine: sql.Engine) -> None:
    """Takes what has been deleted out of the log of writes, too.

    Where somebody is reading or writing just now, that is left to the next call.
    """
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 0")
        try:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")


def _refusal(path: Path, why: str) -> StateRefused:
    return StateRefused(f"The database {path} cannot be used: {why}")


def _set_pragmas(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(
        "PRAGMA secure_delete = ON"
    )  # what is gone, such as a question, is overwritten
    cursor.close()


def _noting(path: Path) -> Callable[[Any, Any], None]:
    """Writes down which file a new connection has open."""

    def note(_connection: object, record: Any) -> None:
        record.info["file"] = _identity(path)

    return note


def _comparing(path: Path) -> Callable[[Any, Any, Any], None]:
    """Ends connections to a file that is no longer the one at `path`."""

    def compare(_connection: object, record: Any, _proxy: object) -> None:
        if record.info.get("file") != _identity(path):
            raise DisconnectionError("the database file was removed or replaced")

    return compare


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        there = path.stat()
    except OSError:
        return None
    return there.st_dev, there.st_ino


def _prepare(engine: sql.Engine, path: Path) -> None:
    """One transaction that writes: who may not finds out at the start."""
    with engine.begin() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        connection.exec_driver_sql("PRAGMA user_version = 0")
        if path.stat().st_size <= _CHECKED_BYTES:
            found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
            if found != "ok":
                raise _refusal(path, "it is damaged; put a backup in its place")
        if not schema.is_up_to_date(connection):
            schema.bring_up_to_date(connection)
