"""Encodes pixels as a file for a model. Runs in workers."""

from collections.abc import Callable
from io import BytesIO
from typing import Final

from PIL import Image

from visus.errors import MediaRejected
from visus.media.fitting import Fit, Fitted
from visus.media.pixels import shrunk

_JPEG_QUALITY: Final = 92
_SMALLER_QUALITIES: Final = (85, 75, 60)
_SHRINK: Final = 0.75
_MIN_SIDE_PX: Final = 16


def encode(picture: Image.Image, fit: Fit, *, is_lossless: bool) -> Fitted:
    """`picture` (L or RGB) as PNG if it came without loss, else as JPEG, as `fit` allows.

    Raises:
        MediaRejected: nothing legible is as small as the model wants it.
    """
    takes_jpeg = "image/jpeg" in fit.formats
    if not takes_jpeg or (is_lossless and "image/png" in fit.formats):
        png = _as_png(picture)
        if _is_small(png, fit):
            return png
    if not takes_jpeg:
        return _smaller(picture, fit, _as_png)
    for quality in (_JPEG_QUALITY, *_SMALLER_QUALITIES):
        jpeg = _as_jpeg(picture, quality)
        if _is_small(jpeg, fit):
            return jpeg
    return _smaller(picture, fit, lambda less: _as_jpeg(less, _SMALLER_QUALITIES[-1]))


def _is_small(fitted: Fitted, fit: Fit) -> bool:
    return fit.max_bytes is None or len(fitted.data) <= fit.max_bytes


def _smaller(picture: Image.Image, fit: Fit, draw: Callable[[Image.Image], Fitted]) -> Fitted:
    """Shrink until the file fits."""
    while min(picture.size) > _MIN_SIDE_PX:
        width, height = picture.size
        picture = shrunk(picture, (int(width * _SHRINK), int(height * _SHRINK)))
        fitted = draw(picture)
        if _is_small(fitted, fit):
            return fitted
    raise MediaRejected("The image cannot be made small enough for this model.")


def _as_png(picture: Image.Image) -> Fitted:
    return Fitted("image/png", *picture.size, _saved(picture, "PNG", compress_level=4))


def _as_jpeg(picture: Image.Image, quality: int) -> Fitted:
    return Fitted("image/jpeg", *picture.size, _saved(picture, "JPEG", quality=quality))


def _saved(picture: Image.Image, format_name: str, **options: int) -> bytes:
    """The encoded file; `info` is emptied so that no metadata is written along."""
    picture.info.clear()
    sink = BytesIO()
    picture.save(sink, format_name, **options)
    return sink.getvalue()
