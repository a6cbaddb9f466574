"""Checks a picture's file by its structure, without decoding a single pixel.

`survey` walks the container of any accepted format from its first byte to its end marker. It
refuses what breaks a limit or is incomplete, and says what has to be cut out: metadata but for
the colour profile, and everything after the end marker. Walking costs about as much as reading.
What has an obstacle is decoded by a worker, and no model sees the file itself.
"""

from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

from visus.core.prompt import ImageType
from visus.errors import MediaRejected
from visus.media import bmp, exif, gif, isobmff, jpeg, png, profile, tiff, webp
from visus.media.layout import Layout
from visus.media.settings import MediaSettings
from visus.media.sniff import sniff

Obstacle: TypeAlias = Literal["format", "animation", "cmyk", "profile", "depth", "orientation"]
"""Why no model should see a file as it is.

A format that models do not read; more than one picture; colours for printing; a colour profile
other than sRGB; 16 bits of grey, which common readers clip; lying on its side or mirrored.
"""

_READERS: Final[Mapping[ImageType, Callable[[bytes], Layout]]] = {
    "image/jpeg": jpeg.read,
    "image/png": png.read,
    "image/webp": webp.read,
    "image/gif": gif.read,
    "image/bmp": bmp.read,
    "image/tiff": tiff.read,
    "image/avif": isobmff.read_avif,
    "image/heic": isobmff.read_heic,
}
_MEASURES: Final[Mapping[ImageType, Callable[[bytes], tuple[int, int] | None]]] = {
    "image/jpeg": jpeg.measure,
    "image/png": png.measure,
    "image/webp": webp.measure,
    "image/gif": gif.measure,
    "image/bmp": bmp.measure,
    "image/tiff": tiff.measure,
}
_PASSED: Final = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"})
"""What may reach a model as it is; everything else is decoded."""


class Survey(NamedTuple):
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
    frames: int = 1
    """Pictures in an animation, or pages; of an animated PNG `cleaned` holds but the still."""
    is_paged: bool = False
    """Whether the frames are pages, which stand beside each other, not after each other."""


def survey(data: bytes, settings: MediaSettings) -> Survey:
    """Walk one complete file.

    Raises:
        ImageFormatRejected: not one of the accepted formats.
        MediaRejected: over a limit, incomplete or malformed.
    """
    media_type = sniff(data)
    if media_type != "image/jpeg":  # walking one costs no more than looking ahead
        check_head(data[: png.HEAD_BYTES], settings)
    layout = _READERS[media_type](data)
    _check_size(layout.width_px, layout.height_px, settings)
    _check_frames(layout, settings)
    return Survey(
        media_type,
        layout.width_px,
        layout.height_px,
        layout.orientation,
        _obstacle(media_type, layout),
        layout.kept.cut(data),
        layout.frames,
        bool(layout.pages),
    )


def check_head(head: bytes, settings: MediaSettings) -> None:
    """Refuse what the first bytes of a file already give away.

    Raises:
        ImageFormatRejected: not one of the accepted formats.
        MediaRejected: the header stands in `head` and names a size over a limit.
    """
    measure = _MEASURES.get(sniff(head))
    size = None if measure is None else measure(head)
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
        parts = "pages" if layout.pages else "frames"
        raise MediaRejected(f"The image has more than {settings.max_frames} {parts}.")
    for page in layout.pages[1:]:
        _check_size(page.width_px, page.height_px, settings)
    if layout.pages:
        return
    pixels = layout.width_px * layout.height_px * layout.frames
    if layout.frames > 1 and pixels > settings.max_frames_pixels:
        raise MediaRejected(
            f"The frames of the image have more than {settings.max_frames_pixels} pixels"
            " together."
        )


def _obstacle(media_type: ImageType, layout: Layout) -> Obstacle | None:
    if media_type not in _PASSED:
        return "format"
    if layout.is_animated:
        return "animation"
    if layout.is_cmyk:
        return "cmyk"
    if layout.profile is not None and not profile.is_srgb(layout.profile):
        return "profile"
    if layout.is_deep:
        return "depth"
    return None if layout.orientation == exif.UPRIGHT else "orientation"
