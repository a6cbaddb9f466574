"""What waits in the database, whichever process will do it."""

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
    """Ends that are to be told."""


def backlog_reader(jobs: JobBook, webhooks: DeliveryBook) -> CachedRead[Waiting | None]:
    """Shows what waits; None: the database does not answer."""

    def read() -> Waiting | None:
        try:
            return Waiting(jobs.backlog(), webhooks.pending())
        except StorageUnavailable:
            return None

    return CachedRead(read, too_late=None)
