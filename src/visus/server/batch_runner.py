"""Batches: lines of a file become jobs, and what those come to becomes files.

One task of each server process looks for batches that are due, and takes one at a time.
"""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

import anyio
import anyio.to_thread

from visus.accounts.batches import Batch, BatchBook, BatchState, EndedLine, LineError, NewLine
from visus.core.files import FileLabel
from visus.errors import FileNotFound, ServiceError
from visus.media.library import Arrival, Library
from visus.server.job_runner import JobRunner
from visus.server.polling import Interval, Poller
from visus.server.shutdown import Shutdown
from visus.telemetry import event
from visus.units import MIB
from visus.wire.batches import LineRefused, answered_line, read_line, unanswered_line
from visus.wire.upload import BATCH_EXPIRY_S

PURPOSE: Final = "batch"
OUTPUT_PURPOSE: Final = "batch_output"
MAX_ERRORS: Final = 100
"""Of a file that is refused; more are not looked for."""
_CHUNK_BYTES: Final = 4 * MIB
_CHUNK_LINES: Final = 500
_WRITTEN_AT_ONCE: Final = 100
_WAIT_S: Final = 2.0
SWEEP_EVERY_S: Final = 60.0
_END_OF: Final[dict[BatchState, BatchState]] = {
    "in_progress": "expired",
    "finalizing": "completed",
    "cancelling": "cancelled",
}
_UNANSWERED: Final = {
    "expired": ("batch_expired", "The batch expired before this request was answered."),
    "cancelled": ("batch_cancelled", "The batch was cancelled before this was answered."),
}


class _LeaseLost(Exception):
    """Another process has the batch now, or it was cancelled."""


