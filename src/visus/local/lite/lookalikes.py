"""Is it a letter or a figure, where a code changes from letters to figures?

The `O` of `PO289866` and the `0` of `P0289866` look alike, and so do `S` and `5`, `B` and `8`.
What tells them apart is their width beside the figures of the same code: capitals are wider.
Type of one width for all mostly marks its zero with a dot, which is ink of its own: a `0` of
one piece after the `P` of an order number is an `O` there. Glyphs that touch tell nothing, and
the reading stands; only between two letters of its beginning a code has no figure, and no `0`
before several letters.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import Final

from visus.local.lite.spacing import Glyph

_LETTERS: Final = {"0": "O", "5": "S", "8": "B"}
_CODE: Final = re.compile(r"(?<![A-Za-z0-9])[A-Z]{1,4}[0-9]{4,}(?![A-Za-z0-9])")
_BEGINNING: Final = re.compile(r"(?<![A-Za-z0-9])[A-Z]+[058](?=[A-Z]+[-/]?[0-9]{3})")
_FIRST: Final = re.compile(r"(?<![A-Za-z0-9-])0(?=[A-Z]{2,4}[0-9]{4,}(?![A-Za-z0-9]))")
_LETTER_FROM: Final = 1.18
_TOUCHING_FROM: Final = 1.65
"""Widths, in widths of a figure of the same code."""
_ORDERS: Final = frozenset("PRSW")
"""What stands before the `O` of an order number: purchase, repair, sales, work."""
_NARROW: Final = frozenset("rtfjlI")
_WIDE_FOR_NARROW: Final = 0.75
"""Width, in figures, that a narrow letter has only in type of one width."""
_SURE: Final = 0.9
"""Confidence of a reading that only an `O` or a `0` needs to have measured."""


def told_apart(glyphs: Sequence[Glyph], widths: Sequence[float | None]) -> list[Glyph]:
    """The glyphs with codes corrected; a width is None where it could not be measured."""
    done = list(glyphs)
    text = "".join(glyph.text if len(glyph.text) == 1 else "?" for glyph in glyphs)
    for found in (*_BEGINNING.finditer(text), *_FIRST.finditer(text)):
        place = found.end() - 1
        done[place] = replace(done[place], text=_LETTERS[text[place]])
    for found in _CODE.finditer(text):
        figure = _figure(text, widths, found)
        for place in _doubtful(text, found.start(), found.end()) if figure else ():
            share = (widths[place] or 0.0) / (figure or 1.0)
            if _is_wide(glyphs[place], share) or (
                _is_unmarked_zero(text, place, found.start(), share)
                and _has_one_width(text, widths, figure or 1.0)
            ):
                letter = _LETTERS.get(glyphs[place].text, glyphs[place].text)
                done[place] = replace(glyphs[place], text=letter)
    return done


def _doubtful(text: str, start: int, end: int) -> list[int]:
    """The first figure of the code, if it may be a letter."""
    first = next(place for place in range(start, end) if text[place].isdigit())
    return [first] if text[first - 1].isupper() and text[first] in _LETTERS else []


def _figure(text: str, widths: Sequence[float | None], code: re.Match[str]) -> float | None:
    """Width of a figure at the end of the code, where enough are measured."""
    places = range(code.end() - 3, code.end())
    known = [width for place in places if text[place] != "1" and (width := widths[place])]
    return median(known) if len(known) >= 2 else None  # noqa: PLR2004 - one is no measure


def _is_wide(glyph: Glyph, share: float) -> bool:
    """Whether it is as wide as a capital, which a sure `5` or `8` is not asked."""
    unsure = glyph.text == "0" or glyph.confidence < _SURE
    return unsure and _LETTER_FROM <= share < _TOUCHING_FROM


def _is_unmarked_zero(text: str, place: int, start: int, share: float) -> bool:
    order = place == start + 1 and text[start] in _ORDERS
    return order and text[place] == "0" and 1.0 < share < _TOUCHING_FROM


def _has_one_width(text: str, widths: Sequence[float | None], figure: float) -> bool:
    """Whether the letters that are narrow in other type are not."""
    narrow = [
        width
        for letter, width in zip(text, widths, strict=True)
        if letter in _NARROW and width is not None
    ]
    return bool(narrow) and median(narrow) >= _WIDE_FOR_NARROW * figure
