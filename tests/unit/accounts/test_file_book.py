"""The contract of the files, kept by both databases, also where two write at once."""

import hashlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sql

from visus.accounts.files import FileBook, OwnerLimits
from visus.core.files import FileRecord, WantedPage
from visus.errors import FileTooLarge

LIMITS = OwnerLimits(max_bytes=100, max_files=5)
NOW_S = 1_800_000_000
FILE = FileRecord(
    file_id="file-1",
    owner="me",
    digest=hashlib.sha256(b"data").digest(),
    size_bytes=40,
    filename="Übersicht 📄.pdf",
    content_type="application/pdf",
    purpose="user_data",
    created_at=NOW_S,
    expires_at=None,
)


@pytest.fixture
def book(engine: sql.Engine) -> FileBook:
    return FileBook(engine, LIMITS)


def nothing() -> None:
    """Puts nothing in place."""


def content(file: FileRecord, data: bytes) -> FileRecord:
    return replace(file, digest=hashlib.sha256(data).digest())


def add(book: FileBook, *files: FileRecord) -> None:
    for file in files:
        book.add(file, publish=nothing)


def collects(book: FileBook, file: FileRecord) -> bool:
    """Whether the content is removed, as nobody names it."""
    removed: list[str] = []
    book.collect(file.address, remove=lambda: removed.append(file.address))
    return bool(removed)


# --- One at a time ---------------------------------------------------------------------------


def test_a_file_is_found_as_it_was_added_by_its_owner_alone(book: FileBook) -> None:
    published: list[bool] = []
    book.add(FILE, publish=lambda: published.append(True))
    assert published == [True]
    assert book.find("file-1", owner="me", now_s=NOW_S) == FILE
    assert book.find("file-1", owner="another", now_s=NOW_S) is None
    assert book.find("file-2", owner="me", now_s=NOW_S) is None
    assert book.addresses() == {FILE.address}


def test_a_size_may_be_larger_than_any_number_of_32_bits(engine: sql.Engine) -> None:
    book = FileBook(engine, OwnerLimits(max_bytes=2**50, max_files=5))
    add(book, replace(FILE, size_bytes=2**40, expires_at=2**40))
    found = book.find("file-1", owner="me", now_s=NOW_S + 0.5)
    assert found is not None
    assert (found.size_bytes, found.expires_at) == (2**40, 2**40)


def test_what_cannot_be_put_in_place_is_not_entered(book: FileBook) -> None:
    def fail() -> None:
        raise NotImplementedError

    with pytest.raises(NotImplementedError):
        book.add(FILE, publish=fail)
    assert book.find("file-1", owner="me", now_s=NOW_S) is None
    assert book.addresses() == set()


def test_equal_contents_count_once_and_the_quota_is_exact(book: FileBook) -> None:
    add(book, FILE, replace(FILE, file_id="file-2"))
    other = content(replace(FILE, file_id="file-3", size_bytes=61), b"other")
    with pytest.raises(FileTooLarge, match="100 bytes"):
        add(book, other)
    add(book, replace(other, size_bytes=60), replace(FILE, file_id="file-4"))
    add(book, replace(FILE, file_id="file-5"))
    with pytest.raises(FileTooLarge, match="5 files"):
        add(book, replace(FILE, file_id="file-6"))
    add(book, replace(FILE, file_id="file-7", owner="another"))


def test_a_file_is_removed_once(book: FileBook) -> None:
    add(book, FILE)
    assert book.remove("file-1", owner="another", now_s=NOW_S) is None
    assert book.remove("file-1", owner="me", now_s=NOW_S) == FILE.address
    assert book.remove("file-1", owner="me", now_s=NOW_S) is None


def test_a_content_goes_with_the_last_file_that_names_it(book: FileBook) -> None:
    add(book, FILE, replace(FILE, file_id="file-2"))
    assert not collects(book, FILE)
    book.remove("file-1", owner="me", now_s=NOW_S)
    assert (book.unnamed(), collects(book, FILE)) == ([], False)
    book.remove("file-2", owner="me", now_s=NOW_S)
    assert book.unnamed() == [FILE.address]
    assert collects(book, FILE)
    assert book.addresses() == set()
    assert collects(book, FILE), "a content that nobody knows goes, too"


def test_a_file_is_gone_in_the_second_in_which_it_expires(book: FileBook) -> None:
    add(book, replace(FILE, expires_at=NOW_S + 10), replace(FILE, file_id="file-2"))
    assert book.find("file-1", owner="me", now_s=NOW_S + 9.99) is not None
    assert book.find("file-1", owner="me", now_s=NOW_S + 10) is None
    assert book.expire(now_s=NOW_S + 9.99) == 0
    assert book.expire(now_s=NOW_S + 10) == 1
    assert book.expire(now_s=NOW_S + 10) == 0
    assert book.find("file-2", owner="me", now_s=NOW_S + 10) is not None


def test_pages_begin_behind_an_id_whether_or_not_there_is_such_a_file(book: FileBook) -> None:
    files = [replace(FILE, file_id=f"file-{one}") for one in ("0a", "1b", "9c", "aa", "ff")]
    add(book, *files)

    def ids(wanted: WantedPage) -> tuple[list[str], bool]:
        page = book.page(wanted, owner="me", now_s=NOW_S)
        return [file.file_id[5:] for file in page.files], page.has_more

    up = WantedPage(newest_first=False)
    assert ids(up) == (["0a", "1b", "9c", "aa", "ff"], False)
    assert ids(replace(up, limit=2)) == (["0a", "1b"], True)
    assert ids(replace(up, after="file-1b", limit=3)) == (["9c", "aa", "ff"], False)
    assert ids(replace(up, after="file-2")) == (["9c", "aa", "ff"], False)
    assert ids(WantedPage(after="file-9d", limit=1)) == (["9c"], True)
    assert ids(WantedPage(purpose="vision")) == ([], False)
    assert len(ids(WantedPage(purpose="user_data"))[0]) == 5


