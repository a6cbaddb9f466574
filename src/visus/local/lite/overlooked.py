"""Lone words and numbers on a drawing that text detection passed over.

Detection was made for pages; a two-digit number in an empty corner of a chart may escape it. On
plain ground such a number is still there as a few small figures side by side, and can be read.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from visus.local.lite.evidence import Box, Line, Shape
from visus.local.lite.layout import around
from visus.local.lite.ocr import Picture, Quad, Reader

_LEAST_HEIGHT_PX: Final = 8.0
_MOST_HEIGHT: Final = 0.09
"""Of the picture's longer side."""
_GAP: Final = 0.45
"""The widest gap between two letters of a word, in heights."""
_MARGIN: Final = 0.35
_CONFIDENCE: Final = 0.85
_MOST_WORDS: Final = 64


def overlooked(
    picture: Picture, shapes: Sequence[Shape], lines: Sequence[Line], reader: Reader
) -> list[Line]:
    """Words that small figures turn out to be."""
    most = _MOST_HEIGHT * max(picture.shape[:2])
    small = [
        shape
        for shape in shapes
        if _LEAST_HEIGHT_PX <= shape.box.bottom - shape.box.top <= most
        and not any(_meet(shape.box, line.box) for line in lines)
    ]
    words = [word for word in _words(small) if any(s.kind == "other" for s in word)]
    boxes = [around([shape.box for shape in word]) for word in words[:_MOST_WORDS]]
    readings = reader.read(picture, [_quad(box) for box in boxes])
    number = max((line.block for line in lines), default=-1) + 1
    return [
        Line(reading.text, box, round(reading.confidence, 4), number + index)
        for index, (box, reading) in enumerate(zip(boxes, readings, strict=True))
        if reading.confidence >= _CONFIDENCE and reading.text.isalnum()
    ]


def _words(shapes: Sequence[Shape]) -> list[list[Shape]]:
    """Figures side by side, closer than two words would be."""
    words: list[list[Shape]] = []
    for shape in sorted(shapes, key=lambda s: s.box.left):
        home = next((word for word in words if _follows(word[-1].box, shape.box)), None)
        if home is None:
            words.append([shape])
        else:
            home.append(shape)
    return words


def _follows(before: Box, after: Box) -> bool:
    height = max(before.bottom - before.top, after.bottom - after.top)
    level = abs(before.bottom - after.bottom) < 0.3 * height or (
        abs(before.top - after.top) < 0.3 * height
    )
    return level and -0.2 * height < after.left - before.right < _GAP * height


def _meet(one: Box, other: Box) -> bool:
    return (
        one.left < other.right
        and other.left < one.right
        and one.top < other.bottom
        and other.top < one.bottom
    )


def _quad(box: Box) -> Quad:
    margin = _MARGIN * (box.bottom - box.top)
    left, top = box.left - margin, box.top - margin
    right, bottom = box.right + margin, box.bottom + margin
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
