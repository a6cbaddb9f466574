"""Contents of uploaded files on disk, addressed by content and owner.

A content is written under a name that nobody asks for, brought to the disk, and given its
final name in the same transaction that enters the file; so a file that can be found is
complete, whatever crashes when. Equal files of one owner share a content, those of two owners
never do. Which files there are is the book's to know. Everything here is blocking.
"""

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Protocol, TypeAlias

import msgspec

from visus.core.files import FileLabel, FilePage, FileRecord, WantedPage
from visus.core.ids import new_id
from visus.errors import FileNotFound, InvalidFile, StorageUnavailable
from visus.media.incoming import IncomingFile, disk_faults, make_folder, sweep
from visus.units import KIB, MIB

Positive: TypeAlias = Annotated[int, msgspec.Meta(gt=0)]


class FilesSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Uploaded files: how large, how many, for how long."""

    max_bytes: Positive = 100 * MIB
    """The largest file, in bytes; `[server] max_body_bytes` does not apply to uploads."""
    max_owner_bytes: Positive = 1024 * MIB
    """What one project may keep in all its files together, in bytes; equal files count
    once."""
    max_owner_files: Positive = 10_000
    """How many files one project may keep."""
    min_free_bytes: Annotated[int, msgspec.Meta(ge=0)] = 256 * MIB
    """The disk space that must stay free, in bytes; an upload that would use it is 503."""
    max_uploads: Positive = 32
    """Uploads at the same time; more are 503."""
    max_owner_uploads: Positive = 8
    """Uploads of one project at the same time; more are 429."""
    min_bytes_per_s: Positive = 10 * KIB
    """A slower upload is ended, once `[server] body_timeout_s` is used up."""
    sweep_s: Annotated[float, msgspec.Meta(ge=1)] = 600.0
    """How often expired files are removed from the disk; they can no longer be read from the
    moment they expire."""


class Records(Protocol):
    """Which files there are. Blocking."""

    def add(self, file: FileRecord, *, publish: Callable[[], None]) -> None:
        """Enters a file and calls `publish` before that is final, or `FileTooLarge`."""
        ...

    def add_result(self, file: FileRecord, *, publish: Callable[[], None]) -> None:
        """The same for what was made here: whether or not its owner has room for it."""
        ...

    def find(self, file_id: str, *, owner: str, now_s: float) -> FileRecord | None:
        """The owner's file, unless it has expired."""
        ...

    def page(self, wanted: WantedPage, *, owner: str, now_s: float) -> FilePage:
        """Some of the owner's files."""
        ...

    def remove(self, file_id: str, *, owner: str, now_s: float) -> str | None:
        """Strikes the owner's file out; the address of its content."""
        ...


class Upkeep(Protocol):
    """Which contents are to be kept. Blocking."""

    def expire(self, *, now_s: float) -> int:
        """Strikes out some of the files whose time is over; 0 when there are none left."""
        ...

    def collect(self, address: str, *, remove: Callable[[], None]) -> None:
        """Calls `remove` if no file names the content, and lets none do so meanwhile."""
        ...

    def unnamed(self) -> list[str]:
        """Contents that no file names."""
        ...

    def addresses(self) -> set[str]:
        """Every content that should be there."""
        ...


class Book(Records, Upkeep, Protocol):
    """What `accounts.files.FileBook` is."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did."""

    expired: int = 0
    """Files whose time was over."""
    contents: int = 0
    """Contents that no file refers to, or that were unknown."""
    leftovers: int = 0
    """Uploads that a crash had cut off."""
    missing: int = 0
    """Contents that are not where they should be."""


class _Add(Protocol):
    """A way into the book."""

    def __call__(self, file: FileRecord, *, publish: Callable[[], None]) -> None: ...


