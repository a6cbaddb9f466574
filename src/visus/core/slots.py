"""So many at the same time; whoever comes when none is free waits, and is let in by turns.

`asyncio.Semaphore` costs ten times as much, which every question would pay, and lets in whoever
came first: here it goes round, as `core.fair` has it.
"""

import asyncio

from visus.core.fair import NOBODY, Asker, FairLine


class Slots:
    """Whoever takes a slot, or has waited for one, gives it back."""

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
        """Ends the wait of whoever has most waiting, for one more of `asker`.

        False where `asker` has about as much: then nobody has to go.
        """
        turn = self._waiting.make_room(asker)
        if turn is None:
            return False
        turn.set_exception(reason)
        return True

    def give_back(self) -> None:
        """Frees a slot, for whoever's turn it is if anybody waits."""
        while self._waiting:
            turn = self._waiting.take()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
