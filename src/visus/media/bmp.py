"""The layout of a Windows bitmap (BMP), from the header of OS/2 1.x to version 5."""

import struct
from typing import Final, NamedTuple

from visus.errors import ImageFormatRejected, MediaRejected
from visus.media.layout import Kept, Layout, malformed, truncated
from visus.units import MEGAPIXEL, MIB

_FILE_HEADER: Final = struct.Struct("<2sIHHI")
_OLD: Final = struct.Struct("<HHHH")
_INFO: Final = struct.Struct("<iiHHI")
_MASKS: Final = struct.Struct("<III")
_OLD_BYTES: Final = 12
_WITH_ALPHA_BYTES: Final = 56
"""A header this long has a mask for transparency too."""
_PLAIN: Final = 0
_BIT_FIELDS: Final = 3
_DEPTHS: Final = {
    _PLAIN: frozenset({1, 4, 8, 16, 24, 32}),
    1: frozenset({8}),
    2: frozenset({4}),
    _BIT_FIELDS: frozenset({16, 24, 32}),
}
"""Allowed bits a pixel, by kind of compression; 1 and 2 are run lengths."""
_RARE_DEPTH: Final = 2
_ALPHA_DEPTH: Final = 32
_INSIDE_OR_MASKED: Final = frozenset({4, 5, 6})
"""JPEG or PNG inside, and masks that are written down in another way."""
_LAYOUTS: Final = {
    16: frozenset({(0xF800, 0x7E0, 0x1F, 0), (0x7C00, 0x3E0, 0x1F, 0)}),
    24: frozenset({(0xFF0000, 0xFF00, 0xFF, 0)}),
    32: frozenset({
        (0xFF0000, 0xFF00, 0xFF, 0), (0xFF000000, 0xFF0000, 0xFF00, 0),
        (0xFF000000, 0xFF00, 0xFF, 0), (0xFF000000, 0xFF0000, 0xFF00, 0xFF),
        (0xFF, 0xFF00, 0xFF0000, 0xFF000000), (0xFF0000, 0xFF00, 0xFF, 0xFF000000),
        (0xFF000000, 0xFF00, 0xFF, 0xFF0000), (0, 0, 0, 0),
    }),
}  # fmt: skip
"""Masks of red, green, blue and transparency that the decoder knows, by bits a pixel."""
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
    _check_kind(data, header)
    if header.depth not in _DEPTHS.get(header.compression, ()):
        raise malformed(f"{header.depth} bits a pixel, compression {header.compression}")
    if header.start < _FILE_HEADER.size + _header_bytes(data):
        raise malformed("pixels inside the header")
    kept = Kept()
    kept.keep(0, _end(data, header))
    return Layout(header.width_px, header.height_px, kept)


def _check_kind(data: bytes, header: _Header) -> None:
    """Refuses by name what is sound and what no decoder here has."""
    if header.depth == _RARE_DEPTH or header.compression in _INSIDE_OR_MASKED:
        raise _unusual(f"{header.depth} bits a pixel, compression {header.compression}")
    if header.compression == _BIT_FIELDS and header.depth in _LAYOUTS:
        masks = _masks(data, header)
        if masks not in _LAYOUTS[header.depth]:
            raise _unusual(f"masks {masks}")


def _masks(data: bytes, header: _Header) -> tuple[int, int, int, int]:
    """They follow the fields that all headers have, inside a longer one or behind it."""
    start = _FILE_HEADER.size + 4 + _INFO.size + 20
    try:
        red, green, blue = _MASKS.unpack_from(data, start)
    except struct.error as fault:
        raise truncated() from fault
    has_alpha = header.depth == _ALPHA_DEPTH and _header_bytes(data) >= _WITH_ALPHA_BYTES
    alpha = data[start + _MASKS.size : start + _MASKS.size + 4] if has_alpha else b""
    return red, green, blue, int.from_bytes(alpha, "little")


def _unusual(detail: str) -> ImageFormatRejected:
    return ImageFormatRejected(
        "BMP of this unusual kind is not accepted; send 8 bits a colour, or PNG.", detail=detail
    )


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
