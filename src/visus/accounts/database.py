"""The one database, opened and brought up to date: in a file, or on a server.

A database is made once, for a new installation; one that is gone is never made again in
silence, for the keys would be gone with it.
"""

from pathlib import Path
from typing import Final

import sqlalchemy as sql

from visus.accounts.address import PostgresAddress, postgres_address
from visus.accounts.settings import AccountsSettings, PostgresSettings
from visus.accounts.sqlite import open_file

_DEFAULTS: Final = PostgresSettings()


def place(settings: AccountsSettings, folder: Path) -> Path | PostgresAddress:
    """Where the database of an installation is that keeps its files in `folder`."""
    return postgres_address(settings.database) or folder / settings.database


def open_database(
    where: Path | PostgresAddress,
    *,
    is_new: bool = True,
    settings: PostgresSettings = _DEFAULTS,
) -> sql.Engine:
    """The database there, with every migration applied.

    Args:
        where: its file, whose folder is there; or its server.
        is_new: whether it may be made where there is none.
        settings: how a server is talked to.

    Raises:
        StateRefused: gone, damaged, locked, not to be reached, not ours to write, or made by a
            newer Visus.
    """
    if isinstance(where, Path):
        return open_file(where, is_new=is_new)
    # Imported here because most installations have no use for it.
    from visus.accounts.postgres import open_server  # noqa: PLC0415

    return open_server(where, settings, is_new=is_new)
