"""Bar charts: bars in order, each with the label at its foot and the value printed on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

from visus.local.lite.evidence import Bar, Box, Line, Shape

_LEAST_BARS: Final = 2
_LEAST_THICKNESS_PX: Final = 5.0
_ALIGNED: Final = 0.015
"""How far feet may be off one line, in parts of the picture's longer side."""
_BAR_KINDS: Final = frozenset({"rectangle", "square", "line", "other"})


@dataclass(frozen=True, slots=True)
class _Stand:
    """A box seen so that bars grow upwards from a common foot."""

    start: float
    end: float
    foot: float
    tip: float
    """Foot and tip grow away from the axis: the tip is the larger."""


def _upright(box: Box) -> _Stand:
    return _Stand(box.left, box.right, -box.bottom, -box.top)


def _lying(box: Box) -> _Stand:
    return _Stand(box.top, box.bottom, box.left, box.right)


def find_bars(shapes: Sequence[Shape], lines: Sequence[Line], *, side_px: int) -> list[Bar]:
    """The bars of the chart in a picture, if it shows one; else nothing.

    Args:
        shapes: every figure found.
        lines: every line of text found, in the same coordinates.
        side_px: the longer side of the picture.
    """
    boxes = [shape for shape in shapes if _may_be_bar(shape)]
    stands = [
        _row(boxes, lines, side_px, vertical=True),
        _row(boxes, lines, side_px, vertical=False),
    ]
    best = max(stands, key=lambda bars: sum(_weight(bar) for bar in bars))
    return best if any(bar.label or bar.printed for bar in best) else []


def _may_be_bar(shape: Shape) -> bool:
    box = shape.box
    thick = min(box.right - box.left, box.bottom - box.top) >= _LEAST_THICKNESS_PX
    return shape.kind in _BAR_KINDS and thick and shape.kind != "other"


def _weight(bar: Bar) -> float:
    area = (bar.box.right - bar.box.left) * (bar.box.bottom - bar.box.top)
    return area * (1 + bool(bar.label) + bool(bar.printed))


def _row(
    shapes: Sequence[Shape], lines: Sequence[Line], side_px: int, *, vertical: bool
) -> list[Bar]:
    """The largest group of figures that stand on one line and are equally thick."""
    view = _upright if vertical else _lying
    groups: list[list[Shape]] = []
    for shape in sorted(shapes, key=lambda s: view(s.box).foot):
        place = view(shape.box)
        for group in groups:
            other = view(group[0].box)
            alike = 0.75 < (place.end - place.start) / (other.end - other.start) < 1.33  # noqa: PLR2004 - equally thick
            if alike and abs(place.foot - other.foot) <= _ALIGNED * side_px:
                group.append(shape)
                break
        else:
            groups.append([shape])
    empty: list[Shape] = []
    group = max(groups, key=lambda g: sum(_area(s.box) for s in g), default=empty)
    if len(group) < _LEAST_BARS:
        return []
    across = sorted(group, key=lambda s: view(s.box).start)
    return [_bar(shape, across, lines, vertical=vertical) for shape in across]


def _area(box: Box) -> float:
    return (box.right - box.left) * (box.bottom - box.top)


def _bar(shape: Shape, bars: Sequence[Shape], lines: Sequence[Line], *, vertical: bool) -> Bar:
    view = _upright if vertical else _lying
    place = view(shape.box)
    pitch = _pitch([view(bar.box) for bar in bars])
    beside = [line for line in lines if _is_over(view(line.box), place, pitch)]
    below = [line for line in beside if _middle(view(line.box)) < place.foot]
    above = [line for line in beside if _middle(view(line.box)) >= place.foot]
    label = min(below, key=lambda line: place.foot - _middle(view(line.box)), default=None)
    printed = min(
        (line for line in above if any(c.isdigit() for c in line.text)),
        key=lambda line: abs(_middle(view(line.box)) - place.tip),
        default=None,
    )
    return Bar(
        label=label.text if label else "",
        printed=printed.text if printed and _is_near(printed, place, vertical) else "",
        colour=shape.colour,
        box=shape.box,
        length_px=round(place.tip - place.foot, 1),
    )


def _is_near(line: Line, place: _Stand, vertical: bool) -> bool:  # noqa: FBT001 - the chart's own direction
    text = (_upright if vertical else _lying)(line.box)
    room = text.tip - text.foot
    return place.foot <= _middle(text) and text.foot - place.tip < 1.5 * max(room, 12.0)


def _pitch(stands: Sequence[_Stand]) -> float:
    """The usual distance from bar to bar."""
    middles = [(s.start + s.end) / 2 for s in stands]
    return median(b - a for a, b in pairwise(middles))


def _is_over(text: _Stand, bar: _Stand, pitch: float) -> bool:
    """Whether a text stands in the lane of a bar."""
    return abs((text.start + text.end) / 2 - (bar.start + bar.end) / 2) < 0.45 * pitch


def _middle(stand: _Stand) -> float:
    return (stand.foot + stand.tip) / 2
