"""Killable workers: a handful of processes, one job each at a time.

Whatever a job does to its worker (an exception, a crash, a hang, all the memory), it costs
exactly that job a clear error; the worker is started again at once and nobody else notices. The
processes are started from the event loop's own thread on purpose: the kernel ties their life to
the thread that started them.
"""

import logging
import socket
import subprocess
import sys
from collections import deque
from os import getpid, pathsep
from pathlib import Path
from resource import getpagesize
from typing import Final, Self

import anyio
import anyio.lowlevel
import msgspec
from anyio.abc import TaskGroup
from typing_extensions import override

from visus.core.fair import ASKER, FairLine
from visus.errors import Overloaded, ShuttingDown
from visus.workers import channel
from visus.workers.channel import ChannelBroken, ChannelClosed, Kind
from visus.workers.faults import (
    NoWorker,
    WorkerDied,
    WorkerFailed,
    WorkerFault,
    WorkerTimedOut,
)
from visus.workers.settings import WorkerSettings
from visus.workers.task_owner import TaskOwner

log = logging.getLogger(__name__)

_LOOK_S: Final = 0.1
"""How often a worker's memory is checked, and whether its job is still wanted."""
_PARTS_AHEAD: Final = 256
"""Pieces of a result that are kept for a reader who is behind."""
_REAP_LOOK_S: Final = 0.005
_REAP_DEADLINE_S: Final = 5.0
_LAST_WORDS_S: Final = 0.2
"""How long a process that hung up may take to end, so that its status tells why."""
_FIRST_BACKOFF_S: Final = 0.4
_LONGEST_BACKOFF_S: Final = 30.0
_MOST_DOUBLINGS: Final = 16
_PAGE_BYTES: Final = getpagesize()
_LONGEST_DETAIL: Final = 2000
_SORRY: Final = "The request could not be processed."
_NO_WORKER: Final = "A process that this request needs does not start on this server."


class _Job:
    """One call: what goes in, how long it may run, and in the end what came of it."""

    def __init__(self, payload: bytes | memoryview, deadline_s: float) -> None:
        self.payload = payload
        self.deadline_s = deadline_s
        self.asker = ASKER.get()
        self.done = anyio.Event()
        self.result: bytes | None = None
        self.error: Exception | None = None

    def succeed(self, result: bytes) -> None:
        if not self.done.is_set():
            self.result = result
            self.done.set()

    def fail(self, error: Exception) -> None:
        if not self.done.is_set():
            self.error = error
            self.done.set()

    async def add(self, part: bytes) -> None:
        """Takes a piece of the result."""
        raise ChannelBroken(f"a piece of {len(part)} bytes that nobody asked for")

    def outcome(self) -> bytes:
        if self.error is not None:
            raise self.error
        if self.result is None:
            raise WorkerDied(_SORRY, detail="a job ended without an outcome")
        return self.result


