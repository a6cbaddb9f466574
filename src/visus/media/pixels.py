# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (Pillow types the colour management module of the C library as unknown)
"""From an opened picture to the upright pixels that a model should see. Runs in workers.

Eight bits a sample, sRGB, without transparency, no larger than wanted. It is shrunk as early as
can be: by the decoder itself where it can, else before anything else is done to it.
"""

from contextlib import suppress
from io import BytesIO
from typing import Final

from PIL import Image, ImageChops, ImageCms, ImageFile, TiffImagePlugin

from visus.media import isobmff
from visus.media.exif import UPRIGHT
from visus.media.fitting import Fit
from visus.media.profile import is_affordable

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
_TURNED_BY_DECODER: Final = frozenset({"TIFF", "HEIF"})
_REDUCING_GAP: Final = 3.0
_HIGH_BYTES: Final = {"I;16": 1, "I;16L": 1, "I;16B": 0}
"""Where the high byte of each pair stands."""
_PHOTOMETRIC: Final = 262
_WHITE_IS_ZERO: Final = 0


def upright(opened: ImageFile.ImageFile, fit: Fit, crop: isobmff.Crop | None) -> Image.Image:
    """The current frame as L or RGB, as large as `fit` wants it."""
    turn = UPRIGHT if opened.format in _TURNED_BY_DECODER else fit.orientation
    if crop is None:
        opened.draft(opened.mode, fit.size(*opened.size, orientation=turn))
    opened.load()
    profile = opened.info.get("icc_profile")
    picture = _plain(opened)
    if crop is not None:
        picture = picture.crop(crop)
    picture = shrunk(picture, fit.size(*picture.size, orientation=turn))
    if isinstance(profile, bytes) and is_affordable(profile):
        picture = _to_srgb(picture, profile)
    picture = _opaque(picture, fit.background)
    return picture.transpose(_TURNS[turn]) if turn in _TURNS else picture


def shrunk(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """`picture` in that size; what is transparent lends no colour to its neighbours."""
    if size == picture.size:
        return picture
    if picture.mode == "RGBA":
        weighted = picture.convert("RGBa")
        return _resized(weighted, size).convert("RGBA")
    return _resized(picture, size)


def _resized(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=_REDUCING_GAP)


def _plain(opened: ImageFile.ImageFile) -> Image.Image:
    """8 bits a sample, without a palette: L, RGB, RGBA or CMYK."""
    if opened.has_transparency_data:
        return opened.convert("RGBA")
    if opened.mode in _HIGH_BYTES:
        return _eight_bits(opened)
    if opened.mode in {"L", "RGB", "CMYK"}:
        return opened
    return opened.convert("L" if opened.mode == "1" else "RGB")


def _eight_bits(opened: ImageFile.ImageFile) -> Image.Image:
    """The high bytes of 16 bits a sample; plain conversion would clip all but the darkest."""
    high = opened.tobytes()[_HIGH_BYTES[opened.mode] :: 2]
    picture = Image.frombytes("L", opened.size, high)
    return ImageChops.invert(picture) if _is_negative(opened) else picture


def _is_negative(opened: ImageFile.ImageFile) -> bool:
    """Whether the decoder left 16 bits of a TIFF with white at zero."""
    if not isinstance(opened, TiffImagePlugin.TiffImageFile):
        return False
    return opened.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO


def _to_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    """`picture` with its colours translated; unchanged where the profile does not suit it."""
    mode = "RGBA" if picture.mode == "RGBA" else "RGB"
    with suppress(ImageCms.PyCMSError, OSError, ValueError):
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        translated = ImageCms.profileToProfile(picture, source, target, outputMode=mode)
        return picture if translated is None else translated
    return picture


def _opaque(picture: Image.Image, background: str) -> Image.Image:
    """L or RGB, transparency laid on `background`."""
    if picture.mode == "RGBA":
        ground = Image.new("RGB", picture.size, background)
        ground.paste(picture, mask=picture)
        return ground
    return picture if picture.mode in {"L", "RGB"} else picture.convert("RGB")
