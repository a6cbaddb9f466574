"""What looking at one picture yielded: the only thing that answers are made from.

Every coordinate is in pixels of the picture as a person sees it (EXIF orientation applied,
upright after any turn that `turned_deg` names), x to the right, y down; on a page that lies
tilted, lines and tables are given as if it lay level, shapes and codes as they are. Confidences
run from 0 to 1. The values are plain, so that they cross a process boundary and stand in tests
by hand.
"""

from typing import Literal, TypeAlias

import msgspec

ShapeKind: TypeAlias = Literal[
    "circle", "ellipse", "triangle", "square", "rectangle", "pentagon", "hexagon", "star",
    "line", "other",
]  # fmt: skip


class Box(msgspec.Struct, frozen=True, array_like=True):
    """An upright rectangle, `left <= right` and `top <= bottom`."""

    left: float
    top: float
    right: float
    bottom: float


class Line(msgspec.Struct, frozen=True):
    """One run of text on one baseline, inside one column or one table cell."""

    text: str
    box: Box
    confidence: float
    block: int = 0
    """Lines of one paragraph, column or cell share a number; numbers follow reading order."""


class Cell(msgspec.Struct, frozen=True):
    """One cell of a table; empty cells are there, with empty text."""

    text: str
    box: Box
    confidence: float = 1.0


class Table(msgspec.Struct, frozen=True):
    """Rows of cells, top to bottom, left to right; every row has the same number of cells."""

    rows: list[list[Cell]]
    box: Box
    has_header: bool
    """Whether row 0 names the columns."""


class Label(msgspec.Struct, frozen=True):
    """A class that the recogniser named, most probable first in `Evidence.labels`."""

    name_en: str
    name_de: str
    probability: float


class Colour(msgspec.Struct, frozen=True):
    """A dominant colour, largest share first in `Evidence.colours`."""

    name: str
    """English, one of `colours.NAMES`: black, white, grey, red, orange, yellow, green, ..."""
    rgb: tuple[int, int, int]
    share: float


class Shape(msgspec.Struct, frozen=True):
    """A simple figure on plain ground."""

    kind: ShapeKind
    colour: str
    box: Box


class Code(msgspec.Struct, frozen=True):
    """A QR or bar code."""

    kind: str
    """As zxing names it: `QRCode`, `EAN13`, `Code128`, ..."""
    text: str
    box: Box


class Bar(msgspec.Struct, frozen=True):
    """One bar of a bar chart, left to right or top to bottom."""

    label: str
    """The text at its foot; empty where none was read."""
    printed: str
    """The value printed on or above it; empty where none was read."""
    colour: str
    box: Box
    length_px: float


class TickBox(msgspec.Struct, frozen=True):
    """A box to tick on a form, and whether anything stands in it."""

    box: Box
    marked: bool


class Evidence(msgspec.Struct, frozen=True):
    """Everything seen in one picture."""

    width_px: int
    height_px: int
    turned_deg: int = 0
    """By how much the text had to be turned clockwise to stand upright: 0, 90, 180 or 270."""
    lines: list[Line] = []
    """In reading order; a table's cells are here too, row by row."""
    tables: list[Table] = []
    labels: list[Label] = []
    colours: list[Colour] = []
    shapes: list[Shape] = []
    codes: list[Code] = []
    bars: list[Bar] = []
    boxes: list[TickBox] = []
    """Boxes to tick, top to bottom; level as the lines are."""
    plain_ground: bool = False
    """Whether shapes stand on one even background, so that counting them means something."""
    ground_colour: str = ""
    brightness: float = 0.0
    """Mean lightness, 0 black to 1 white."""
    sharpness: float = 0.0
    """0 no edge at all, 1 crisp."""
    photo: bool = False
    """Whether it looks like a photograph rather than a drawing, a chart or a page."""