@dataclass(frozen=True, slots=True)
class Shelf:
    """Stores contents, and keeps the list of files consistent with them."""

    folder: Path
    book: Book
    settings: FilesSettings

    def incoming(self) -> IncomingFile:
        """A place for a file that arrives.

        Raises:
            StorageUnavailable: it cannot be made.
        """
        return self._incoming(self.settings.max_bytes)

    def incoming_result(self) -> IncomingFile:
        """The same for what is made here, of any size."""
        return self._incoming(sys.maxsize)

    def _incoming(self, max_bytes: int) -> IncomingFile:
        folder = self.folder / "incoming"
        with disk_faults():
            make_folder(folder)
        return IncomingFile(
            folder, max_bytes=max_bytes, min_free_bytes=self.settings.min_free_bytes
        )

    def enter(self, incoming: IncomingFile, *, owner: str, label: FileLabel) -> FileRecord:
        """Makes what has arrived one of the owner's files.

        Raises:
            InvalidFile: it is empty.
            FileTooLarge: the owner has no room for it.
            StorageUnavailable: it cannot be kept, and nothing of it is.
        """
        return self._enter(incoming, _record(incoming, owner, label), self.book.add)

    def enter_result(
        self, incoming: IncomingFile, *, owner: str, label: FileLabel
    ) -> FileRecord:
        """The same for what was made here, whether or not the owner has room for it."""
        return self._enter(incoming, _record(incoming, owner, label), self.book.add_result)

    def _enter(self, incoming: IncomingFile, file: FileRecord, add: "_Add") -> FileRecord:
        if incoming.size_bytes == 0:
            raise InvalidFile("The file is empty.", param="file")
        try:
            add(file, publish=lambda: incoming.publish(self._path(file.address)))
        except StorageUnavailable:
            # The content may be in its place although the file is not in the book.
            with suppress(StorageUnavailable):
                self._collect(file.address)
            raise
        return file

    def find(self, file_id: str, *, owner: str, param: str | None) -> FileRecord:
        """The owner's file, without its content.

        Raises:
            FileNotFound: at `param`.
        """
        file = self.book.find(file_id, owner=owner, now_s=time.time())
        if file is None:
            raise FileNotFound("There is no such file.", param=param)
        return file

    def page(self, wanted: WantedPage, *, owner: str) -> FilePage:
        """Some of the owner's files."""
        return self.book.page(wanted, owner=owner, now_s=time.time())

    def open(self, file: FileRecord) -> int:
        """A descriptor to read the content from, which outlives a deletion of the file.

        Raises:
            StorageUnavailable: the content is not there, or not as it was.
        """
        with disk_faults():
            content = os.open(self._path(file.address), os.O_RDONLY | os.O_NOFOLLOW)
            size = os.fstat(content).st_size
        if size != file.size_bytes:
            os.close(content)
            raise StorageUnavailable(
                "The store of files fails.", detail="a content has another size than it had"
            )
        return content

    def remove(self, file_id: str, *, owner: str) -> None:
        """Deletes the owner's file, and its content if no other file has the same.

        Raises:
            FileNotFound: there is none.
        """
        address = self.book.remove(file_id, owner=owner, now_s=time.time())
        if address is None:
            raise FileNotFound("There is no such file.")
        # The file is gone; a content that cannot be removed now is left to the next sweep.
        with suppress(StorageUnavailable):
            self._collect(address)

    def sweep(self) -> Swept:
        """Removes expired files, and contents that no file names any more."""
        expired = 0
        while count := self.book.expire(now_s=time.time()):
            expired += count
        unnamed = self.book.unnamed()
        for address in unnamed:
            self._collect(address)
        return Swept(expired=expired, contents=len(unnamed))

    def reconcile(self) -> Swept:
        """Removes what crashes left behind, and counts what is missing."""
        known = self.book.addresses()
        with disk_faults():
            there = {path.name for path in (self.folder / "contents").glob("??/??/*")}
        for address in there - known:
            self._collect(address)
        return Swept(
            contents=len(there - known),
            leftovers=sweep(self.folder / "incoming"),
            missing=len(known - there),
        )

    def _collect(self, address: str) -> None:
        def remove() -> None:
            with disk_faults():
                self._path(address).unlink(missing_ok=True)

        self.book.collect(address, remove=remove)

    def _path(self, address: str) -> Path:
        return self.folder / "contents" / address[:2] / address[2:4] / address


def _record(incoming: IncomingFile, owner: str, label: FileLabel) -> FileRecord:
    now_s = time.time()
    expires_at = None
    if label.expires_after_s is not None:
        expires_at = int(now_s) + label.expires_after_s
    return FileRecord(
        file_id=new_id("file-"),
        owner=owner,
        digest=incoming.seal(),
        size_bytes=incoming.size_bytes,
        filename=label.filename,
        content_type=label.content_type,
        purpose=label.purpose,
        created_at=int(now_s),
        expires_at=expires_at,
    )
