"""From a tilted or slanting page to straight rows.

Text on a page that was photographed or scanned askew runs along slopes that change smoothly
from place to place. The map here is fitted to the strips of text themselves: it moves every
point up or down until the strips lie level. It serves layout; nothing is resampled.
"""

# The libraries below have no complete types: what they return is narrowed at once.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from visus.local.lite.ocr import Floats, Quad, size_of

_LONG: Final = 3.0
"""How many times wider than high a strip must be for its slope to count."""
_LEAST_SLOPE: Final = 0.0015
_ENOUGH_FOR_PERSPECTIVE: Final = 8


@dataclass(frozen=True, slots=True)
class Flattening:
    """`y + tilt·x + twist·x·y`, and x shifted so that the page keeps its corners square."""

    tilt: float = 0.0
    twist: float = 0.0
    centre: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def fitted(cls, quads: Sequence[Quad]) -> "Flattening":
        """The map that levels most of these strips, weighing long ones more."""
        edges = [_edge(quad) for quad in quads if _is_long(quad)]
        if not edges:
            return cls()
        ends = np.array(edges, dtype=np.float64)
        middle = (float(ends[:, 0::2].mean()), float(ends[:, 1::2].mean()))
        tilt, twist = _solved(ends - np.array([*middle, *middle]))
        if max(abs(tilt), abs(twist) * float(np.ptp(ends[:, 1]))) < _LEAST_SLOPE:
            return cls()
        return cls(tilt, twist, middle)

    def apply(self, points: Floats) -> Floats:
        """Points float32 (n, 2), moved."""
        if self.tilt == 0.0 and self.twist == 0.0:
            return points
        x, y = points[:, 0] - self.centre[0], points[:, 1] - self.centre[1]
        level = y + self.tilt * x + self.twist * x * y
        square = x - self.tilt * y
        moved = np.stack([square + self.centre[0], level + self.centre[1]], axis=1)
        return np.asarray(moved, dtype=np.float32)

    def straightened(self, grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A picture moved alike, but for the twist; what comes in from outside is its edge."""
        if abs(self.tilt) < _LEAST_SLOPE:
            return grey
        x, y = self.centre
        matrix = np.array([[1, -self.tilt, self.tilt * y], [self.tilt, 1, -self.tilt * x]])
        size = (grey.shape[1], grey.shape[0])
        moved = cv2.warpAffine(grey, matrix, size, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(moved, dtype=np.uint8)


def _is_long(quad: Quad) -> bool:
    width, height = size_of(quad)
    return width > _LONG * height


def _edge(quad: Quad) -> tuple[float, float, float, float]:
    """The middle of the left side and of the right side."""
    left, right = (quad[0] + quad[3]) / 2, (quad[1] + quad[2]) / 2
    return float(left[0]), float(left[1]), float(right[0]), float(right[1])


def _solved(ends: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float, float]:
    """Tilt and twist by least squares, twice: the second time without the strays."""
    x0, y0, x1, y1 = ends.T
    across, down = x1 - x0, y1 - y0
    weight = np.ones_like(across)
    tilt, twist = 0.0, 0.0
    for _ in range(3):
        if len(ends) < _ENOUGH_FOR_PERSPECTIVE:
            tilt = -float((weight * across * down).sum() / (weight * across**2).sum())
        else:
            terms = np.stack([across, x1 * y1 - x0 * y0], axis=1) * weight[:, None]
            answer = np.linalg.lstsq(terms, -down * weight, rcond=None)[0]
            tilt, twist = float(answer[0]), float(answer[1])
        slack = np.abs(down + tilt * across + twist * (x1 * y1 - x0 * y0)) / across
        weight = 1.0 / (1.0 + (slack / max(float(np.median(slack)), 1e-4)) ** 2)
    return tilt, twist
