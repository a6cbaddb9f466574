"""Colours by the names that people use.

A colour's name is that of the nearest known example in OKLab, a space in which equal distances
look equally different. The examples are web colours and their everyday names.
"""

# The libraries below have no complete types: what they return is narrowed at once.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Iterator
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from visus.local.lite.evidence import Colour

Picture: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.float32]

_EXAMPLES: Final[dict[str, str]] = {
    "black": "000000 0a0a0a 141414 1c1c1c 0a0a14 140a0a 0a140a",
    "white": "ffffff f8f8f8 f5f5f5 fffafa f8f8ff fffff8 f0f5f5",
    "grey": "808080 a9a9a9 c0c0c0 d3d3d3 dcdcdc 696969 555555 404040 2f2f2f 708090"
    " 778899 e4e4e4",
    "red": "ff0000 dc143c b22222 8b0000 cc0000 e03030 800000 ff3020 d32f2f f44336"
    " 660000 c0392b",
    "orange": "ffa500 ff8c00 ff7f50 ff6600 ff8000 ff9800 e67e22 f57c00 ff4500 ffb347 fa8c46",
    "yellow": "ffff00 ffd700 ffeb3b f0e68c ffff66 f1c40f ffee00 e6e600 ffff99 fff44f"
    " d4c81e ffc800",
    "green": "008000 00ff00 228b22 32cd32 006400 90ee90 98fb98 2e8b57 3cb371 808000"
    " 6b8e23 9acd32 7cfc00 adff2f 4caf50 2ecc71 27ae60 556b2f 003200 8fbc8f"
    " 55a868 00c800 a0d020 c0ff60 1e3c1e 00ff7f",
    "turquoise": "40e0d0 00ffff 00ced1 008080 20b2aa 48d1cc 5f9ea0 008b8b 7fffd4 1abc9c"
    " afeeee 00bcd4 006464 66cdaa 17becf",
    "blue": "0000ff 4169e1 1e90ff 000080 00008b 6495ed 4682b4 87ceeb 87cefa add8e6"
    " 191970 2196f3 00bfff 3498db b0c4de 4c72b0 1f77b4 0000cd 3232c8 0a1e50"
    " 0080ff b0e0e6 5078c8",
    "purple": "800080 4b0082 9400d3 8a2be2 9932cc 9370db ba55d3 663399 6a0dad 9b59b6"
    " 673ab7 dda0dd 400040 8172b2 c8a2c8 9467bd b464dc 7b1fa2 a020f0 9c27b0",
    "pink": "ffc0cb ff69b4 ff1493 ffb6c1 ff00ff e91e63 ee82ee f08080 fa8072 ff80ab"
    " c71585 db7093 da70d6 ff66cc e377c2 ffa0b4 d81b60 ffd0dc",
    "brown": "a52a2a 8b4513 a0522d 654321 795548 5c4033 d2691e 964b00 cd853f 6b4423"
    " 8c564b 3e2723 b87333 7b3f00 bc8f8f",
    "beige": "f5f5dc d2b48c f5deb3 ffe4c4 deb887 faebd7 e8dcc8 fff0d2 ffdab9 eedcb4 c8b48c",
}
NAMES: Final = tuple(_EXAMPLES)
"""Every name that a colour can have here."""

_TABLE_BITS: Final = 5
_SAMPLE_PX: Final = 160
_LEAST_SHARE: Final = 0.01
_MOST_COLOURS: Final = 8


def oklab(rgb: NDArray[np.generic]) -> Floats:
    """float32 (..., 3) lightness 0 to 1 and two opponent axes, from 8-bit sRGB (..., 3)."""
    part = rgb.astype(np.float32) / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004 - sRGB's own constants
    cones = np.cbrt(linear @ _TO_CONES)
    return np.asarray(cones @ _TO_LAB, dtype=np.float32)


_TO_CONES: Final = np.array(
    [
        [0.4122214708, 0.2119034982, 0.0883024619],
        [0.5363325363, 0.6806995451, 0.2817188376],
        [0.0514459929, 0.1073969566, 0.6299787005],
    ],
    dtype=np.float32,
)
_TO_LAB: Final = np.array(
    [
        [0.2104542553, 1.9779984951, 0.0259040371],
        [0.7936177850, -2.4285922050, 0.7827717662],
        [-0.0040720468, 0.4505937099, -0.8086757660],
    ],
    dtype=np.float32,
)


def _examples() -> Iterator[tuple[int, tuple[int, ...]]]:
    for index, codes in enumerate(_EXAMPLES.values()):
        for code in codes.split():
            yield index, tuple(bytes.fromhex(code))


class Palette:
    """Names colours. Building it takes some milliseconds, naming a picture as few."""

    def __init__(self) -> None:
        examples = list(_examples())
        self._owner = np.array([owner for owner, _ in examples])
        self._places = oklab(np.array([rgb for _, rgb in examples]))
        levels = (np.arange(1 << _TABLE_BITS) * 255 / ((1 << _TABLE_BITS) - 1)).astype(np.uint8)
        grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1)
        self._table = self._nearest(grid.reshape(-1, 3)).astype(np.uint8)

    def _nearest(self, rgb: NDArray[np.generic]) -> NDArray[np.int64]:
        lab = oklab(rgb)
        distance = (self._places**2).sum(axis=1) - 2 * lab @ self._places.T
        return np.asarray(self._owner[distance.argmin(axis=1)], dtype=np.int64)

    def name(self, rgb: tuple[int, int, int]) -> str:
        """The name of one colour."""
        return NAMES[int(self._nearest(np.array([rgb]))[0])]

    def dominant(self, picture: Picture) -> list[Colour]:
        """The colours that fill at least a hundredth of the picture, largest share first."""
        sample = _sampled(picture).reshape(-1, 3)
        part = sample.astype(np.int32) * ((1 << _TABLE_BITS) - 1)
        part = (part + 127) // 255
        index = (part[:, 0] << 2 * _TABLE_BITS) | (part[:, 1] << _TABLE_BITS) | part[:, 2]
        owner = self._table[index]
        counts = np.bincount(owner, minlength=len(NAMES))
        found: list[Colour] = []
        for which in np.argsort(-counts, kind="stable")[:_MOST_COLOURS]:
            share = float(counts[which]) / len(sample)
            if share < _LEAST_SHARE:
                break
            red, green, blue = (int(v) for v in np.median(sample[owner == which], axis=0))
            found.append(Colour(NAMES[which], (red, green, blue), round(share, 4)))
        return found


def _sampled(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    scale = min(1.0, _SAMPLE_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(small, dtype=np.uint8)
