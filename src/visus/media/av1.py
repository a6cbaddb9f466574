"""How large the frames of an AV1 stream are (AV1 specification, 5.3 and 5.5).

A container may say that a picture is small while the stream inside it makes a decoder draw a
large one. The sequence header alone is read, up to the size that it names.
"""

from typing import Final

from visus.media.layout import malformed, truncated

_MAX_UNITS: Final = 1_024
_SEQUENCE_HEADER: Final = 1
_BEFORE_FRAMES: Final = frozenset({_SEQUENCE_HEADER, 2, 5, 15})
"""Sequence headers, temporal delimiters, metadata, padding."""
_HAS_EXTENSION: Final = 4
_HAS_SIZE: Final = 2
_MAX_SIZE_BYTES: Final = 8
_HEADER_BYTES: Final = 256
"""A sequence header is shorter up to the size that it names."""
_WITH_TIER: Final = 7
"""Levels above this have a tier."""


class _Bits:
    """Reads numbers of any length, high bit first."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data)
        self._left = 8 * len(data)

    def number(self, bits: int) -> int:
        """The next `bits` bits."""
        self._left -= bits
        if self._left < 0:
            raise truncated()
        return self._value >> self._left & ((1 << bits) - 1)

    def skip(self, *lengths: int) -> None:
        """Passes over numbers of so many bits."""
        self.number(sum(lengths))

    def skip_counted(self) -> None:
        """Passes over a number with as many zeros before it as it has bits (`uvlc`)."""
        zeros = 0
        while not self.number(1):
            zeros += 1
        self.number(zeros)


def largest(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Width and height in pixels that the stream from `start` up to `end` may have.

    Of several sequence headers before the first frame the larger sides count; 0 by 0 without.

    Raises:
        MediaRejected: units that make no sense.
    """
    width = height = 0
    for _ in range(_MAX_UNITS):
        if start >= end:
            return width, height
        kind = data[start] >> 3 & 15
        body, following = _body(data, start, end)
        if kind not in _BEFORE_FRAMES:
            return width, height
        if kind == _SEQUENCE_HEADER:
            across, down = _size(data[body : min(following, body + _HEADER_BYTES)])
            width, height = max(width, across), max(height, down)
        start = following
    raise malformed("too many units before the first frame")


def _body(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Where the contents of the unit at `start` begin and end."""
    body = start + (2 if data[start] & _HAS_EXTENSION else 1)
    if not data[start] & _HAS_SIZE:
        return body, end
    size = 0
    for place in range(_MAX_SIZE_BYTES):
        if body >= end:
            raise truncated()
        byte, body = data[body], body + 1
        size |= (byte & 127) << 7 * place
        if not byte & 128:
            break
    if body + size > end:
        raise truncated()
    return body, body + size


def _size(header: bytes) -> tuple[int, int]:
    bits = _Bits(header)
    bits.skip(3, 1)
    if bits.number(1):  # the short header of a still picture
        bits.skip(5)
    else:
        _skip_operating_points(bits)
    across, down = bits.number(4) + 1, bits.number(4) + 1
    return bits.number(across) + 1, bits.number(down) + 1


def _skip_operating_points(bits: _Bits) -> None:
    delay_bits = _delay_bits(bits)
    has_display_delay = bits.number(1)
    for _ in range(bits.number(5) + 1):
        bits.skip(12)
        if bits.number(5) > _WITH_TIER:
            bits.skip(1)
        if delay_bits and bits.number(1):
            bits.skip(delay_bits, delay_bits, 1)
        if has_display_delay and bits.number(1):
            bits.skip(4)


def _delay_bits(bits: _Bits) -> int:
    """How long delays of a decoder's model are written; 0 without one."""
    if not bits.number(1):
        return 0
    bits.skip(32, 32)
    if bits.number(1):
        bits.skip_counted()
    if not bits.number(1):
        return 0
    length = bits.number(5) + 1
    bits.skip(32, 5, 5)
    return length
