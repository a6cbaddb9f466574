"""What is left of a batch's files where the batch could not be ended with them."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import anyio
import pytest
import sqlalchemy as sql
from typing_extensions import override

from visus.accounts import tables
from visus.accounts.batches import Batch, BatchBook, NewBatch, NewLine
from visus.accounts.database import open_database
from visus.accounts.files import FileBook, OwnerLimits
from visus.accounts.jobs import JobBook, QueueSettings, Response
from visus.core.files import FileLabel, FileRecord, WantedPage
from visus.errors import StorageUnavailable
from visus.media.incoming import IncomingFile
from visus.media.library import Library
from visus.media.shelf import FilesSettings, Shelf
from visus.server.batch_runner import BatchRunner
from visus.server.job_runner import JobRunner
from visus.server.shutdown import Shutdown

NOT_NEEDED = cast("Any", None)
OWNER = "mine"
SETTINGS = QueueSettings(lease_s=1, look_every_s=0.1)


@dataclass(frozen=True, slots=True)
class ShelfWithAnEvent(Shelf):
    """Something happens before the second file of a batch is kept, once."""

    happens: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])
    kept: list[str] = field(default_factory=list[str])

    @override
    def enter_result(
        self, incoming: IncomingFile, *, owner: str, label: FileLabel
    ) -> FileRecord:
        if self.kept and self.happens:
            self.happens.pop()()
        file = Shelf.enter_result(self, incoming, owner=owner, label=label)
        self.kept.append(file.file_id)
        return file


class Finishing:
    """A batch of which every line has ended, and where its files go."""

    def __init__(self, folder: Path) -> None:
        self.engine = open_database(folder / "visus.db")
        self.book = BatchBook(self.engine, SETTINGS)
        files = FileBook(self.engine, OwnerLimits(max_bytes=1000, max_files=10))
        self.shelf = ShelfWithAnEvent(folder / "files", files, FilesSettings(min_free_bytes=0))
        self.library = Library(self.shelf)
        self.batch = self._finalizing()

    def _finalizing(self) -> Batch:
        asked = NewBatch(OWNER, "key", "/v1/chat/completions", "file-1", {})
        self.book.create(asked)
        batch = self.book.take()
        assert batch is not None
        assert self.book.add_lines(batch, [NewLine(1, "a", b"{}"), NewLine(2, "b", b"{}")])
        assert self.book.start(batch, 2)
        jobs = JobBook(self.engine, SETTINGS)
        for line, status in zip(jobs.take(2), (200, 500), strict=True):
            assert jobs.finish(line, Response(status, b"{}", [], "req_1"))
        return batch

    @asynccontextmanager
    async def under_way(self) -> AsyncIterator[None]:
        job_runner = JobRunner(
            book=JobBook(self.engine, SETTINGS),
            keys=NOT_NEEDED,
            handlers={},
            shutdown=Shutdown(),
            count=NOT_NEEDED,
        )
        batch_runner = BatchRunner(
            book=self.book,
            library=self.library,
            job_runner=job_runner,
            shutdown=Shutdown(),
            max_line_bytes=1000,
        )
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(batch_runner.run)
            with anyio.fail_after(20):
                yield
            tasks.cancel_scope.cancel()

    def lease_is_lost(self) -> None:
        change = sql.update(tables.batches).values(lease="of another process", due_at=2**60)
        with self.engine.begin() as connection:
            connection.execute(change)

    def now(self) -> Batch:
        found = self.book.get(self.batch.batch_id, project_id=OWNER)
        assert found is not None
        return found

    async def files(self) -> set[str]:
        page = await self.library.page(WantedPage(), owner=OWNER)
        return {file.file_id for file in page.files}


@pytest.fixture
def finishing(tmp_path: Path) -> Finishing:
    return Finishing(tmp_path)


@pytest.mark.parametrize("takes_s", [0, 1])
async def test_files_of_a_batch_that_somebody_else_has_are_removed(
    finishing: Finishing, takes_s: float
) -> None:
    """Whether that is seen at the end, or while the last file is being kept."""

    def lose() -> None:
        finishing.lease_is_lost()
        time.sleep(takes_s)

    finishing.shelf.happens.append(lose)
    async with finishing.under_way():
        while len(finishing.shelf.kept) < 2 or await finishing.files():  # noqa: ASYNC110 -- other tasks
            await anyio.sleep(0.05)
    assert finishing.now().status == "finalizing"


async def test_a_file_whose_sister_cannot_be_kept_is_removed_and_both_are_written_anew(
    finishing: Finishing,
) -> None:
    def full() -> None:
        raise StorageUnavailable("The disk is full.")

    finishing.shelf.happens.append(full)
    async with finishing.under_way():
        while finishing.now().status != "completed":  # noqa: ASYNC110 -- another task ends it
            await anyio.sleep(0.05)
    lost, *kept = finishing.shelf.kept
    assert len(kept) == 2
    assert await finishing.files() == set(kept)
    assert lost not in kept
    ended = finishing.now()
    assert [ended.output_file_id, ended.error_file_id] == kept
