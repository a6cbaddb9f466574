"""The figure at the end of each bar, read once more where detection missed or clipped it.

The strip just beyond a bar holds its figure and nothing else. What is read there counts if it
is a number. A figure that contradicts the bar's length while all others agree with theirs is a
misreading, and is left out rather than told.
"""

# The libraries below have no complete types: what they return is narrowed at once.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import re
from collections.abc import Sequence
from statistics import median
from typing import Final

import numpy as np
from msgspec.structs import replace

from visus.local.lite.evidence import Bar, Box
from visus.local.lite.ocr import Picture, Quad, Reader

_FIGURE: Final = re.compile(r"[€$£]?\s?\d[\d.,' ]*\s?(?:%|€|\$|£|[A-Za-z]{1,3})?")
_BEYOND: Final = 0.09
"""How far beyond the bar a figure may reach, in parts of the picture's longer side."""
_LEAST_PX: Final = 7
_INK: Final = 48
_CONFIDENCE: Final = 0.8
_OFF: Final = 0.25
_LEAST_AGREEING: Final = 2
_MARGIN: Final = 0.35


def with_values(picture: Picture, bars: Sequence[Bar], reader: Reader) -> list[Bar]:
    """The bars with the figures that the strips beyond them hold, doubtful ones left out."""
    doubtful = [
        place for place, bar in enumerate(bars) if not bar.printed or _is_off(bar, bars)
    ]
    boxes = {place: box for place in doubtful if (box := _figure_beyond(picture, bars, place))}
    readings = reader.read(picture, [_quad(box) for box in boxes.values()])
    read = {
        place: reading.text.strip()
        for place, reading in zip(boxes, readings, strict=True)
        if reading.confidence >= _CONFIDENCE and _FIGURE.fullmatch(reading.text.strip())
    }
    again = [
        replace(bar, printed=read.get(place, bar.printed)) for place, bar in enumerate(bars)
    ]
    return [replace(bar, printed="") if _is_off(bar, again) else bar for bar in again]


def _is_off(bar: Bar, bars: Sequence[Bar]) -> bool:
    """Whether its figure is out of proportion where those of all others are in it."""
    own = _unit(bar)
    others = [unit for other in bars if other is not bar and (unit := _unit(other))]
    if own is None or len(others) < _LEAST_AGREEING:
        return False
    usual = median(others)
    agree = all(abs(unit - usual) <= _OFF / 2 * usual for unit in others)
    return agree and abs(own - usual) > _OFF * usual


def _unit(bar: Bar) -> float | None:
    """What one pixel of the bar stands for; None without a figure."""
    digits = re.sub(r"[^\d]", "", bar.printed)
    if not digits or bar.length_px <= 0:
        return None
    decimals = re.search(r"[.,](\d{1,2})(?!\d)", bar.printed)
    return int(digits) / 10.0 ** (len(decimals.group(1)) if decimals else 0) / bar.length_px


def _figure_beyond(picture: Picture, bars: Sequence[Bar], place: int) -> Box | None:
    """Where ink stands beyond the bar's end."""
    strip = _strip(picture, bars, place)
    left, top, right, bottom = (round(edge) for edge in strip)
    part = picture[max(top, 0) : bottom, max(left, 0) : right].astype(np.int32)
    if part.size == 0:
        return None
    ground = np.median(part.reshape(-1, 3), axis=0)
    ink = np.abs(part - ground).max(axis=2) > _INK
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if len(rows) < _LEAST_PX or not len(columns):
        return None
    x, y = max(left, 0), max(top, 0)
    return Box(
        float(x + columns[0]), float(y + rows[0]), float(x + columns[-1]), float(y + rows[-1])
    )


def _strip(
    picture: Picture, bars: Sequence[Bar], place: int
) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of what lies beyond the bar, in its own lane."""
    box, reach = bars[place].box, _BEYOND * max(picture.shape[:2])
    if _stand_upright(bars):
        room = 0.2 * (box.right - box.left)
        return box.left - room, box.top - reach, box.right + room, box.top - 2
    return box.right + 2, box.top, box.right + 2 * reach, box.bottom


def _stand_upright(bars: Sequence[Bar]) -> bool:
    """Whether their feet are on one level rather than on one side."""
    bottoms = [bar.box.bottom for bar in bars]
    lefts = [bar.box.left for bar in bars]
    return max(bottoms) - min(bottoms) <= max(lefts) - min(lefts)


def _quad(box: Box) -> Quad:
    margin = _MARGIN * (box.bottom - box.top)
    left, top = box.left - margin, box.top - margin
    right, bottom = box.right + margin, box.bottom + margin
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
