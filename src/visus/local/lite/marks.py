"""What the reader cannot tell apart, told by measure.

In a single glyph an `o` and an `O` look alike, and so do a hyphen and a dash, straight and
curly quotes; the low German quotes are not in the reader's alphabet at all. What decides is
size and place on the line, which are measured here on the ink itself. Where the ink is not
clear, the reader's word stands.
"""

# The libraries below have no complete types: what they return is narrowed at once.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from visus.local.lite.lookalikes import told_apart
from visus.local.lite.spacing import Glyph, Strip

_LOWER: Final = frozenset("aemnrcosuvwxz")
_UPPER: Final = frozenset("ABDEFGHKLMNPRTbdhkl")
_SITTING: Final = frozenset("abcdehiklmnorstuvwxzABCDEFGHIKLMNOPRSTUVWXYZ")
_ALIKE: Final = frozenset("oöcsuüvwxz")
_DASHES: Final = frozenset("-–—")  # noqa: RUF001 - these very marks are meant
_DOUBLE: Final = frozenset('"“”„')
_SINGLE: Final = frozenset("'‘’‚`´")  # noqa: RUF001 - these very marks are meant


@dataclass(frozen=True, slots=True)
class _Blot:
    """One connected piece of ink, in pixels of the strip."""

    left: int
    top: int
    right: int
    bottom: int
    number: int

    @property
    def middle(self) -> float:
        return (self.left + self.right) / 2


@dataclass(frozen=True, slots=True)
class _Ruler:
    """The heights of a line: rows counted from the top of the strip."""

    base: float
    small: float
    """Top of an `x`."""
    tall: float
    """Top of an `H`."""

    @property
    def x_height(self) -> float:
        return self.base - self.small


def settled(glyphs: Sequence[Glyph], strip: Strip) -> list[Glyph]:
    """The glyphs with case, quotes and dashes as the ink has them."""
    numbered, blots = _blots(strip.ink)
    owned = list(_owned(glyphs, strip, blots))
    glyphs = told_apart(glyphs, [_width(own) for own in owned])
    ruler = _ruler(glyphs, owned)
    if ruler is None:
        return list(glyphs)
    seen = [
        _judged(glyph, own, ruler, numbered) for glyph, own in zip(glyphs, owned, strict=True)
    ]
    return list(_paired(_with_low_quotes(_calm(seen, glyphs), owned, ruler, strip.width)))


def _calm(seen: Sequence[Glyph], read: Sequence[Glyph]) -> list[Glyph]:
    """No capital in the middle of a word that has small letters before it."""
    return [
        glyphs[1] if glyphs[0].text.islower() and glyphs[2].text.isupper() else glyphs[2]
        for glyphs in zip((Glyph(" ", 0, 0), *seen), read, seen, strict=False)
    ]


def _width(own: Sequence[_Blot]) -> float | None:
    return float(own[0].right - own[0].left) if len(own) == 1 else None


def _blots(ink: NDArray[np.bool_]) -> tuple[NDArray[np.int32], list[_Blot]]:
    count, numbered, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8))
    found = [
        _Blot(x, y, x + w, y + h, number)
        for number, (x, y, w, h, area) in enumerate(stats.tolist())
        if 0 < number < count and area > 5 and h < len(ink)  # noqa: PLR2004 - specks
    ]
    return np.asarray(numbered, dtype=np.int32), found


def _owned(
    glyphs: Sequence[Glyph], strip: Strip, blots: Sequence[_Blot]
) -> Iterator[list[_Blot]]:
    """For each glyph, the ink whose middle is nearer to it than to its neighbours."""
    places = [glyph.place * strip.width for glyph in glyphs if glyph.text != " "]
    ends = [0.0, *((a + b) / 2 for a, b in pairwise(places)), strip.width]
    index = 0
    for glyph in glyphs:
        if glyph.text == " ":
            yield []
            continue
        first, last = ends[index], ends[index + 1]
        yield [blot for blot in blots if first <= blot.middle < last]
        index += 1


def _ruler(glyphs: Sequence[Glyph], owned: Sequence[Sequence[_Blot]]) -> _Ruler | None:
    pairs = list(zip(glyphs, owned, strict=True))
    base = [
        max(b.bottom for b in own) for glyph, own in pairs if own and glyph.text in _SITTING
    ]
    small = [own[0].top for glyph, own in pairs if len(own) == 1 and glyph.text in _LOWER]
    tall = [own[0].top for glyph, own in pairs if len(own) == 1 and glyph.text in _UPPER]
    if len(base) < 3 or len(small) < 2 or not tall:  # noqa: PLR2004 - too few to be sure
        return None
    ruler = _Ruler(median(base), median(small), median(tall))
    return ruler if ruler.small - ruler.tall >= 3 and ruler.x_height > 6 else None  # noqa: PLR2004 - pixels


