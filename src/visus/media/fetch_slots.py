"""How many fetches run at once, in all and for each host."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class _HostSlots:
    semaphore: asyncio.Semaphore
    interested: int = 0


class FetchSlots:
    """Lets `total` in at once and `each` for one host; the others wait in order.

    A host without fetches, running or waiting, is forgotten.
    """

    def __init__(self, total: int, *, each: int) -> None:
        self._all = asyncio.Semaphore(total)
        self._each = each
        self._hosts: dict[str, _HostSlots] = {}

    def __len__(self) -> int:
        """The hosts that are being fetched from or waited for."""
        return len(self._hosts)

    @asynccontextmanager
    async def at(self, host: str) -> AsyncGenerator[None]:
        """One slot at `host`, held until the block is left."""
        slots = self._hosts.setdefault(host, _HostSlots(asyncio.Semaphore(self._each)))
        slots.interested += 1
        try:
            # The host's slot comes first: waiting for a slow host must not hold up the others.
            async with slots.semaphore, self._all:
                yield
        finally:
            slots.interested -= 1
            if slots.interested == 0:
                del self._hosts[host]
