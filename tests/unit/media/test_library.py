"""The shelf and the book behind it: what stays when something fails between two steps."""

import asyncio
import hashlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import sqlalchemy as sql
from typing_extensions import override

from visus.accounts.files import FileBook, OwnerLimits
from visus.core.files import FileLabel, FileRecord
from visus.errors import FileNotFound, FileTooLarge, InvalidFile, StorageUnavailable
from visus.media.incoming import IncomingFile
from visus.media.library import MAX_THREADS, Library
from visus.media.shelf import FilesSettings, Shelf, Swept

LIMITS = OwnerLimits(max_bytes=100, max_files=10)
LABEL = FileLabel(
    filename="../../a", content_type="text/html", purpose="vision", expires_after_s=None
)


@dataclass(frozen=True, slots=True)
class BookThatLoses(FileBook):
    """A database whose disk fails after the content has its name: nothing is final."""

    @override
    def add(self, file: FileRecord, *, publish: Callable[[], None]) -> None:
        publish()
        raise StorageUnavailable("The database does not answer.")


@dataclass(frozen=True, slots=True)
class SlowShelf(Shelf):
    """A disk that does not answer before it is let."""

    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    may_go: threading.Event = field(default_factory=threading.Event)
    opened: list[int] = field(default_factory=list[int])

    def _wait(self) -> None:
        self.begun.release()
        assert self.may_go.wait(20)

    @override
    def open(self, file: FileRecord) -> int:
        self._wait()
        self.opened.append(Shelf.open(self, file))
        return self.opened[-1]

    @override
    def incoming(self) -> IncomingFile:
        self._wait()
        return Shelf.incoming(self)


@dataclass(frozen=True, slots=True)
class ShelfOfPipes(Shelf):
    """Contents that are not there to be read before somebody writes them."""

    begun: threading.Event = field(default_factory=threading.Event)
    ends: list[int] = field(default_factory=list[int])

    @override
    def open(self, file: FileRecord) -> int:
        self.ends.extend(os.pipe())
        self.begun.set()
        return self.ends[0]


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


async def begun(shelf: SlowShelf) -> None:
    """Waits until a thread is at work."""
    assert await asyncio.to_thread(shelf.begun.acquire, timeout=20)


async def ended(task: asyncio.Task[None]) -> None:
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 20)


@pytest.fixture
def shelf(engine: sql.Engine, tmp_path: Path) -> Shelf:
    book = FileBook(engine, LIMITS)
    return Shelf(tmp_path / "files", book, FilesSettings(min_free_bytes=0))


def put(shelf: Shelf, data: bytes, owner: str = "me", label: FileLabel = LABEL) -> FileRecord:
    incoming = shelf.incoming()
    try:
        if data:
            incoming.append(data)
        return shelf.enter(incoming, owner=owner, label=label)
    finally:
        incoming.close()


def there(shelf: Shelf) -> list[bytes]:
    """What every file on the disk holds, complete or not."""
    return [path.read_bytes() for path in shelf.folder.rglob("*") if path.is_file()]


def test_a_file_that_cannot_be_entered_leaves_no_content(
    shelf: Shelf, engine: sql.Engine
) -> None:
    loses = replace(shelf, book=BookThatLoses(engine, LIMITS))
    with pytest.raises(StorageUnavailable):
        put(loses, b"data")
    assert there(shelf) == []


def test_an_equal_file_that_cannot_be_entered_leaves_the_content_of_the_first(
    shelf: Shelf, engine: sql.Engine
) -> None:
    put(shelf, b"data")
    loses = replace(shelf, book=BookThatLoses(engine, LIMITS))
    with pytest.raises(StorageUnavailable):
        put(loses, b"data")
    assert there(shelf) == [b"data"]


def test_an_empty_file_is_refused(shelf: Shelf) -> None:
    with pytest.raises(InvalidFile):
        put(shelf, b"")
    assert there(shelf) == []


@pytest.mark.parametrize("size", [59, 60, 61])
def test_the_quota_is_exact_and_an_equal_content_is_free(shelf: Shelf, size: int) -> None:
    put(shelf, b"a" * 40)
    put(shelf, b"a" * 40)
    if size <= 60:
        put(shelf, b"b" * size)
        put(shelf, b"a" * 40)
        return
    with pytest.raises(FileTooLarge):
        put(shelf, b"b" * size)
    assert there(shelf) == [b"a" * 40]
    put(shelf, b"b" * size, owner="another")


