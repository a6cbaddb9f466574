"""Background work: jobs, batches and webhooks."""

from dataclasses import dataclass

import anyio

from visus.server.batch_runner import BatchRunner
from visus.server.job_runner import JobRunner
from visus.server.webhooks import Listeners, Webhooks


@dataclass(frozen=True, slots=True)
class BackgroundWork:
    """Everything that is worked on without a client waiting for it."""

    job_runner: JobRunner
    batch_runner: BatchRunner
    webhooks: Webhooks

    @property
    def listeners(self) -> Listeners:
        """Checks the webhooks that requests name."""
        return Listeners(self.webhooks.poster, self.webhooks.secrets)

    async def run(self) -> None:
        """Works until it is cancelled."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.job_runner.run)
            tasks.start_soon(self.batch_runner.run)
            tasks.start_soon(self.webhooks.run)
