"""Headers in two lines: `Density` above `(kg/m³)`.

Perception takes the lower line for the header, which names units only. The name of a column is
then what stands right above its unit.
"""

import re
from typing import Final

from msgspec.structs import replace

from visus.local.lite.answering.page import Page, Piece
from visus.local.lite.evidence import Box, Cell

_UNIT: Final = re.compile(
    r"[(\[].{1,14}[)\]]|(?:in|per|pro|je|/)\s?\S{1,8}(?:\s?/\s?\S{1,6})?|[%€$£]|°\s?[CF]|(?:[kcmµ]?[gmlJWNV]|kcal|kWh|min|EUR|GBP|USD)(?:\s?/\s?\S{1,5})?[²³]?"
)
_LEAST: Final = 2
_FAR: Final = 1.5
"""Heights of a line between a unit and the name above it."""


def with_names(page: Page, header: list[Cell], body: list[list[Cell]]) -> list[Cell]:
    """The header, each unit behind the name above it; unchanged if it is more than units."""
    units = [each for each in header if each.text.strip()]
    if len(units) < _LEAST or not all(_UNIT.fullmatch(each.text.strip()) for each in units):
        return header
    names = _row_above(page, units)
    return [
        _named(names, cell, [cell, *(cells[place] for cells in body)])
        for place, cell in enumerate(header)
    ]


def names_above(page: Page, header: list[Cell]) -> list[str]:
    """What stands above a header of units, as printed."""
    units = [each for each in header if each.text.strip()]
    return [piece.text for piece in _row_above(page, units)] if units else []


def _row_above(page: Page, units: list[Cell]) -> tuple[Piece, ...]:
    top = min(cell.box.top for cell in units)
    height = max(cell.box.bottom - cell.box.top for cell in units)
    above = [
        row
        for row in page.rows
        if len(row) > 1
        and max(piece.middle for piece in row) < top + 0.25 * height
        and top - max(piece.box.bottom for piece in row) < _FAR * height
    ]
    return above[-1] if above else ()


def _named(names: tuple[Piece, ...], cell: Cell, column: list[Cell]) -> Cell:
    """The cell with what stands above its column before it."""
    boxes = [each.box for each in column if each.text.strip()]
    shared = [(sum(_shared(piece.box, box) for box in boxes), piece) for piece in names]
    width, piece = max(shared, key=lambda each: each[0], default=(0.0, None))
    if piece is None or not width:
        return cell
    box = replace(piece.box, bottom=max(piece.box.bottom, cell.box.bottom))
    return Cell(f"{piece.text.strip()} {cell.text}".strip(), box, piece.confidence)


def _shared(one: Box, other: Box) -> float:
    return max(0.0, min(one.right, other.right) - max(one.left, other.left))