def test_a_file_is_there_to_the_second_in_which_it_expires(shelf: Shelf) -> None:
    file = put(shelf, b"data", label=replace(LABEL, expires_after_s=10))
    end_s = file.created_at + 10
    assert shelf.book.find(file.file_id, owner="me", now_s=end_s - 0.01) == file
    assert shelf.book.find(file.file_id, owner="me", now_s=end_s) is None
    assert shelf.book.remove(file.file_id, owner="me", now_s=end_s) is None
    assert shelf.book.expire(now_s=end_s - 0.01) == 0
    assert shelf.book.expire(now_s=end_s) == 1
    assert shelf.sweep() == Swept(contents=1)
    assert there(shelf) == []


def test_a_sweep_keeps_a_content_that_a_living_file_names(shelf: Shelf) -> None:
    put(shelf, b"data", label=replace(LABEL, expires_after_s=-1))
    kept = put(shelf, b"data")
    assert shelf.sweep() == Swept(expired=1)
    assert there(shelf) == [b"data"]
    shelf.remove(kept.file_id, owner="me")
    assert there(shelf) == []


def test_what_has_expired_takes_no_room(shelf: Shelf) -> None:
    put(shelf, b"a" * 100, label=replace(LABEL, expires_after_s=-1))
    put(shelf, b"b" * 100)


def test_nobody_removes_a_foreign_file(shelf: Shelf) -> None:
    file = put(shelf, b"data")
    with pytest.raises(FileNotFound):
        shelf.remove(file.file_id, owner="another")
    assert shelf.find(file.file_id, owner="me", param=None) == file


def test_the_start_removes_what_crashes_left_and_counts_what_is_missing(shelf: Shelf) -> None:
    kept, lost = put(shelf, b"kept"), put(shelf, b"lost")
    os.close(shelf.open(lost))
    address = lost.address
    (shelf.folder / "contents" / address[:2] / address[2:4] / address).unlink()
    stray = hashlib.sha256(b"stray").hexdigest()
    place = shelf.folder / "contents" / stray[:2] / stray[2:4]
    place.mkdir(parents=True)
    (place / stray).write_bytes(b"stray")
    (shelf.folder / "incoming" / "0.part").write_bytes(b"half")
    os.mkfifo(shelf.folder / "incoming" / "1.part")
    running = shelf.incoming()
    running.append(b"running")
    assert shelf.reconcile() == Swept(contents=1, leftovers=1, missing=1)
    assert sorted(there(shelf)) == [b"kept", b"running"]
    assert shelf.reconcile() == Swept(missing=1)
    running.close()
    with pytest.raises(StorageUnavailable):
        shelf.open(lost)
    os.close(shelf.open(kept))


def test_a_content_of_another_size_or_behind_a_link_is_not_given_out(shelf: Shelf) -> None:
    file = put(shelf, b"data")
    path = shelf.folder / "contents" / file.address[:2] / file.address[2:4] / file.address
    path.write_bytes(b"longer than it was")
    with pytest.raises(StorageUnavailable):
        shelf.open(file)
    path.unlink()
    secret = shelf.folder / "four"
    secret.write_bytes(b"four")
    path.symlink_to(secret)
    with pytest.raises(StorageUnavailable):
        shelf.open(file)


def test_a_disk_that_is_nearly_full_takes_nothing(shelf: Shelf) -> None:
    full = replace(shelf, settings=FilesSettings(min_free_bytes=2**60))
    with pytest.raises(StorageUnavailable, match="full"):
        put(full, b"data")
    assert there(shelf) == []


def test_a_place_that_cannot_be_written_is_our_fault_and_enters_nothing(shelf: Shelf) -> None:
    shelf.folder.mkdir()
    (shelf.folder / "contents").write_bytes(b"in the way")
    with pytest.raises(StorageUnavailable):
        put(shelf, b"data")
    assert there(shelf) == [b"in the way"]
    assert shelf.book.addresses() == set()


def test_files_and_contents_are_for_the_service_alone(shelf: Shelf) -> None:
    put(shelf, b"data")
    for path in shelf.folder.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0


