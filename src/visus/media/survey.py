"""What a picture's file says about itself, read without decoding a single pixel.

`survey` walks the container of any accepted format from its first byte to its end marker. It
refuses what breaks a limit or is incomplete, and says what has to be cut out: metadata but for
the colour profile, and everything after the end marker. Walking costs about as much as reading.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from visus.core.prompt import ImageType
from visus.errors import MediaRejected
from visus.media import exif, gif, jpeg, png, webp
from visus.media.layout import Layout
from visus.media.settings import MediaSettings
from visus.media.sniff import sniff

Obstacle: TypeAlias = Literal["animation", "cmyk", "orientation"]
"""Why no model should see a file as it is."""

_READERS: Final[Mapping[ImageType, Callable[[bytes], Layout]]] = {
    "image/jpeg": jpeg.read,
    "image/png": png.read,
    "image/webp": webp.read,
    "image/gif": gif.read,
}
_MEASURES: Final[Mapping[ImageType, Callable[[bytes], tuple[int, int] | None]]] = {
    "image/jpeg": jpeg.measure,
    "image/png": png.measure,
    "image/webp": webp.measure,
    "image/gif": gif.measure,
}


@dataclass(frozen=True, slots=True)
class Survey:
    """A whole file within every limit, and what is to be done with it."""

    media_type: ImageType
    width_px: int
    height_px: int
    """As stored: an orientation that swaps them is not applied."""
    orientation: int
    """As Exif numbers it, 1 (upright) to 8."""
    obstacle: Obstacle | None
    cleaned: bytes | None
    """The file without metadata and trailing bytes; None where there is nothing to cut."""


def survey(data: bytes, settings: MediaSettings) -> Survey:
    """Walk one complete file.

    Raises:
        ImageFormatRejected: not one of the accepted formats.
        MediaRejected: over a limit, incomplete or malformed.
    """
    media_type = sniff(data)
    check_head(data[: png.HEAD_BYTES], settings)
    layout = _READERS[media_type](data)
    _check_size(layout.width_px, layout.height_px, settings)
    _check_frames(layout, settings)
    return Survey(
        media_type,
        layout.width_px,
        layout.height_px,
        layout.orientation,
        _obstacle(layout),
        layout.kept.cut(data),
    )


def check_head(head: bytes, settings: MediaSettings) -> None:
    """Refuse what the first bytes of a file already give away.

    Raises:
        ImageFormatRejected: not one of the accepted formats.
        MediaRejected: the header stands in `head` and names a size over a limit.
    """
    size = _MEASURES[sniff(head)](head)
    if size is not None:
        _check_size(*size, settings)


def _check_size(width_px: int, height_px: int, settings: MediaSettings) -> None:
    if not width_px or not height_px:
        raise MediaRejected("The image has no pixels.")
    if max(width_px, height_px) > settings.max_side_px:
        raise MediaRejected(
            f"The image is more than {settings.max_side_px} pixels wide or high.",
            detail=f"{width_px}x{height_px}",
        )
    if width_px * height_px > settings.max_pixels:
        raise MediaRejected(
            f"The image has more than {settings.max_pixels} pixels.",
            detail=f"{width_px}x{height_px}",
        )


def _check_frames(layout: Layout, settings: MediaSettings) -> None:
    if layout.frames > settings.max_frames:
        raise MediaRejected(f"The image has more than {settings.max_frames} frames.")
    pixels = layout.width_px * layout.height_px * layout.frames
    if layout.frames > 1 and pixels > settings.max_frames_pixels:
        raise MediaRejected(
            f"The frames of the image have more than {settings.max_frames_pixels} pixels"
            " together."
        )


def _obstacle(layout: Layout) -> Obstacle | None:
    if layout.is_animated:
        return "animation"
    if layout.is_cmyk:
        return "cmyk"
    return None if layout.orientation == exif.UPRIGHT else "orientation"