class Stream(_Job):
    """A call whose result arrives in pieces, to a reader that may stop before the end.

    Each step of the iteration gives the pieces that have come since the last one.
    """

    def __init__(
        self, payload: bytes | memoryview, deadline_s: float, waiting: FairLine[_Job]
    ) -> None:
        super().__init__(payload, deadline_s)
        self.is_abandoned = False
        self._waiting = waiting
        self._parts: deque[bytes] = deque()
        self._changed = anyio.Event()
        """Set and replaced whenever a piece comes or goes."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[bytes]:
        while not self._parts:
            if self.done.is_set():
                self.outcome()
                raise StopAsyncIteration
            await self._changed.wait()
        some = list(self._parts)
        self._parts.clear()
        self._turn()
        return some

    def close(self) -> None:
        """Stops reading; a job that still waits never starts."""
        self._waiting.remove(self.asker, self)
        self.is_abandoned = True
        self._turn()

    @override
    async def add(self, part: bytes) -> None:
        """Waits while the reader is far behind; after `close`, pieces are dropped."""
        while len(self._parts) >= _PARTS_AHEAD and not self._is_over():
            await self._changed.wait()
        if self._is_over():
            # A worker that floods us is heard without a pause: others must have their turn too.
            await anyio.lowlevel.checkpoint()
        else:
            self._parts.append(part)
            self._turn()

    @override
    def succeed(self, result: bytes) -> None:
        super().succeed(result)
        self._turn()

    @override
    def fail(self, error: Exception) -> None:
        super().fail(error)
        self._turn()

    def _is_over(self) -> bool:
        return self.is_abandoned or self.done.is_set()

    def _turn(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


class _Worker:
    """One process and our end of the line to it."""

    def __init__(self, entry: str, settings: WorkerSettings, argument: str | None) -> None:
        ours, theirs = channel.pair()
        with theirs:
            try:
                self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                    _command(entry, settings, theirs.fileno(), argument),
                    env=_environment(settings),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    close_fds=True,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                )
            except BaseException:
                ours.close()
                raise
        self.sock = ours
        self.ready = anyio.Event()
        self.job: _Job | None = None
        self.was_used = False
        self.reason: str | None = None
        """Why it is about to end, where we know better than its exit status."""

    def kill(self, reason: str) -> None:
        self.reason = self.reason or reason
        self.process.kill()

    def resident_bytes(self) -> int:
        try:
            statm = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii")
        except OSError:
            return 0
        fields = statm.split()
        return int(fields[1]) * _PAGE_BYTES if fields else 0

    def is_gone(self) -> bool:
        """Whether it has ended, or is about to, and that is not handled yet."""
        if self.reason is not None:
            return True
        try:
            return not self.sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True

    async def end(self) -> str:
        """Kill, close and reap; the reason of its end, for our log."""
        anyio.notify_closing(self.sock)
        self.sock.close()
        if self.reason is None:
            await self._reap(_LAST_WORDS_S)
        status = self.process.poll()
        self.process.kill()
        await self._reap(_REAP_DEADLINE_S)
        return self.reason or f"the process ended with status {status}"

    async def _reap(self, deadline_s: float) -> None:
        # Nothing tells us of a child's end without a signal handler or a thread.
        with anyio.move_on_after(deadline_s, shield=True):
            while self.process.poll() is None:  # noqa: ASYNC110 - see above
                await anyio.sleep(_REAP_LOOK_S)


def _busy() -> Overloaded:
    return Overloaded("The server is busy. Please try again.", retry_after_s=1)


def _command(entry: str, settings: WorkerSettings, fd: int, argument: str | None) -> list[str]:
    return [
        sys.executable,
        *("-P", "-s", "-m", "visus.workers.child"),
        *(str(fd), str(getpid()), msgspec.json.encode(settings).decode(), entry),
        *([] if argument is None else [argument]),
    ]


def _environment(settings: WorkerSettings) -> dict[str, str]:
    """The whole environment of a worker: no keys, no paths, a fixed locale."""
    threads = str(settings.threads)
    environment = {
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": threads,
        "OMP_WAIT_POLICY": "PASSIVE",
        "OPENBLAS_NUM_THREADS": threads,
        "MALLOC_ARENA_MAX": "2",
        "ORT_DISABLE_TELEMETRY": "1",  # or ONNX Runtime reports to its makers
    }
    if settings.import_path:
        environment["PYTHONPATH"] = pathsep.join(settings.import_path)
    return environment


class WorkerPool(TaskOwner):
    """A bounded number of workers behind one bounded queue.

    Every job ends exactly once: with its result, with the `ServiceError` its handler raised, or
    with a `WorkerFault`. Entering starts the workers and does not wait for them.
    """

    def __init__(
        self,
        entry: str,
        *,
        name: str,
        settings: WorkerSettings,
        is_lazy: bool = False,
        argument: str | None = None,
    ) -> None:
        """`entry` is `package.module:function`.

        A lazy pool starts its workers with the first call.

        The function is called once in each worker, with `argument` where there is one, loads
        what it needs and returns the handler of jobs: `Callable[[bytes], bytes]`, or a
        `channel.Streaming` for jobs that are asked with `stream`. `name` is for our log. With
        an argument the process is locked down before the function is called; see `child`.
        """
        super().__init__()
        self._entry = entry
        self._argument = argument
        self._name = name
        self._settings = settings
        self._is_lazy = is_lazy
        self._waiting = FairLine[_Job]()
        self._hungry = 0
        self._workers: dict[int, _Worker] = {}
        """By slot, 0 to `count - 1`; a slot is empty between two processes."""
        self._given_up: dict[int, str] = {}
        """Places where nothing starts, after `start_attempts` failures in a row, and why."""
        self._logged: set[str] = set()
        """Why workers ended by themselves; each reason is logged once until one is ready."""
        self._changed = anyio.Event()
        """Set and replaced whenever a job arrives or a worker's state changes."""
        self.restarts = 0
        """Processes that ended, for whatever reason, and were replaced."""
        self._open = False

    @override
    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._open = True
        if not self._is_lazy:
            self._start()
        return self

    def _start(self) -> None:
        self._is_lazy = False
        for slot in range(self._settings.count):
            self._tasks.start_soon(self._keep_alive, slot)

    @override
    def _stop(self, tasks: TaskGroup) -> None:
        self._open = False
        for job in self._jobs():
            job.fail(ShuttingDown("The server is stopping."))
        self._waiting.clear()
        super()._stop(tasks)

    @property
    def name(self) -> str:
        """What it is called in our log."""
        return self._name

    @property
    def ready(self) -> bool:
        """Whether at least one worker takes jobs."""
        return any(worker.ready.is_set() for worker in self._workers.values())

    @property
    def stuck(self) -> str | None:
        """Why no worker can be started; None while one runs or might still come up."""
        if len(self._given_up) < self._settings.count or self.ready:
            return None
        return next(iter(self._given_up.values()))

    @property
    def size(self) -> int:
        """How many processes there are."""
        return len(self._workers)

    @property
    def busy(self) -> int:
        """How many of them have a job."""
        return sum(worker.job is not None for worker in self._workers.values())

    @property
    def pids(self) -> list[int]:
        """The processes that run now, ready or not."""
        return [worker.process.pid for worker in self._workers.values()]

    async def until_ready(self) -> None:
        """Wait for the first worker that takes jobs.

        Raises:
            NoWorker: none came up in `start_attempts` attempts.
        """
        while not self.ready:
            self._refuse_if_stuck()
            await self._changed.wait()

    async def call(self, job: bytes | memoryview, *, deadline_s: float | None = None) -> bytes:
        """Have `job` done by the next free worker.

        A caller that is cancelled abandons its job: it is dropped while it waits, and runs to
        its end or its deadline once a worker has it.

        Args:
            job: what the handler gets; not copied, so it must not change meanwhile.
            deadline_s: how long it may run once a worker has it, if not the pool's deadline.

        Raises:
            ServiceError: raised by the handler; the same class, message, param and detail.
            Overloaded: as many jobs as allowed are waiting.
            WorkerFailed: the handler raised anything else, or the job or result is too large.
            WorkerDied: the process ended during this job.
            NoWorker: none could be started, in `start_attempts` attempts.
            WorkerTimedOut: the deadline passed, and the process was killed.
            ShuttingDown: the pool is being left.
        """
        waiting = _Job(job, deadline_s or self._settings.deadline_s)
        self._queue(waiting)
        try:
            await waiting.done.wait()
        finally:
            self._waiting.remove(waiting.asker, waiting)
        return waiting.outcome()

    def stream(self, job: bytes | memoryview, *, deadline_s: float | None = None) -> Stream:
        """Have `job` done by the next free worker, and read its result as it is made.

        Whoever has the stream closes it. Closing before the end tells the worker to stop; one
        that goes on for `cancel_grace_s` is killed. The worker waits for a reader that is far
        behind, but not longer than the deadline.

        Raises:
            ServiceError: as `call` does, at once or from the iteration.
        """
        waiting = Stream(job, deadline_s or self._settings.deadline_s, self._waiting)
        self._queue(waiting)
        return waiting

    def _queue(self, job: _Job) -> None:
        """Lets it wait for a worker, if it may."""
        if not self._open:
            raise ShuttingDown("The server is stopping.")
        if self._is_lazy:
            self._start()
        self._refuse_if_stuck()
        if len(job.payload) > self._settings.max_message_bytes:
            raise WorkerFailed(_SORRY, detail=f"a job of {len(job.payload)} bytes")
        if len(self._waiting) >= self._settings.max_waiting + self._hungry:
            other = self._waiting.make_room(job.asker)
            if other is None:
                raise _busy()
            other.fail(_busy())
        self._waiting.add(job.asker, job)
        self._announce()

    def _jobs(self) -> list[_Job]:
        running = (worker.job for worker in self._workers.values())
        return [*self._waiting, *(job for job in running if job is not None)]

    def _announce(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    def _refuse_if_stuck(self) -> None:
        if self.stuck is not None:
            raise NoWorker(_NO_WORKER, detail=self.stuck)

    # --- The life of one slot in the pool ----------------------------------------------------

    async def _keep_alive(self, slot: int) -> None:
        failures = 0
        while True:
            was_used, reason = await self._live_once(slot)
            self.restarts += 1
            if was_used:
                self._logged.clear()
            failures = 0 if was_used else failures + 1
            if failures:
                self._log_once("worker ended by itself", reason)
            if failures >= self._settings.start_attempts:
                self._give_up(slot, reason)
            if wait_s := backoff_s(failures):
                await anyio.sleep(wait_s)

    def _give_up(self, slot: int, reason: str) -> None:
        """Tell those who wait, if no other slot can serve them; trying goes on."""
        self._given_up[slot] = reason
        if self.stuck is not None:
            for job in self._waiting:
                job.fail(NoWorker(_NO_WORKER, detail=reason))
            self._waiting.clear()
        self._announce()

    def _log_once(self, name: str, reason: str) -> None:
        if reason not in self._logged:
            self._logged.add(reason)
            log.warning(name, extra={"fields": {"pool": self._name, "reason": reason}})

    async def _live_once(self, slot: int) -> tuple[bool, str]:
        """From start to end of one process: whether it was given a job, and why it ended."""
        try:
            worker = _Worker(self._entry, self._settings, self._argument)
        except OSError as fault:
            return False, f"the process could not be started ({fault.strerror})"
        self._workers[slot] = worker
        try:
            await self._converse(worker, slot)
        finally:
            reason = await worker.end()
            del self._workers[slot]
            if worker.job is not None:
                worker.job.fail(WorkerDied(_SORRY, detail=reason))
            self._announce()
        return worker.was_used, reason

    async def _converse(self, worker: _Worker, slot: int) -> None:
        """Start, feed and listen until the line breaks or the worker has to go."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._kill_unless_ready, worker)
                tasks.start_soon(self._feed, worker)
                await self._listen(worker, slot)
                tasks.cancel_scope.cancel()
        except* ChannelClosed:
            pass  # its status will say why
        except* ChannelBroken as broken:
            worker.reason = worker.reason or str(broken.exceptions[0])

    async def _kill_unless_ready(self, worker: _Worker) -> None:
        with anyio.move_on_after(self._settings.start_deadline_s):
            while not worker.ready.is_set():
                with anyio.move_on_after(_LOOK_S):
                    await worker.ready.wait()
                self._kill_if_swollen(worker)
            return
        worker.kill("it was not ready in time")

    async def _feed(self, worker: _Worker) -> None:
        await worker.ready.wait()
        while True:
            await self._until_a_job_waits()
            if worker.is_gone():
                return
            job = worker.job = self._waiting.take()
            worker.was_used = True
            with anyio.move_on_after(job.deadline_s):
                await channel.send_frame(worker.sock, Kind.JOB, job.payload)
                job.payload = b""
                await self._watch(worker, job)
            if not job.done.is_set():
                job.fail(WorkerTimedOut(_SORRY, detail=f"killed after {job.deadline_s} s"))
                worker.kill("it ran past its deadline")
                return
            worker.job = None

    async def _until_a_job_waits(self) -> None:
        self._hungry += 1
        try:
            while not self._waiting:
                await self._changed.wait()
        finally:
            self._hungry -= 1

    async def _watch(self, worker: _Worker, job: _Job) -> None:
        """Until the job is done, with an eye on the worker's memory and on who still waits."""
        while not job.done.is_set():
            with anyio.move_on_after(_LOOK_S):
                await job.done.wait()
                return
            if self._kill_if_swollen(worker):
                await anyio.sleep_forever()
            if isinstance(job, Stream) and job.is_abandoned:
                await self._call_off(worker, job)

    async def _call_off(self, worker: _Worker, job: _Job) -> None:
        channel.cancel(worker.sock)
        with anyio.move_on_after(self._settings.cancel_grace_s):
            await job.done.wait()
            return
        worker.kill("it did not stop when it was told to")
        await anyio.sleep_forever()

    def _kill_if_swollen(self, worker: _Worker) -> bool:
        if worker.resident_bytes() <= self._settings.memory_bytes:
            return False
        worker.kill("it used too much memory")
        return True

    async def _listen(self, worker: _Worker, slot: int) -> None:
        """Take frames until the worker says that it leaves."""
        while True:
            kind, payload = await channel.receive_frame(
                worker.sock, max_bytes=self._settings.max_message_bytes
            )
            match kind:
                case Kind.READY:
                    self._welcome(worker, slot, payload)
                case Kind.RESULT:
                    _running(worker).succeed(payload)
                case Kind.REFUSED:
                    _running(worker).fail(channel.unpack_refusal(payload))
                case Kind.FAILED:
                    _running(worker).fail(_failed(payload))
                case Kind.PART:
                    await _running(worker).add(payload)
                case Kind.FAILED_AND_LEAVING:
                    worker.reason = _text(payload)
                    if worker.job is not None:
                        worker.job.fail(_failed(payload))
                    return
                case Kind.JOB | Kind.CANCEL:
                    raise ChannelBroken("a worker that gives orders")

    def _welcome(self, worker: _Worker, slot: int, payload: bytes) -> None:
        for missing in channel.unpack_missing(payload):
            self._log_once("worker not locked down", missing)
        if self._given_up.pop(slot, None) is not None:
            log.warning("worker started again", extra={"fields": {"pool": self._name}})
            self._logged.clear()
        worker.ready.set()
        self._announce()


def backoff_s(failures: int) -> float:
    """Seconds before a process is started again that has failed `failures` times in a row.

    The first failure costs no wait; from the second on it doubles, up to half a minute.
    """
    if failures < 2:  # noqa: PLR2004 -- one failure may be chance
        return 0.0
    doublings = min(failures - 2, _MOST_DOUBLINGS)
    return min(_FIRST_BACKOFF_S * 2.0**doublings, _LONGEST_BACKOFF_S)


def _running(worker: _Worker) -> _Job:
    if worker.job is None:
        raise ChannelBroken("an answer that nobody asked for")
    return worker.job


def _failed(payload: bytes) -> WorkerFault:
    return WorkerFailed(_SORRY, detail=_text(payload))


def _text(payload: bytes) -> str:
    return payload[:_LONGEST_DETAIL].decode(errors="replace")
