"""`/queue/...`: the routes that ask, answered at once or later; and the jobs made there."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import anyio.to_thread
import msgspec
from msgspec import Raw

from visus.accounts.clock import MS
from visus.accounts.jobs import Job, JobBook, NewJob
from visus.errors import JobNotFound
from visus.server.body import Bytes
from visus.server.exchange import JSON, Exchange, made_by
from visus.server.gate import Handler
from visus.server.job_runner import SHOWN_PREFIX, JobRunner
from visus.server.webhooks import Listeners, told
from visus.wire.chat import ChatCall
from visus.wire.jobs import JOBS_PATH, JobObject, JobResponse, error_of, prefers_async

PREFIX: Final = "/queue"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRoute:
    """A route whose answer may be fetched later."""

    at_once: Handler
    check: Callable[[Exchange], Awaitable[tuple[ChatCall, Bytes]]]
    """Reads a request and refuses what could not be answered."""
    route: str
    """Where it would be answered at once."""
    book: JobBook
    job_runner: JobRunner
    listeners: Listeners

    async def __call__(self, exchange: Exchange) -> None:
        """Answers, or promises an answer.

        Raises:
            InvalidValue: the webhook that it names may not be told.
        """
        if not prefers_async(exchange.headers(b"prefer")):
            await self.at_once(exchange)
            return
        call, body = await self.check(exchange)
        key = exchange.key
        listener = await self.listeners.admitted(call.webhook, project_id=key.project_id)
        headers = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in exchange.request.headers
            if name.startswith(SHOWN_PREFIX)
        ]
        if (mine := made_by(exchange)) is not None:
            headers.append(("traceparent", mine))
        new = NewJob(key.project_id, key.key_id, self.route, headers, listener)
        job = await anyio.to_thread.run_sync(self.book.add, new, body)
        self.job_runner.wake()
        exchange.record.job = job.job_id
        shown = _shown(job)
        headers_out = (
            JSON,
            (b"location", shown.url.encode()),
            (b"preference-applied", b"respond-async"),
        )
        await exchange.finish(202, msgspec.json.encode(shown), headers=headers_out)


@dataclass(frozen=True, slots=True)
class JobRoute:
    """How far a job is, and what it came to."""

    book: JobBook

    async def __call__(self, exchange: Exchange) -> None:
        """Sends it.

        Raises:
            JobNotFound: the caller's project has none of this id.
        """
        job_id, owner = exchange.path_params["job_id"], exchange.owner
        job = await anyio.to_thread.run_sync(lambda: self.book.get(job_id, project_id=owner))
        await _send(exchange, job)


@dataclass(frozen=True, slots=True)
class CancelJobRoute:
    """Ends a job that has not ended yet."""

    book: JobBook
    job_runner: JobRunner

    async def __call__(self, exchange: Exchange) -> None:
        """Sends the job as it then is.

        Raises:
            JobNotFound: the caller's project has none of this id.
        """
        job_id, owner = exchange.path_params["job_id"], exchange.owner
        job = await anyio.to_thread.run_sync(lambda: self.book.cancel(job_id, project_id=owner))
        if job is not None and job.status == "cancelled":
            self.job_runner.cancelled(job_id)
        await _send(exchange, job)


async def _send(exchange: Exchange, job: Job | None) -> None:
    if job is None:
        raise JobNotFound("There is no such job.")
    await exchange.finish(200, msgspec.json.encode(_shown(job)))


def _shown(job: Job) -> JobObject:
    answer = job.response
    is_good = job.status == "completed"
    return JobObject(
        id=job.job_id,
        status=job.status,
        created_at=job.created_ms // MS,
        expires_at=job.expires_ms // MS,
        url=f"{JOBS_PATH}/{job.job_id}",
        started_at=_seconds(job.started_ms),
        ended_at=_seconds(job.ended_ms),
        response=None
        if answer is None
        else JobResponse(
            status_code=answer.status,
            request_id=answer.request_id,
            headers=dict(answer.headers),
        ),
        result=Raw(answer.body) if answer is not None and is_good else None,
        error=error_of(answer.body) if answer is not None and not is_good else None,
        webhook=told(job.webhook),
    )


def _seconds(at_ms: int | None) -> int | None:
    return None if at_ms is None else at_ms // MS
