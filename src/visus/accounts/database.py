"""The one database: opened, brought up to date, closed.

SQLite in a file by default, in WAL mode so that readers never wait for a writer. A database is
made once, for a new installation; one that is gone is never made again in silence, for the keys
would be gone with it.
"""

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import msgspec
import sqlalchemy as sql
from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError

from visus.accounts.tables import HEAD, metadata
from visus.errors import StorageUnavailable
from visus.units import MIB

BUSY_TIMEOUT_MS: Final = 5000
_CHECKED_BYTES: Final = 64 * MIB
"""A larger database is opened without looking through all of it."""


class StateRefused(Exception):
    """What an installation keeps cannot be used; starting without it would lose something."""


class AccountsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where keys live, and how long a known key is trusted without asking again."""

    database: str = "visus.db"
    """A file, relative to `[state] dir`."""
    key_cache_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 1.0
    """A revoked key is refused after at most this many seconds."""
    wrong_keys_per_minute: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 600
    """Wrong keys that one address may send, as many at once; more are answered 429 in place of
    401. Of IPv6 the first 64 bits are the address. 0 for no bound."""


def open_database(path: Path, *, is_new: bool = True) -> sql.Engine:
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
        raise _refusal(path, os.strerror(fault.errno or 0)) from fault
    engine = sql.create_engine(
        sql.URL.create(
            "sqlite",
            database=f"file:{quote(str(path.absolute()))}",
            query={"mode": "rw", "uri": "true"},
        )
    )
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "connect", _noting(path))
    event.listen(engine, "checkout", _comparing(path))
    try:
        _prepare(engine, path)
    except SQLAlchemyError as fault:
        engine.dispose()
        raise _refusal(path, _reason(fault)) from fault
    except StateRefused:
        engine.dispose()
        raise
    return engine


def _refusal(path: Path, reason: str) -> StateRefused:
    return StateRefused(f"The database {path} cannot be used: {reason}")


@contextmanager
def storage_faults() -> Generator[None]:
    """Turns the library's exceptions into ours."""
    try:
        yield
    except SQLAlchemyError as fault:
        raise StorageUnavailable(
            "The database does not answer.", detail=_reason(fault), retry_after_s=5
        ) from fault


def _set_pragmas(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
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
        version = _version(connection)
        if version == HEAD:
            return
        if version is not None and version > HEAD:
            raise StateRefused(
                f"The database is of version {version}, made by a newer Visus than this one "
                f"(which knows {HEAD})."
            )
        if version is None and not sql.inspect(connection).get_table_names():
            _make(connection)
        else:
            _run_migrations(connection)


def _make(connection: sql.Connection) -> None:
    """A new database, as the newest migration would leave it; a test compares the two.

    The migrations would do the same, but reading their library takes a sixth of a first start.
    """
    metadata.create_all(connection)
    version = sql.Table(
        "alembic_version",
        sql.MetaData(),
        sql.Column("version_num", sql.String(32), primary_key=True, nullable=False),
    )
    version.create(connection)
    connection.execute(version.insert().values(version_num=HEAD))


def _version(connection: sql.Connection) -> str | None:
    if not sql.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sql.text("SELECT version_num FROM alembic_version")).scalar()


def _run_migrations(connection: sql.Connection) -> None:
    # Imported here because a database that is new or up to date has no use for it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "visus.accounts:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _reason(fault: SQLAlchemyError) -> str:
    return str(fault.__cause__ or type(fault).__name__)
