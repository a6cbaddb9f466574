"""Boxes to tick on forms: where they are, and whether something stands in them.

A box is four straight strokes of about one length. What is inside is measured as ink; whether
it is a cross, a tick or a filling does not matter.
"""

# The libraries below have no complete types: what they return is narrowed at once.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import re
from collections.abc import Sequence
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from visus.local.lite.evidence import Box, Line, TickBox
from visus.local.lite.flatten import Flattening

Grey: TypeAlias = NDArray[np.uint8]

_WORKING_PX: Final = 2400
_DARK: Final = 110
_STROKE_PX: Final = 9
_LEAST_PX: Final = 11
_MOST_PX: Final = 72
_SQUARE: Final = 1.3
_CLOSED: Final = 0.85
"""The part of each side that must be drawn."""
_SIDE: Final = 0.2
"""Where a side is looked for, in parts of the box from its edge."""
_MARKED: Final = 0.09
"""The part of the inside that is ink from which a box counts as marked."""
_MOST: Final = 120
_LEADING: Final = 0.5
_SIGN: Final = r"(?:[^\w\s(„“\"'.,:;+*€$£-]|[xXvV](?=\s|$)|[\u2e80-\u9fff\u30ed])"
_SIGN_BEFORE: Final = re.compile(_SIGN)
_SIGN_BEHIND: Final = re.compile(rf"\s{_SIGN}$")
"""What a reader makes of a box that it reads together with the words beside it."""


def tick_boxes(grey: Grey, level: Flattening, lines: Sequence[Line]) -> list[TickBox]:
    """The boxes of a page in level coordinates, top to bottom; none where there are too many.

    Args:
        grey: uint8 (height, width).
        level: how the page is tilted.
        lines: what is written, in level coordinates: a letter of a word is no box.
    """
    scale = max(1.0, max(grey.shape) / _WORKING_PX)
    size = (max(1, round(grey.shape[1] / scale)), max(1, round(grey.shape[0] / scale)))
    small = cv2.resize(level.straightened(grey), size, interpolation=cv2.INTER_AREA)
    small = cv2.medianBlur(255 - small if np.median(small) < _DARK else small, 3)
    ink = cv2.adaptiveThreshold(
        small, 1, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, 25, 10
    )
    strokes = _strokes(np.asarray(ink, dtype=np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(strokes)
    found = [
        _tick_box(np.asarray(ink, dtype=np.uint8), (x, y, w, h), scale)
        for x, y, w, h, _area in stats[1:count].tolist()
        if _is_square(w, h) and _is_closed(strokes[y : y + h, x : x + w])
    ]
    kept = [each for each in found if not any(_is_letter_of(each.box, line) for line in lines)]
    outer = [each for each in kept if not any(_lies_in(each.box, other.box) for other in kept)]
    return sorted(outer, key=lambda each: each.box.top) if len(outer) <= _MOST else []


def _is_letter_of(box: Box, line: Line) -> bool:
    """Whether it lies in a line of text and does not lead it as a sign of its own."""
    middle = ((box.left + box.right) / 2, (box.top + box.bottom) / 2)
    across = line.box.left <= middle[0] <= line.box.right
    if not across or not line.box.top <= middle[1] <= line.box.bottom:
        return False
    leads = box.left <= line.box.left + _LEADING * (line.box.bottom - line.box.top)
    ends = box.right >= line.box.right - _LEADING * (line.box.bottom - line.box.top)
    text = line.text.strip()
    return not ((leads and _SIGN_BEFORE.match(text)) or (ends and _SIGN_BEHIND.search(text)))


def _lies_in(inner: Box, outer: Box) -> bool:
    return inner != outer and (
        outer.left <= inner.left
        and inner.right <= outer.right
        and outer.top <= inner.top
        and inner.bottom <= outer.bottom
    )


def _strokes(ink: Grey) -> Grey:
    """Level and upright strokes alone: the arms of a cross and of a tick go."""
    flat = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((1, _STROKE_PX), np.uint8))
    steep = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((_STROKE_PX, 1), np.uint8))
    both = cv2.morphologyEx(
        cv2.bitwise_or(flat, steep), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)
    )
    return np.asarray(both, dtype=np.uint8)


def _is_square(width: int, height: int) -> bool:
    fits = min(width, height) >= _LEAST_PX and max(width, height) <= _MOST_PX
    return fits and max(width, height) <= _SQUARE * min(width, height)


def _is_closed(strokes: Grey) -> bool:
    deep = max(3, round(_SIDE * min(strokes.shape)))
    sides = (
        strokes[:deep].any(axis=0),
        strokes[-deep:].any(axis=0),
        strokes[:, :deep].any(axis=1),
        strokes[:, -deep:].any(axis=1),
    )
    return all(float(side.mean()) >= _CLOSED for side in sides)


def _tick_box(ink: Grey, place: tuple[int, int, int, int], scale: float) -> TickBox:
    x, y, width, height = place
    inset = max(3, round(_SIDE * min(width, height)))
    inside = ink[y + inset : y + height - inset, x + inset : x + width - inset]
    box = Box(x * scale, y * scale, (x + width) * scale, (y + height) * scale)
    return TickBox(box, marked=bool(inside.size) and float(inside.mean()) >= _MARKED)
