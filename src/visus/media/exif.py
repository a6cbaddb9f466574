"""The orientation in an Exif block.

Only the first directory is read, and only its plain entries, so that no offset in the block can
lead anywhere else.
"""

import struct
from typing import Final

UPRIGHT: Final = 1
_ORIENTATION: Final = 0x0112
_SHORT: Final = 3
_ORDERS: Final = {b"II*\x00": "<", b"MM\x00*": ">"}
_ON_ITS_SIDE: Final = 5
"""The first of the orientations that swap width and height."""
_ENTRY_BYTES: Final = 12
_MAX_ENTRIES: Final = 512


def orientation(block: bytes) -> int:
    """1 to 8 as Exif numbers them; 1 where the block does not say, or makes no sense.

    `block` begins with the TIFF header, after any `Exif` marker.
    """
    order = _ORDERS.get(block[:4])
    if order is None:
        return UPRIGHT
    try:
        (start,) = struct.unpack_from(f"{order}I", block, 4)
        (count,) = struct.unpack_from(f"{order}H", block, start)
        for index in range(min(count, _MAX_ENTRIES)):
            tag, kind, _, value = struct.unpack_from(
                f"{order}HHIH", block, start + 2 + index * _ENTRY_BYTES
            )
            if tag == _ORIENTATION and kind == _SHORT:
                return value if 1 <= value <= 8 else UPRIGHT  # noqa: PLR2004 - Exif's range
    except struct.error:
        return UPRIGHT
    return UPRIGHT


def is_on_its_side(number: int) -> bool:
    """Whether an orientation swaps width and height."""
    return number >= _ON_ITS_SIDE
