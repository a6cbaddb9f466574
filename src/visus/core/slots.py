"""A semaphore whose waiters are served fairly, as `core.fair` orders them.

`asyncio.Semaphore` costs ten times as much for every question, and is first come, first served.
"""

import asyncio

from visus.core.fair import NOBODY, Asker, FairLine


class Slots:
    """A slot that was taken, at once or after waiting, must be given back."""

    __slots__ = ("_free", "_waiting")

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting = FairLine[asyncio.Future[None]]()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def take(self) -> bool:
        """Takes a slot if one is free; none is while others wait."""
        if self._free <= 0:
            return False
        self._free -= 1
        return True

    async def wait(self, asker: Asker = NOBODY) -> None:
        """Waits for a slot, and takes it.

        Raises:
            BaseException: what `turn_away` was called with, or what ends the wait.
        """
        if self.take():
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.add(asker, turn)
        try:
            await turn
        except BaseException:
            self._waiting.remove(asker, turn)
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.give_back()  # it came too late
            raise

    def turn_away(self, asker: Asker, reason: BaseException) -> bool:
        """Ends one wait of the caller with the most waiting, to make room for `asker`.

        False where `asker` has about as much waiting itself; then no wait is ended.
        """
        turn = self._waiting.make_room(asker)
        if turn is None:
            return False
        turn.set_exception(reason)
        return True

    def give_back(self) -> None:
        """Frees a slot, or hands it to the next waiter."""
        while self._waiting:
            turn = self._waiting.take()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
