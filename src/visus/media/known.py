"""A cache of checked pictures: the result of the check, not the picture.

In a conversation every turn sends all earlier pictures again. Instead of checking one again,
its base64 text, or the file that was fetched, is recognised: by its length and by 128 bits of a
hash with random seeds in each process, for the same owner only. A caller who found a collision
could deceive only themselves, a server of pictures only those who named it and another picture.
"""

import secrets
from array import array
from collections import OrderedDict
from typing import Final, NamedTuple, TypeAlias

from stringzilla import hash_multiseed

from visus.media.survey import Survey

_SEEDS: Final = array("Q", [secrets.randbits(64), secrets.randbits(64)])

Mark: TypeAlias = tuple[str, int, tuple[int, ...]]
"""Whose it is, how long, and its hashes."""


class Known(NamedTuple):
    """A picture that may pass as it is."""

    size_bytes: int
    """Of its file."""
    found: Survey
    """Nothing has to be cut out of it."""


class KnownPictures:
    """The last `most` pictures; 0 remembers none."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: OrderedDict[Mark, Known] = OrderedDict()

    def mark(self, data: memoryview, *, owner: str) -> Mark | None:
        """What base64, or a file, is recognised by; None where nothing is remembered."""
        if not self._most:
            return None
        return owner, len(data), hash_multiseed(data, _SEEDS)

    def find(self, mark: Mark | None) -> Known | None:
        """What is known of the picture with that mark."""
        if mark is None or (known := self._known.get(mark)) is None:
            return None
        self._known.move_to_end(mark)
        return known

    def remember(self, mark: Mark | None, known: Known) -> None:
        """Remembers a picture that needs no change; the one unused longest is forgotten."""
        if mark is None or known.found.cleaned is not None:
            return
        self._known[mark] = known
        if len(self._known) > self._most:
            self._known.popitem(last=False)
