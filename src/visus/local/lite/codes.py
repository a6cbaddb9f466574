"""QR codes and bar codes, as zxing reads them."""

from typing import Final

import numpy as np
import zxingcpp
from numpy.typing import NDArray

from visus.local.lite.evidence import Box, Code

MOST_CODES: Final = 32


def read_codes(grey: NDArray[np.uint8]) -> list[Code]:
    """Every code in a picture, top to bottom, then left to right.

    Args:
        grey: uint8 (height, width), lightness.
    """
    found = [_code(barcode) for barcode in zxingcpp.read_barcodes(grey) if barcode.valid]
    return sorted(found, key=lambda code: (code.box.top, code.box.left))[:MOST_CODES]


def _code(barcode: zxingcpp.Barcode) -> Code:
    place = barcode.position
    corners = (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
    across, down = [float(c.x) for c in corners], [float(c.y) for c in corners]
    box = Box(min(across), min(down), max(across), max(down))
    return Code(barcode.format.name, barcode.text, box)
