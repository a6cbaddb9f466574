"""Decodes, rotates, shrinks and re-encodes one picture. Runs in a worker, never elsewhere.

Blocking, and fed with bytes that want to hurt: `workers.pool` runs `worker` in a process
without network or secrets. What the bytes are is asked of `sniff` alone, one decoder is then
tried and no other, and nothing that is incomplete is read.
"""

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Final, NamedTuple

import pillow_heif
from msgspec import structs
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from visus.core.prompt import ImageType
from visus.errors import MediaRejected
from visus.media import isobmff, tiff
from visus.media.encoding import encode
from visus.media.fitting import Fit, Fitted, pack_frames
from visus.media.jobs import unpack_job
from visus.media.pixels import upright
from visus.media.sniff import sniff

_DECODERS: Final[dict[ImageType, type[ImageFile.ImageFile]]] = {
    "image/jpeg": JpegImagePlugin.JpegImageFile,
    "image/png": PngImagePlugin.PngImageFile,
    "image/webp": WebPImagePlugin.WebPImageFile,
    "image/gif": GifImagePlugin.GifImageFile,
    "image/bmp": BmpImagePlugin.BmpImageFile,
    "image/tiff": TiffImagePlugin.TiffImageFile,
    "image/avif": AvifImagePlugin.AvifImageFile,
    "image/heic": pillow_heif.HeifImageFile,
}
_LOSSLESS: Final = frozenset({"PNG", "GIF", "BMP", "TIFF"})


def normalise(data: bytes, fit: Fit) -> Fitted:
    """The first of `frames`."""
    return frames(data, fit)[0]


def frames(data: bytes, fit: Fit) -> list[Fitted]:
    """Decode as many frames as wanted, make each upright sRGB, shrink and re-encode it.

    Photographs become JPEG, what came without loss becomes PNG, if the model reads PNG.
    Transparency is laid on `fit.background`.

    Raises:
        MediaRejected: incomplete, undecodable, too large, or it cannot be made to fit.
    """
    try:
        return list(_fitted(data, fit))
    except MediaRejected:
        raise
    except Exception as fault:
        raise MediaRejected(
            "The image could not be decoded.", detail=f"{type(fault).__name__}: {fault}"
        ) from fault


def _fitted(data: bytes, fit: Fit) -> Iterator[Fitted]:
    media_type = sniff(data)
    crop = isobmff.crop(data) if media_type == "image/avif" else None
    with _DECODERS[media_type](BytesIO(data)) as opened:
        for shot in _shots(opened, data, fit):
            picture = upright(opened, fit, crop)
            if picture is opened:
                picture = (
                    picture.copy()
                )  # what is encoded loses its `info`, which seeking needs
            fitted = encode(picture, fit, is_lossless=_is_lossless(opened))
            yield structs.replace(fitted, time_s=shot.time_s, page=shot.page)


def _is_lossless(opened: ImageFile.ImageFile) -> bool:
    return opened.format in _LOSSLESS and opened.info.get("compression") != "jpeg"


# --- Which frames ----------------------------------------------------------------------------


class _Shot(NamedTuple):
    """The frame that is current; see `Fitted`."""

    time_s: float | None = None
    page: int | None = None


def _shots(opened: ImageFile.ImageFile, data: bytes, fit: Fit) -> Iterator[_Shot]:
    """Bring one wanted frame after another before the decoder, checked but not decoded."""
    if isinstance(opened, TiffImagePlugin.TiffImageFile):
        return _pages(opened, data, fit)
    if fit.frames == 1 or isinstance(opened, pillow_heif.HeifImageFile):
        return _first(opened, fit)
    return _moments(opened, fit)


def _first(opened: ImageFile.ImageFile, fit: Fit) -> Iterator[_Shot]:
    _check_size(opened.width * opened.height, fit.source_max_pixels)
    yield _Shot()


def _pages(opened: TiffImagePlugin.TiffImageFile, data: bytes, fit: Fit) -> Iterator[_Shot]:
    pages = tiff.read(data).pages
    chosen = evenly(len(pages), fit.frames)
    for number in chosen:
        _check_size(pages[number].width_px * pages[number].height_px, fit.source_max_pixels)
    pixels = sum(pages[number].width_px * pages[number].height_px for number in chosen)
    _check_work(len(pages), pixels if len(chosen) > 1 else 0, fit)
    for number in chosen:
        opened.seek(pages[number].place)
        yield _Shot(page=number + 1 if len(pages) > 1 else None)


def _moments(opened: ImageFile.ImageFile, fit: Fit) -> Iterator[_Shot]:
    """Frames of an animation; those in between are decoded for what they leave behind."""
    still = 1 if getattr(opened, "default_image", False) else 0
    count: int = max(1, getattr(opened, "n_frames", 1) - still)
    chosen = [still * (count > 1) + number for number in evenly(count, fit.frames)]
    pixels = opened.width * opened.height
    _check_size(pixels, fit.source_max_pixels)
    _check_work(count, pixels * (chosen[-1] + 1) if count > 1 else 0, fit)
    passed_ms = 0.0
    for index in range(chosen[-1] + 1):
        opened.seek(index)
        if index in chosen:
            opened.load()
            start_ms: float = opened.info.get("timestamp", passed_ms)
            yield _Shot(time_s=start_ms / 1000 if count > 1 else None)
        passed_ms += opened.info.get("duration", 0.0) if index >= still else 0.0


def evenly(count: int, wanted: int) -> list[int]:
    """`wanted` places among `count`, evenly chosen, the first and the last among them."""
    if wanted >= count:
        return list(range(count))
    return [0] if wanted == 1 else [i * (count - 1) // (wanted - 1) for i in range(wanted)]


def _check_size(pixels: int, max_pixels: int) -> None:
    if pixels > max_pixels:
        raise MediaRejected(f"The image has more than {max_pixels} pixels.")


def _check_work(count: int, pixels: int, fit: Fit) -> None:
    if count > fit.source_max_frames:
        raise MediaRejected(f"The image has more than {fit.source_max_frames} frames.")
    if pixels > fit.source_max_frames_pixels:
        raise MediaRejected(
            f"The frames of the image have more than {fit.source_max_frames_pixels} pixels"
            " together."
        )


# --- Across the process boundary -------------------------------------------------------------


def worker() -> Callable[[bytes], bytes]:
    """The entry for `workers.pool`: prepares the decoders and returns the handler."""
    Image.MAX_IMAGE_PIXELS = None  # ours is checked before decoding, and is a setting
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    pillow_heif.options.DECODE_THREADS = 1
    pillow_heif.options.THUMBNAILS = False
    pillow_heif.options.DEPTH_IMAGES = False
    pillow_heif.options.AUX_IMAGES = False
    _warm_up()
    return _handle


def _handle(job: bytes) -> bytes:
    data, fit = unpack_job(job, Fit)
    return pack_frames(frames(bytes(data), fit))


def _warm_up() -> None:
    """Load what is loaded late now, while files may still be opened freely."""
    square = Image.new("RGB", (16, 16), "red")
    for format_name in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"):
        sink = BytesIO()
        square.save(sink, format_name)
        normalise(sink.getvalue(), Fit(max_pixels=64))
