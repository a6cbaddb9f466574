"""Resources opened while the service runs, closed by a later reload or at the end.

A resource that starts tasks must be closed by the task that opened it. So each resource has a
task of its own, which opens it and closes it.
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


class Opened(Generic[T]):
    """An open resource."""

    def __init__(self, value: T, unwanted: anyio.Event) -> None:
        """`unwanted` is the event that its task waits for."""
        self.value = value
        self._unwanted = unwanted

    def close_soon(self) -> None:
        """Tells its task to close it; calling again does nothing."""
        self._unwanted.set()


class OpenResources(TaskOwner):
    """Keeps resources open until `Opened.close_soon` is called, or this is exited."""

    def __init__(self) -> None:
        """Nothing is open yet."""
        super().__init__()
        self._unwanted: set[anyio.Event] = set()
        self._shared: dict[type[Any], Any] = {}

    @override
    def _stop(self, tasks: TaskGroup) -> None:
        for one in self._unwanted:
            one.set()

    async def open(self, make: Callable[[AsyncExitStack], Awaitable[T]]) -> Opened[T]:
        """Opens what `make` returns; the stack that `make` gets is closed with it.

        Raises:
            Exception: whatever `make` raised; its stack is closed.
        """
        opened: Opened[T] = await self._tasks.start(self._hold, make)
        return opened

    async def _hold(
        self,
        make: Callable[[AsyncExitStack], Awaitable[T]],
        *,
        task_status: TaskStatus[Opened[T]],
    ) -> None:
        unwanted, is_open = anyio.Event(), False
        self._unwanted.add(unwanted)
        try:
            async with AsyncExitStack() as stack:
                value = await make(stack)
                is_open = True
                task_status.started(Opened(value, unwanted))
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
        """The one `kind` that all share: opened for the first caller, closed at the end."""
        if kind not in self._shared:
            opened = await self.open(lambda stack: stack.enter_async_context(make()))
            self._shared[kind] = opened.value
        value: T = self._shared[kind]
        return value
