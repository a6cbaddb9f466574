"""Everything that is written in a picture: turned upright, read, ordered, tables recognised."""

# The libraries below have no complete types: what they return is narrowed at once.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from visus.local.lite.boxes import tick_boxes
from visus.local.lite.evidence import Line, Table, TickBox
from visus.local.lite.flatten import Flattening
from visus.local.lite.layout import (
    LEAST_CONFIDENCE,
    Segment,
    blocks_of,
    regions_of,
    rows_of,
    segments_of,
)
from visus.local.lite.ocr import Detector, Quad, Reader, Reading, size_of
from visus.local.lite.tables import Grid, grids_of, ruled_table, unruled_tables

Picture: TypeAlias = NDArray[np.uint8]

_PROBE: Final = 6
_READS_WELL: Final = 0.88
_UPSIDE_DOWN_GAIN: Final = 0.05
_SIDEWAYS: Final = 0.6
"""The part of the text's area that must run steeply for the page to lie on its side."""
_LEAST_LONE_CONFIDENCE: Final = 0.8


@dataclass(frozen=True, slots=True)
class Page:
    """What is written, and the picture as it stands when the writing stands upright."""

    picture: Picture
    turned_deg: int
    lines: list[Line]
    tables: list[Table]
    boxes: list[TickBox]


class Scribe:
    """Reads pages."""

    def __init__(self, detector: Detector, reader: Reader) -> None:
        self._detector = detector
        self._reader = reader

    def read(self, picture: Picture) -> Page:
        """Everything written, in reading order. A picture is turned for legible text only."""
        quads = self._detector.find(picture)
        if not quads:
            return Page(picture, 0, [], [], [])
        if _lies_on_its_side(quads):
            page = self._read_turned(_turned(picture, 90), 90)
            if page.turned_deg and _is_worth_turning(page.lines):
                return page
        page = self._read(picture, quads, 0)
        if page.turned_deg and not _is_worth_turning(page.lines):
            return Page(picture, 0, [], [], [])
        return page

    def _read_turned(self, picture: Picture, turned: int) -> Page:
        return self._read(picture, self._detector.find(picture), turned)

    def _read(self, picture: Picture, quads: Sequence[Quad], turned: int) -> Page:
        readings = self._reader.read(picture, quads)
        if self._is_upside_down(picture, quads, readings):
            picture, turned = _turned(picture, 180), turned + 180
            quads = self._detector.find(picture)
            readings = self._reader.read(picture, quads)
        return _laid_out(picture, quads, readings, turned)

    def _is_upside_down(
        self, picture: Picture, quads: Sequence[Quad], readings: Sequence[Reading]
    ) -> bool:
        """Reads the widest strips both ways if they do not read well as they are."""
        pairs = sorted(zip(quads, readings, strict=True), key=lambda p: -size_of(p[0])[0])
        probe = pairs[:_PROBE]
        if not probe:
            return False
        upright = float(np.mean([reading.confidence for _, reading in probe]))
        if upright >= _READS_WELL:
            return False
        flipped = self._reader.read(picture, [quad[[2, 3, 0, 1]] for quad, _ in probe])
        return float(np.mean([r.confidence for r in flipped])) > upright + _UPSIDE_DOWN_GAIN


def _is_worth_turning(lines: Sequence[Line]) -> bool:
    """Whether there are words that read well."""
    good = [line.text for line in lines if line.confidence >= _READS_WELL]
    return sum(character.isalpha() for text in good for character in text) >= _LEAST_LETTERS


_LEAST_LETTERS: Final = 4


def _lies_on_its_side(quads: Sequence[Quad]) -> bool:
    sizes = [size_of(quad) for quad in quads]
    steep = sum(w * h for w, h in sizes if h > 1.5 * w)
    level = sum(w * h for w, h in sizes if w > 1.5 * h)
    return steep > _SIDEWAYS * (steep + level)


def _turned(picture: Picture, degrees: int) -> Picture:
    """Turned clockwise."""
    return np.ascontiguousarray(np.rot90(picture, k=-degrees // 90))


def _laid_out(
    picture: Picture, quads: Sequence[Quad], readings: Sequence[Reading], turned: int
) -> Page:
    level = Flattening.fitted(quads)
    segments = [s for s in segments_of(quads, readings, level) if _is_legible(s)]
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    grids = (
        _Grids(grids_of(grey, level), segments) if len(segments) > 1 else _Grids([], segments)
    )
    lines: list[Line] = []
    tables: list[Table] = []
    number = 0
    for region in regions_of(grids.rest):
        rows = rows_of(region)
        tables += unruled_tables([row for row in rows if not any(map(grids.holds, row))])
        for block in blocks_of(rows):
            for part in grids.parts(block):
                lines += [Line(s.text, s.box, s.confidence, number) for s in part]
                number += 1
    tables += grids.tables
    tables.sort(key=lambda table: table.box.top)
    return Page(picture, turned, lines, tables, tick_boxes(grey, level, lines))


def _is_legible(segment: Segment) -> bool:
    """Whether something was read, rather than guessed from a pattern."""
    if not any(character.isalnum() for character in segment.text):
        return segment.confidence >= _LEAST_LONE_CONFIDENCE
    lone = len(segment.text) < 3  # noqa: PLR2004 - one or two characters
    return segment.confidence >= (_LEAST_LONE_CONFIDENCE if lone else LEAST_CONFIDENCE)


class _Grids:
    """Ruled tables as single figures among the segments around them."""

    def __init__(self, grids: Sequence[Grid], segments: Sequence[Segment]) -> None:
        self.rest: list[Segment] = []
        self._held: dict[int, list[Segment]] = {n: [] for n in range(len(grids))}
        for segment in segments:
            homes = [n for n, grid in enumerate(grids) if grid.place(segment) is not None]
            (self._held[homes[0]] if homes else self.rest).append(segment)
        self.tables: list[Table] = []
        self._figures: dict[Segment, Grid] = {}
        for number, grid in enumerate(grids):
            held = self._held[number]
            if len(held) < 2:  # noqa: PLR2004 - a frame around something else
                self.rest += held
                continue
            self.tables.append(ruled_table(grid, held))
            figure = Segment("", grid.box, 1.0, held[0].height)
            self._figures[figure] = grid
            self.rest.append(figure)
        self._segments = segments

    def holds(self, segment: Segment) -> bool:
        """Whether a segment stands for a table."""
        return segment in self._figures

    def parts(self, block: Sequence[Segment]) -> list[list[Segment]]:
        """The block's text as one part, each table that it runs into cell by cell."""
        parts: list[list[Segment]] = []
        running: list[Segment] = []
        for segment in block:
            if not self.holds(segment):
                running.append(segment)
                continue
            parts += [running, *self.cells(segment)]
            running = []
        return [part for part in (*parts, running) if part]

    def cells(self, figure: Segment) -> list[list[Segment]]:
        """The segments of a table's cells, row by row; nothing for an ordinary segment."""
        grid = self._figures.get(figure)
        if grid is None:
            return []
        found: dict[tuple[int, int], list[Segment]] = {}
        for row in rows_of([s for s in self._segments if grid.place(s) is not None]):
            for segment in row:
                place = grid.place(segment)
                if place is not None:
                    found.setdefault(place, []).append(segment)
        return [found[place] for place in sorted(found)]
