"""Background tasks that belong to an object and end with it."""

from types import TracebackType
from typing import Self

import anyio
from anyio.abc import TaskGroup


class TaskOwner:
    """Owns a task group from `async with` to its end; entered once.

    A group would cancel and wrap what the block raises. Here the block's own exception passes
    through unchanged: `_stop` is called in either case, and then the tasks are awaited.
    """

    def __init__(self) -> None:
        self._task_group: TaskGroup | None = None

    @property
    def _tasks(self) -> TaskGroup:
        """The running group.

        Raises:
            RuntimeError: not entered yet.
        """
        if self._task_group is None:
            raise RuntimeError(f"{type(self).__name__} is used before it is entered")
        return self._task_group

    async def __aenter__(self) -> Self:
        self._task_group = await anyio.create_task_group().__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._task_group is not None:
            self._stop(self._task_group)
            await self._task_group.__aexit__(None, None, None)

    def _stop(self, tasks: TaskGroup) -> None:
        """Makes the tasks end; by default they are cancelled."""
        tasks.cancel_scope.cancel()
