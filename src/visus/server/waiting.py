"""How many questions are answered at the same time, and who is next where more come.

While there is room nobody is looked at. Where there is none, callers are let in by turns,
project by project and in each key by key: who asks a thousand things waits for them, who asks
one thing for one of those.
"""

import asyncio
from typing import Final

from visus.core.fair import Asker, FairLine
from visus.errors import Overloaded

RETRY_AFTER_S: Final = 1


class WaitingRoom:
    """Places for questions under way, and those who wait for one."""

    def __init__(self, places: int, *, seats: int, patience_s: float) -> None:
        """`seats` may wait at the same time, each for `patience_s` at most."""
        self._free = places
        self._seats = seats
        self._patience_s = patience_s
        self._waiting = FairLine[asyncio.Future[None]]()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def enters_at_once(self) -> bool:
        """Takes a place if one is free; whoever has one leaves in the end."""
        if self._free <= 0:
            return False
        self._free -= 1
        return True

    async def enter(self, asker: Asker) -> None:
        """Waits for a place.

        Raises:
            Overloaded: none became free in time, or there is no seat to wait on.
        """
        if len(self._waiting) >= self._seats:
            other = self._waiting.make_room(asker)
            if other is None:
                raise _full()
            other.set_exception(_full())
        place = asyncio.get_running_loop().create_future()
        self._waiting.add(asker, place)
        try:
            async with asyncio.timeout(self._patience_s):
                await place
        except BaseException as fault:
            self._waiting.remove(asker, place)
            if place.done() and not place.cancelled() and place.exception() is None:
                self.leave()  # it was given one that it does not take any more
            if isinstance(fault, TimeoutError):
                raise _full() from fault
            raise

    def leave(self) -> None:
        """Gives the place to whoever is next."""
        while self._waiting:
            place = self._waiting.take()
            if not place.done():
                place.set_result(None)
                return
        self._free += 1


def _full() -> Overloaded:
    message = "The server has as many questions as it can answer. Please try again."
    return Overloaded(message, retry_after_s=RETRY_AFTER_S)
