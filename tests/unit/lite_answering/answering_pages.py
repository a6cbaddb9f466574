"""Evidence by hand: a page is typed as it would look, and every run of text becomes a line.

Two spaces part two pieces of a row; a letter is 10 px wide, a row 24 px high, 30 px apart.
"""

import re

from visus.local.lite.answering.dialogue import Job, Picture, Speech
from visus.local.lite.answering.reply import reply
from visus.local.lite.evidence import Box, Cell, Colour, Evidence, Label, Line, Shape, Table

_WIDTH, _HEIGHT, _PITCH = 10, 24, 30


def written(text: str, **more: object) -> Evidence:
    """The page that `text` draws; a blank line ends a block."""
    lines: list[Line] = []
    block = 0
    rows = text.strip("\n").splitlines()
    indent = min((len(row) - len(row.lstrip()) for row in rows if row.strip()), default=0)
    for number, row in enumerate(rows):
        if not row.strip():
            block += 1
        for run in re.finditer(r"\S+(?: \S+)*", row[indent:]):
            left, top = 40.0 + run.start() * _WIDTH, 40.0 + number * _PITCH
            box = Box(left, top, left + len(run.group()) * _WIDTH, top + _HEIGHT)
            lines.append(Line(run.group(), box, 0.97, block))
    return Evidence(
        **{"width_px": 1000, "height_px": 80 + len(rows) * _PITCH, "lines": lines, **more}
    )


def gridded(text: str, *, has_header: bool = True) -> Evidence:
    """The same with one table: cells between bars."""
    rows = [[cell.strip() for cell in row.split("|")] for row in text.strip().splitlines()]
    cells = [
        [
            Cell(cell, Box(40 + 200 * x, 40 + 30 * y, 220 + 200 * x, 64 + 30 * y), 0.97)
            for x, cell in enumerate(row)
        ]
        for y, row in enumerate(rows)
    ]
    lines = [Line(cell.text, cell.box, 0.97, 0) for row in cells for cell in row if cell.text]
    table = Table(cells, Box(30, 30, 1000, 70 + 30 * len(rows)), has_header)
    return Evidence(width_px=1000, height_px=1000, lines=lines, tables=[table])


def drawn(*shapes: tuple[str, str]) -> Evidence:
    """Shapes by colour and kind on white ground, from left to right."""
    return Evidence(
        width_px=900,
        height_px=300,
        shapes=[
            Shape(kind, colour, Box(10 + 90 * x, 100, 80 + 90 * x, 170 + x))
            for x, (colour, kind) in enumerate(shapes)
        ],
        colours=[Colour("white", (255, 255, 255), 0.8), Colour("red", (255, 0, 0), 0.1)],
        plain_ground=True,
        ground_colour="white",
        brightness=0.9,
        sharpness=0.9,
    )


def photographed(*labels: tuple[str, str, float]) -> Evidence:
    """A photograph that the recogniser gave these names."""
    return Evidence(
        width_px=600,
        height_px=400,
        labels=[Label(*label) for label in labels],
        colours=[Colour("brown", (120, 80, 40), 0.6), Colour("white", (240, 240, 240), 0.3)],
        brightness=0.5,
        sharpness=0.6,
        photo=True,
    )


def ask(question: str, *seen: Evidence) -> str:
    """The answer to one question about pictures of one message."""
    pictures = [Picture(memoryview(b""), f"p{place}") for place in range(len(seen))]
    turn = Speech("user", question, list(range(len(seen))))
    return reply(Job([turn], pictures), list(seen))
