"""Where one word ends and the next begins, inside one strip of text.

The reader drops a space now and then. The picture does not: between two words there is a gap
without ink. This module compares the two and lets the picture win where it is clear.
"""

# The libraries below have no complete types: what they return is narrowed at once.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Glyph:
    """One character as the reader gave it, `place` from 0 (left) to 1 (right)."""

    text: str
    place: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Strip:
    """What the columns of a strip hold."""

    width: int
    gaps: tuple[tuple[int, int], ...]
    """Runs of columns without ink between inked ones, `(first, past the last)`, in pixels."""
    ink: NDArray[np.bool_]
    """bool (48, width)"""
    x_height: float
    """Height of the inked rows in pixels, about 1.3 times that of an `x`."""

    @classmethod
    def seen(cls, strip: NDArray[np.uint8]) -> "Strip":
        """Measure a strip of dark ink on light paper, uint8 (48, width, 3)."""
        grey = np.asarray(cv2.cvtColor(strip, cv2.COLOR_RGB2GRAY), dtype=np.float32)
        paper, ink = (float(v) for v in np.percentile(grey, (80, 1)))
        dark = grey < paper - _INK * max(paper - ink, 24.0)
        rows = dark[4:-4]
        columns = rows.any(axis=0)
        width = strip.shape[1]
        gaps = tuple((a, b) for a, b in _runs(np.logical_not(columns)) if a > 0 and b < width)
        return cls(width, gaps, dark, _height(rows))


_INK: Final = 0.35


def _runs(empty: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], empty, [False])).astype(np.int8)))
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        yield int(first), int(last)


def _height(rows: NDArray[np.bool_]) -> float:
    """Height of the band of rows that holds most of the ink."""
    weight = rows.sum(axis=1).astype(np.float64)
    if not weight.any():
        return float(len(rows))
    return float((weight > 0.25 * weight.max()).sum())


def words_of(
    glyphs: Sequence[Glyph], strip: Strip
) -> Iterator[tuple[str, float, float, float]]:
    """Each word with its start, end (0 to 1) and confidence, left to right."""
    for word in _split(glyphs, strip):
        start, end = _extent(word, strip)
        sure = float(np.mean([glyph.confidence for glyph in word]))
        yield "".join(glyph.text for glyph in word), start, end, sure


def _split(glyphs: Sequence[Glyph], strip: Strip) -> Iterator[list[Glyph]]:
    unread = replace(strip, gaps=tuple(_unread_gaps(glyphs, strip)))
    wide = _word_gap(glyphs, strip)
    word: list[Glyph] = []
    for glyph in glyphs:
        if glyph.text.isspace():
            if word:
                yield word
            word = []
            continue
        if (
            word
            and _may_part(word[-1], glyph)
            and _gap_between(word[-1], glyph, unread) >= wide
        ):
            yield word
            word = []
        word.append(glyph)
    if word:
        yield word


_STEP_PX: Final = 10.0
"""How far the reader's places may be off, in pixels of the strip."""


def _unread_gaps(glyphs: Sequence[Glyph], strip: Strip) -> Iterator[tuple[int, int]]:
    """The gaps that no space was read for."""
    taken: set[tuple[int, int]] = set()
    for before, space, after in zip(glyphs, glyphs[1:], glyphs[2:], strict=False):
        if space.text.isspace():
            first = before.place * strip.width - _STEP_PX
            last = after.place * strip.width + _STEP_PX
            near = [gap for gap in strip.gaps if first < (gap[0] + gap[1]) / 2 < last]
            taken.update([max(near, key=lambda gap: gap[1] - gap[0])] if near else [])
    return (gap for gap in strip.gaps if gap not in taken)


def _may_part(before: Glyph, after: Glyph) -> bool:
    """Marks that close a word never stand apart from it, nor those that open one."""
    if before.text in _INSIDE_NUMBERS and after.text.isdigit():
        return False
    return after.text not in _CLOSING and before.text not in _OPENING


_CLOSING: Final = frozenset(".,;:!?)]}%”’…")  # noqa: RUF001 - these very marks are meant
_OPENING: Final = frozenset("([{„‚«")  # noqa: RUF001 - these very marks are meant
_INSIDE_NUMBERS: Final = frozenset(".,:/-")


def _word_gap(glyphs: Sequence[Glyph], strip: Strip) -> float:
    """The width in pixels from which a gap is a space.

    Judged by the spaces that were read, and by the gaps inside words: those of a typewriter's
    letters are wider than the spaces of other type.
    """
    spaces: list[float] = []
    inside: list[float] = []
    for before, after in pairwise(glyph for glyph in glyphs if not glyph.text.isspace()):
        inside.append(_gap_between(before, after, strip))
    for before, space, after in zip(glyphs, glyphs[1:], glyphs[2:], strict=False):
        if space.text.isspace():
            spaces.append(_gap_between(before, after, strip))
    usual = float(np.median(spaces)) if len(spaces) > 1 else 0.0
    close = float(np.median(inside)) if inside else 0.0
    return max(0.85 * usual, 0.42 * strip.x_height, 2.5 * close + 2, 7.0)


def _gap_between(left: Glyph, right: Glyph, strip: Strip) -> float:
    first, last = left.place * strip.width, right.place * strip.width
    inside = [b - a for a, b in strip.gaps if first < (a + b) / 2 < last]
    return float(max(inside, default=0))


def _extent(word: Sequence[Glyph], strip: Strip) -> tuple[float, float]:
    """From the gap before the word's first glyph to the gap after its last."""
    first, last = word[0].place * strip.width, word[-1].place * strip.width
    lefts = [b for a, b in strip.gaps if (a + b) / 2 < first]
    rights = [a for a, b in strip.gaps if (a + b) / 2 > last]
    start = min(max(lefts, default=0), first)
    end = max(min(rights, default=strip.width), last)
    return start / strip.width, end / strip.width
