"""An upload under way: bytes on disk, under a temporary name.

Nothing that is here was ever promised to anybody: what a crash leaves behind is swept away. A
file that is being written is locked, so that the sweep of another process leaves it alone.
"""

import errno
import fcntl
import hashlib
import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from visus.errors import FileTooLarge, StorageUnavailable

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_SUFFIX: Final = ".part"


@contextmanager
def disk_faults() -> Generator[None]:
    """Turns the system's exceptions into ours.

    Raises:
        StorageUnavailable: the disk is full, or does not work.
    """
    try:
        yield
    except OSError as fault:
        is_full = fault.errno in _FULL
        message = "The store of files is full." if is_full else "The store of files fails."
        detail = os.strerror(fault.errno) if fault.errno else type(fault).__name__
        raise StorageUnavailable(message, detail=detail, retry_after_s=5) from fault


class IncomingFile:
    """One file that arrives, in pieces. Blocking: call it off the event loop."""

    def __init__(self, folder: Path, *, max_bytes: int, min_free_bytes: int) -> None:
        self.path = folder / f"{secrets.token_hex(16)}{_SUFFIX}"
        self.size_bytes = 0
        self._max_bytes = max_bytes
        self._min_free_bytes = min_free_bytes
        self._hash = hashlib.sha256()
        with disk_faults():
            self._file = _created(self.path)

    def append(self, piece: bytes) -> None:
        """Writes one more piece.

        Raises:
            FileTooLarge: with it, the file is over the limit.
            StorageUnavailable: it cannot be written.
        """
        if self.size_bytes + len(piece) > self._max_bytes:
            raise FileTooLarge(
                f"The file is larger than {self._max_bytes} bytes.", param="file"
            )
        with disk_faults():
            self._check_free()
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(self._file, rest) :]
        self._hash.update(piece)
        self.size_bytes += len(piece)

    def _check_free(self) -> None:
        room = os.fstatvfs(self._file)
        if room.f_bavail * room.f_frsize < self._min_free_bytes:
            raise OSError(errno.ENOSPC, "less is free than has to stay free")

    def seal(self) -> bytes:
        """Brings everything to the disk; the SHA-256 of the content."""
        with disk_faults():
            os.fsync(self._file)
        return self._hash.digest()

    def publish(self, path: Path) -> None:
        """Gives the file its final name; equal content that is there already is replaced."""
        with disk_faults():
            make_folder(path.parent)
            self.path.replace(path)
            _bring_to_disk(path.parent)

    def close(self) -> None:
        """Removes what was not published."""
        with disk_faults():
            os.close(self._file)
            self.path.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Makes a folder, and those above it that are not there, for the service alone."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _created(path: Path) -> int:
    """A new file, locked; made again where a sweep took it before it was locked."""
    while True:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file).st_nlink:
            return file
        os.close(file)


def sweep(folder: Path) -> int:
    """Removes what crashed writers left in `folder`, and says how much that was."""
    count = 0
    with disk_faults():
        for path in folder.glob(f"*{_SUFFIX}"):
            if path.is_file():  # to open a FIFO would wait for somebody to read from it
                count += _swept(path)
    return count


def _swept(path: Path) -> bool:
    try:
        file = os.open(path, os.O_WRONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(file)


def _bring_to_disk(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
