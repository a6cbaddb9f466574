"""What waits in the database, for operators: asked when they look, never by a request."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import anyio
import anyio.to_thread

from visus.accounts.jobs import Backlog, JobBook
from visus.accounts.webhooks import DeliveryBook
from visus.errors import StorageUnavailable

EVERY_S: Final = 1.0
"""How old what is known may be."""
PATIENCE_S: Final = 1.5
"""A database that takes longer does not answer."""


class Waiting(NamedTuple):
    """What waits, whichever process will do it."""

    jobs: Sequence[Backlog]
    webhooks: int
    """Ends that are to be told."""


@dataclass(slots=True)
class BacklogWatch:
    """Knows what waits; asks the database once a second at most, and only if asked."""

    jobs: JobBook
    webhooks: DeliveryBook
    _known: Waiting | None = None
    _asked_s: float = -EVERY_S
    _turn: anyio.Lock = field(default_factory=anyio.Lock)
    _threads: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(1))
    """One: a database that hangs must not eat the threads of all others."""

    async def look(self) -> Waiting | None:
        """What waits, at most `EVERY_S` old; None: the database does not answer."""
        async with self._turn:
            if time.monotonic() - self._asked_s >= EVERY_S:
                self._known = await self._ask()
                self._asked_s = time.monotonic()
        return self._known

    async def _ask(self) -> Waiting | None:
        with anyio.move_on_after(PATIENCE_S):
            return await anyio.to_thread.run_sync(
                self._read, abandon_on_cancel=True, limiter=self._threads
            )
        return None

    def _read(self) -> Waiting | None:
        try:
            return Waiting(self.jobs.backlog(), self.webhooks.pending())
        except StorageUnavailable:
            return None