def test_text_that_no_database_takes_names_no_file(book: FileBook) -> None:
    add(book, FILE)
    assert book.find("file-1\0", owner="me", now_s=NOW_S) is None
    assert book.remove("file-1\0", owner="me", now_s=NOW_S) is None
    for wanted in (WantedPage(purpose="\0"), WantedPage(after="file-\0", newest_first=True)):
        assert book.page(wanted, owner="me", now_s=NOW_S).files == ()


# --- Two at a time ---------------------------------------------------------------------------


class Turn:
    """A step in the middle of a transaction, which waits to be let go on."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self._may_end = threading.Event()
        self.ended_s = 0.0

    def __call__(self) -> None:
        self.began.set()
        assert self._may_end.wait(10)
        self.ended_s = time.monotonic()

    def end(self) -> None:
        self._may_end.set()


def one_inside_the_other(
    first: Callable[[Callable[[], None]], None], second: Callable[[], None]
) -> None:
    """Runs `second` while `first` is in the middle of its transaction."""
    turn = Turn()
    with ThreadPoolExecutor(2) as pool:
        one: Future[None] = pool.submit(first, turn)
        assert turn.began.wait(10)
        other = pool.submit(second)
        time.sleep(0.3)
        turn.end()
        one.result(10)
        other.result(10)


def test_a_content_that_is_just_being_added_is_not_collected(book: FileBook) -> None:
    removed: list[float] = []
    one_inside_the_other(
        lambda turn: book.add(FILE, publish=turn),
        lambda: book.collect(FILE.address, remove=lambda: removed.append(0)),
    )
    assert removed == []
    assert book.addresses() == {FILE.address}


def test_another_file_of_a_content_that_has_lost_its_last_keeps_it(book: FileBook) -> None:
    add(book, FILE)
    book.remove("file-1", owner="me", now_s=NOW_S)
    removed: list[float] = []
    again = replace(FILE, file_id="file-2")
    one_inside_the_other(
        lambda turn: book.add(again, publish=turn),
        lambda: book.collect(FILE.address, remove=lambda: removed.append(0)),
    )
    assert removed == []
    assert book.find("file-2", owner="me", now_s=NOW_S) == again
    assert book.addresses() == {FILE.address}


@pytest.mark.parametrize("is_known", [True, False])
def test_a_content_is_put_in_place_only_after_it_was_removed(
    book: FileBook, *, is_known: bool
) -> None:
    if is_known:
        add(book, FILE)
        book.remove("file-1", owner="me", now_s=NOW_S)
    steps: list[str] = []

    def collect(turn: Callable[[], None]) -> None:
        def remove() -> None:
            turn()
            steps.append("removed")

        book.collect(FILE.address, remove=remove)

    again = replace(FILE, file_id="file-2")
    one_inside_the_other(
        collect, lambda: book.add(again, publish=lambda: steps.append("in place"))
    )
    assert steps == ["removed", "in place"]
    assert book.addresses() == {FILE.address}
    assert book.find("file-2", owner="me", now_s=NOW_S) == again


def test_two_equal_files_at_once_are_both_entered(book: FileBook) -> None:
    again = replace(FILE, file_id="file-2")
    one_inside_the_other(
        lambda turn: book.add(FILE, publish=turn), lambda: book.add(again, publish=nothing)
    )
    page = book.page(WantedPage(), owner="me", now_s=NOW_S)
    assert [file.file_id for file in page.files] == ["file-2", "file-1"]
    assert book.addresses() == {FILE.address}


def test_two_files_never_share_the_last_room(book: FileBook) -> None:
    large = replace(FILE, size_bytes=60)
    other = content(replace(large, file_id="file-2"), b"other")
    with pytest.raises(FileTooLarge):
        one_inside_the_other(
            lambda turn: book.add(large, publish=turn), lambda: book.add(other, publish=nothing)
        )
    assert book.addresses() == {FILE.address}


def test_of_many_who_sweep_each_file_is_counted_once(engine: sql.Engine) -> None:
    book = FileBook(engine, OwnerLimits(max_bytes=10**9, max_files=10**6))
    add(book, *(replace(FILE, file_id=f"file-{one}", expires_at=NOW_S) for one in range(50)))
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda _: book.expire(now_s=NOW_S), range(8)))
    assert sum(counts) == 50


def test_adding_and_collecting_at_random_loses_no_content(engine: sql.Engine) -> None:
    """What is in place is what the book says, whatever four threads do to one content."""
    book = FileBook(engine, OwnerLimits(max_bytes=10**9, max_files=10**6))
    in_place: set[str] = set()
    address = FILE.address

    def work(worker: int) -> None:
        for number in range(15):
            file = replace(FILE, file_id=f"file-{worker}-{number}")
            book.add(file, publish=lambda: in_place.add(address))
            assert address in in_place
            assert book.remove(file.file_id, owner="me", now_s=NOW_S) == address
            book.collect(address, remove=lambda: in_place.discard(address))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert book.addresses() == in_place == set()
