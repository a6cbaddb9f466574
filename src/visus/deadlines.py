"""Deadlines for waits, with one timer for all of them.

A timer for each wait costs more than the wait itself when the answer comes at once. Nearly all
deadlines lie a minute ahead and are never met, so a single timer that stands at the earliest of
them hardly ever has to be moved.
"""

import asyncio
from typing import Final, Protocol

NEVER: Final = float("inf")


class Expiring(Protocol):
    """Something that does not wait for ever."""

    deadline_s: float
    """In the loop's time; `NEVER` while nothing is waited for."""

    def expire(self) -> None:
        """The deadline has passed."""
        ...


class Deadlines:
    """Calls `expire` of everything whose `deadline_s` has passed.

    A deadline is moved to `NEVER` without asking: the timer then finds nothing to do.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.now = self._loop.time
        self._watched: set[Expiring] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_s = NEVER

    def set(self, waiting: Expiring, deadline_s: float) -> None:
        """From now on `waiting` has until `deadline_s`, in the loop's time."""
        waiting.deadline_s = deadline_s
        self._watched.add(waiting)
        if deadline_s < self._timer_s:
            self._ring_at(deadline_s)

    def forget(self, waiting: Expiring) -> None:
        """Watches this one no longer."""
        self._watched.discard(waiting)

    def close(self) -> None:
        """Watches none any longer."""
        self._watched.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _ring_at(self, when_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when_s, self._ring)
        self._timer_s = when_s

    def _ring(self) -> None:
        self._timer, self._timer_s = None, NEVER
        now = self.now()
        late = [waiting for waiting in self._watched if waiting.deadline_s <= now]
        for waiting in late:
            waiting.deadline_s = NEVER
            waiting.expire()
        earliest = min((waiting.deadline_s for waiting in self._watched), default=NEVER)
        if earliest < NEVER:
            self._ring_at(earliest)