@dataclass(slots=True, kw_only=True)
class BatchRunner:
    """Takes batches that are due, one at a time."""

    book: BatchBook
    library: Library
    job_runner: JobRunner
    shutdown: Shutdown
    max_line_bytes: int
    _poller: Poller = field(default_factory=lambda: Poller("batches"))
    _sweeping: Interval = field(default_factory=lambda: Interval(SWEEP_EVERY_S))

    def wake(self) -> None:
        """There may be something to do."""
        self._poller.wake()

    async def run(self) -> None:
        """Works until it is cancelled."""
        self.job_runner.when_line_ends(self.wake)
        await self._poller.run(self._look, lambda: self.book.settings.look_every_s)

    async def _look(self) -> None:
        """Takes batches while any is due."""
        is_more = True
        while is_more:
            if self._sweeping.is_over():
                await anyio.to_thread.run_sync(self.book.sweep)
            is_more = await self._take()

    async def _take(self) -> bool:
        """Takes a batch that is due, and one step with it; False where there was none."""
        if self.shutdown.has_begun or not self.book.settings.workers:
            return False
        batch = await anyio.to_thread.run_sync(self.book.take)
        if batch is None or batch.lease is None:
            return False
        lease = batch.lease
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._keep, lease, tasks.cancel_scope)
                await self._step(batch)
                tasks.cancel_scope.cancel()
        except* _LeaseLost:
            pass
        except* ServiceError as faults:
            fault = faults.exceptions[0]
            event("a batch waits", {"batch": batch.batch_id, "detail": str(fault)})
            await anyio.to_thread.run_sync(lambda: self.book.put_back(lease, wait_s=_WAIT_S))
        return True

    async def _keep(self, lease: str, scope: anyio.CancelScope) -> None:
        """Renews the lease; where it is lost, the work on the batch ends."""
        while True:
            await anyio.sleep(self.book.settings.lease_s / 3)
            if not await anyio.to_thread.run_sync(self.book.renew, lease):
                scope.cancel()

    async def _step(self, batch: Batch) -> None:
        if batch.status == "validating":
            await self._read(batch)
        else:
            await self._write(batch, _END_OF[batch.status])
        event("batch", {"batch": batch.batch_id, "was": batch.status, "lines": batch.total})

    # --- Its lines ---------------------------------------------------------------------------

    async def _read(self, batch: Batch) -> None:
        if not await anyio.to_thread.run_sync(self.book.forget_lines, batch):
            raise _LeaseLost
        reading = _Reading(self.book.settings.max_batch_lines, batch.endpoint)
        try:
            await self._read_into(batch, reading)
        except FileNotFound as fault:
            reading.refuse(None, fault.code, "The input file is gone.", "input_file_id")
        if not reading.total and not reading.errors:
            reading.refuse(None, "empty_file", "The input file holds no requests.")
        if reading.errors:
            await anyio.to_thread.run_sync(
                lambda: self.book.end(batch, "failed", errors=reading.errors)
            )
            return
        if await anyio.to_thread.run_sync(self.book.start, batch, reading.total):
            self.job_runner.wake()

    async def _read_into(self, batch: Batch, reading: "_Reading") -> None:
        file = await self.library.find(batch.input_file_id, owner=batch.project_id)
        async with (
            self.library.reading(file) as pieces,
            aclosing(lines_of(pieces, self.max_line_bytes)) as lines,
        ):
            async for number, line in _numbered(lines):
                reading.take(number, line)
                if reading.is_hopeless:
                    break
                if reading.is_full:
                    await self._add(batch, reading.taken())
        await self._add(batch, reading.taken())

    async def _add(self, batch: Batch, lines: Sequence[NewLine]) -> None:
        if lines and not await anyio.to_thread.run_sync(self.book.add_lines, batch, lines):
            raise _LeaseLost

    # --- Its files ---------------------------------------------------------------------------

    async def _write(self, batch: Batch, status: BatchState) -> None:
        lines_end = "cancelled" if status == "cancelled" else "expired"
        await anyio.to_thread.run_sync(self.book.end_lines, batch, lines_end)
        if status == "completed":
            stamped = await anyio.to_thread.run_sync(self.book.stamp, batch, "finalizing")
            if stamped is None:
                raise _LeaseLost
            batch = stamped
        files: list[str | None] = []
        try:
            counts = await self._write_files(batch, files)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._remove(files, batch)
            raise
        with anyio.CancelScope(shield=True):  # the files are the batch's now, or nobody's
            is_ended = await anyio.to_thread.run_sync(
                lambda: self.book.end(
                    batch,
                    status,
                    files=(files[0], files[1]),
                    failed=batch.failed if status == "cancelled" else counts[1],
                )
            )
            if not is_ended:  # whoever has it now writes them
                await self._remove(files, batch)

    async def _write_files(self, batch: Batch, files: list[str | None]) -> tuple[int, int]:
        """Adds the two files to `files` as they come; how many lines each has."""
        owner = batch.project_id
        async with (
            self.library.write(owner=owner) as good,
            self.library.write(owner=owner) as bad,
        ):
            counts = await self._pour(batch, good, bad)
            for arrival, count, name in zip(
                (good, bad), counts, ("output", "error"), strict=True
            ):
                with anyio.CancelScope(shield=True):  # what is kept has to be known of
                    files.append(await _kept(arrival, count, batch, name))
        return counts

    async def _remove(self, files: Sequence[str | None], batch: Batch) -> None:
        for file_id in filter(None, files):
            await self.library.remove(file_id, owner=batch.project_id)

    async def _pour(self, batch: Batch, good: Arrival, bad: Arrival) -> tuple[int, int]:
        """Writes what the lines came to; how many were answered, and how many not."""
        counts = {True: 0, False: 0}
        after = 0
        if "in_progress" not in batch.times:  # cancelled before all were read
            return 0, 0
        while lines := await anyio.to_thread.run_sync(
            self.book.lines, batch, after, _WRITTEN_AT_ONCE
        ):
            for line in lines:
                is_good = line.status == "completed"
                await (good if is_good else bad).append(_written(line))
                counts[is_good] += 1
            after = lines[-1].line
        return counts[True], counts[False]


