"""Delivers webhooks for the ends of jobs and batches, with retries.

One task polls for webhooks that are due and starts a task for each, as many as the settings
allow. The outcome is written only while this process still holds the lease.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from visus.accounts.clock import MS
from visus.accounts.webhooks import (
    Delivery,
    DeliveryBook,
    DeliveryRules,
    Due,
    Listener,
    Miss,
    WebhookSecrets,
)
from visus.errors import InvalidValue, StorageUnavailable
from visus.media.posting import NotSent, Poster
from visus.media.settings import WebhookSettings
from visus.server.giving_back import give_back
from visus.server.polling import Interval, Poller
from visus.server.shutdown import Shutdown
from visus.telemetry import event, failure
from visus.wire.webhooks import NOBODY, Told, WebhookObject, event_body, signed

PARAM: Final = "visus.webhook"
SWEEP_EVERY_S: Final = 60.0
_WAITS: Final = "a webhook waits for the end of its lease"
_HEARD: Final = range(200, 300)
_GONE: Final = 410
"""The status with which a receiver refuses further attempts."""


def delivery_rules(settings: WebhookSettings) -> DeliveryRules:
    """How often and how soon a webhook is sent again."""
    return DeliveryRules(
        max_attempts=settings.max_attempts,
        first_wait_ms=int(settings.first_wait_s * MS),
        max_wait_ms=int(settings.max_wait_s * MS),
        lease_ms=int(settings.lease_s * MS),
    )


@dataclass(frozen=True, slots=True)
class Listeners:
    """Checks webhook URLs of requests."""

    poster: Poster
    secrets: WebhookSecrets

    async def admitted(self, url: str | None, *, project_id: str) -> Listener | None:
        """The listener at `url`; None without a URL.

        Raises:
            InvalidValue: this URL is not allowed, or the project has no secret to sign with.
        """
        if url is None:
            return None
        receiver = self.poster.receiver(url, param=PARAM)
        if not await anyio.to_thread.run_sync(self.secrets.signing, project_id):
            message = (
                "Your project has no secret to sign webhooks with: an administrator makes one."
            )
            raise InvalidValue(message, param=PARAM)
        return Listener(receiver.url, receiver.origin)


@dataclass(slots=True, kw_only=True)
class Webhooks:
    """Sends what is due, as much at the same time as the settings say."""

    book: DeliveryBook
    secrets: WebhookSecrets
    poster: Poster
    settings: WebhookSettings
    shutdown: Shutdown
    """Once it has begun, no further work is taken."""
    count: Callable[[str], None]
    """Told of each attempt: `delivered`, `missed` or `failed`, which is the last."""
    _under_way: Counter[str] = field(default_factory=Counter[str])
    """By origin."""
    _poller: Poller = field(default_factory=lambda: Poller("webhooks"))
    _sweeping: Interval = field(default_factory=lambda: Interval(SWEEP_EVERY_S))

    async def run(self) -> None:
        """Works until it is cancelled."""
        async with anyio.create_task_group() as tasks:
            await self._poller.run(
                lambda: self._look(tasks), lambda: self.settings.look_every_s
            )

    async def _look(self, tasks: TaskGroup) -> None:
        """Takes what is due while there is room for it."""
        if self._sweeping.is_over():
            await anyio.to_thread.run_sync(self.book.sweep)
        while self._under_way.total() < self.settings.workers and not self.shutdown.has_begun:
            most = self.settings.max_per_origin
            full = [origin for origin, count in self._under_way.items() if count >= most]
            due = await anyio.to_thread.run_sync(lambda: self.book.take(resting=full))  # noqa: B023 -- awaited here
            if due is None:
                return
            self._under_way[due.origin] += 1
            tasks.start_soon(self._do, due)

    async def _do(self, due: Due) -> None:
        try:
            await self._tell(due)
        except anyio.get_cancelled_exc_class():
            # This process stops: another one need not wait until the lease is over.
            fields = {"webhook": due.event_id}
            await give_back(lambda: self.book.put_back(due), _WAITS, fields)
            raise
        except StorageUnavailable:
            event(_WAITS, {"webhook": due.event_id})
        except Exception as fault:  # noqa: BLE001 -- one webhook; its lease ends, and it is sent again
            failure("fault in a webhook", fault, webhook=due.event_id)
        finally:
            self._under_way[due.origin] -= 1
            if not self._under_way[due.origin]:
                del self._under_way[due.origin]
            self._poller.wake()

    async def _tell(self, due: Due) -> None:
        """One attempt, and what came of it."""
        began_s = time.monotonic()
        said = await self._attempt(due)
        if isinstance(said, Miss):
            goes_on = await anyio.to_thread.run_sync(self.book.missed, due, said)
            outcome = "missed" if goes_on else "failed"
        else:
            await anyio.to_thread.run_sync(self.book.delivered, due, said)
            outcome = "delivered"
        self.count(outcome)
        self._record(due, said, outcome, took_s=time.monotonic() - began_s)

    async def _attempt(self, due: Due) -> int | Miss:
        """The status of a receiver that accepted it, or why none did."""
        if due.attempts > self.settings.max_attempts:  # processes died of the others
            return Miss("unreachable")
        secrets = await anyio.to_thread.run_sync(self.secrets.signing, due.project_id)
        if not secrets:
            return Miss("no_secret")
        at_s = due.happened_ms // MS
        body = event_body(due.event_id, due.event, subject_id=due.subject_id, at_s=at_s)
        headers = signed(due.event_id, body, secrets, at_s=int(time.time()))
        try:
            status = await self.poster.post(due.url, body, headers)
        except NotSent as fault:
            event("a webhook was not sent", {"webhook": due.event_id, "detail": str(fault)})
            return Miss("unreachable")
        if status in _HEARD:
            return status
        return Miss("refused", status, is_final=status == _GONE)

    @staticmethod
    def _record(due: Due, said: int | Miss, outcome: str, *, took_s: float) -> None:
        """One line for each attempt; the URL, which may hold a secret, is not in it."""
        fields = {
            "webhook": due.event_id,
            "of": due.subject_id,
            "type": due.event,
            "attempt": due.attempts,
            "outcome": outcome,
            "status": said.status_code if isinstance(said, Miss) else said,
            "fault": said.fault if isinstance(said, Miss) else None,
            "ms": round(took_s * 1000, 1),
        }
        event("webhook", {name: it for name, it in fields.items() if it is not None})


def told(delivery: Delivery | None) -> Told:
    """The state of a webhook, as JSON for the caller."""
    if delivery is None:
        return NOBODY
    is_next = delivery.status == "pending" and delivery.due_ms is not None
    return WebhookObject(
        url=delivery.url,
        status=delivery.status,
        attempts=delivery.attempts,
        last_status_code=delivery.status_code,
        last_error=delivery.fault,
        next_attempt_at=delivery.due_ms // MS if is_next and delivery.due_ms else None,
        ended_at=None if delivery.ended_ms is None else delivery.ended_ms // MS,
    )
