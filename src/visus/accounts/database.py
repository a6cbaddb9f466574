"""The one database: opened, brought up to date, closed.

SQLite in a file by default, in WAL mode so that readers never wait for a writer.
"""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import sqlalchemy as sql
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from visus.accounts.tables import HEAD
from visus.errors import StorageUnavailable

BUSY_TIMEOUT_MS: Final = 5000


class DatabaseRefused(Exception):
    """The database cannot be used, and starting without it would lose something."""


class AccountsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where keys live, and how long a known key is trusted without asking again."""

    database: str = "visus.db"
    """A file, relative to `[state] dir`."""
    key_cache_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 1.0
    """A revoked key is refused after at most this many seconds."""
    wrong_keys_per_minute: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 600
    """Wrong keys that one address may send, as many at once; more are answered 429 in place of
    401. Of IPv6 the first 64 bits are the address. 0 for no bound."""


def open_database(path: Path) -> sql.Engine:
    """The database at `path`, made where there is none, with every migration applied.

    Raises:
        DatabaseRefused: not a database, not ours to write, or made by a newer Visus.
    """
    engine = sql.create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", _set_pragmas)
    try:
        _migrate(engine)
    except SQLAlchemyError as fault:
        engine.dispose()
        message = f"The database {path} cannot be opened: {_reason(fault)}"
        raise DatabaseRefused(message) from fault
    return engine


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


def _migrate(engine: sql.Engine) -> None:
    with engine.begin() as connection:
        version = _version(connection)
        if version == HEAD:
            return
        if version is not None and version > HEAD:
            raise DatabaseRefused(
                f"The database is of version {version}, made by a newer Visus than this one "
                f"(which knows {HEAD})."
            )
        _run_migrations(connection)


def _version(connection: sql.Connection) -> str | None:
    if not sql.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sql.text("SELECT version_num FROM alembic_version")).scalar()


def _run_migrations(connection: sql.Connection) -> None:
    # Imported here because a database that is up to date has no use for it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "visus.accounts:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _reason(fault: SQLAlchemyError) -> str:
    return str(fault.__cause__ or type(fault).__name__)
