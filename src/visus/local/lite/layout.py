"""Lines in the order in which a person reads them."""

from collections.abc import Sequence

from visus.local.lite.evidence import Box, Line
from visus.local.lite.ocr import Quad, Reading


def lines_of(quads: Sequence[Quad], readings: Sequence[Reading]) -> list[Line]:
    out = []
    for quad, reading in zip(quads, readings, strict=True):
        if reading.words:
            box = Box(*(float(v) for v in (*quad.min(axis=0), *quad.max(axis=0))))
            out.append(Line(reading.text, box, reading.confidence))
    return sorted(out, key=lambda line: (round(line.box.top / 12), line.box.left))
