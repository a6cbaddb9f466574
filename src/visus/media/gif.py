"""The layout of a GIF file (GIF89a)."""

import struct
from typing import Final

from visus.media.layout import MAX_PARTS, Kept, Layout, malformed, truncated

_SCREEN: Final = struct.Struct("<HHB")
_IMAGE: Final = struct.Struct("<HHHHB")
_HEADER_BYTES: Final = 13
_EXTENSION: Final = 0x21
_PICTURE: Final = 0x2C
_TRAILER: Final = 0x3B
_GRAPHIC_CONTROL: Final = 0xF9
_APPLICATION: Final = 0xFF
_HAS_TABLE: Final = 0x80
_LOOPING: Final = (b"\x0bNETSCAPE2.0", b"\x0bANIMEXTS1.0")
_MAX_BLOCKS: Final = 200_000
"""Data blocks in one file; a full one has 255 bytes."""


def measure(head: bytes) -> tuple[int, int] | None:
    """Width and height in pixels, if the header is already in `head`."""
    if len(head) < _HEADER_BYTES:
        return None
    width, height, _ = _SCREEN.unpack_from(head, 6)
    return width, height


def read(data: bytes) -> Layout:
    """Walk the file from its header to its trailer."""
    return _Walk(data).layout()


def _table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & _HAS_TABLE else 0


class _Walk:
    """One pass over one file."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._kept = Kept()
        self._frames = 0
        self._blocks = 0

    def layout(self) -> Layout:
        if len(self._data) < _HEADER_BYTES:
            raise truncated()
        width, height, flags = _SCREEN.unpack_from(self._data, 6)
        position = _HEADER_BYTES + _table_bytes(flags)
        self._kept.keep(0, position)
        for _ in range(MAX_PARTS):
            kind = self._byte(position)
            if kind == _PICTURE:
                position = self._picture(position, width, height)
            elif kind == _EXTENSION:
                position = self._extension(position)
            elif kind == _TRAILER:
                self._kept.keep(position, position + 1)
                return self._finished(width, height)
            else:
                raise malformed(f"a block {kind:#x}")
        raise malformed("too many blocks")

    def _byte(self, position: int) -> int:
        if position >= len(self._data):
            raise truncated()
        return self._data[position]

    def _picture(self, start: int, width: int, height: int) -> int:
        if start + 10 > len(self._data):
            raise truncated()
        left, top, across, down, flags = _IMAGE.unpack_from(self._data, start + 1)
        if not across or not down or left + across > width or top + down > height:
            raise malformed("a frame outside the picture")
        self._frames += 1
        coded = start + 10 + _table_bytes(flags) + 1
        if self._byte(coded) == 0:
            raise malformed("an empty frame")
        end = self._end_of_blocks(coded)
        self._kept.keep(start, end)
        return end

    def _extension(self, start: int) -> int:
        label = self._byte(start + 1)
        end = self._end_of_blocks(start + 2)
        is_looping = label == _APPLICATION and self._data.startswith(_LOOPING, start + 2)
        if label == _GRAPHIC_CONTROL or is_looping:
            self._kept.keep(start, end)
        return end

    def _end_of_blocks(self, position: int) -> int:
        """After the empty block that ends a chain of data blocks."""
        data = self._data
        try:
            while length := data[position]:
                position += length + 1
                self._blocks += 1
                if self._blocks > _MAX_BLOCKS:
                    raise malformed("too many data blocks")
        except IndexError as fault:
            raise truncated() from fault
        return position + 1

    def _finished(self, width: int, height: int) -> Layout:
        if not self._frames:
            raise malformed("no picture")
        return Layout(
            width,
            height,
            self._kept,
            frames=self._frames,
            is_animated=self._frames > 1,
        )
