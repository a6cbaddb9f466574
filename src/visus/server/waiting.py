"""How many questions are answered at the same time, and who is next where more come.

While there is room nobody is looked at. Where there is none, callers are let in by turns,
project by project and in each key by key: who asks a thousand things waits for them, who asks
one thing for one of those.
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
        """Takes a place if one is free; whoever has one leaves in the end."""
        self.leave: Final = self._slots.give_back
        """Gives the place to whoever is next."""

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
