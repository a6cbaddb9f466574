"""Ends waits that last too long, with one timer for all of them.

A timer for each wait costs more than the wait itself when the answer comes at once. Nearly all
deadlines lie a minute ahead and are never met, so a single timer that stands at the earliest of
them hardly ever has to be moved.
"""

import asyncio

from visus.providers.connection import NEVER, Connection


class Deadlines:
    """Calls `expire` of every connection whose `deadline_s` has passed.

    A deadline is moved to `NEVER` without asking: the timer then finds nothing to do.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.now = self._loop.time
        self._watched: set[Connection] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_s = NEVER

    def set(self, connection: Connection, deadline_s: float) -> None:
        """From now on `connection` has until `deadline_s`, in the loop's time."""
        connection.deadline_s = deadline_s
        self._watched.add(connection)
        if deadline_s < self._timer_s:
            self._ring_at(deadline_s)

    def forget(self, connection: Connection) -> None:
        """Watches this one no longer."""
        self._watched.discard(connection)

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
        late = [connection for connection in self._watched if connection.deadline_s <= now]
        for connection in late:
            connection.expire()
        earliest = min((c.deadline_s for c in self._watched if c not in late), default=NEVER)
        if earliest < NEVER:
            self._ring_at(earliest)
