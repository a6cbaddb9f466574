"""Jobs and results of the worker that converts pictures.

Known to both sides of the process boundary; the decoder itself is known to the worker alone.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import isqrt
from typing import Annotated

import msgspec

from visus.core.prompt import ImageType
from visus.media.exif import is_on_its_side


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """What the result must be like."""

    formats: tuple[ImageType, ...] = ("image/jpeg", "image/png")
    """Media types that may come out, of JPEG and PNG."""
    max_width_px: int | None = None
    """Of the upright result. With `max_height_px` in the picture's own proportions, to within
    a pixel, the result is exactly of that size; nothing is ever enlarged."""
    max_height_px: int | None = None
    max_pixels: int | None = None
    max_side_px: int | None = None
    max_bytes: int | None = None
    frames: Annotated[int, msgspec.Meta(ge=1)] = 1
    """How many frames of an animation or pages of a file, evenly chosen; fewer if it has
    fewer. One means the first."""
    background: str = "#ffffff"
    """What transparency is laid on, as `#rrggbb`."""
    orientation: int = 1
    """How the source lies, as Exif numbers it; whatever the file itself says is not read, but
    for TIFF and HEIC, whose decoders turn the picture by themselves."""
    source_max_pixels: int = 50_000_000
    """A file whose decoder finds more than this is refused."""
    source_max_frames: int = 60
    """A file whose decoder finds more frames or pages than this is refused."""
    source_max_frames_pixels: int = 100_000_000
    """The most pixels of all frames or pages that have to be decoded together."""

    def size(self, width_px: int, height_px: int, *, orientation: int = 1) -> tuple[int, int]:
        """What becomes of a stored size: the largest one within all limits, as stored."""
        widest, highest = self.max_width_px, self.max_height_px
        if is_on_its_side(orientation):
            widest, highest = highest, widest
        factor = Fraction(1)
        if self.max_side_px is not None:
            factor = min(factor, Fraction(self.max_side_px, max(width_px, height_px)))
        if widest is not None:
            factor = min(factor, Fraction(widest, width_px))
        if highest is not None:
            factor = min(factor, Fraction(highest, height_px))
        width, height = (max(1, int(side * factor)) for side in (width_px, height_px))
        if factor < 1 and widest is not None and highest is not None:
            longest = self.max_side_px or max(width_px, height_px)
            wanted = min(widest, width_px, longest), min(highest, height_px, longest)
            width, height = snapped((width, height), wanted)
        return _within(self.max_pixels, width, height)


def snapped(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int]:
    """`wanted` where it differs from `size` by rounding alone."""
    is_near = all(abs(a - b) <= 1 for a, b in zip(size, wanted, strict=True))
    return wanted if is_near else size


def _within(max_pixels: int | None, width: int, height: int) -> tuple[int, int]:
    if max_pixels is None or width * height <= max_pixels:
        return width, height
    across = max(1, isqrt(max_pixels * width // height))
    down = max(1, isqrt(max_pixels * height // width))
    return min(across, max(1, max_pixels // down)), min(down, max(1, max_pixels // across))


class Fitted(msgspec.Struct, frozen=True):
    """A picture as a model gets it; `data` is a whole file without metadata."""

    media_type: ImageType
    width_px: int
    height_px: int
    data: bytes
    time_s: float | None = None
    """When it is shown, from the start of its animation; None without one."""
    page: int | None = None
    """Which page it is, from 1; None for a file without pages."""


def pack_frames(frames: Sequence[Fitted]) -> bytes:
    """The handler's result."""
    return msgspec.msgpack.encode(frames)


def unpack_frames(result: bytes) -> list[Fitted]:
    """What the handler returned: as many as were asked for, if the file had them."""
    frames = msgspec.msgpack.decode(result, type=list[Fitted])
    if not frames:
        raise msgspec.ValidationError("no frame")
    return frames
