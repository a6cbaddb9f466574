"""The layout of a Windows bitmap (BMP), from the header of OS/2 1.x to version 5."""

import struct
from typing import Final, NamedTuple

from visus.errors import MediaRejected
from visus.media.layout import Kept, Layout, malformed, truncated
from visus.units import MEGAPIXEL, MIB

_FILE_HEADER: Final = struct.Struct("<2sIHHI")
_OLD: Final = struct.Struct("<HHHH")
_INFO: Final = struct.Struct("<iiHHI")
_OLD_BYTES: Final = 12
_PLAIN: Final = 0
_BIT_FIELDS: Final = 3
_DEPTHS: Final = {
    _PLAIN: frozenset({1, 4, 8, 16, 24, 32}),
    1: frozenset({8}),
    2: frozenset({4}),
    _BIT_FIELDS: frozenset({16, 24, 32}),
}
"""Allowed bits a pixel, by kind of compression; 1 and 2 are run lengths."""
_END_OF_BITMAP: Final = b"\0\1"
_MAX_RUN_LENGTH_BYTES: Final = 2 * MIB
_MAX_RUN_LENGTH_PX: Final = 8 * MEGAPIXEL
"""The decoder takes a tenth of a second for each megapixel, however short the file is."""


class _Header(NamedTuple):
    start: int
    """Where the pixels begin."""
    width_px: int
    height_px: int
    depth: int
    """Bits a pixel."""
    compression: int

    @property
    def pixel_bytes(self) -> int:
        """How long the pixels are without compression, in rows of whole words."""
        return (self.width_px * self.depth + 31) // 32 * 4 * self.height_px


def measure(head: bytes) -> tuple[int, int] | None:
    """Width and height in pixels, if the header is already in `head`."""
    try:
        header = _header(head)
    except struct.error:
        return None
    return header.width_px, header.height_px


def read(data: bytes) -> Layout:
    """Check that the file holds the pixels that its header promises."""
    try:
        header = _header(data)
    except struct.error as fault:
        raise truncated() from fault
    if header.depth not in _DEPTHS.get(header.compression, ()):
        raise malformed(f"{header.depth} bits a pixel, compression {header.compression}")
    if header.start < _FILE_HEADER.size + _header_bytes(data):
        raise malformed("pixels inside the header")
    kept = Kept()
    kept.keep(0, _end(data, header))
    return Layout(header.width_px, header.height_px, kept)


def _header_bytes(data: bytes) -> int:
    return int.from_bytes(data[14:18], "little")


def _header(data: bytes) -> _Header:
    *_, start = _FILE_HEADER.unpack_from(data)
    fields = _FILE_HEADER.size + 4
    if _header_bytes(data) == _OLD_BYTES:
        width, height, _, depth = _OLD.unpack_from(data, fields)
        return _Header(start, width, height, depth, _PLAIN)
    width, height, _, depth, compression = _INFO.unpack_from(data, fields)
    if width < 0:
        raise malformed("a negative width")
    return _Header(start, width, abs(height), depth, compression)


def _end(data: bytes, header: _Header) -> int:
    """Where the pixels end. Run lengths are not walked here, only looked at from behind."""
    if header.compression in {_PLAIN, _BIT_FIELDS}:
        end = header.start + header.pixel_bytes
        if end > len(data):
            raise truncated()
        return end
    pixels = header.width_px * header.height_px
    if len(data) - header.start > _MAX_RUN_LENGTH_BYTES or pixels > _MAX_RUN_LENGTH_PX:
        raise MediaRejected("The image is a BMP with run lengths, and too large for one.")
    last = data.rfind(_END_OF_BITMAP, header.start)
    if last < 0:
        raise truncated()
    return last + len(_END_OF_BITMAP)
