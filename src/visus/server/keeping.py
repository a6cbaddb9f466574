"""What is opened while the service runs, and closed again before it ends or with it.

What opens tasks has to be closed by the task that opened it. A reload opens what a later
reload, or the end of the service, closes; so each has a task of its own that does both.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Generic, TypeVar

import anyio
from anyio.abc import TaskGroup, TaskStatus
from typing_extensions import override

from visus.telemetry import failure
from visus.workers.task_owner import TaskOwner

T = TypeVar("T")


class Kept(Generic[T]):
    """Something open."""

    def __init__(self, value: T, unwanted: anyio.Event) -> None:
        """`unwanted` is what its task waits for."""
        self.value = value
        self._unwanted = unwanted

    def let_go(self) -> None:
        """Has it closed, soon; again is harmless."""
        self._unwanted.set()


class Keeper(TaskOwner):
    """Keeps things open until somebody lets them go, or it is left itself."""

    def __init__(self) -> None:
        """Nothing is kept yet."""
        super().__init__()
        self._unwanted: set[anyio.Event] = set()
        self._shared: dict[type[Any], Any] = {}

    @override
    def _stop(self, tasks: TaskGroup) -> None:
        for one in self._unwanted:
            one.set()

    async def keep(self, make: Callable[[AsyncExitStack], Awaitable[T]]) -> Kept[T]:
        """What `make` makes; the stack that it gets is closed when that is let go.

        Raises:
            Exception: whatever `make` raised; what it had entered is closed.
        """
        kept: Kept[T] = await self._tasks.start(self._hold, make)
        return kept

    async def _hold(
        self,
        make: Callable[[AsyncExitStack], Awaitable[T]],
        *,
        task_status: TaskStatus[Kept[T]],
    ) -> None:
        unwanted, is_open = anyio.Event(), False
        self._unwanted.add(unwanted)
        try:
            async with AsyncExitStack() as stack:
                value = await make(stack)
                is_open = True
                task_status.started(Kept(value, unwanted))
                await unwanted.wait()
        except Exception as fault:
            if not is_open:
                raise
            failure("fault in closing what a provider had open", fault)
        finally:
            self._unwanted.remove(unwanted)

    async def shared(
        self, kind: type[T], make: Callable[[], AbstractAsyncContextManager[T]]
    ) -> T:
        """The one `kind` that all have in common: made for the first, kept to the end."""
        if kind not in self._shared:
            kept = await self.keep(lambda stack: stack.enter_async_context(make()))
            self._shared[kind] = kept.value
        value: T = self._shared[kind]
        return value
