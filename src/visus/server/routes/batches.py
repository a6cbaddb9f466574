"""`/v1/batches`: create, list, look up and cancel batches."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import anyio.to_thread
import msgspec

from visus.accounts.batches import Batch, BatchBook, NewBatch
from visus.accounts.clock import MS
from visus.config import ServerSettings
from visus.errors import BatchNotFound, Conflict, InvalidValue
from visus.media.library import Library
from visus.server.batch_runner import PURPOSE, BatchRunner
from visus.server.exchange import Exchange, headers_with, made_by, read_json
from visus.server.webhooks import Listeners, told
from visus.wire import batches as wire, unknown
from visus.wire.shape_faults import shape_faults

MAX_BODY_BYTES: Final = 64 * 1024
_STOPPED: Final = frozenset({"cancelling", "cancelled"})
_decode: Final = msgspec.json.Decoder(wire.BatchRequest).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBatchRoute:
    """Takes a file of requests."""

    book: BatchBook
    library: Library
    batch_runner: BatchRunner
    settings: ServerSettings
    listeners: Listeners

    async def __call__(self, exchange: Exchange) -> None:
        """Promises answers.

        Raises:
            FileNotFound: there is no such file.
            InvalidValue: it was uploaded for something else; or the webhook may not be told.
        """
        raw = await read_json(exchange, self.settings, max_bytes=MAX_BODY_BYTES)
        request, ignored = _read(raw)
        key, file_id = exchange.key, request.input_file_id
        expiry = request.output_expires_after
        file = await self.library.find(file_id, owner=exchange.owner, param="input_file_id")
        if file.purpose != PURPOSE:
            message = f"The file must be uploaded with the purpose '{PURPOSE}'."
            raise InvalidValue(message, param="input_file_id")
        new = NewBatch(
            project_id=key.project_id,
            key_id=key.key_id,
            endpoint=request.endpoint,
            input_file_id=file_id,
            metadata=request.metadata,
            listener=await self.listeners.admitted(request.webhook, project_id=key.project_id),
            traceparent=made_by(exchange),
            output_expires_after_s=None if expiry is None else expiry.seconds,
        )
        batch = await anyio.to_thread.run_sync(self.book.create, new)
        self.batch_runner.wake()
        exchange.record.batch = batch.batch_id
        await exchange.finish(200, _body(batch), headers=headers_with(ignored))


def _read(raw: bytes | bytearray) -> tuple[wire.BatchRequest, Sequence[str]]:
    with shape_faults(wire.BatchRequest):
        known, ignored = unknown.set_aside(raw, wire.BatchRequest)
        return _decode(known), ignored


@dataclass(frozen=True, slots=True)
class BatchesRoute:
    """The batches of the caller's project."""

    book: BatchBook

    async def __call__(self, exchange: Exchange) -> None:
        """Sends one page of the list."""
        wanted, ignored = wire.wanted_batches(exchange.request.query)
        found, has_more = await anyio.to_thread.run_sync(
            lambda: self.book.page(
                project_id=exchange.owner, after=wanted.after, limit=wanted.limit
            )
        )
        shown = [_shown(batch) for batch in found]
        page = wire.BatchList(
            data=shown,
            first_id=shown[0].id if shown else None,
            last_id=shown[-1].id if shown else None,
            has_more=has_more,
        )
        await exchange.finish(200, msgspec.json.encode(page), headers=headers_with(ignored))


@dataclass(frozen=True, slots=True)
class BatchRoute:
    """How far a batch is."""

    book: BatchBook

    async def __call__(self, exchange: Exchange) -> None:
        """Sends it.

        Raises:
            BatchNotFound: the caller's project has none of this id.
        """
        batch_id, owner = exchange.path_params["batch_id"], exchange.owner
        batch = await anyio.to_thread.run_sync(
            lambda: self.book.get(batch_id, project_id=owner)
        )
        await exchange.finish(200, _body(_there(batch)))


@dataclass(frozen=True, slots=True)
class CancelBatchRoute:
    """Ends a batch; what was answered by then is kept."""

    book: BatchBook
    batch_runner: BatchRunner

    async def __call__(self, exchange: Exchange) -> None:
        """Sends the batch as it then is.

        Raises:
            BatchNotFound: the caller's project has none of this id.
            Conflict: it has ended, or is about to.
        """
        batch_id, owner = exchange.path_params["batch_id"], exchange.owner
        batch = _there(
            await anyio.to_thread.run_sync(lambda: self.book.cancel(batch_id, project_id=owner))
        )
        if batch.status not in _STOPPED:
            raise Conflict(f"A batch that is {batch.status} cannot be cancelled.")
        self.batch_runner.wake()
        await exchange.finish(200, _body(batch))


def _there(batch: Batch | None) -> Batch:
    if batch is None:
        raise BatchNotFound("There is no such batch.")
    return batch


def _body(batch: Batch) -> bytes:
    return msgspec.json.encode(_shown(batch))


def _shown(batch: Batch) -> wire.BatchObject:
    times = batch.times
    faults = [
        wire.BatchFault(code=one.code, message=one.message, param=one.param, line=one.line)
        for one in batch.errors
    ]
    return wire.BatchObject(
        id=batch.batch_id,
        endpoint=batch.endpoint,
        errors=wire.BatchFaults(data=faults) if faults else None,
        input_file_id=batch.input_file_id,
        status=batch.status,
        output_file_id=batch.output_file_id,
        error_file_id=batch.error_file_id,
        created_at=batch.created_ms // MS,
        in_progress_at=times.get("in_progress"),
        expires_at=batch.expires_ms // MS,
        finalizing_at=times.get("finalizing"),
        completed_at=times.get("completed"),
        failed_at=times.get("failed"),
        expired_at=times.get("expired"),
        cancelling_at=times.get("cancelling"),
        cancelled_at=times.get("cancelled"),
        request_counts=wire.RequestCounts(batch.total, batch.completed, batch.failed),
        metadata=batch.metadata,
        webhook=told(batch.webhook),
    )
