"""From strips of text to lines in the order in which a person reads them.

Strips become segments: runs of words without a wide gap. Where running text stands in columns
side by side, the columns are read one after the other; everything else (tables, forms, letter
heads) is read row by row. Pure geometry; the text matters only in that prose has many words.
"""

# The libraries below have no complete types: what they return is narrowed at once.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

import numpy as np

from visus.local.lite.evidence import Box
from visus.local.lite.flatten import Flattening
from visus.local.lite.ocr import Quad, Reading, Word

LEAST_CONFIDENCE: Final = 0.5
"""Of a reading; what is read less surely was guessed from a pattern."""
_CELL_GAP: Final = 0.85
"""A gap of this many heights inside a strip parts it: two cells, or two columns."""
_JOIN_GAP: Final = 0.55
"""Two segments of one row closer than this many heights are one."""
_SAME_ROW: Final = 0.5
_GUTTER: Final = 0.6
_NARROW_GUTTER: Final = 0.1
"""Enough where many lines to both sides keep clear of it."""
_MANY_LINES: Final = 6
_PROSE_LINES: Final = 3
_PROSE_WORDS: Final = 3.0
_PROSE_FILL: Final = 0.5
_BLOCK_GAP: Final = 0.75
_MOST_PLACES: Final = 60
"""How many places for a gutter are tried, those that most lines begin at first."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of words on one baseline, in level coordinates."""

    text: str
    box: Box
    confidence: float
    height: float
    """Of the strip it came from: about 1.3 times the size of the type."""

    @property
    def middle(self) -> float:
        """The height of its middle on the page."""
        return (self.box.top + self.box.bottom) / 2

    @property
    def words(self) -> int:
        """How many words it has."""
        return self.text.count(" ") + 1


# --- Segments --------------------------------------------------------------------------------


def segments_of(
    quads: Sequence[Quad], readings: Sequence[Reading], level: Flattening
) -> list[Segment]:
    """Segments row by row, in level coordinates.

    What was rather guessed than read is left out before neighbours are joined: a cross in a box
    must not take the words beside it along.
    """
    pieces = [
        piece
        for quad, reading in zip(quads, readings, strict=True)
        for piece in _pieces(quad, reading, level)
        if piece.confidence >= LEAST_CONFIDENCE
    ]
    return [joined for row in rows_of(pieces) for joined in _joined(row)]


def _pieces(quad: Quad, reading: Reading, level: Flattening) -> list[Segment]:
    """The words of a strip, parted where a gap is too wide for a space."""
    flat = level.apply(quad)
    height = float((flat[3, 1] + flat[2, 1] - flat[0, 1] - flat[1, 1]) / 2)
    width = float((flat[1, 0] + flat[2, 0] - flat[0, 0] - flat[3, 0]) / 2)
    if height <= 0 or width <= 0:
        return []
    runs: list[list[Word]] = []
    for word in reading.words:
        if runs and (word.start - runs[-1][-1].end) * width < _CELL_GAP * height:
            runs[-1].append(word)
        else:
            runs.append([word])
    return [_segment(run, flat, height) for run in runs]


def _segment(run: Sequence[Word], flat: Quad, height: float) -> Segment:
    top_left, top_right, bottom_right, bottom_left = flat
    start, end = run[0].start, run[-1].end
    ends = [
        edge[0] + (edge[1] - edge[0]) * part
        for edge in ((top_left, top_right), (bottom_left, bottom_right))
        for part in (start, end)
    ]
    corners = np.array(ends)
    box = Box(*(round(float(v), 1) for v in (*corners.min(axis=0), *corners.max(axis=0))))
    sure = float(np.mean([word.confidence for word in run]))
    return Segment(_whole(" ".join(word.text for word in run)), box, round(sure, 4), height)


_PARTED_FIGURE: Final = re.compile(r"([-+]?\d{1,3}(?:[. ]\d{3})*[.,]) (\d\d(?: ?[€$£]| EUR)?)")


def _whole(text: str) -> str:
    """A lone figure as one: a thin `1` leaves gaps like those between words (`1, 42`)."""
    parted = _PARTED_FIGURE.fullmatch(text)
    return text if parted is None else f"{parted[1]}{parted[2]}"


