"""Runs jobs: stored requests, each answered as if it came over a connection.

A job is handled like any request, from its route on: the same limits, ledger, errors and log
record. Its answer is stored where it would have been sent.

One task polls for jobs and starts a task for each. A new job of this process wakes it at once;
those of other processes are found a moment later.
"""

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup
from typing_extensions import override

from visus.accounts.jobs import JobBook, Response, Taken
from visus.accounts.keys import Key, KeyBook
from visus.core.fair import ASKER, Asker
from visus.errors import (
    Internal,
    InvalidApiKey,
    RateLimited,
    ServiceError,
    StorageUnavailable,
    Unavailable,
)
from visus.server.exchange import Exchange
from visus.server.gate import Handler
from visus.server.giving_back import give_back
from visus.server.polling import Interval, Poller
from visus.server.request import ClientRequest, Head, Header
from visus.server.shutdown import Shutdown
from visus.server.traces import Traces
from visus.telemetry import event, failure, log_record

SHOWN_PREFIX: Final = b"x-visus-"
"""Headers of an answer that are kept with it."""
_WAITS: Final = "a job waits for the end of its lease"
WRITE_AGAIN_S: Final = 1.0
SWEEP_EVERY_S: Final = 15.0
Kept: TypeAlias = tuple[int, Sequence[Header], bytes]
"""Status, headers and body of an answer."""
_JSON: Final = (b"content-type", b"application/json")
_UNSAID_WAIT_S: Final = 5


class _NoLine:
    """Stands in for a connection: nothing is sent over it, and it is never lost."""

    client = ""
    is_lost = False
    is_cut_short = False
    drained: "asyncio.Future[None] | None" = None
    on_lost: Callable[[], None] | None = None
    task: "asyncio.Task[None] | None" = None

    def write(self, data: bytes) -> None:
        """Does nothing."""

    def resume_reading(self) -> None:
        """Everything is there already."""

    def abort(self) -> None:
        """There is nothing to drop."""

    def finished(self, request: ClientRequest) -> None:
        """No other request follows."""


class JobRequest(ClientRequest):
    """A request that keeps its answer."""

    __slots__ = ("answer",)

    def __init__(self, taken: Taken) -> None:
        headers = [(name.encode("latin-1"), it.encode("latin-1")) for name, it in taken.headers]
        head = Head("POST", taken.route, b"", [_JSON, *headers])
        super().__init__(_NoLine(), head, is_surplus=False, keeps_alive=True)
        self.body.add(taken.body)
        self.body.finish()
        self.answer: Kept | None = None

    @override
    def send_whole(
        self, status: int, headers: Sequence[Header], lines: bytes, body: bytes
    ) -> bool:
        self.answer = (status, headers, body)
        self.is_started = self.is_complete = True
        return True


@dataclass(slots=True)
class _Work:
    """A job under way in this process."""

    taken: Taken
    scope: anyio.CancelScope
    lasts_until_s: float
    """When its lease ends, by `time.monotonic`."""


