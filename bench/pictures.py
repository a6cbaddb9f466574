"""The three test pictures: noise over waves, at the quality that gives the wanted size."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

SIZES = {
    "80k.jpg": (800, 600, 80_000),
    "200k.jpg": (1280, 960, 200_000),
    "4m.jpg": (4000, 3000, 4_000_000),
}
"""Width and height in pixels, and the bytes wanted."""


def make(folder: Path) -> None:
    """Write the pictures that are missing; the same bytes for the same Pillow."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(7)
    for name, (width, height, target) in SIZES.items():
        file = folder / name
        if not file.exists():
            file.write_bytes(nearest(photo(noise, width, height), target))


def photo(noise: np.random.Generator, width: int, height: int) -> Image.Image:
    """Noise over waves: as hard to code as a photograph with much in it."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    waves = np.stack(
        [
            120 + 80 * np.sin(x / 97) + 30 * np.cos(y / 53),
            110 + 70 * np.cos(x / 131 + y / 77),
            100 + 60 * np.sin((x + y) / 211),
        ],
        axis=-1,
    )
    blocks = noise.normal(0, 1, (height // 8 + 1, width // 8 + 1, 3)).astype(np.float32)
    patches = np.kron(blocks, np.ones((8, 8, 1), np.float32))[:height, :width]
    grain = noise.normal(0, 3, (height, width, 3))
    return Image.fromarray(np.clip(waves + patches * 12 + grain, 0, 255).astype(np.uint8))


def nearest(picture: Image.Image, target: int) -> bytes:
    """The JPEG whose size comes nearest to the target, by bisection on the quality."""
    low, high, best = 5, 97, b""
    while low <= high:
        quality = (low + high) // 2
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=quality)
        size = buffer.tell()
        if not best or abs(size - target) < abs(len(best) - target):
            best = buffer.getvalue()
        low, high = (quality + 1, high) if size < target else (low, quality - 1)
    return best
