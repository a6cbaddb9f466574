"""Entries of the ledger on their way to the database: a file that only grows, piece by piece.

What has been appended outlives the death of the process, though not of the machine (the same as
the database promises, which is not told to wait for the disk either). A piece belongs to the
process that holds its lock; where nobody does, whoever finds it may have it.
"""

import contextlib
import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from visus.accounts.entries import Batch, Entry, Hold, Settlement
from visus.errors import StorageUnavailable

SUFFIX: Final = ".entries"
PRESENCE: Final = ".alive"
MAX_REMEMBERED: Final = 100_000
"""Entries of which none is in a file."""
_encode: Final = msgspec.json.Encoder().encode
_entry: Final = msgspec.json.Decoder(Hold | Settlement).decode


class Piece(NamedTuple):
    """A file of entries."""

    path: Path
    batch: Batch


class Spool:
    """Appends entries. One process, one spool; not for two threads at a time."""

    def __init__(self, folder: Path, node: str) -> None:
        """`node` names the process among all that ever used the folder."""
        self._folder = folder
        self._node = node
        self._number = 0
        self._file: int | None = None
        self._size = 0
        self._pending: list[Entry] = []

    @property
    def pending(self) -> int:
        """Entries of no piece yet."""
        return len(self._pending)

    def append(self, entry: Entry) -> None:
        """Appends an entry.

        Raises:
            StorageUnavailable: it could not be written.
        """
        line = _encode(entry) + b"\n"
        try:
            if self._file is None:
                self._file, self._size = _opened(self._path()), 0
            written = os.write(self._file, line)
        except OSError as fault:
            raise _unwritten(str(fault)) from fault
        if written != len(line):
            os.ftruncate(self._file, self._size)  # or the next line would begin within this one
            raise _unwritten("the disk is full")
        self._size += written
        self._pending.append(entry)

    def remember(self, entry: Entry) -> None:
        """Keeps an entry that could not be appended: it does not outlive the process.

        Raises:
            StorageUnavailable: there are too many of them.
        """
        if len(self._pending) >= MAX_REMEMBERED:
            raise _unwritten("too much is only remembered")
        self._pending.append(entry)

    def cut(self) -> Piece | None:
        """Everything since the last cut; what is appended next goes into another file."""
        if not self._pending:
            return None
        piece = Piece(self._path(), Batch(self._path().stem, self._pending))
        if self._file is not None:
            os.close(self._file)
        self._file, self._pending = None, []
        self._number += 1
        return piece

    def _path(self) -> Path:
        return self._folder / f"{self._node}-{self._number:08d}{SUFFIX}"


def drop(piece: Piece) -> None:
    """Forgets a piece that is in the database."""
    with contextlib.suppress(FileNotFoundError):
        piece.path.unlink()


@contextmanager
def abandoned(folder: Path) -> Generator[list[Piece]]:
    """The pieces of processes that have died, in order; nobody else gets them meanwhile."""
    with _unlocked(folder, SUFFIX) as files:
        yield [Piece(path, Batch(path.stem, _entries(path.read_bytes()))) for path in files]


def be_present(folder: Path, node: str) -> int:
    """Shows, for as long as the file that is returned is open, that a process is alive."""
    return _opened(folder / f"{node}{PRESENCE}")


@contextmanager
def dead(folder: Path) -> Generator[list[str]]:
    """The processes that were present and are no more; afterwards they are forgotten."""
    with _unlocked(folder, PRESENCE) as files:
        yield [path.stem for path in files]
        for path in files:
            path.unlink(missing_ok=True)


@contextmanager
def _unlocked(folder: Path, suffix: str) -> Generator[list[Path]]:
    """The files whose locks nobody has but us, until the end of the block."""
    with contextlib.ExitStack() as stack:
        found: list[Path] = []
        for path in sorted(folder.glob(f"*{suffix}")):
            try:
                file = stack.enter_context(path.open("rb"))
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue  # somebody has it, or has just been done with it
            found.append(path)
        yield found


def _unwritten(why: str) -> StorageUnavailable:
    message = "What was asked cannot be written down."
    return StorageUnavailable(message, detail=why, retry_after_s=5)


def _opened(path: Path) -> int:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file


def _entries(data: bytes) -> list[Entry]:
    """What stands in a file; a line that was not finished is none."""
    whole, _, _ = data.rpartition(b"\n")
    found: list[Entry] = []
    for line in whole.split(b"\n") if whole else ():
        try:
            found.append(_entry(line))
        except (msgspec.MsgspecError, ValueError):
            continue  # torn by a disk that was full; its writer was told
    return found
