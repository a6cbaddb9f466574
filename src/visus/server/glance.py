"""What is in the database now, for operators: asked when they look, and never by a request."""

import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

import anyio
import anyio.to_thread

EVERY_S: Final = 1.0
"""How old what is known may be."""
PATIENCE_S: Final = 1.5
"""A database that takes longer does not answer."""

Seen = TypeVar("Seen")


class Glance(Generic[Seen]):
    """Reads something once in `EVERY_S` at most, however many look, and only if they do."""

    def __init__(self, read: Callable[[], Seen], *, too_late: Seen) -> None:
        """`read` blocks; `too_late` stands for what it would have said after `PATIENCE_S`."""
        self._read = read
        self._too_late = too_late
        self._seen = too_late
        self._read_s = -EVERY_S
        self._turn = anyio.Lock()
        # One thread: a database that hangs must not eat those of all others.
        self._threads = anyio.CapacityLimiter(1)

    async def look(self) -> Seen:
        """What was read, at most `EVERY_S` ago."""
        async with self._turn:
            if time.monotonic() - self._read_s >= EVERY_S:
                self._seen = await self._anew()
                self._read_s = time.monotonic()
        return self._seen

    async def _anew(self) -> Seen:
        with anyio.move_on_after(PATIENCE_S):
            return await anyio.to_thread.run_sync(
                self._read, abandon_on_cancel=True, limiter=self._threads
            )
        return self._too_late
