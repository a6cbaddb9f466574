# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (Pillow types the colour management module of the C library as unknown)
"""Decoding, turning, shrinking and re-encoding one picture. Runs in a worker, never elsewhere.

Blocking, and fed with bytes that want to hurt: `workers.pool` runs `worker` in a process
without network or secrets. Pillow reads the four accepted formats and no other, and reads
nothing that is incomplete.
"""

from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from typing import Final

from PIL import Image, ImageCms, ImageFile

from visus.errors import MediaRejected
from visus.media.fitting import Fit, Fitted, pack_fitted, unpack_job

_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF")
_JPEG_QUALITY: Final = 92
_SMALLER_QUALITIES: Final = (85, 75, 60)
_SHRINK: Final = 0.75
_MIN_SIDE_PX: Final = 16
_RESULT_MODES: Final = frozenset({"L", "RGB", "RGBA"})
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture upright, by its Exif orientation."""
_LOSSLESS: Final = frozenset({"PNG", "GIF"})


def normalise(data: bytes, fit: Fit) -> Fitted:
    """Decode the first frame, turn it upright, bring it to sRGB, shrink and re-encode it.

    Photographs become JPEG, what has transparency or came without loss becomes PNG, if the
    model reads PNG; otherwise transparency is laid over white.

    Raises:
        MediaRejected: incomplete, undecodable, too large, or it cannot be made to fit.
    """
    try:
        with Image.open(BytesIO(data), formats=_FORMATS) as opened:
            _check_size(opened, fit.source_max_pixels)
            picture = _upright_srgb(opened, fit.orientation)
            is_lossless = opened.format in _LOSSLESS
        return _encode(_shrunk(picture, fit), fit, is_lossless=is_lossless)
    except MediaRejected:
        raise
    except Exception as fault:
        raise MediaRejected(
            "The image could not be decoded.", detail=f"{type(fault).__name__}: {fault}"
        ) from fault


def _check_size(opened: ImageFile.ImageFile, max_pixels: int) -> None:
    if opened.width * opened.height > max_pixels:
        raise MediaRejected(f"The image has more than {max_pixels} pixels.")


def _upright_srgb(opened: ImageFile.ImageFile, orientation: int) -> Image.Image:
    """The first frame as 8-bit L, RGB or RGBA in sRGB, upright, without metadata."""
    opened.load()
    profile = opened.info.get("icc_profile")
    picture = _plain(opened)
    if isinstance(profile, bytes):
        picture = _to_srgb(picture, profile)
    if picture.mode not in _RESULT_MODES:
        picture = picture.convert("RGB")
    turn = _TURNS.get(orientation)
    return picture if turn is None else picture.transpose(turn)


def _plain(picture: Image.Image) -> Image.Image:
    """8 bits a sample, without a palette: L, RGB, RGBA or CMYK."""
    if picture.has_transparency_data:
        return picture.convert("RGBA")
    if picture.mode.startswith("I"):
        return _eight_bits(picture)
    if picture.mode in {"L", "CMYK"}:
        return picture
    return picture.convert("L" if picture.mode == "1" else "RGB")


def _eight_bits(picture: Image.Image) -> Image.Image:
    """16 bits a sample scaled to 8; plain conversion would clip all but the darkest."""
    return picture.convert("I").point(lambda value: value / 256.0 + 0.0).convert("L")


def _to_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    """`picture` with its colours translated; unchanged where the profile does not suit it."""
    mode = "RGBA" if picture.mode == "RGBA" else "RGB"
    with suppress(ImageCms.PyCMSError, OSError, ValueError):
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        translated = ImageCms.profileToProfile(picture, source, target, outputMode=mode)
        return picture if translated is None else translated
    return picture


def _shrunk(picture: Image.Image, fit: Fit) -> Image.Image:
    factor = 1.0
    if fit.max_side_px is not None:
        factor = min(factor, fit.max_side_px / max(picture.size))
    if fit.max_pixels is not None:
        factor = min(factor, (fit.max_pixels / (picture.width * picture.height)) ** 0.5)
    return picture if factor >= 1 else _scaled(picture, factor)


def _scaled(picture: Image.Image, factor: float) -> Image.Image:
    """Smaller by `factor`, rounded down so that no limit is passed."""
    size = max(1, int(picture.width * factor)), max(1, int(picture.height * factor))
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _encode(picture: Image.Image, fit: Fit, *, is_lossless: bool) -> Fitted:
    wants_png = (is_lossless or picture.mode == "RGBA") and "image/png" in fit.formats
    if wants_png or "image/jpeg" not in fit.formats:
        png = _as_png(picture)
        if fit.max_bytes is None or len(png.data) <= fit.max_bytes:
            return png
    if "image/jpeg" not in fit.formats:
        return _smaller(picture, fit, _as_png)
    flat = _on_white(picture)
    jpeg = _as_jpeg(flat, _JPEG_QUALITY)
    if fit.max_bytes is None or len(jpeg.data) <= fit.max_bytes:
        return jpeg
    for quality in _SMALLER_QUALITIES:
        jpeg = _as_jpeg(flat, quality)
        if len(jpeg.data) <= fit.max_bytes:
            return jpeg
    return _smaller(flat, fit, lambda smaller: _as_jpeg(smaller, _SMALLER_QUALITIES[-1]))


def _smaller(picture: Image.Image, fit: Fit, encode: Callable[[Image.Image], Fitted]) -> Fitted:
    """Shrink until the file fits."""
    while min(picture.size) > _MIN_SIDE_PX:
        picture = _scaled(picture, _SHRINK)
        fitted = encode(picture)
        if fit.max_bytes is None or len(fitted.data) <= fit.max_bytes:
            return fitted
    raise MediaRejected("The image cannot be made small enough for this model.")


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode != "RGBA":
        return picture
    ground = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(ground, picture).convert("RGB")


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


# --- Across the process boundary -------------------------------------------------------------


def worker() -> Callable[[bytes], bytes]:
    """The entry for `workers.pool`: prepares Pillow and returns the handler."""
    Image.MAX_IMAGE_PIXELS = None  # ours is checked before decoding, and is a setting
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    Image.preinit()
    _warm_up()
    return _handle


def _handle(job: bytes) -> bytes:
    return pack_fitted(normalise(*unpack_job(job)))


def _warm_up() -> None:
    """Load every plugin and codec now, while files may still be opened freely."""
    square = Image.new("RGB", (16, 16), "red")
    for format_name in _FORMATS:
        sink = BytesIO()
        square.save(sink, format_name)
        normalise(sink.getvalue(), Fit(max_pixels=64))
