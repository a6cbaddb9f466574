"""Removes the metadata of a video that is sent as a file.

Where something is taken out, as many zeros stay: no byte moves, so that every offset in the
file still holds, and the coded pictures and sounds are those that came. Which stretches those
are is found by `mp4_metadata` and `matroska_metadata`, in a worker; here they are overwritten.
"""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

MAX_BLANKS: Final = 20_000
"""A file with more to take out does not travel as it is."""


class Uncleanable(Exception):
    """The metadata of this file cannot be told from what is needed to play it."""


class Allowance:
    """How much of something a file may have."""

    def __init__(self, most: int, what: str) -> None:
        self._left = most
        self._what = what

    def take(self, count: int = 1) -> int:
        """The count, while there is as much left.

        Raises:
            Uncleanable: there is not.
        """
        self._left -= count
        if self._left < 0:
            raise Uncleanable(f"too many {self._what}")
        return count


class Blank(msgspec.Struct, frozen=True, array_like=True):
    """A stretch of a file that is overwritten: with `head`, then with zeros."""

    start: Annotated[int, msgspec.Meta(ge=0)]
    size: Annotated[int, msgspec.Meta(ge=1)]
    head: bytes = b""


class Blanks:
    """Collects stretches; what is as it should be already is passed over."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self.found: list[Blank] = []

    def add(self, start: int, end: int, head: bytes = b"") -> None:
        """From `start` up to `end`, which lie in the file."""
        blank = Blank(start, end - start, head)
        if end <= start or bytes(self._data[start:end]) == head.ljust(blank.size, b"\0"):
            return
        if len(self.found) == MAX_BLANKS:
            raise Uncleanable("too many stretches to take out")
        self.found.append(blank)


def cleaned(data: bytes, blanks: Sequence[Blank]) -> bytes:
    """The file with these stretches overwritten; it is as long as before.

    Raises:
        ValueError: a stretch outside the file, or more of them than the file is long.
    """
    if sum(blank.size for blank in blanks) > len(data):
        raise ValueError("stretches that lie over each other")
    whole = bytearray(data)
    for start, size, head in map(msgspec.structs.astuple, blanks):
        if start + size > len(whole) or len(head) > size:
            raise ValueError("a stretch outside the file")
        whole[start : start + size] = head.ljust(size, b"\0")
    return bytes(whole)
