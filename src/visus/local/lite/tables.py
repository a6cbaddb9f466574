"""Tables: rows of cells, found by their rules or, without rules, by their columns of white.

Works on segments in level coordinates. A ruled table may hold several lines in one cell; an
unruled one has one row of text for each row.
"""

# The libraries below have no complete types: what they return is narrowed at once.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from visus.local.lite.evidence import Box, Cell, Table
from visus.local.lite.flatten import Flattening
from visus.local.lite.layout import Segment, around, rows_of

Grey: TypeAlias = NDArray[np.uint8]

_RULES_PX: Final = 1600
_DARK: Final = 110
_THICKEST_RULE_PX: Final = 10
_LEAST_ROWS: Final = 3
_ROW_PITCH: Final = 2.4
"""Rows further apart than this many heights belong to different tables."""
_GUTTER: Final = 0.35
_STRAYS: Final = 0.12
"""The part of the rows that may reach into the white between two columns."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the rules of a table cross, in level coordinates."""

    across: list[float]
    down: list[float]

    @property
    def box(self) -> Box:
        """From the first rules to the last."""
        return Box(self.across[0], self.down[0], self.across[-1], self.down[-1])

    def place(self, segment: Segment) -> tuple[int, int] | None:
        """Row and column of the cell that holds the middle of a segment."""
        middle = (segment.box.left + segment.box.right) / 2
        column = _between(self.across, middle)
        row = _between(self.down, segment.middle)
        return None if row is None or column is None else (row, column)


def _between(edges: Sequence[float], value: float) -> int | None:
    for index, (low, high) in enumerate(pairwise(edges)):
        if low <= value < high:
            return index
    return None


# --- Ruled tables ----------------------------------------------------------------------------


