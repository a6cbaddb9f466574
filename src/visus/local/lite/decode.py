"""From a picture's file to its pixels, as a person would see them."""

import io
import warnings
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from visus.errors import MediaRejected
from visus.units import MEGAPIXEL

Picture: TypeAlias = NDArray[np.uint8]

MAX_PIXELS: Final = 50 * MEGAPIXEL
WORKING_PIXELS: Final = 12 * MEGAPIXEL
"""A larger picture is shrunk to this before anything looks at it."""


def decoded(file: bytes) -> Picture:
    """uint8 (height, width, 3) RGB: oriented by EXIF, transparency laid over white, frame 0.

    Raises:
        MediaRejected: no picture, a broken one, or one of more than `MAX_PIXELS`.
    """
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(file)) as image:
            warnings.simplefilter("ignore")
            _refuse_giant(image)
            return np.asarray(_seen(image), dtype=np.uint8)
    except MediaRejected:
        raise
    except Exception as fault:
        # Decoders fail in as many ways as there are bytes; all of them mean the same here.
        detail = type(fault).__name__
        raise MediaRejected("The image cannot be decoded.", detail=detail) from fault


def _refuse_giant(image: Image.Image) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise MediaRejected(f"The image is larger than {MAX_PIXELS} pixels.")


def _seen(image: Image.Image) -> Image.Image:
    image.draft("RGB", (image.width, image.height))
    image.load()
    upright = ImageOps.exif_transpose(image)
    flat = _opaque(_eight_bit(upright))
    scale = (WORKING_PIXELS / (flat.width * flat.height)) ** 0.5
    if scale >= 1:
        return flat
    size = (max(1, int(flat.width * scale)), max(1, int(flat.height * scale)))
    return flat.resize(size, Image.Resampling.BOX)


def _eight_bit(image: Image.Image) -> Image.Image:
    if not image.mode.startswith("I") and image.mode != "F":
        return image
    values = np.asarray(image, dtype=np.float64)
    top = 65535.0 if values.max(initial=0) > 255 else 255.0  # noqa: PLR2004 - more than 8 bits
    return Image.fromarray(np.clip(values * (255.0 / top), 0, 255).astype(np.uint8))


def _opaque(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    paper = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(paper, layer).convert("RGB")
