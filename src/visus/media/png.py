"""The layout of a PNG file (W3C PNG, third edition).

Every chunk's checksum is verified. Nothing but a small colour profile and the first pixels is
inflated: compressed text is cut out unread. Of an animated PNG the still picture remains.
"""

import struct
import zlib
from typing import Final

from visus.media import exif, profile
from visus.media.layout import MAX_PARTS, Kept, Layout, malformed, truncated
from visus.media.png_rows import Rows

HEAD_BYTES: Final = 64
_SIGNATURE_BYTES: Final = 8
_CHUNK: Final = struct.Struct(">I4s")
_CRC: Final = struct.Struct(">I")
_HEADER: Final = struct.Struct(">IIBBBBB")
_HEADER_END: Final = 33
_CRITICAL: Final = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
_COLOUR: Final = frozenset(
    {b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"cICP", b"sBIT", b"bKGD", b"hIST", b"pHYs"}
)
_PROFILE: Final = b"iCCP"
_MAX_PROFILE_BYTES: Final = 32 * 1024
"""Compressed; at most a thousand times that inflated, wherever it is inflated."""
_ANCILLARY: Final = 0x20
_DEPTHS: Final = {
    0: frozenset({1, 2, 4, 8, 16}),
    2: frozenset({8, 16}),
    3: frozenset({1, 2, 4, 8}),
    4: frozenset({8, 16}),
    6: frozenset({8, 16}),
}
"""Allowed bits a sample, by colour type."""
_GREY: Final = 0
_PALETTE: Final = 3
_DEEP: Final = 16
_ANIMATION: Final = b"acTL"
_ANIMATION_BYTES: Final = 20


def measure(head: bytes) -> tuple[int, int] | None:
    """Width and height in pixels, if the header is already in `head`."""
    if len(head) < _HEADER_END:
        return None
    width, height, *_ = _HEADER.unpack_from(head, 16)
    return width, height


def read(data: bytes) -> Layout:
    """Walk the file from its signature to IEND."""
    return _Walk(data).layout()


class _Walk:
    """One pass over one file."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._view = memoryview(data)
        self._kept = Kept()
        self._rows: Rows
        """Made of the header."""
        self._orientation = exif.UPRIGHT
        self._profile: bytes | None = None
        self._frames = 1
        self._seen: list[bytes] = []
        """The kinds of chunk so far; a run of the same kind counts once."""

    def layout(self) -> Layout:
        width, height, depth, colour_type, is_interlaced = self._header()
        self._rows = Rows(
            (width, height), depth=depth, colour_type=colour_type, is_interlaced=is_interlaced
        )
        self._kept.keep(0, _HEADER_END)
        self._seen.append(b"IHDR")
        position = _HEADER_END
        for _ in range(MAX_PARTS):
            kind, end = self._chunk(position)
            self._take(kind, position, end)
            if kind == b"IEND":
                self._check_order(colour_type)
                self._rows.check()
                return Layout(
                    width,
                    height,
                    self._kept,
                    frames=self._frames,
                    orientation=self._orientation,
                    is_deep=depth == _DEEP and colour_type == _GREY,
                    profile=self._profile,
                )
            position = end
        raise malformed("too many chunks")

    def _header(self) -> tuple[int, int, int, int, bool]:
        """Width, height, bits a sample, colour type, and whether it comes in passes."""
        kind, end = self._chunk(_SIGNATURE_BYTES)
        if kind != b"IHDR" or end != _HEADER_END:
            raise malformed("no header")
        width, height, depth, colour_type, *methods = _HEADER.unpack_from(self._data, 16)
        if depth not in _DEPTHS.get(colour_type, ()) or methods not in ([0, 0, 0], [0, 0, 1]):
            raise malformed(f"depth {depth}, colour type {colour_type}, methods {methods}")
        return width, height, depth, colour_type, bool(methods[-1])

    def _chunk(self, position: int) -> tuple[bytes, int]:
        """Kind and end of the chunk at `position`, its checksum verified."""
        if position + 12 > len(self._data):
            raise truncated()
        length, kind = _CHUNK.unpack_from(self._data, position)
        end = position + 12 + length
        if end > len(self._data):
            raise truncated()
        (expected,) = _CRC.unpack_from(self._data, end - 4)
        if zlib.crc32(self._view[position + 4 : end - 4]) != expected:
            raise malformed("a wrong checksum")
        return kind, end

    def _take(self, kind: bytes, start: int, end: int) -> None:
        if kind in _CRITICAL:
            if kind == b"IDAT":
                self._rows.take(self._view[start + 8 : end - 4])
            if self._seen[-1] != kind or kind != b"IDAT":
                self._seen.append(kind)
        elif kind == b"eXIf":
            self._orientation = exif.orientation(self._data[start + 8 : end - 4])
            return
        elif not kind[0] & _ANCILLARY:
            raise malformed("an unknown critical chunk")
        elif kind == _PROFILE and end - start <= _MAX_PROFILE_BYTES:
            self._profile = profile.of_png(self._data[start + 8 : end - 4])
        elif kind == _ANIMATION and end - start >= _ANIMATION_BYTES:
            self._frames = max(1, int.from_bytes(self._data[start + 8 : start + 12]))
            return
        elif kind not in _COLOUR:
            return
        self._kept.keep(start, end)

    def _check_order(self, colour_type: int) -> None:
        plain = [b"IHDR", b"IDAT", b"IEND"]
        with_palette = [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
        if self._seen != with_palette and (colour_type == _PALETTE or self._seen != plain):
            raise malformed("chunks missing or out of order")
