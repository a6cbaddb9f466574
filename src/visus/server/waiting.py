"""Bounds how many questions are answered at the same time; the others wait fairly.

While there is room, a question enters at once. Otherwise questions are let in round-robin, by
project and within it by key: a caller with a thousand questions waits for its own, a caller
with one waits for one of those.
"""

import asyncio
from typing import Final

from visus.core.fair import Asker
from visus.core.slots import Slots
from visus.errors import Overloaded

RETRY_AFTER_S: Final = 1


class WaitingRoom:
    """Places for questions under way, and those who wait for one."""

    def __init__(self, places: int, *, seats: int, patience_s: float) -> None:
        """`seats` may wait at the same time, each for `patience_s` at most."""
        self._slots = Slots(places)
        self._seats = seats
        self._patience_s = patience_s
        self.enters_at_once: Final = self._slots.take
        """Takes a slot if one is free; `leave` gives it back."""
        self.leave: Final = self._slots.give_back
        """Gives the slot back, or to the next waiter."""

    @property
    def waiting(self) -> int:
        """How many wait."""
        return self._slots.waiting

    async def enter(self, asker: Asker) -> None:
        """Waits for a place.

        Raises:
            Overloaded: none became free in time, or there is no seat to wait on.
        """
        if self.waiting >= self._seats and not self._slots.turn_away(asker, _full()):
            raise _full()
        try:
            async with asyncio.timeout(self._patience_s):
                await self._slots.wait(asker)
        except TimeoutError as fault:
            raise _full() from fault


def _full() -> Overloaded:
    message = "The server has as many questions as it can answer. Please try again."
    return Overloaded(message, retry_after_s=RETRY_AFTER_S)
