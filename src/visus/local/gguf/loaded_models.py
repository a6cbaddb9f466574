"""Which models are in memory: loaded on demand, unloaded when idle or to make room.

Together they never need more than `memory_bytes`. A model in use is never unloaded; of the
others, the least recently used goes first.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Final, Literal, TypeAlias

import anyio
import anyio.to_thread
import msgspec

from visus.errors import ModelTooLarge, Overloaded, ServiceError, WorkerUnavailable
from visus.local.gguf.loading import Loading
from visus.local.gguf.model import FilesUnusable, LocalModel, Measured, measure
from visus.local.settings import GgufSettings
from visus.units import MIB
from visus.workers.faults import NoWorker
from visus.workers.pool import WorkerPool
from visus.workers.settings import WorkerSettings
from visus.workers.task_owner import TaskOwner

ENTRY: Final = "visus.local.gguf.worker:load"
State: TypeAlias = Literal["unloaded", "loading", "loaded"]


class _LoadedModel:
    """A model that is in memory, being loaded, or being unloaded."""

    def __init__(self, model: LocalModel, measured: Measured, pool: WorkerPool) -> None:
        self.model = model
        self.measured = measured
        self.pool = pool
        self.users = 0
        """Requests that use it, or wait until it is loaded."""
        self.asked_s = anyio.current_time()
        self.is_unloading = False
        self.is_unwanted = False
        """Whether it is unloaded as soon as `users` is 0."""
        self.settled = anyio.Event()
        """Set once it is loaded, or has failed to load."""
        self.failure: ServiceError | None = None
        self.unloaded = anyio.Event()
        self.changed = anyio.Event()
        """Set and replaced whenever `users` or a flag changes."""

    async def until_settled(self) -> None:
        """Waits until it is loaded, or raises why it cannot be."""
        await self.settled.wait()
        if self.failure is not None:
            raise self.failure

    def touch(self) -> None:
        self.asked_s = anyio.current_time()
        self.changed.set()
        self.changed = anyio.Event()

    def unload(self) -> None:
        """Has its process ended; `unloaded` is set afterwards."""
        self.is_unloading = True
        self.touch()


@dataclass(frozen=True, slots=True)
class Lease:
    """The use of a model, which stays in memory until `release` is called."""

    pool: WorkerPool
    measured: Measured
    release: Callable[[], None]
    """To be called once."""
    discard: Callable[[], None]
    """Unloads the model, whose process does not start any more; the next user loads it anew."""


class LoadedModels(TaskOwner):
    """The models in memory. Entered once; exiting ends every process."""

    def __init__(self, settings: GgufSettings, pools: list[WorkerPool] | None = None) -> None:
        """The pool of each model is in `pools` as long as the model is in memory."""
        super().__init__()
        self._settings = settings
        self._pools = [] if pools is None else pools
        self._models: dict[LocalModel, _LoadedModel] = {}
        """Also those that are being unloaded."""

    def state(self, model: LocalModel) -> State:
        """Where a model is now."""
        loaded = self._models.get(model)
        if loaded is None or loaded.is_unloading:
            return "unloaded"
        return "loaded" if loaded.settled.is_set() else "loading"

    def unload_when_unused(self, model: LocalModel) -> None:
        """Unloads a model as soon as no request uses it."""
        loaded = self._models.get(model)
        if loaded is not None:
            loaded.is_unwanted = True
            loaded.touch()

    async def acquire(self, model: LocalModel) -> Lease:
        """Loads `model` if need be, and keeps it in memory until the lease is released.

        Raises:
            ModelTooLarge: it needs more than all memory that models may have.
            Overloaded: models in use have taken the memory.
            WorkerUnavailable: its files cannot be used, or its process does not start.
        """
        loaded = await self._get_or_load(model)
        loaded.users += 1
        loaded.touch()

        def release() -> None:
            loaded.users -= 1
            loaded.touch()

        try:
            await loaded.until_settled()
        except BaseException:
            release()
            raise
        return Lease(loaded.pool, loaded.measured, release, loaded.unload)

    async def _get_or_load(self, model: LocalModel) -> _LoadedModel:
        measured: Measured | None = None
        while True:
            loaded = self._models.get(model)
            if loaded is not None and not loaded.is_unloading:
                return loaded
            if measured is None:
                measured = await self._measured(model)
            elif loaded is not None:
                await loaded.unloaded.wait()
            elif (evicted := self._to_evict(measured.bytes_needed)) is not None:
                evicted.unload()
                await evicted.unloaded.wait()
            else:
                return self._load(model, measured)

    async def _measured(self, model: LocalModel) -> Measured:
        try:
            measured = await anyio.to_thread.run_sync(measure, model)
        except FilesUnusable as fault:
            message = "The files of this model cannot be used on this server."
            raise WorkerUnavailable(message, param="model", detail=str(fault)) from fault
        if measured.bytes_needed > self._settings.memory_bytes:
            needed = -(-measured.bytes_needed // MIB)
            given = self._settings.memory_bytes // MIB
            raise ModelTooLarge(
                f"This model needs about {needed:,} MiB of memory; models have {given:,} MiB.",
                param="model",
            )
        return measured

    def _to_evict(self, bytes_needed: int) -> _LoadedModel | None:
        """The model to unload so that this many bytes fit; None where they fit already."""
        taken = sum(one.measured.bytes_needed for one in self._models.values())
        if taken + bytes_needed <= self._settings.memory_bytes:
            return None
        if (idle := min(self._idle(), key=lambda one: one.asked_s, default=None)) is None:
            message = "Other models are in use and take the memory. Please try again."
            raise Overloaded(message, retry_after_s=5)
        return idle

    def _idle(self) -> Iterator[_LoadedModel]:
        return (one for one in self._models.values() if not one.users)

    def _load(self, model: LocalModel, measured: Measured) -> _LoadedModel:
        socket_dir = Path(mkdtemp(prefix="visus-"))
        pool = WorkerPool(
            ENTRY,
            name=model.name,
            settings=self._worker_settings(),
            argument=msgspec.json.encode(self._loading(model, measured, socket_dir)).decode(),
        )
        loaded = self._models[model] = _LoadedModel(model, measured, pool)
        self._pools.append(pool)
        self._tasks.start_soon(self._run, loaded, socket_dir)
        return loaded

    def _loading(self, model: LocalModel, measured: Measured, socket_dir: Path) -> Loading:
        return Loading(
            path=str(model.path),
            projector=str(model.projector) if model.projector else None,
            context_tokens=measured.context_tokens,
            threads=self._threads(),
            socket_dir=str(socket_dir),
        )

    def _threads(self) -> int:
        return self._settings.threads or len(os.sched_getaffinity(0))

    def _worker_settings(self) -> WorkerSettings:
        settings = self._settings
        return WorkerSettings(
            memory_bytes=settings.memory_bytes,
            max_waiting=settings.max_waiting,
            deadline_s=settings.deadline_s,
            cancel_grace_s=settings.cancel_grace_s,
            start_deadline_s=settings.load_deadline_s,
            start_attempts=1,
            threads=self._threads(),
        )

    # --- The life of one model ---------------------------------------------------------------

    async def _run(self, loaded: _LoadedModel, socket_dir: Path) -> None:
        try:
            async with loaded.pool as pool:
                await pool.until_ready()
                _remove_sockets(socket_dir)
                loaded.settled.set()
                await self._until_unused(loaded)
        except NoWorker as fault:
            message = "This model could not be loaded on this server."
            loaded.failure = WorkerUnavailable(message, param="model", detail=fault.detail)
        finally:
            loaded.is_unloading = True
            _remove_sockets(socket_dir, and_folder=True)
            del self._models[loaded.model]
            self._pools.remove(loaded.pool)
            loaded.settled.set()
            loaded.unloaded.set()

    async def _until_unused(self, loaded: _LoadedModel) -> None:
        while not loaded.is_unloading:
            if loaded.is_unwanted and not loaded.users:
                loaded.is_unloading = True
                return
            with anyio.move_on_after(self._settings.idle_unload_s):
                await loaded.changed.wait()
                continue
            # Checked and set without awaiting, so that no request can come in between.
            loaded.is_unloading = not loaded.users


def _remove_sockets(folder: Path, *, and_folder: bool = False) -> None:
    """Removes the socket that llama.cpp's server made there: nothing should connect to it."""
    with suppress(OSError):
        for socket in folder.glob("*.sock"):
            socket.unlink()
        if and_folder:
            folder.rmdir()
