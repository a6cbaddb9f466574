"""A request to a model's process, as if it were one to a model's server.

llama.cpp speaks the OpenAI dialect inside the process too, so the dialect is spoken by the one
module that knows it; this carries its bytes to the worker, and the events back.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from visus.core.places import Demand, Site
from visus.errors import (
    Internal,
    ServiceError,
    UpstreamBadResponse,
    UpstreamTimedOut,
    WorkerUnavailable,
)
from visus.local.gguf.loaded_models import Lease, LoadedModels
from visus.local.gguf.model import LocalModel
from visus.models.residency import refuse_outside
from visus.wire import sse
from visus.workers.faults import NoWorker, WorkerFault, WorkerTimedOut
from visus.workers.pool import Stream

_OK: Final = 200
_WITH_PROGRESS: Final = b',"return_progress":true}'
"""Asks for a sign of life between two stretches of a prompt: there it can be stopped."""


class _Error(msgspec.Struct):
    code: int = 500


class _Opening(msgspec.Struct):
    """The first event: an error stands alone."""

    error: _Error | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """The way to one model."""

    loaded_models: LoadedModels
    model: LocalModel
    site: Site

    async def send(
        self, _endpoint: object, body: Sequence[bytes | memoryview], within: Sequence[Demand]
    ) -> "WorkerReply":
        """Hands over a chat request that asks for a stream, and waits for the first event.

        Raises:
            ResidencyUnavailable: this machine is outside; nothing was done.
            ServiceError: the model cannot be loaded, or its process failed.
        """
        refuse_outside(within, self.site)
        lease = await self.loaded_models.acquire(self.model)
        try:
            return await WorkerReply.opened(lease, _job(body))
        except BaseException:
            lease.release()
            raise


class WorkerReply:
    """An answer whose first event has arrived. The caller must close it."""

    __slots__ = (
        "_ahead",
        "_is_open",
        "_lease",
        "_stream",
        "headers",
        "is_understood",
        "status",
    )

    def __init__(self, lease: Lease, stream: Stream, first: Sequence[bytes]) -> None:
        self.status = _status(first)
        self.headers: Mapping[str, str] = {"content-type": "text/event-stream"}
        self.is_understood = False
        self._lease = lease
        self._stream = stream
        self._ahead = deque(first)
        self._is_open = True

    @classmethod
    async def opened(cls, lease: Lease, job: bytes) -> "WorkerReply":
        """Has the job begun; see `Carrier.send`."""
        try:
            stream = lease.pool.stream(job)
        except NoWorker as fault:
            raise _translated(fault, lease) from fault
        try:
            return cls(lease, stream, await _first(stream))
        except Internal as fault:
            stream.close()
            raise _translated(fault, lease) from fault
        except BaseException:
            stream.close()
            raise

    async def more(self) -> bytes:
        """The events that have come since the last look; empty once all have been taken."""
        if not self._ahead and self._is_open:
            try:
                self._ahead.extend(await anext(self._stream))
            except StopAsyncIteration:
                self._is_open = False
                return sse.DONE
            except (Internal, NoWorker) as fault:
                raise _translated(fault, self._lease) from fault
        events = b"".join(map(sse.frame, self._ahead))
        self._ahead.clear()
        return events

    def has_begun(self) -> None:
        """Changes nothing: the process has one deadline for the whole of an answer."""

    async def read(self) -> bytes:
        """An error as its only event says it."""
        return b"".join(self._ahead)

    def close(self) -> None:
        """Stops the answer; the model may be unloaded."""
        self._stream.close()
        self._lease.release()


async def _first(stream: Stream) -> Sequence[bytes]:
    async for events in stream:
        return events
    return ()


def _job(body: Sequence[bytes | memoryview]) -> bytes:
    """The body with a field more; it is an object that our own dialect has written."""
    return b"".join(body)[:-1] + _WITH_PROGRESS


def _status(first: Sequence[bytes]) -> int:
    try:
        error = msgspec.json.decode(first[0], type=_Opening).error if first else None
    except msgspec.DecodeError:
        return _OK  # the dialect will say what is wrong with it
    return _OK if error is None else error.code


def _translated(fault: ServiceError, lease: Lease) -> ServiceError:
    detail = fault.detail
    match fault:
        case NoWorker():
            lease.discard()
            message = "This model could not be loaded again on this server."
            return WorkerUnavailable(message, param="model", detail=detail)
        case WorkerTimedOut():
            return UpstreamTimedOut("The model did not finish in time.", detail=detail)
        case WorkerFault():
            message = "The model's process failed on this request and was started again."
            return UpstreamBadResponse(message, detail=detail)
        case _:
            return fault
