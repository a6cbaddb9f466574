"""Whoever works without anybody waiting: jobs, batches, and telling of their ends."""

from dataclasses import dataclass

import anyio

from visus.server.batching import Batching
from visus.server.errands import Errands
from visus.server.webhooks import Listeners, Webhooks


@dataclass(frozen=True, slots=True)
class Later:
    """Who works without anybody waiting."""

    errands: Errands
    batching: Batching
    webhooks: Webhooks

    @property
    def listeners(self) -> Listeners:
        """Who may be told how it ended."""
        return Listeners(self.webhooks.poster, self.webhooks.secrets)

    async def run(self) -> None:
        """Works until it is cancelled."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.errands.run)
            tasks.start_soon(self.batching.run)
            tasks.start_soon(self.webhooks.run)