def rows_of(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Segments by shared baseline, top to bottom, each row left to right."""
    rows: list[list[Segment]] = []
    for segment in sorted(segments, key=lambda s: (s.middle, s.box.left)):
        if rows and _on_row(segment, rows[-1]):
            rows[-1].append(segment)
        else:
            rows.append([segment])
    return [sorted(row, key=lambda s: s.box.left) for row in rows]


def _on_row(segment: Segment, row: Sequence[Segment]) -> bool:
    middle = sum(s.middle for s in row) / len(row)
    return abs(segment.middle - middle) < _SAME_ROW * min(segment.height, row[-1].height)


def _joined(row: Sequence[Segment]) -> list[Segment]:
    """Neighbours that only the detector parted, as one."""
    done = [row[0]]
    for segment in row[1:]:
        before = done[-1]
        gap = segment.box.left - before.box.right
        if -0.5 * before.height < gap < _JOIN_GAP * min(before.height, segment.height):
            done[-1] = _together(before, segment)
        else:
            done.append(segment)
    return done


def _together(left: Segment, right: Segment) -> Segment:
    box = around([left.box, right.box])
    sure = min(left.confidence, right.confidence)
    return Segment(f"{left.text} {right.text}", box, sure, max(left.height, right.height))


def around(boxes: Sequence[Box]) -> Box:
    """The smallest box that holds all of these."""
    return Box(
        min(b.left for b in boxes),
        min(b.top for b in boxes),
        max(b.right for b in boxes),
        max(b.bottom for b in boxes),
    )


# --- Order -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Gutter:
    """A white band between two columns, and what stands around it."""

    above: list[Segment]
    left: list[Segment]
    right: list[Segment]
    below: list[Segment]

    @property
    def weight(self) -> int:
        return min(len(self.left), len(self.right))


def regions_of(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Parts of the page in reading order; inside one part, rows are read across."""
    gutter = _widest_gutter(segments)
    if gutter is None:
        return [list(segments)] if segments else []
    parts = (gutter.above, gutter.left, gutter.right, gutter.below)
    return [region for part in parts for region in regions_of(part)]


def _widest_gutter(segments: Sequence[Segment]) -> _Gutter | None:
    places = Counter(round((s.box.left - 0.3 * s.height) / 4) * 4 for s in segments)
    candidates = [
        found
        for place, _ in places.most_common(_MOST_PLACES)
        for found in _gutters_at(place, segments)
    ]
    return max(candidates, key=lambda gutter: gutter.weight, default=None)


def _gutters_at(place: float, segments: Sequence[Segment]) -> list[_Gutter]:
    """Columns to both sides of `place`, between the segments that cross it."""
    crossing = [s for s in segments if s.box.left < place < s.box.right]
    edges = [float("-inf"), *sorted(s.middle for s in crossing), float("inf")]
    aside = [s for s in segments if not s.box.left < place < s.box.right]
    found: list[_Gutter] = []
    for top, bottom in pairwise(edges):
        band = [s for s in aside if top < s.middle < bottom]
        left = [s for s in band if s.box.right <= place]
        right = [s for s in band if s.box.left >= place]
        if _is_apart(left, right) and _is_prose(left) and _is_prose(right):
            above = [s for s in segments if s.middle <= top]
            below = [s for s in segments if s.middle >= bottom]
            found.append(_Gutter(above, left, right, below))
    return found


def _is_apart(left: Sequence[Segment], right: Sequence[Segment]) -> bool:
    if len(left) < _PROSE_LINES or len(right) < _PROSE_LINES:
        return False
    white = min(s.box.left for s in right) - max(s.box.right for s in left)
    many = min(len(left), len(right)) >= _MANY_LINES
    return white >= (_NARROW_GUTTER if many else _GUTTER) * median(s.height for s in left)


def _is_prose(segments: Sequence[Segment]) -> bool:
    """Whether these look like lines of running text rather than cells."""
    if median(s.words for s in segments) < _PROSE_WORDS:
        return False
    extent = around([s.box for s in segments])
    filled = [
        sum(s.box.right - s.box.left for s in row) / (extent.right - extent.left)
        for row in rows_of(segments)
    ]
    return median(filled) >= _PROSE_FILL


def blocks_of(rows: Sequence[Sequence[Segment]]) -> list[list[Segment]]:
    """Rows of one segment flow together while they stand close; others part into cells."""
    blocks: list[list[Segment]] = []
    for index, row in enumerate(rows):
        if index and len(row) == 1 and len(rows[index - 1]) == 1:
            before = rows[index - 1][0]
            if _continues(before, row[0]):
                blocks[-1].append(row[0])
                continue
        blocks.extend([segment] for segment in row)
    return blocks


def _continues(before: Segment, after: Segment) -> bool:
    gap = after.box.top - before.box.bottom
    alike = 0.75 < after.height / before.height < 1.33  # noqa: PLR2004 - a third of difference
    overlap = min(before.box.right, after.box.right) - max(before.box.left, after.box.left)
    return alike and overlap > 0 and gap < _BLOCK_GAP * before.height
