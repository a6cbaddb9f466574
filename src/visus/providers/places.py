"""Places for so many at a time, first come, first served.

`asyncio.Semaphore` does the same for ten times the price, which is paid by every question.
"""

import asyncio
from collections import deque


class Places:
    """Whoever takes a place, or has waited for one, gives it back."""

    __slots__ = ("_free", "_waiting")

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take(self) -> bool:
        """Takes a place if there is one; there is none while others wait."""
        if self._free:
            self._free -= 1
            return True
        return False

    async def wait(self) -> None:
        """Waits for a place, and takes it."""
        if self.take():
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back()  # it came too late
            raise

    def give_back(self) -> None:
        """Frees a place, for the one who has waited longest if anybody does."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
