"""The layout of a WebP file (RFC 9649)."""

import struct
from typing import Final

from visus.media import exif
from visus.media.layout import (
    MAX_PARTS,
    MAX_PROFILE_BYTES,
    Kept,
    Layout,
    malformed,
    truncated,
)

_CHUNK: Final = struct.Struct("<4sI")
_RIFF_BYTES: Final = 12
_FIRST_BODY: Final = 20
_LOSSY_HEADER: Final = struct.Struct("<3s3sHH")
_LOSSY_START: Final = b"\x9d\x01\x2a"
_LOSSLESS_SIGNATURE: Final = 0x2F
_EXIF_AND_XMP: Final = 0x08 | 0x04
_PROFILE_FLAG: Final = 0x20
_EXTENDED_BYTES: Final = 10
_FRAME_BYTES: Final = 16
_KEPT: Final = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"})


def measure(head: bytes) -> tuple[int, int] | None:
    """Width and height in pixels, if the header is already in `head`."""
    if len(head) < _FIRST_BODY + _EXTENDED_BYTES:
        return None
    return _size(head[12:16], head, _FIRST_BODY)


def read(data: bytes) -> Layout:
    """Walk the file's chunks up to the length that its header names."""
    return _Walk(data).layout()


def _size(kind: bytes, data: bytes, body: int) -> tuple[int, int] | None:
    """Width and height, if this is the kind of chunk that names them."""
    if kind == b"VP8X":
        return _little24(data, body + 4) + 1, _little24(data, body + 7) + 1
    if kind == b"VP8 ":
        tag, start, width, height = _LOSSY_HEADER.unpack_from(data, body)
        if start != _LOSSY_START or tag[0] & 1:
            raise malformed("not a key frame")
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        if data[body] != _LOSSLESS_SIGNATURE:
            raise malformed("no lossless signature")
        bits = int.from_bytes(data[body + 1 : body + 5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None


def _little24(data: bytes, position: int) -> int:
    return int.from_bytes(data[position : position + 3], "little")


class _Walk:
    """One pass over one file."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._kept = Kept()
        self._orientation = exif.UPRIGHT
        self._frames = 0
        self._pictures = 0
        self._size: tuple[int, int] | None = None
        self._is_extended = False
        self._cut_flags = _EXIF_AND_XMP
        self._profile: bytes | None = None

    def layout(self) -> Layout:
        data = self._data
        if len(data) < _FIRST_BODY:
            raise truncated()
        end = 8 + int.from_bytes(data[4:8], "little")
        if end > len(data):
            raise truncated()
        self._kept.keep(0, _RIFF_BYTES)
        position = _RIFF_BYTES
        for _ in range(MAX_PARTS):
            if position >= end:
                return self._finished()
            position = self._chunk(position, end)
        raise malformed("too many chunks")

    def _chunk(self, start: int, file_end: int) -> int:
        if start + 8 > file_end:
            raise truncated()
        chunk: tuple[bytes, int] = _CHUNK.unpack_from(self._data, start)
        kind, length = chunk
        body = start + 8
        end = body + length + (length & 1)
        if end > file_end:
            raise truncated()
        if kind in _KEPT:
            self._take(kind, body, length)
            self._kept.keep(start, end)
        elif kind == b"ICCP":
            self._take_profile(start, end)
        elif kind == b"EXIF":
            block = self._data[body : body + length]
            self._orientation = exif.orientation(block.removeprefix(b"Exif\0\0"))
        return end

    def _take(self, kind: bytes, body: int, length: int) -> None:
        if kind in {b"VP8 ", b"VP8L", b"VP8X"}:
            self._measure(kind, body, length)
        elif kind == b"ANMF":
            self._frame(body, length)

    def _take_profile(self, start: int, end: int) -> None:
        if end - start <= MAX_PROFILE_BYTES:
            self._kept.keep(start, end)
            self._profile = self._data[start + 8 : end]
        else:
            self._cut_flags |= _PROFILE_FLAG

    def _measure(self, kind: bytes, body: int, length: int) -> None:
        if length < (5 if kind == b"VP8L" else _EXTENDED_BYTES):
            raise malformed("a header too short")
        size = _size(kind, self._data, body)
        if kind == b"VP8 " and _little24(self._data, body) >> 5 > length:
            raise truncated()  # the first partition does not fit
        if kind == b"VP8X":
            if body != _FIRST_BODY:
                raise malformed("a header that is not first")
            self._is_extended = True
        else:
            self._pictures += 1
        if self._size not in (None, size):
            raise malformed("two sizes")
        self._size = size

    def _frame(self, body: int, length: int) -> None:
        if length < _FRAME_BYTES or self._size is None:
            raise malformed("a frame without a header")
        left, top, across, down = (
            _little24(self._data, body + offset) for offset in (0, 3, 6, 9)
        )
        if left * 2 + across + 1 > self._size[0] or top * 2 + down + 1 > self._size[1]:
            raise malformed("a frame outside the picture")
        self._frames += 1

    def _finished(self) -> Layout:
        if self._size is None or self._pictures + bool(self._frames) != 1:
            raise malformed("no picture, or more than one")
        self._kept.patch(4, (self._kept.size - 8).to_bytes(4, "little"))
        if self._is_extended:
            flags = self._data[_FIRST_BODY] & ~self._cut_flags
            self._kept.patch(_FIRST_BODY, bytes([flags]))
        return Layout(
            *self._size,
            self._kept,
            frames=max(self._frames, 1),
            is_animated=self._frames > 0,
            orientation=self._orientation,
            profile=self._profile,
        )
