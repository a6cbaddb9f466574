"""A blocking read whose result is cached for a moment: the database's state, for operators."""

import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

import anyio
import anyio.to_thread

EVERY_S: Final = 1.0
"""How old the result may be."""
PATIENCE_S: Final = 1.5
"""A read that takes longer counts as failed."""

Result = TypeVar("Result")


class CachedRead(Generic[Result]):
    """Reads at most once in `EVERY_S`, however many callers there are."""

    def __init__(self, read: Callable[[], Result], *, too_late: Result) -> None:
        """`read` blocks; `too_late` is the result where it takes longer than `PATIENCE_S`."""
        self._read = read
        self._too_late = too_late
        self._result = too_late
        self._read_s = -EVERY_S
        self._lock = anyio.Lock()
        # One thread: a database that hangs must not eat those of all others.
        self._threads = anyio.CapacityLimiter(1)

    async def read(self) -> Result:
        """The result, at most `EVERY_S` old."""
        async with self._lock:
            if time.monotonic() - self._read_s >= EVERY_S:
                self._result = await self._read_now()
                self._read_s = time.monotonic()
        return self._result

    async def _read_now(self) -> Result:
        with anyio.move_on_after(PATIENCE_S):
            return await anyio.to_thread.run_sync(
                self._read, abandon_on_cancel=True, limiter=self._threads
            )
        return self._too_late
