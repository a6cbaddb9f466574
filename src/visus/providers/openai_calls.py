"""Which call of an answer a piece of a tool call belongs to, whatever its server numbers.

OpenAI numbers calls from 0 and says a call's id and name once, in its first piece. Servers that
speak its dialect number all calls 0, or none, repeat id and name in every piece, send empty
ones, or give no id at all.
"""

import msgspec

from visus.core import call_ids
from visus.core.events import ToolCallDelta
from visus.providers.openai_shapes import Call, Called

_NOT_SAID = Called()


class _Begun:
    """A call that has begun."""

    def __init__(self, place: int, call_id: str) -> None:
        self.place = place
        self.call_id = call_id
        """As its server says it; empty where it says none."""
        self.name = ""


class Calls:
    """The calls of one choice: each has a place from 0, an id and a name that are said once."""

    def __init__(self) -> None:
        self._newest: dict[int, _Begun] = {}
        """By the number that the server gives; the last one of several."""
        self._count = 0

    def delta(self, call: Call, at: int, choice: int) -> ToolCallDelta:
        """The event for a piece that stands at place `at` among the pieces sent together."""
        number = at if call.index is None else call.index
        said = call.function or _NOT_SAID
        begun = self._newest.get(number)
        call_id = None
        if begun is None or _is_another(begun, call, said):
            begun = self._newest[number] = _Begun(self._count, call.id or "")
            self._count += 1
            call_id = call.id or call_ids.made()
        name = said.name if said.name and said.name != begun.name else None
        begun.name = name or begun.name
        return ToolCallDelta(begun.place, call_id, name, _arguments(said), choice)


def _is_another(begun: _Begun, call: Call, said: Called) -> bool:
    """Whether a piece with the number of a call that has begun begins another one."""
    if not said.name:
        return False  # some servers make a new id for each piece
    if call.id:
        return call.id != begun.call_id
    return call.index is None and said.name != begun.name


def _arguments(said: Called) -> str:
    if isinstance(said.arguments, dict):
        return msgspec.json.encode(said.arguments).decode()
    return said.arguments or ""
