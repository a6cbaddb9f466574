"""Whether the pixels of a PNG can be had (W3C PNG, third edition, 7.2 and 10).

Of a small picture all of them are inflated, of a larger one the first: what that costs does not
grow with the picture.
"""

import zlib
from collections.abc import Iterator
from typing import Final

from visus.media.layout import malformed, truncated
from visus.units import KIB

LOOKED_AT_BYTES: Final = 32 * KIB
"""Of inflated pixels."""
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""By colour type."""
_PASSES: Final = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4),
    (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2),
)  # fmt: skip
"""Of an interlaced picture: the first column and row of each, and the steps between them."""
_LAST_FILTER: Final = 4
_MOST_INFLATED: Final = 1032
"""Bytes that one byte can become."""


class Rows:
    """The rows of one picture, as its chunks of pixels come."""

    def __init__(
        self, size: tuple[int, int], *, depth: int, colour_type: int, is_interlaced: bool
    ) -> None:
        """`size` is width and height in pixels, `depth` bits a sample."""
        self._size = size
        self._pixel_bits = depth * _CHANNELS[colour_type]
        self._passes = _PASSES if is_interlaced else ((0, 0, 1, 1),)
        self._inflater = zlib.decompressobj()
        self._first = b""
        self._coded_bytes = 0

    def take(self, chunk: memoryview) -> None:
        """The next chunk of pixels.

        Raises:
            MediaRejected: it cannot be inflated.
        """
        wanted = LOOKED_AT_BYTES - len(self._first)
        if wanted > 0 and self._coded_bytes <= LOOKED_AT_BYTES:
            try:
                self._first += self._inflater.decompress(chunk[: 2 * LOOKED_AT_BYTES], wanted)
            except zlib.error as fault:
                raise malformed(f"pixels that cannot be inflated: {fault}") from fault
        self._coded_bytes += len(chunk)

    def check(self) -> None:
        """Says that there are no more.

        Raises:
            MediaRejected: there are too few, or a row has no filter.
        """
        position = 0
        for row_bytes, count in self._runs():
            end = position + row_bytes * count
            if max(self._first[position:end:row_bytes], default=0) > _LAST_FILTER:
                raise malformed("a row without a filter")
            position = end
        is_small = position <= LOOKED_AT_BYTES and self._coded_bytes <= LOOKED_AT_BYTES
        there = len(self._first) if is_small else self._coded_bytes * _MOST_INFLATED
        if there < position:
            raise truncated()

    def _runs(self) -> Iterator[tuple[int, int]]:
        """Bytes of a row, and how many such rows there are, one pass after another."""
        width, height = self._size
        for left, top, across, down in self._passes:
            columns, rows = -(-(width - left) // across), -(-(height - top) // down)
            if columns > 0 and rows > 0:
                yield 1 + (columns * self._pixel_bits + 7) // 8, rows
