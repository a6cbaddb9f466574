"""Entries that the database refuses for what is in them, such as a number too large for it.

They would be refused for ever, and whatever is behind them would wait for ever. They are found
by halving their batch, and kept in a file, in the form of the spool.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import sqlalchemy as sql
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from visus.accounts import entries, spool
from visus.accounts.entries import Batch, Entry
from visus.accounts.faults import reason
from visus.accounts.spool import Piece

SUFFIX: Final = ".refused"
OF_NUMBERS: Final = (DataError, OverflowError)
"""What is raised for a number that is too large."""
OF_CONTENT: Final = (*OF_NUMBERS, IntegrityError, ValueError)
"""What a database, or the library on the way to it, raises for what stands in an entry.

None of them tells that the database is away, locked, full or only to be read."""


class Refused(NamedTuple):
    """An entry that cannot be written, and why."""

    entry: Entry
    why: str


def write_others(connection: sql.Connection, batch: Batch) -> list[Refused]:
    """Writes a batch, unless it has been written before, without those that are refused.

    Raises:
        SQLAlchemyError: the database is at fault, and not what is in the entries.
    """
    if not entries.claim(connection, batch.name):
        return []
    return _halved(connection, batch.entries)


def _halved(connection: sql.Connection, some: Sequence[Entry]) -> list[Refused]:
    try:
        with connection.begin_nested():
            entries.write_all(connection, some)
    except OF_CONTENT as fault:
        if len(some) == 1:
            return [Refused(some[0], _why(fault))]
        middle = len(some) // 2
        return _halved(connection, some[:middle]) + _halved(connection, some[middle:])
    return []


def _why(fault: Exception) -> str:
    return reason(fault) if isinstance(fault, SQLAlchemyError) else str(fault)


def keep(folder: Path, batch: Batch, refused: Sequence[Refused]) -> Path:
    """Writes what was refused of a batch into a file of its own.

    The file has a name that is no batch's yet, so that it may be mended and brought again.

    Raises:
        StorageUnavailable: it cannot be written.
    """
    lines = b"".join(spool.line_of(one.entry) for one in refused)
    return _kept(folder / f"{batch.name}-mended{SUFFIX}", lines)


def keep_unreadable(folder: Path, piece: Piece) -> Path:
    """Writes the unreadable lines of a piece into a file of their own, as `keep` does.

    Raises:
        StorageUnavailable: it cannot be written.
    """
    path = folder / f"{piece.batch.name}-unreadable{SUFFIX}"
    return _kept(path, b"".join(line + b"\n" for line in piece.unreadable))


def _kept(path: Path, lines: bytes) -> Path:
    new = path.with_suffix(".new")
    try:
        with os.fdopen(_opened(new), "wb") as file:
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as fault:
        raise spool.unwritten(str(fault)) from fault
    return path


def kept(folder: Path) -> int:
    """How many files of refused entries there are."""
    return sum(1 for _ in folder.glob(f"*{SUFFIX}"))


def _opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