def grids_of(grey: Grey, level: Flattening) -> list[Grid]:
    """The grids of rules in a picture, top to bottom.

    Args:
        grey: uint8 (height, width).
        level: how the page is tilted; grids are given in its coordinates.
    """
    scale = max(1.0, max(grey.shape) / _RULES_PX)
    size = (max(1, round(grey.shape[1] / scale)), max(1, round(grey.shape[0] / scale)))
    small = cv2.resize(level.straightened(grey), size, interpolation=cv2.INTER_AREA)
    if np.median(small) < _DARK:
        small = 255 - small
    ink = cv2.adaptiveThreshold(
        small, 1, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, 25, 10
    )
    flat = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((1, 60), np.uint8))
    steep = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((26, 1), np.uint8))
    both = cv2.dilate(cv2.bitwise_or(flat, steep), np.ones((5, 5), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(both)
    found: list[Grid] = []
    for x, y, w, h, _area in stats[1:count].tolist():
        down = _rules(flat[y : y + h, x : x + w].sum(axis=1), 0.4 * w, y)
        across = _rules(steep[y : y + h, x : x + w].sum(axis=0), 0.4 * h, x)
        if len(down) > 2 and len(across) > 2:  # noqa: PLR2004 - two rows and two columns at least
            found.append(Grid([v * scale for v in across], [v * scale for v in down]))
    return sorted(found, key=lambda grid: grid.down[0])


def _rules(weight: NDArray[np.int64], least: float, offset: int) -> list[float]:
    """The middles of the runs in which a rule is long enough."""
    strong = np.concatenate(([False], weight >= least, [False]))
    edges = np.flatnonzero(np.diff(strong.astype(np.int8)))
    middles = [
        (a + b) / 2 + offset
        for a, b in zip(edges[::2], edges[1::2], strict=True)
        if b - a <= _THICKEST_RULE_PX
    ]
    apart: list[float] = []
    for middle in middles:
        if not apart or middle - apart[-1] > 6:  # noqa: PLR2004 - pixels: a double rule
            apart.append(float(middle))
    return apart


def ruled_table(grid: Grid, segments: Sequence[Segment]) -> Table:
    """The table whose cells are the fields of a grid."""
    rows = [
        [_cell(grid, (row, column), segments) for column in range(len(grid.across) - 1)]
        for row in range(len(grid.down) - 1)
    ]
    return Table(rows, grid.box, _has_header(rows))


def _cell(grid: Grid, place: tuple[int, int], segments: Sequence[Segment]) -> Cell:
    row, column = place
    inside = [s for s in segments if grid.place(s) == place]
    box = Box(grid.across[column], grid.down[row], grid.across[column + 1], grid.down[row + 1])
    return _joined([s for line in rows_of(inside) for s in line], box)


def _joined(parts: Sequence[Segment], box: Box) -> Cell:
    sure = min((part.confidence for part in parts), default=1.0)
    return Cell(" ".join(part.text for part in parts), box, sure)


# --- Unruled tables --------------------------------------------------------------------------


def unruled_tables(rows: Sequence[Sequence[Segment]]) -> list[Table]:
    """Tables among the rows of one region, top to bottom."""
    found = (_unruled(run) for run in _runs(rows))
    return [table for table in found if table is not None]


def _runs(rows: Sequence[Sequence[Segment]]) -> list[list[Sequence[Segment]]]:
    """Rows of several segments that follow each other closely and evenly."""
    runs: list[list[Sequence[Segment]]] = []
    for row in rows:
        if len(row) < 2:  # noqa: PLR2004 - no cells
            continue
        if runs and _middle(row) - _middle(runs[-1][-1]) < _reach(runs[-1]):
            runs[-1].append(row)
        else:
            runs.append([row])
    return [run for run in runs if len(run) >= _LEAST_ROWS]


def _middle(row: Sequence[Segment]) -> float:
    return median(s.middle for s in row)


def _reach(run: Sequence[Sequence[Segment]]) -> float:
    """How far below its last row a run may go on."""
    most = _ROW_PITCH * median(s.height for s in run[-1])
    pitches = [_middle(b) - _middle(a) for a, b in pairwise(run)]
    return min(most, _UNEVEN * median(pitches)) if len(pitches) > 1 else most


_UNEVEN: Final = 1.7


def _unruled(run: Sequence[Sequence[Segment]]) -> Table | None:
    fullest = max(len(row) for row in run)
    columns = _columns([row for row in run if len(row) >= _FULL * fullest])
    if len(columns) < 2:  # noqa: PLR2004 - a list, not a table
        return None
    rows = [_row(row, columns) for row in run]
    return Table(rows, around([s.box for row in run for s in row]), _has_header(rows))


_FULL: Final = 0.75
"""Rows with fewer cells than this part of the most do not decide where columns are."""


def _columns(run: Sequence[Sequence[Segment]]) -> list[tuple[float, float]]:
    """Left and right of each column: the stretches that most rows leave white part them."""
    whole = around([s.box for row in run for s in row])
    covered = np.zeros(int(whole.right - whole.left) + 2, np.int32)
    for row in run:
        for segment in row:
            first = int(segment.box.left - whole.left)
            covered[first : int(segment.box.right - whole.left) + 1] += 1
    inked = np.concatenate(([False], covered > max(0.0, _STRAYS * len(run)), [False]))
    edges = np.flatnonzero(np.diff(inked.astype(np.int8)))
    spans = [
        (float(a + whole.left), float(b + whole.left))
        for a, b in zip(edges[::2], edges[1::2], strict=True)
    ]
    return _merged(spans, _GUTTER * median(s.height for row in run for s in row))


def _merged(spans: Sequence[tuple[float, float]], gutter: float) -> list[tuple[float, float]]:
    done: list[tuple[float, float]] = []
    for left, right in spans:
        if done and left - done[-1][1] < gutter:
            done[-1] = (done[-1][0], right)
        else:
            done.append((left, right))
    return done


def _row(row: Sequence[Segment], columns: Sequence[tuple[float, float]]) -> list[Cell]:
    extent = around([s.box for s in row])
    held: list[list[Segment]] = [[] for _ in columns]
    for segment in row:
        shared = [
            min(segment.box.right, right) - max(segment.box.left, left)
            for left, right in columns
        ]
        held[int(np.argmax(shared))].append(segment)
    return [
        _joined(parts, Box(left, extent.top, right, extent.bottom))
        for parts, (left, right) in zip(held, columns, strict=True)
    ]


def _has_header(rows: Sequence[Sequence[Cell]]) -> bool:
    """Row 0 names the columns if it has words only, in every column but perhaps the first."""
    first = [cell.text for cell in rows[0]]
    if not all(first[1:]) or any(_has_digit(text) for text in first):
        return False
    return len(rows) > 1 and any(first)


def _has_digit(text: str) -> bool:
    return any(character.isdigit() for character in text)