@pytest.mark.anyio
@pytest.mark.parametrize("limit", [3, 4, 5])
async def test_a_file_is_opened_whole_within_what_the_reader_takes(
    shelf: Shelf, limit: int
) -> None:
    library = Library(shelf)
    file = put(shelf, b"data")
    if limit < 4:
        with pytest.raises(FileTooLarge) as caught:
            await library.open(file.file_id, owner="me", max_bytes=limit, param="there")
        assert caught.value.param == "there"
        return
    stored = await library.open(file.file_id, owner="me", max_bytes=limit)
    assert (stored.data, stored.digest) == (b"data", hashlib.sha256(b"data").digest())
    assert (stored.filename, stored.content_type) == ("../../a", "text/html")


@pytest.mark.anyio
async def test_a_file_that_is_being_read_outlives_its_deletion(shelf: Shelf) -> None:
    library = Library(shelf)
    file = put(shelf, b"data")
    async with library.reading(file) as pieces:
        await library.remove(file.file_id, owner="me")
        assert [piece async for piece in pieces] == [b"data"]
    with pytest.raises(FileNotFound):
        await library.find(file.file_id, owner="me")


@pytest.mark.anyio
async def test_what_was_not_kept_is_gone(shelf: Shelf) -> None:
    library = Library(shelf)
    async with library.receive(owner="me") as arrival:
        await arrival.append(b"data")
        assert there(shelf) == [b"data"]
    assert there(shelf) == []


async def read(library: Library, file: FileRecord) -> None:
    async with library.reading(file) as pieces:
        async for _ in pieces:
            pass


async def upload(library: Library) -> None:
    async with library.receive(owner="me"):
        pass


@pytest.mark.anyio
async def test_what_is_opened_for_a_reader_that_has_gone_is_closed(shelf: Shelf) -> None:
    file = put(shelf, b"data")
    slow = SlowShelf(shelf.folder, shelf.book, shelf.settings)
    reader = asyncio.create_task(read(Library(slow), file))
    await begun(slow)
    reader.cancel()
    await asyncio.sleep(0.05)
    slow.may_go.set()
    await ended(reader)
    assert [is_open(one) for one in slow.opened] == [False]


@pytest.mark.anyio
async def test_what_is_made_for_an_upload_that_has_gone_is_removed(shelf: Shelf) -> None:
    slow = SlowShelf(shelf.folder, shelf.book, shelf.settings)
    sender = asyncio.create_task(upload(Library(slow)))
    await begun(slow)
    sender.cancel()
    await asyncio.sleep(0.05)
    sender.cancel()
    slow.may_go.set()
    await ended(sender)
    await asyncio.sleep(0.2)  # a thread that was left behind would go on
    assert there(shelf) == []


@pytest.mark.anyio
async def test_nothing_is_closed_while_a_thread_reads_from_it(shelf: Shelf) -> None:
    file = put(shelf, b"data")
    pipes = ShelfOfPipes(shelf.folder, shelf.book, shelf.settings)
    reader = asyncio.create_task(read(Library(pipes), file))
    assert await asyncio.to_thread(pipes.begun.wait, 20)
    await asyncio.sleep(0.05)
    content, other_end = pipes.ends
    reader.cancel()
    await asyncio.sleep(0.05)
    assert is_open(content)
    os.close(other_end)
    await ended(reader)
    assert not is_open(content)


@pytest.mark.anyio
async def test_threads_of_readers_that_have_gone_still_count(shelf: Shelf) -> None:
    file = put(shelf, b"data")
    slow = SlowShelf(shelf.folder, shelf.book, shelf.settings)
    library = Library(slow)
    readers = [asyncio.create_task(read(library, file)) for _ in range(MAX_THREADS)]
    for _ in readers:
        await begun(slow)
    for reader in readers:
        reader.cancel()
    late = asyncio.create_task(read(library, file))
    await asyncio.sleep(0.1)
    assert not slow.begun.acquire(blocking=False)
    slow.may_go.set()
    for reader in readers:
        await ended(reader)
    await asyncio.wait_for(late, 20)


def test_ids_sort_by_the_time_of_their_files(shelf: Shelf) -> None:
    ids: list[str] = []
    for number in range(5):
        ids.append(put(shelf, b"%d" % number).file_id)
        time.sleep(0.002)  # ids have milliseconds
    assert ids == sorted(ids)
