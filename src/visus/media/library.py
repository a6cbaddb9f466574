"""Uploaded files, as the rest of the service uses them: off the event loop.

At most `MAX_THREADS` threads work for it, so that a slow disk does not delay other work. A file
of another owner is reported exactly like a missing one.
"""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import anyio
import anyio.to_thread

from visus.core.files import FileLabel, FilePage, FileRecord, WantedPage
from visus.errors import ConcurrencyExceeded, FileTooLarge, Overloaded
from visus.media.incoming import IncomingFile, disk_faults
from visus.media.shelf import Shelf, Swept
from visus.units import KIB

PIECE_BYTES: Final = 256 * KIB
"""Of a content that is read to be sent on."""
MAX_THREADS: Final = 8
_T = TypeVar("_T")


class _Threads:
    """Runs blocking work in threads. A cancelled caller still waits for its thread."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(MAX_THREADS)
        self._limiter = anyio.CapacityLimiter(MAX_THREADS)

    async def run(self, work: Callable[[], _T]) -> _T:
        """A caller that is cancelled waits until its thread has ended; its result is lost."""
        async with self._turns:
            thread = anyio.to_thread.run_sync(work, limiter=self._limiter)
            return await _ended(thread)

    async def finish(self, work: Callable[[], object]) -> None:
        """The same for work that must be done even if the caller is cancelled."""
        await _ended(self.run(work))


async def _ended(work: Coroutine[Any, Any, _T]) -> _T:
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as cancellation:
                cancelled = cancellation
    if cancelled is not None:
        raise cancelled from task.exception()
    return task.result()


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file with its content."""

    data: bytes
    digest: bytes
    """SHA-256 of `data`."""
    filename: str
    content_type: str | None
    """As declared; the bytes decide."""


class Library:
    """Stores files; every call names their owner."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._threads = _Threads()
        self._uploads = Counter[str]()

    @asynccontextmanager
    async def receive(self, *, owner: str) -> AsyncGenerator["Arrival"]:
        """A place for a file that arrives; what is not kept when the block ends is gone.

        Raises:
            Overloaded: too many uploads at once.
            ConcurrencyExceeded: too many of this owner.
            StorageUnavailable: it cannot be written.
        """
        with self._turn(owner):
            async with self._closing(self._shelf.incoming) as incoming:
                yield Arrival(self._threads, incoming, owner, self._shelf.enter)

    @asynccontextmanager
    async def write(self, *, owner: str) -> AsyncGenerator["Arrival"]:
        """The same for a file that is made here: of any size, whatever room the owner has.

        Raises:
            StorageUnavailable: it cannot be written.
        """
        async with self._closing(self._shelf.incoming_result) as incoming:
            yield Arrival(self._threads, incoming, owner, self._shelf.enter_result)

    @asynccontextmanager
    async def _closing(self, make: Callable[[], IncomingFile]) -> AsyncGenerator[IncomingFile]:
        made: list[IncomingFile] = []
        try:
            await self._threads.run(lambda: made.append(make()))
            yield made[0]
        finally:
            for incoming in made:
                await self._threads.finish(incoming.close)

    @contextmanager
    def _turn(self, owner: str) -> Generator[None]:
        limits = self._shelf.settings
        if self._uploads.total() >= limits.max_uploads:
            raise Overloaded("Too many uploads are under way.", retry_after_s=1)
        if self._uploads[owner] >= limits.max_owner_uploads:
            raise ConcurrencyExceeded(
                f"At most {limits.max_owner_uploads} of your uploads may be under way.",
                retry_after_s=1,
            )
        self._uploads[owner] += 1
        try:
            yield
        finally:
            self._uploads[owner] -= 1
            if not self._uploads[owner]:
                del self._uploads[owner]

    async def find(self, file_id: str, *, owner: str, param: str | None = None) -> FileRecord:
        """The owner's file, without its content.

        Raises:
            FileNotFound: at `param`.
        """
        return await self._threads.run(
            lambda: self._shelf.find(file_id, owner=owner, param=param)
        )

    async def page(self, wanted: WantedPage, *, owner: str) -> FilePage:
        """Some of the owner's files."""
        return await self._threads.run(lambda: self._shelf.page(wanted, owner=owner))

    async def open(
        self, file_id: str, *, owner: str, max_bytes: int, param: str | None = None
    ) -> StoredFile:
        """The owner's file with its content, in memory.

        Raises:
            FileNotFound: at `param`.
            FileTooLarge: at `param`; over `max_bytes`, and not read.
            StorageUnavailable: its content cannot be read.
        """
        file = await self.find(file_id, owner=owner, param=param)
        if file.size_bytes > max_bytes:
            raise FileTooLarge(f"The file is larger than {max_bytes} bytes.", param=param)
        data = await self._threads.run(lambda: _content(self._shelf, file))
        return StoredFile(data, file.digest, file.filename, file.content_type)

    @asynccontextmanager
    async def reading(self, file: FileRecord) -> AsyncGenerator[AsyncIterator[bytes]]:
        """The content of a file, in pieces; it stays readable if the file is deleted.

        Raises:
            StorageUnavailable: it cannot be read.
        """
        opened: list[int] = []
        try:
            await self._threads.run(lambda: opened.append(self._shelf.open(file)))
            async with aclosing(self._pieces(opened[0])) as pieces:
                yield pieces
        finally:
            for content in opened:
                os.close(content)

    async def _pieces(self, content: int) -> AsyncGenerator[bytes]:
        while piece := await self._threads.run(lambda: _read(content, PIECE_BYTES)):
            yield piece

    async def remove(self, file_id: str, *, owner: str) -> None:
        """Deletes the owner's file, and its content if no other file has the same.

        Raises:
            FileNotFound: there is none.
        """
        await self._threads.run(lambda: self._shelf.remove(file_id, owner=owner))

    async def sweep(self) -> Swept:
        """Removes expired files, and contents that no file names any more."""
        return await self._threads.run(self._shelf.sweep)

    async def reconcile(self) -> Swept:
        """Removes what crashes left behind, and counts what is missing. Once, at the start."""
        return await self._threads.run(self._shelf.reconcile)


class _Enter(Protocol):
    """A way onto the shelf."""

    def __call__(
        self, incoming: IncomingFile, *, owner: str, label: FileLabel
    ) -> FileRecord: ...


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file that is being uploaded."""

    _threads: _Threads
    _incoming: IncomingFile
    _owner: str
    _enter: "_Enter"

    async def append(self, piece: bytes) -> None:
        """Takes one more piece.

        Raises:
            FileTooLarge: the file is over the limit.
            StorageUnavailable: it cannot be written.
        """
        await self._threads.run(lambda: self._incoming.append(piece))

    async def keep(self, label: FileLabel) -> FileRecord:
        """Makes it one of the owner's files.

        Raises:
            InvalidFile: it is empty.
            FileTooLarge: the owner has no room for it.
            StorageUnavailable: it cannot be kept.
        """
        return await self._threads.run(
            lambda: self._enter(self._incoming, owner=self._owner, label=label)
        )


def _content(shelf: Shelf, file: FileRecord) -> bytes:
    content = shelf.open(file)
    try:
        with disk_faults(), open(content, "rb", closefd=False) as opened:
            return opened.read(file.size_bytes)
    finally:
        os.close(content)


def _read(content: int, size: int) -> bytes:
    with disk_faults():
        return os.read(content, size)
