# ruff: noqa: PLR2004 - amounts of damage are their own names
"""What happens to a picture on its way here: turned, noisy, pale, inverse, bent, squeezed.

Every kind leaves the text readable for a person.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageOps

from eval.dice import Dice

_EXIF_ORIENTATION: Final = 0x0112


def _ground(image: Image.Image) -> tuple[int, int, int]:
    corner = image.getpixel((image.width - 1, image.height - 1))
    return corner if isinstance(corner, tuple) and len(corner) == 3 else (255, 255, 255)


def tilted(image: Image.Image, dice: Dice) -> Image.Image:
    """Turned by 2 to 5 degrees either way."""
    degrees = dice.real(2.0, 5.0) * dice.pick([-1, 1])
    return image.rotate(
        degrees, resample=Image.Resampling.BICUBIC, expand=True, fillcolor=_ground(image)
    )


def quarter(image: Image.Image, dice: Dice) -> Image.Image:
    """Lying on its left or right side."""
    return image.transpose(dice.pick([Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270]))


def noisy(image: Image.Image, dice: Dice) -> Image.Image:
    """Grain of a poor camera."""
    pixels = np.asarray(image, dtype=np.float64)
    grained = pixels + dice.grain(pixels.shape, dice.real(14.0, 26.0))
    return Image.fromarray(np.clip(grained, 0, 255).astype(np.uint8))


def pale(image: Image.Image, dice: Dice) -> Image.Image:
    """Ink that has faded to a light grey."""
    pixels = np.asarray(image, dtype=np.float64)
    return Image.fromarray(
        (245 - (255 - pixels) * dice.real(0.25, 0.4)).clip(0, 255).astype(np.uint8)
    )


def inverse(image: Image.Image, dice: Dice) -> Image.Image:  # noqa: ARG001 - one shape for all kinds
    """Light on dark."""
    return ImageOps.invert(image)


def bent(image: Image.Image, dice: Dice) -> Image.Image:
    """Photographed from the side: each corner moved by up to 5 %."""
    width, height = image.size
    pad = round(0.05 * max(image.size))
    grown = ImageOps.expand(image, pad, fill=_ground(image))

    def moved(x: int, y: int) -> tuple[float, float]:
        return (
            x + dice.real(-0.05, 0.05) * width * 0.6,
            y + dice.real(-0.05, 0.05) * height * 0.6,
        )

    corners = [(0, 0), (0, grown.height), (grown.width, grown.height), (grown.width, 0)]
    data = _projection(corners, [moved(x, y) for x, y in corners])
    return grown.transform(
        grown.size,
        Image.Transform.PERSPECTIVE,
        data,
        resample=Image.Resampling.BICUBIC,
        fillcolor=_ground(image),
    )


def _projection(
    targets: list[tuple[int, int]], sources: list[tuple[float, float]]
) -> tuple[float, ...]:
    """The eight numbers that Pillow wants for a perspective."""
    rows: list[list[float]] = []
    for (x, y), (u, v) in zip(targets, sources, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    answers = np.array([number for source in sources for number in source])
    return tuple(float(number) for number in np.linalg.solve(np.array(rows), answers))


def untouched(image: Image.Image, dice: Dice) -> Image.Image:  # noqa: ARG001 - one shape for all kinds
    """The damage is done when the file is written."""
    return image


DAMAGES: Final[dict[str, Callable[[Image.Image, Dice], Image.Image]]] = {
    "tilted": tilted,
    "quarter turn": quarter,
    "exif": untouched,
    "noisy": noisy,
    "pale": pale,
    "inverse": inverse,
    "perspective": bent,
    "jpeg 30": untouched,
}


def save_damaged(image: Image.Image, kind: str, dice: Dice, stem: Path) -> Path:
    """Do the damage and write the file; JPEG where JPEG is the damage or a camera would."""
    harmed = DAMAGES[kind](image, dice)
    if kind == "exif":
        return _saved_turned(harmed, dice, stem.with_suffix(".jpg"))
    if kind in {"jpeg 30", "perspective"}:
        path = stem.with_suffix(".jpg")
        harmed.save(path, quality=30 if kind == "jpeg 30" else 85)
        return path
    path = stem.with_suffix(".png")
    harmed.save(path)
    return path


def _saved_turned(image: Image.Image, dice: Dice, path: Path) -> Path:
    """Stored lying down, with the EXIF note that says how to stand it up."""
    turn, orientation = dice.pick(
        [
            (Image.Transpose.ROTATE_90, 6),
            (Image.Transpose.ROTATE_270, 8),
            (Image.Transpose.ROTATE_180, 3),
        ]
    )
    exif = Image.Exif()
    exif[_EXIF_ORIENTATION] = orientation
    image.transpose(turn).save(path, quality=90, exif=exif)
    return path
