"""Which models are in memory: loaded when they are asked for, gone when nobody asks.

What all of them need together never exceeds `memory_bytes`. Whoever is in use stays; of the
others the one asked for longest ago leaves first.
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


class _Resident:
    """A model in memory, or on its way in or out."""

    def __init__(self, model: LocalModel, measured: Measured, pool: WorkerPool) -> None:
        self.model = model
        self.measured = measured
        self.pool = pool
        self.guests = 0
        """Requests that use it, or wait until it is there."""
        self.asked_s = anyio.current_time()
        self.is_leaving = False
        self.is_dismissed = False
        """Whether it leaves at once when the last guest has gone."""
        self.settled = anyio.Event()
        """Set once it is there, or has failed to come."""
        self.failure: ServiceError | None = None
        self.gone = anyio.Event()
        self.stirred = anyio.Event()
        """Set and replaced whenever somebody comes or goes."""

    async def until_settled(self) -> None:
        """Waits until it is there, or raises why it is not."""
        await self.settled.wait()
        if self.failure is not None:
            raise self.failure

    def stir(self) -> None:
        self.asked_s = anyio.current_time()
        self.stirred.set()
        self.stirred = anyio.Event()

    def leave(self) -> None:
        """To be gone as soon as its process has ended."""
        self.is_leaving = True
        self.stir()


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody for whom a model stays in memory, until they go."""

    pool: WorkerPool
    measured: Measured
    go: Callable[[], None]
    """To be called once."""
    give_up: Callable[[], None]
    """The model's process does not start any more: whoever asks next has it loaded anew."""


class Residence(TaskOwner):
    """The models in memory. Entered and left once; leaving ends every process."""

    def __init__(self, settings: GgufSettings, pools: list[WorkerPool] | None = None) -> None:
        """`pools` is where the processes of a model are while it is in memory."""
        super().__init__()
        self._settings = settings
        self._pools = [] if pools is None else pools
        self._residents: dict[LocalModel, _Resident] = {}
        """Those that are leaving as well."""

    def state(self, model: LocalModel) -> State:
        """Where a model is now."""
        resident = self._residents.get(model)
        if resident is None or resident.is_leaving:
            return "unloaded"
        return "loaded" if resident.settled.is_set() else "loading"

    def dismiss(self, model: LocalModel) -> None:
        """Has a model leave as soon as nobody uses it."""
        resident = self._residents.get(model)
        if resident is not None:
            resident.is_dismissed = True
            resident.stir()

    async def enter(self, model: LocalModel) -> Guest:
        """Waits until `model` is in memory, and keeps it there until the guest goes.

        Raises:
            ModelTooLarge: it needs more than all memory that models may have.
            Overloaded: models in use have taken the memory.
            WorkerUnavailable: its files cannot be used, or its process does not start.
        """
        resident = await self._found(model)
        resident.guests += 1
        resident.stir()

        def go() -> None:
            resident.guests -= 1
            resident.stir()

        try:
            await resident.until_settled()
        except BaseException:
            go()
            raise
        return Guest(resident.pool, resident.measured, go, resident.leave)

    async def _found(self, model: LocalModel) -> _Resident:
        measured: Measured | None = None
        while True:
            resident = self._residents.get(model)
            if resident is not None and not resident.is_leaving:
                return resident
            if measured is None:
                measured = await self._measured(model)
            elif resident is not None:
                await resident.gone.wait()
            elif (victim := self._in_the_way(measured.bytes_needed)) is not None:
                victim.leave()
                await victim.gone.wait()
            else:
                return self._moved_in(model, measured)

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

    def _in_the_way(self, bytes_needed: int) -> _Resident | None:
        """Who has to leave before so much fits; None where it fits as it is."""
        taken = sum(one.measured.bytes_needed for one in self._residents.values())
        if taken + bytes_needed <= self._settings.memory_bytes:
            return None
        if (idle := min(self._idle(), key=lambda one: one.asked_s, default=None)) is None:
            message = "Other models are in use and take the memory. Please try again."
            raise Overloaded(message, retry_after_s=5)
        return idle

    def _idle(self) -> Iterator[_Resident]:
        return (one for one in self._residents.values() if not one.guests)

    def _moved_in(self, model: LocalModel, measured: Measured) -> _Resident:
        doors = Path(mkdtemp(prefix="visus-"))
        pool = WorkerPool(
            ENTRY,
            name=model.name,
            settings=self._worker_settings(),
            argument=msgspec.json.encode(self._loading(model, measured, doors)).decode(),
        )
        resident = self._residents[model] = _Resident(model, measured, pool)
        self._pools.append(pool)
        self._tasks.start_soon(self._reside, resident, doors)
        return resident

    def _loading(self, model: LocalModel, measured: Measured, doors: Path) -> Loading:
        return Loading(
            path=str(model.path),
            projector=str(model.projector) if model.projector else None,
            context_tokens=measured.context_tokens,
            threads=self._threads(),
            doors=str(doors),
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

    # --- The stay of one model ---------------------------------------------------------------

    async def _reside(self, resident: _Resident, doors: Path) -> None:
        try:
            async with resident.pool as pool:
                await pool.until_ready()
                _remove_doors(doors)
                resident.settled.set()
                await self._until_it_leaves(resident)
        except NoWorker as fault:
            message = "This model could not be loaded on this server."
            resident.failure = WorkerUnavailable(message, param="model", detail=fault.detail)
        finally:
            resident.is_leaving = True
            _remove_doors(doors, and_folder=True)
            del self._residents[resident.model]
            self._pools.remove(resident.pool)
            resident.settled.set()
            resident.gone.set()

    async def _until_it_leaves(self, resident: _Resident) -> None:
        while not resident.is_leaving:
            if resident.is_dismissed and not resident.guests:
                resident.is_leaving = True
                return
            with anyio.move_on_after(self._settings.idle_unload_s):
                await resident.stirred.wait()
                continue
            # In one step, so that nobody can come in between.
            resident.is_leaving = not resident.guests


def _remove_doors(folder: Path, *, and_folder: bool = False) -> None:
    """Each process of the model puts one there, and nobody is to knock."""
    with suppress(OSError):
        for door in folder.glob("*.sock"):
            door.unlink()
        if and_folder:
            folder.rmdir()
