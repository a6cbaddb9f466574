"""Encodes a frame of a video or a page of a document within limits. Runs in workers.

How large a picture may be is arithmetic (`size_within`); the pixels come decoded.
"""

from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image

from visus.core.prompt import ImageType
from visus.errors import MediaRejected
from visus.media import encoding
from visus.media.fitting import Fit, Fitted, snapped


class Box(NamedTuple):
    """The bounds of a picture; None where there is none."""

    max_width_px: int | None
    max_height_px: int | None
    max_pixels: int | None


def size_within(width: float, height: float, box: Box) -> tuple[int, int]:
    """The largest size of these proportions inside `box`, never larger than it is.

    Each side is at least one pixel, whatever the proportions. A box in these proportions, to
    within a pixel, is filled.
    """
    factor = 1.0
    if box.max_width_px is not None:
        factor = min(factor, box.max_width_px / width)
    if box.max_height_px is not None:
        factor = min(factor, box.max_height_px / height)
    if box.max_pixels is not None:
        factor = min(factor, (box.max_pixels / (width * height)) ** 0.5)
    wide, high = max(1, int(width * factor + 1e-6)), max(1, int(height * factor + 1e-6))
    sides = box.max_width_px, box.max_height_px
    if factor < 1 and sides[0] is not None and sides[1] is not None:
        wide, high = snapped((wide, high), (sides[0], sides[1]))
    if box.max_pixels is not None:  # a side of one pixel leaves less for the other
        wide, high = min(wide, box.max_pixels // high), min(high, box.max_pixels // wide)
    return max(1, wide), max(1, high)


def encode(
    picture: Image.Image, formats: Sequence[ImageType], *, max_bytes: int | None
) -> Fitted | None:
    """`picture` (RGB) as JPEG, or as PNG where the model reads no JPEG.

    Returns:
        A file of at most `max_bytes`; None where nothing legible is so small.
    """
    fit = Fit(formats=tuple(formats), max_bytes=max_bytes)
    try:
        return encoding.encode(picture, fit, is_lossless=False)
    except MediaRejected:
        return None
