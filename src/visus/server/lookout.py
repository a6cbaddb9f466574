"""Work that nobody brings: it is looked for every so often, and when there may be some."""

import time
from collections.abc import Awaitable, Callable

import anyio

from visus.errors import ServiceError
from visus.telemetry import event, failure


class Every:
    """Tells when a period is over, by the clock that never goes back."""

    def __init__(
        self, period_s: float, *, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._period_s = period_s
        self._clock_s = clock_s
        self._began_s = clock_s()

    def is_over(self) -> bool:
        """Whether it is; if so, the next one begins now."""
        now_s = self._clock_s()
        if now_s - self._began_s < self._period_s:
            return False
        self._began_s = now_s
        return True


class Lookout:
    """Looks for work until it is cancelled, whatever goes wrong in looking."""

    def __init__(self, what: str) -> None:
        """`what` is looked at, in the words of the log."""
        self._what = what
        self._woken = anyio.Event()

    def wake(self) -> None:
        """There may be something to do."""
        self._woken.set()

    async def keep(
        self, look: Callable[[], Awaitable[None]], pause_s: Callable[[], float]
    ) -> None:
        """Looks, then waits until it is woken, for `pause_s` at the most."""
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
