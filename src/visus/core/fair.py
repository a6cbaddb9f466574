"""Who waits: taken by turns between those who ask, so that none is behind another's crowd.

Nothing of a question is in it, and no clock: a caller, and what of theirs waits, in order.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Final, Generic, TypeVar

Waiter = TypeVar("Waiter")

ASKER: Final[ContextVar[str]] = ContextVar("asker", default="")
"""For whom this task works: the id of a key."""


class FairLine(Generic[Waiter]):
    """Everything that waits. Each asker has a line, and the lines are taken from in turns."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, dict[int, Waiter]] = OrderedDict()
        """By asker, whose turn is next first; none is empty."""
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Waiter]:
        for line in self._lines.values():
            yield from line.values()

    def add(self, asker: str, waiter: Waiter) -> None:
        """Puts it behind the others of its asker; one who is new comes behind all others."""
        self._lines.setdefault(asker, {})[id(waiter)] = waiter
        self._count += 1

    def take(self) -> Waiter:
        """Takes the first of the asker whose turn it is.

        Raises:
            KeyError: nothing waits.
        """
        asker, line = self._lines.popitem(last=False)
        waiter = line.pop(next(iter(line)))
        if line:
            self._lines[asker] = line
        self._count -= 1
        return waiter

    def remove(self, asker: str, waiter: Waiter) -> None:
        """Takes it out, wherever it stands; nothing happens if it does not wait."""
        line = self._lines.get(asker)
        if line is None or line.pop(id(waiter), None) is None:
            return
        self._count -= 1
        if not line:
            del self._lines[asker]

    def clear(self) -> None:
        """Nothing waits any more."""
        self._lines.clear()
        self._count = 0

    def make_room(self, asker: str) -> Waiter | None:
        """Takes out what came last of whoever has most waiting, for one more of `asker`.

        None where `asker` has about as much: then nobody has to make room.
        """
        if not self._lines:
            return None
        longest, line = max(self._lines.items(), key=lambda one: len(one[1]))
        if len(line) <= len(self._lines.get(asker, ())) + 1:
            return None
        waiter = next(reversed(line.values()))
        self.remove(longest, waiter)
        return waiter
