"""How much work waits in the database, for all processes."""

from collections.abc import Sequence
from typing import NamedTuple

from visus.accounts.jobs import Backlog, JobBook
from visus.accounts.webhooks import DeliveryBook
from visus.errors import StorageUnavailable
from visus.server.cached_read import CachedRead


class Waiting(NamedTuple):
    """What waits."""

    jobs: Sequence[Backlog]
    webhooks: int
    """Webhooks that are to be sent."""


def backlog_reader(jobs: JobBook, webhooks: DeliveryBook) -> CachedRead[Waiting | None]:
    """Shows what waits; None: the database does not answer."""

    def read() -> Waiting | None:
        try:
            return Waiting(jobs.backlog(), webhooks.pending())
        except StorageUnavailable:
            return None

    return CachedRead(read, too_late=None)