def _judged(
    glyph: Glyph, own: Sequence[_Blot], ruler: _Ruler, numbered: NDArray[np.int32]
) -> Glyph:
    if not own:
        return glyph
    if glyph.text.lower() in _ALIKE:
        return replace(glyph, text=_cased(glyph.text, own, ruler))
    if glyph.text in _DASHES and len(own) == 1:
        return replace(glyph, text=_dash(glyph.text, own[0], ruler))
    if glyph.text in _DOUBLE or glyph.text in _SINGLE:
        return replace(glyph, text=_quote(glyph.text, own, ruler, numbered))
    return glyph


def _cased(text: str, own: Sequence[_Blot], ruler: _Ruler) -> str:
    body = max(own, key=lambda blot: blot.bottom - blot.top)
    if abs(body.bottom - ruler.base) > 0.25 * ruler.x_height:
        return text
    rise = (ruler.small - body.top) / (ruler.small - ruler.tall)
    if 0.5 < rise < 1.5:  # noqa: PLR2004 - about as tall as an H
        return text.upper()
    if -0.5 < rise < 0.35:  # noqa: PLR2004 - about as tall as an x
        return text.lower()
    return text


_EN_DASH: Final = 0.62
_EM_DASH: Final = 1.5


def _dash(text: str, blot: _Blot, ruler: _Ruler) -> str:
    width = (blot.right - blot.left) / ruler.x_height
    flat = blot.bottom - blot.top < 0.4 * ruler.x_height
    if not flat:
        return text
    if width >= _EM_DASH:
        return "—"
    return "–" if width >= _EN_DASH else "-"  # noqa: RUF001 - these very marks are meant


def _is_low(blot: _Blot, ruler: _Ruler) -> bool:
    """Whether it hangs about the base line, as a comma does."""
    return blot.top > ruler.base - 0.5 * ruler.x_height and blot.bottom > ruler.base - 1


def _quote(text: str, own: Sequence[_Blot], ruler: _Ruler, numbered: NDArray[np.int32]) -> str:
    """Low or curly where the ink says so; the reader is trusted where it says curly."""
    if text in _DOUBLE and all(_is_low(blot, ruler) for blot in own):
        return "„"
    if any(blot.bottom > ruler.base - 0.3 * ruler.x_height for blot in own):
        return text
    lean = min(_lean(blot, numbered) for blot in own)
    if text == "'":
        return "’" if lean > 2 * _CURLY_LEAN else text  # noqa: RUF001 - these very marks are meant
    if text != '"' or len(own) != 2 or lean < _CURLY_LEAN:  # noqa: PLR2004 - a pair of strokes
        return text
    return "“" if sum(_heaviness_below(blot, numbered) for blot in own) > 0 else "”"


def _paired(glyphs: Sequence[Glyph]) -> Iterator[Glyph]:
    """A double quote closes as its partner opened; one that opens a word is an opening one."""
    opened = ""
    for index, glyph in enumerate(glyphs):
        starts = index == 0 or glyphs[index - 1].text in " (["
        if glyph.text == "„" or (starts and glyph.text in "“”"):
            opened = "„" if glyph.text == "„" else "“"
            yield replace(glyph, text=opened)
        elif glyph.text in _DOUBLE and not starts and opened:
            yield replace(glyph, text="“" if opened == "„" else "”")
            opened = ""
        else:
            yield glyph


_CURLY_LEAN: Final = 0.12


def _lean(blot: _Blot, numbered: NDArray[np.int32]) -> float:
    """How far the middle of the ink moves to the left, for each row down."""
    ink = numbered[blot.top : blot.bottom, blot.left : blot.right] == blot.number
    rows, columns = np.nonzero(ink)
    spread = float(((rows - rows.mean()) ** 2).sum())
    if spread == 0:
        return 0.0
    return -float(((rows - rows.mean()) * (columns - columns.mean())).sum()) / spread


def _heaviness_below(blot: _Blot, numbered: NDArray[np.int32]) -> float:
    """Positive where the lower half holds more ink than the upper."""
    ink = numbered[blot.top : blot.bottom, blot.left : blot.right] == blot.number
    half = len(ink) // 2
    return float(ink[len(ink) - half :].sum()) - float(ink[:half].sum())


def _with_low_quotes(
    glyphs: Sequence[Glyph], owned: Sequence[Sequence[_Blot]], ruler: _Ruler, width: int
) -> list[Glyph]:
    """Put the low quotes in that the reader has no letter for."""
    done: list[Glyph] = []
    for index, (glyph, own) in enumerate(zip(glyphs, owned, strict=True)):
        opens = index == 0 or glyphs[index - 1].text in " (["
        if opens and glyph.text.isalnum() and len(own) > 1:
            tall = max(own, key=lambda blot: blot.bottom - blot.top)
            low = [b for b in own if b.right <= tall.left + 1 and b.bottom > ruler.base + 1]
            low = [b for b in low if _is_low(b, ruler)]
            if sum(b.right - b.left for b in low) >= _LOW_QUOTE * ruler.x_height:
                done.append(Glyph("„", low[0].middle / width, glyph.confidence))
        done.append(glyph)
    return done


_LOW_QUOTE: Final = 0.28
"""Width of the ink of a low double quote, in heights of an `x`; a comma has less."""