@dataclass(slots=True, kw_only=True)
class JobRunner:
    """Works on jobs, as many at the same time as the settings say."""

    book: JobBook
    keys: KeyBook
    handlers: Mapping[str, Handler]
    """Who answers, by path."""
    shutdown: Shutdown
    """Once it has begun, no further work is taken."""
    count: Callable[[Exchange], None]
    """Told of each that was answered."""
    traces: Traces | None = None
    _working: dict[str, _Work] = field(default_factory=dict[str, _Work])
    """By lease."""
    _resting: dict[str, float] = field(default_factory=dict[str, float])
    """Keys that have reached a limit, and until when they are left alone."""
    _when_line_ends: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])
    _poller: Poller = field(default_factory=lambda: Poller("the queue"))
    _renewed_s: float = 0.0
    _sweeping: Interval = field(init=False)

    def __post_init__(self) -> None:
        # What may be kept for a moment only is not kept for a quarter of a minute.
        self._sweeping = Interval(min(SWEEP_EVERY_S, self.book.settings.keep_s / 2))

    def wake(self) -> None:
        """There is something to do."""
        self._poller.wake()

    def when_line_ends(self, told: Callable[[], None]) -> None:
        """Calls `told` whenever a line of a batch has ended in this process."""
        self._when_line_ends.append(told)

    def cancelled(self, job_id: str) -> None:
        """Ends the work on a job, if it is done here."""
        for work in self._working.values():
            if work.taken.job_id == job_id:
                work.scope.cancel()

    async def run(self) -> None:
        """Works until it is cancelled."""
        async with anyio.create_task_group() as tasks:
            await self._poller.run(lambda: self._look(tasks), self._pause_s)

    def _pause_s(self) -> float:
        settings = self.book.settings
        is_at_work = bool(self._working)
        return min(settings.look_every_s, settings.lease_s / 3 if is_at_work else math.inf)

    async def _look(self, tasks: TaskGroup) -> None:
        """Sees to what is under way, and takes more where there is room."""
        await self._see_to_leases()
        await self._sweep()
        free = self.book.settings.workers - len(self._working)
        if free <= 0 or self.shutdown.has_begun:
            return
        now_s = time.monotonic()
        self._resting = {key: until for key, until in self._resting.items() if until > now_s}
        resting = frozenset(self._resting)
        found = await anyio.to_thread.run_sync(lambda: self.book.take(free, resting=resting))
        until_s = now_s + self.book.settings.lease_s
        for taken in found:
            work = _Work(taken, anyio.CancelScope(), until_s)
            self._working[taken.lease] = work
            tasks.start_soon(self._do, work)

    async def _see_to_leases(self) -> None:
        """Renews leases when it is time, and ends work whose lease is lost or over."""
        if not self._working:
            return
        lease_s, now_s = self.book.settings.lease_s, time.monotonic()
        leases = frozenset(self._working)
        is_time = now_s - self._renewed_s >= lease_s / 3 - self._pause_s()
        ask = self.book.renew if is_time else self.book.held
        try:
            held = await anyio.to_thread.run_sync(ask, leases)
        except StorageUnavailable:
            held = {lease for lease, it in self._working.items() if it.lasts_until_s > now_s}
        else:
            if is_time:
                self._renewed_s = now_s
                for lease in held & self._working.keys():
                    self._working[lease].lasts_until_s = now_s + lease_s
        for lease in leases - held:
            work = self._working.get(lease)
            if work is not None:
                work.scope.cancel()

    async def _sweep(self) -> None:
        if not self._sweeping.is_over():
            return
        if swept := await anyio.to_thread.run_sync(self.book.sweep):
            event("jobs swept", {"jobs": swept})

    # --- One job -----------------------------------------------------------------------------

    async def _do(self, work: _Work) -> None:
        taken = work.taken
        try:
            with work.scope:
                await self._answer(taken)
        except anyio.get_cancelled_exc_class():
            # This process stops: another one need not wait until the lease is over.
            put_back = self.book.put_back
            fields = {"job": taken.job_id}
            await give_back(lambda: put_back(taken.lease, wait_s=0), _WAITS, fields)
            raise
        except Exception as fault:  # noqa: BLE001 -- one job; its lease ends, and it is tried again
            failure("fault in a job", fault, job=taken.job_id)
        finally:
            del self._working[taken.lease]
            self.wake()

    async def _answer(self, taken: Taken) -> None:
        errand = JobRequest(taken)
        exchange = Exchange(errand)
        exchange.is_job = taken.batch_id is None
        exchange.record.event, exchange.record.job = "job", taken.job_id
        if self.traces is not None:
            self.traces.begin_job(exchange, taken)
        try:
            wait_s = await self._serve(exchange, taken)
        finally:
            exchange.end()
            self.count(exchange)
            log_record(exchange.record)
            if exchange.trace is not None and self.traces is not None:
                self.traces.end(exchange, exchange.trace)
        if wait_s is not None:
            await self._put_back(taken, wait_s)
            return
        if errand.answer is None:  # it has streamed, which nobody has asked for
            await exchange.refuse(Internal("Something went wrong here."))
        if errand.answer is not None:
            await self._finish(taken, _response(errand.answer, exchange.request_id))

    async def _serve(self, exchange: Exchange, taken: Taken) -> float | None:
        """Has the job answered; else in how many seconds it is to be tried again."""
        try:
            ASKER.set(Asker(taken.project_id, taken.key_id))
            exchange.caller = await self._key(taken)
            await self.handlers[taken.route](exchange)
        except ServiceError as fault:
            if _will_pass(fault):
                exchange.note_error(fault)
                wait_s = fault.retry_after_s or _UNSAID_WAIT_S
                if isinstance(fault, RateLimited):
                    self._resting[taken.key_id] = time.monotonic() + wait_s
                return wait_s
            await exchange.refuse(fault)
        except Exception as fault:  # noqa: BLE001 -- the owner gets an id, the log the fault
            failure("fault", fault, request=exchange.request_id)
            await exchange.refuse(Internal("Something went wrong here."))
        return None

    async def _key(self, taken: Taken) -> Key:
        """The key that the job was made with, as it is now.

        Raises:
            InvalidApiKey: it is no longer valid.
            Internal: processes die of this job.
        """
        if taken.losses >= self.book.settings.max_losses:
            raise Internal("The server stopped again and again while it was at work on this.")
        key = await anyio.to_thread.run_sync(self.keys.still, taken.key_id, taken.project_id)
        if key is None or key.state(time.time()) != "valid":
            raise InvalidApiKey("The API key of this job is no longer valid.")
        return key

    async def _finish(self, taken: Taken, response: Response) -> None:
        """Writes down what the job came to, as soon as that can be done."""
        while True:
            try:
                await anyio.to_thread.run_sync(self.book.finish, taken, response)
            except StorageUnavailable:
                await anyio.sleep(WRITE_AGAIN_S)
            else:
                break
        if taken.batch_id is not None:
            for told in self._when_line_ends:
                told()

    async def _put_back(self, taken: Taken, wait_s: float) -> None:
        try:
            await anyio.to_thread.run_sync(
                lambda: self.book.put_back(taken.lease, wait_s=wait_s)
            )
        except StorageUnavailable:
            event(_WAITS, {"job": taken.job_id})


def _will_pass(fault: ServiceError) -> bool:
    """Whether the job is only to wait."""
    return isinstance(fault, RateLimited | Unavailable) and fault.should_retry is not False


def _response(answer: Kept, request_id: str) -> Response:
    status, headers, body = answer
    shown = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in headers
        if name.startswith(SHOWN_PREFIX)
    ]
    return Response(status, body, shown, request_id)
