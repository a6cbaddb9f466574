"""A fair queue: round-robin by project, and within a project by key.

More keys do not give a project more turns. It knows callers and their waiting items, in order;
no question and no clock.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Final, Generic, NamedTuple, TypeAlias, TypeVar

Waiter = TypeVar("Waiter")
_Lines: TypeAlias = OrderedDict[str, dict[int, Waiter]]
"""Of one project, by key, whose turn is next first; none is empty."""


class Asker(NamedTuple):
    """Whose turn it may be."""

    project_id: str
    key_id: str


NOBODY: Final = Asker("", "")
ASKER: Final[ContextVar[Asker]] = ContextVar("asker", default=NOBODY)
"""For whom this task works."""


class FairLine(Generic[Waiter]):
    """Everything that waits. Each asker has a line, and the lines are taken from in turns."""

    def __init__(self) -> None:
        self._projects: OrderedDict[str, _Lines[Waiter]] = OrderedDict()
        """Whose turn is next first; none is empty."""
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Waiter]:
        for lines in self._projects.values():
            for line in lines.values():
                yield from line.values()

    def add(self, asker: Asker, waiter: Waiter) -> None:
        """Puts it behind the others of its asker; one who is new comes behind all others."""
        lines = self._projects.setdefault(asker.project_id, OrderedDict())
        lines.setdefault(asker.key_id, {})[id(waiter)] = waiter
        self._count += 1

    def take(self) -> Waiter:
        """Takes the first of the asker whose turn it is.

        Raises:
            KeyError: nothing waits.
        """
        project_id, lines = self._projects.popitem(last=False)
        key_id, line = lines.popitem(last=False)
        waiter = line.pop(next(iter(line)))
        if line:
            lines[key_id] = line
        if lines:
            self._projects[project_id] = lines
        self._count -= 1
        return waiter

    def remove(self, asker: Asker, waiter: Waiter) -> None:
        """Takes it out, wherever it stands; nothing happens if it does not wait."""
        lines = self._projects.get(asker.project_id)
        line = None if lines is None else lines.get(asker.key_id)
        if not lines or not line or line.pop(id(waiter), None) is None:
            return
        self._count -= 1
        if not line:
            del lines[asker.key_id]
        if not lines:
            del self._projects[asker.project_id]

    def clear(self) -> None:
        """Nothing waits any more."""
        self._projects.clear()
        self._count = 0

    def make_room(self, asker: Asker) -> Waiter | None:
        """Removes the newest item of the caller with the most, to make room for `asker`.

        That is the key with the most in the project with the most. If the asker's own project
        has about as much, it is the key with the most there; if the asker has about as much as
        that, nothing is removed and the result is None.
        """
        if not self._projects:
            return None
        nothing: _Lines[Waiter] = OrderedDict()
        own = self._projects.get(asker.project_id, nothing)
        project_id, lines = max(self._projects.items(), key=lambda one: _size(one[1]))
        fair_size = 0
        if _size(lines) <= _size(own) + 1:
            project_id, lines = asker.project_id, own
            fair_size = len(own.get(asker.key_id, ())) + 1
        if not lines:
            return None
        key_id, line = max(lines.items(), key=lambda one: len(one[1]))
        if len(line) <= fair_size:
            return None
        waiter = next(reversed(line.values()))
        self.remove(Asker(project_id, key_id), waiter)
        return waiter


def _size(lines: _Lines[Waiter]) -> int:
    return sum(map(len, lines.values()))
