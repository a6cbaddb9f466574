"""Boxes in what a model writes: found as they come, and written anew in pixels.

A box is a list of four numbers under one of the keys that models were taught (`box_2d`,
`bbox_2d`, `bbox`), a point one of two (`point_2d`, `point`); several may stand in a list under
one key. They are looked for in any text, so that fences and words around the JSON make no
difference. Only the numbers are replaced: everything else is given back byte for byte, and only
what may be the beginning of a box is held back until more is known.
"""

import re
from collections.abc import Callable
from typing import Final

from visus.core.boxes import Scale

_CORNERS: Final = {"box_2d": 2, "bbox_2d": 2, "bbox": 2, "point_2d": 1, "point": 1}
_KEYS: Final = "|".join(_CORNERS)
_BEGUN: Final = "|".join(
    sorted({key[:end] for key in _CORNERS for end in range(1, len(key) + 1)}, key=len)
)
_GAP: Final = r"[ \t\r\n]{0,64}"
_NUMBER: Final = re.compile(r"-?[0-9]{1,9}(?:\.[0-9]{1,20})?")
_OPENING: Final = re.compile(rf'"({_KEYS})"{_GAP}:{_GAP}(?=\[)')
_MAY_OPEN: Final = re.compile(rf'"(?:(?:{_BEGUN})?|(?:{_KEYS})"{_GAP}(?::{_GAP})?)\Z')
_LONGEST_OPENING: Final = 160
_LIST: Final = re.compile(
    rf"\[{_GAP}{_NUMBER.pattern}(?:{_GAP},{_GAP}{_NUMBER.pattern}){{0,3}}{_GAP}\]"
)
_MAY_LIST: Final = re.compile(r"\[[-0-9., \t\r\n]{0,700}\Z")
_LIST_OF_LISTS: Final = re.compile(rf"\[{_GAP}(?=\[)")
_NEXT: Final = re.compile(rf"{_GAP},{_GAP}(?=\[)")
_MAY_NEXT: Final = re.compile(rf"{_GAP}(?:,{_GAP})?\Z")


class BoxText:
    """Rewrites one text, given in any pieces."""

    def __init__(self, scale: Scale | None) -> None:
        """`scale` is None where there is no picture: then nothing is rewritten."""
        self.converted = 0
        """Boxes and points that were written anew."""
        self.left = 0
        """Keys of boxes whose value was none that can be."""
        self._scale = scale
        self._text = ""
        self._at = 0
        self._key = ""
        self._step: Callable[[], str | None] = self._text_around

    def feed(self, piece: str) -> str:
        """More of the text; what of it is certain by now."""
        self._text += piece
        done: list[str] = []
        while (certain := self._step()) is not None:
            done.append(certain)
        self._text, self._at = self._text[self._at :], 0
        return "".join(done)

    def finish(self) -> str:
        """What was held back; there will be no more."""
        if self._step in {self._value, self._inner}:
            self.left += 1
        rest, self._text = self._text, ""
        self._step = self._text_around
        return rest

    def _taken(self, end: int) -> str:
        taken, self._at = self._text[self._at : end], end
        return taken

    # Each step gives what is certain, or None where it needs more text.

    def _text_around(self) -> str | None:
        opening = _OPENING.search(self._text, self._at)
        if opening is not None:
            self._key, self._step = opening[1], self._value
            return self._taken(opening.end())
        end = len(self._text)
        begun = _MAY_OPEN.search(self._text, max(self._at, end - _LONGEST_OPENING))
        return self._taken(begun.start() if begun else end) or None

    def _value(self) -> str | None:
        if nested := _LIST_OF_LISTS.match(self._text, self._at):
            self._step = self._inner
            return self._taken(nested.end())
        return self._box(then=self._text_around)

    def _inner(self) -> str | None:
        return self._box(then=self._between)

    def _between(self) -> str | None:
        if following := _NEXT.match(self._text, self._at):
            self._step = self._inner
            return self._taken(following.end())
        if _MAY_NEXT.match(self._text, self._at):
            return None
        self._step = self._text_around
        return ""

    def _box(self, *, then: Callable[[], str | None]) -> str | None:
        found = _LIST.match(self._text, self._at)
        if found is None and _MAY_LIST.match(self._text, self._at):
            return None
        self._step = self._text_around if found is None else then
        if found is None:
            self.left += 1
            return ""
        return self._rewritten(self._taken(found.end()))

    def _rewritten(self, box: str) -> str:
        numbers = [float(number) for number in _NUMBER.findall(box)]
        if self._scale is None or len(numbers) != 2 * _CORNERS[self._key]:
            self.left += 1
            return box
        self.converted += 1
        pixels = iter(self._scale.pixels(numbers))
        return _NUMBER.sub(lambda _: str(next(pixels)), box)
