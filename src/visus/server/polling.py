"""Polling for work: every so often, and at once when woken."""

import time
from collections.abc import Awaitable, Callable

import anyio

from visus.errors import ServiceError
from visus.telemetry import event, failure


class Interval:
    """Tells when a period has passed, by a monotonic clock."""

    def __init__(
        self, period_s: float, *, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._period_s = period_s
        self._clock_s = clock_s
        self._began_s = clock_s()

    def is_over(self) -> bool:
        """Whether it has passed; if so, the next one begins now."""
        now_s = self._clock_s()
        if now_s - self._began_s < self._period_s:
            return False
        self._began_s = now_s
        return True


class Poller:
    """Looks for work until it is cancelled; a look that fails is logged."""

    def __init__(self, what: str) -> None:
        """`what` is looked at: its name in the log."""
        self._what = what
        self._woken = anyio.Event()

    def wake(self) -> None:
        """Looks again at once."""
        self._woken.set()

    async def run(
        self, look: Callable[[], Awaitable[None]], pause_s: Callable[[], float]
    ) -> None:
        """Calls `look`, then waits for `wake` or `pause_s`, again and again."""
        while True:
            self._woken = anyio.Event()
            try:
                await look()
            except ServiceError as fault:
                event(f"{self._what} could not be looked at", {"detail": fault.detail})
            except Exception as fault:  # noqa: BLE001 -- whatever it is, the next look may succeed
                failure(f"fault in looking at {self._what}", fault)
            with anyio.move_on_after(pause_s()):
                await self._woken.wait()
