"""Entries of the ledger on their way to the database: a file that only grows, piece by piece.

What has been appended outlives the death of the process, though not of the machine (the same as
the database promises, which is not told to wait for the disk either). A piece belongs to the
process that holds its lock; where nobody does, whoever finds it may have it.
"""

import contextlib
import fcntl
import mmap
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from visus.accounts.entries import Batch, Entry, Hold, Settlement
from visus.errors import StorageUnavailable
from visus.units import KIB

SUFFIX: Final = ".entries"
PRESENCE: Final = ".alive"
MAX_REMEMBERED: Final = 100_000
"""Entries of which none is in a file."""
ROOM_BYTES: Final = 256 * KIB
"""Of a file; about a thousand entries."""
_encode: Final = msgspec.json.Encoder().encode
_entry: Final = msgspec.json.Decoder(Hold | Settlement).decode


class Piece(NamedTuple):
    """A file of entries."""

    path: Path
    batch: Batch
    unreadable: Sequence[bytes] = ()
    """Lines that were finished, and are no entries."""


class _Open:
    """A file that is being filled, in memory that is shared with the system.

    Its room is taken on the disk when it is made, so that nothing that is put into it later can
    find the disk full; and putting something into it asks the system for nothing.
    """

    __slots__ = ("_file", "_path", "_room", "_size", "entries")

    def __init__(self, path: Path, room: int) -> None:
        """Raises `OSError` where there is no room for so many bytes."""
        self._path = path
        self.entries: list[Entry] = []
        self._size = 0
        self._file = _opened(path)
        try:
            os.posix_fallocate(self._file, 0, room)
            self._room = mmap.mmap(self._file, room)
        except BaseException:
            path.unlink(missing_ok=True)
            os.close(self._file)
            raise

    def append(self, entry: Entry, line: bytes) -> bool:
        """Appends an entry, if its line still fits."""
        end = self._size + len(line)
        if end > len(self._room):
            return False
        self._room[self._size : end] = line
        self._size = end
        self.entries.append(entry)
        return True

    @property
    def piece(self) -> Piece:
        """What is in it."""
        return Piece(self._path, Batch(self._path.stem, self.entries))

    def close(self) -> None:
        """Nothing more goes into it.

        Raises `OSError` where its room could not be given back; it is closed then, too.
        """
        self._room.close()
        try:
            os.ftruncate(self._file, self._size)
        finally:
            os.close(self._file)


class Spool:
    """Appends entries. One process, one spool; not for two threads at a time."""

    def __init__(self, folder: Path, node: str) -> None:
        """`node` names the process among all that ever used the folder."""
        self._folder = folder
        self._node = node
        self._number = 0
        self._open: _Open | None = None
        self._full: list[Piece] = []
        self._remembered: list[Entry] = []
        """Of no file."""

    @property
    def pending(self) -> int:
        """Entries since the last cut."""
        open_ = 0 if self._open is None else len(self._open.entries)
        full = sum([len(piece.batch.entries) for piece in self._full])
        return open_ + full + len(self._remembered)

    def append(self, entry: Entry) -> None:
        """Appends an entry.

        Raises:
            StorageUnavailable: it could not be written.
        """
        line = line_of(entry)
        if self._open is None or not self._open.append(entry, line):
            self._begin(len(line)).append(entry, line)

    def remember(self, entry: Entry) -> None:
        """Keeps an entry that could not be appended: it does not outlive the process.

        Raises:
            StorageUnavailable: there are too many of them.
        """
        if len(self._remembered) >= MAX_REMEMBERED:
            raise unwritten("too much is only remembered")
        self._remembered.append(entry)

    def cut(self) -> list[Piece]:
        """Everything since the last cut; what is appended next goes into another file.

        Raises:
            StorageUnavailable: a file could not be ended; the next cut has what is in it.
        """
        try:
            self._end()
        except OSError as fault:
            raise unwritten(str(fault)) from fault
        pieces, self._full = self._full, []
        if self._remembered:
            path = self._next_path()
            pieces.append(Piece(path, Batch(path.stem, self._remembered)))
            self._remembered = []
        return pieces

    def _begin(self, room: int) -> _Open:
        try:
            self._end()
            self._open = _Open(self._next_path(), max(room, ROOM_BYTES))
        except OSError as fault:
            raise unwritten(str(fault)) from fault
        return self._open

    def _end(self) -> None:
        ended, self._open = self._open, None
        if ended is not None:
            self._full.append(ended.piece)
            ended.close()

    def _next_path(self) -> Path:
        number, self._number = self._number, self._number + 1
        return self._folder / f"{self._node}-{number:08d}{SUFFIX}"


def line_of(entry: Entry) -> bytes:
    """What stands in a file for an entry."""
    return _encode(entry) + b"\n"


def drop(path: Path) -> None:
    """Removes the file of a piece that is in the database.

    Raises:
        StorageUnavailable: it cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as fault:
        raise unwritten(str(fault)) from fault


@contextmanager
def abandoned(folder: Path) -> Generator[list[Piece]]:
    """The pieces of dead processes, in order, locked until the end of the block."""
    with _unlocked(folder, SUFFIX) as files:
        yield [_read(path) for path in files]


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
    """The files that we could lock, until the end of the block."""
    with contextlib.ExitStack() as stack:
        found: list[Path] = []
        for path in sorted(folder.glob(f"*{suffix}")):
            if not path.is_file():
                continue  # to open a FIFO would wait for somebody to write to it
            try:
                file = stack.enter_context(path.open("rb"))
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue  # somebody has it, or has just been done with it
            found.append(path)
        yield found


def unwritten(why: str) -> StorageUnavailable:
    """That a file cannot be written, and why."""
    message = "What was asked cannot be written down."
    return StorageUnavailable(message, detail=why, retry_after_s=5)


def _opened(path: Path) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file


def _read(path: Path) -> Piece:
    """What stands in a file; a line that was not finished is none, nor is room behind them."""
    whole, _, _ = path.read_bytes().rpartition(b"\n")
    entries: list[Entry] = []
    unreadable: list[bytes] = []
    for line in whole.split(b"\n") if whole else ():
        try:
            entries.append(_entry(line))
        except (msgspec.MsgspecError, ValueError):
            if b"\0" not in line:  # else its writer died within it
                unreadable.append(line)
    return Piece(path, Batch(path.stem, entries), unreadable)