@dataclass(slots=True)
class _Reading:
    """The lines of a file, as far as they were read."""

    max_lines: int
    endpoint: str
    total: int = 0
    errors: list[LineError] = field(default_factory=list[LineError])
    _lines: list[NewLine] = field(default_factory=list[NewLine])
    _bytes: int = 0
    _known: set[bytes] = field(default_factory=set[bytes])

    @property
    def is_full(self) -> bool:
        """Whether what was read should be kept before more is read."""
        return len(self._lines) >= _CHUNK_LINES or self._bytes >= _CHUNK_BYTES

    @property
    def is_hopeless(self) -> bool:
        """Whether enough is known of what is wrong."""
        return len(self.errors) >= MAX_ERRORS or self.total > self.max_lines

    def take(self, number: int, line: bytes | None) -> None:
        """Reads a line; None stands for one that is too long."""
        self.total += 1
        if self.total > self.max_lines:
            message = f"A batch has at most {self.max_lines} requests."
            self.refuse(number, "too_many_requests", message)
            return
        if line is None:
            self.refuse(number, "line_too_large", "The line is longer than a request may be.")
            return
        try:
            custom_id, body = read_line(line, endpoint=self.endpoint)
        except LineRefused as refused:
            self.refuse(number, refused.code, refused.message, refused.param)
            return
        known = hashlib.sha256(custom_id.encode()).digest()
        if known in self._known:
            message = "The custom_id has been used by a line before."
            self.refuse(number, "duplicate_custom_id", message, "custom_id")
            return
        self._known.add(known)
        if not self.errors:
            self._lines.append(NewLine(number, custom_id, body))
            self._bytes += len(body)

    def refuse(
        self, line: int | None, code: str, message: str, param: str | None = None
    ) -> None:
        """Takes note of what is wrong."""
        self.errors.append(LineError(code=code, message=message, param=param, line=line))

    def taken(self) -> Sequence[NewLine]:
        """What was read since the last time."""
        lines, self._lines, self._bytes = self._lines, [], 0
        return () if self.errors else lines


async def lines_of(
    pieces: AsyncIterator[bytes], max_bytes: int
) -> AsyncGenerator[bytes | None]:
    """The lines of a file, without their ends; None for one that is too long."""
    kept = bytearray()
    is_too_long = False
    async for piece in pieces:
        *ended, rest = piece.split(b"\n")
        for end in ended:
            yield None if is_too_long or len(kept) + len(end) > max_bytes else bytes(kept) + end
            kept.clear()
            is_too_long = False
        kept += rest
        if len(kept) > max_bytes:
            kept.clear()
            is_too_long = True
    if kept or is_too_long:
        yield None if is_too_long else bytes(kept)


async def _numbered(
    lines: AsyncIterator[bytes | None],
) -> AsyncGenerator[tuple[int, bytes | None]]:
    """Each line with its number, the empty ones left out."""
    number = 0
    async for line in lines:
        number += 1
        if line is None or line.strip():
            yield number, line


def _written(line: EndedLine) -> bytes:
    line_id = f"batch_req_{line.job_id.removeprefix('job_')}"
    if line.status_code is None or line.result is None:
        code, message = _UNANSWERED.get(line.status, _UNANSWERED["expired"])
        return unanswered_line(line_id, line.custom_id, code=code, message=message)
    return answered_line(
        line_id,
        line.custom_id,
        status=line.status_code,
        request_id=line.request_id,
        body=bytes(line.result),
    )


async def _kept(arrival: Arrival, lines: int, batch: Batch, name: str) -> str | None:
    """The id of a file with these lines; None where there are none."""
    if not lines:
        return None
    label = FileLabel(
        filename=f"{batch.batch_id}_{name}.jsonl",
        content_type="application/jsonl",
        purpose=OUTPUT_PURPOSE,
        expires_after_s=batch.output_expires_after_s or BATCH_EXPIRY_S,
    )
    return (await arrival.keep(label)).file_id
