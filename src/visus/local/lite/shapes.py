"""Simple figures on plain ground: which kind, which colour, where.

Whatever differs from the ground is a figure; figures that touch part by colour, then by shape.
The kind follows from geometry alone: areas against enclosing boxes, circles and polygons.
"""

# The libraries below have no complete types: what they return is narrowed at once.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from visus.local.lite.colours import Palette
from visus.local.lite.evidence import Box, Shape, ShapeKind

Picture: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.uint8]
Contour: TypeAlias = NDArray[np.int32]

WORKING_PX: Final = 1024
MOST_SHAPES: Final = 200
_EVEN_BORDER: Final = 0.85
_GROUND_DISTANCE: Final = 12.0
"""Distance in CIELAB from which a pixel is not ground."""
_LEAST_AREA: Final = 0.00012
_COLOUR_DISTANCE: Final = 22.0
_COLOUR_SHARE: Final = 0.08


@dataclass(frozen=True, slots=True)
class Ground:
    """What lies behind the figures."""

    even: bool
    rgb: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Canvas:
    """The picture at working size."""

    rgb: Picture
    lab: Floats
    scale: float
    """Pixels of the picture for each pixel of the canvas."""

    @classmethod
    def of(cls, picture: Picture) -> "_Canvas":
        height, width = picture.shape[:2]
        scale = max(1.0, max(height, width) / WORKING_PX)
        size = (max(1, round(width / scale)), max(1, round(height / scale)))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        return cls(np.asarray(small, np.uint8), np.asarray(lab, np.float32), scale)


def _border(values: Picture | Floats) -> Floats:
    rim = max(1, min(values.shape[:2]) // 100)
    top, bottom = values[:rim].reshape(-1, 3), values[-rim:].reshape(-1, 3)
    left, right = values[:, :rim].reshape(-1, 3), values[:, -rim:].reshape(-1, 3)
    return np.concatenate((top, bottom, left, right)).astype(np.float32)


def _ground(canvas: _Canvas) -> Ground:
    """The commonest colour of the border, and whether most of the border has it."""
    rim, rim_lab = _border(canvas.rgb), _border(canvas.lab)
    coarse = (rim.astype(np.int32) >> 4) @ np.array([256, 16, 1])
    values, counts = np.unique(coarse, return_counts=True)
    common = coarse == values[counts.argmax()]
    colour = np.median(rim[common], axis=0)
    place = np.median(rim_lab[common], axis=0)
    near = np.linalg.norm(rim_lab - place, axis=1) < _GROUND_DISTANCE
    red, green, blue = (int(v) for v in colour)
    return Ground(bool(near.mean() >= _EVEN_BORDER), (red, green, blue))


def ground_of(picture: Picture) -> Ground:
    """The colour along the border, and whether it is even enough to be a ground."""
    return _ground(_Canvas.of(picture))


def find_shapes(picture: Picture, palette: Palette, texts: Sequence[Box]) -> list[Shape]:
    """Figures on the ground, top to bottom, then left to right.

    Args:
        picture: uint8 (height, width, 3).
        palette: names their colours.
        texts: places that hold text; what is inside them is no figure.
    """
    canvas = _Canvas.of(picture)
    ground = _ground(canvas)
    place = cv2.cvtColor(np.array([[ground.rgb]], np.float32) / 255, cv2.COLOR_RGB2LAB)[0, 0]
    away = np.linalg.norm(canvas.lab - place, axis=2)
    mask = (away > _GROUND_DISTANCE).astype(np.uint8)
    figures = [
        figure
        for component in _components(mask, _least_area(mask))
        for clean in _sharpened(component, away)
        for figure in _parted(clean, canvas.lab)
    ]
    shapes = [_shape(figure, canvas, palette) for figure in figures[: MOST_SHAPES * 4]]
    kept = [shape for shape in shapes if not any(_inside(shape.box, text) for text in texts)]
    return sorted(kept, key=lambda s: (s.box.top, s.box.left))[:MOST_SHAPES]


def _least_area(mask: Mask) -> int:
    return max(20, round(mask.size * _LEAST_AREA))


def _inside(box: Box, text: Box) -> bool:
    across, down = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    fits = box.bottom - box.top <= 1.3 * (text.bottom - text.top)
    return fits and text.left <= across <= text.right and text.top <= down <= text.bottom


# --- Figures ---------------------------------------------------------------------------------


def _components(mask: Mask, least_area: int) -> Iterator[Mask]:
    """Connected parts of a mask as masks of the same size, largest row order first."""
    count, numbered, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    for number in range(1, count):
        if stats[number, cv2.CC_STAT_AREA] >= least_area:
            yield (numbered == number).astype(np.uint8)


def _sharpened(component: Mask, away: Floats) -> list[Mask]:
    """The component without the smear that compression leaves around a figure."""
    contrast = float(np.percentile(away[component > 0], 80))
    if contrast < _LEAST_CONTRAST:
        return []
    core = ((away > _CORE * contrast) & (component > 0)).astype(np.uint8)
    return list(_components(core, _least_area(component)))


_LEAST_CONTRAST: Final = 16.0
_CORE: Final = 0.4


def _filled(mask: Mask) -> Mask:
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    whole = np.zeros_like(mask)
    cv2.drawContours(whole, contours, -1, (1,), cv2.FILLED)
    return whole


def _parted(figure: Mask, lab: Floats) -> list[Mask]:
    """One connected figure as the figures that it is made of, each filled."""
    x, y, w, h = cv2.boundingRect(figure)
    window = (slice(max(0, y - 2), y + h + 2), slice(max(0, x - 2), x + w + 2))
    part, colours = figure[window], lab[window]
    inks = _inks(part, colours)
    pieces = [
        piece for ink in inks for piece in _components(ink, max(12, int(part.sum()) // 40))
    ]
    whole = _filled(part)
    pieces = _thick(pieces)
    if len(pieces) > 1 and _is_outlined(pieces, whole):
        pieces = [whole]
    found = [p for piece in pieces for p in _untouched(_filled(piece))] or [whole]
    return [_placed(piece, window, figure.shape) for piece in found]


def _thick(pieces: Sequence[Mask]) -> list[Mask]:
    """Without the slivers along an edge whose colour is a mixture."""
    depths = [float(cv2.distanceTransform(np.pad(p, 1), cv2.DIST_L2, 3).max()) for p in pieces]
    least = min(_SLIVER_PX, max(depths, default=0.0) / 2)
    return [piece for piece, depth in zip(pieces, depths, strict=True) if depth > least]


_SLIVER_PX: Final = 3.5


def _placed(piece: Mask, window: tuple[slice, slice], shape: tuple[int, ...]) -> Mask:
    whole = np.zeros(shape, np.uint8)
    whole[window] = piece
    return whole


def _inks(part: Mask, lab: Floats) -> list[Mask]:
    """The masks of the colours that fill a good share of a figure."""
    inside = cv2.erode(part, np.ones((3, 3), np.uint8))
    sample = lab[(inside if inside.sum() >= 0.3 * part.sum() else part) > 0]
    centres: list[Floats] = []
    coarse = np.round(sample / 8).astype(np.int32)
    bins, counts = np.unique(coarse, axis=0, return_counts=True)
    for index in np.argsort(-counts, kind="stable")[:12]:
        centre = np.median(sample[(coarse == bins[index]).all(axis=1)], axis=0)
        near = np.linalg.norm(sample - centre, axis=1) < _COLOUR_DISTANCE
        if near.mean() < _COLOUR_SHARE:
            continue
        if all(np.linalg.norm(centre - other) >= _COLOUR_DISTANCE for other in centres):
            centres.append(np.asarray(centre, np.float32))
    if len(centres) <= 1:
        return [part]
    distances = np.stack([np.linalg.norm(lab - centre, axis=2) for centre in centres])
    nearest = distances.argmin(axis=0)
    masks = [((nearest == n) & (part > 0)).astype(np.uint8) for n in range(len(centres))]
    return [_without_strokes(mask, 3) for mask in masks]


def _is_outlined(pieces: Sequence[Mask], whole: Mask) -> bool:
    """One figure drawn with a line of another colour around it."""
    outer = max(pieces, key=lambda piece: int(_filled(piece).sum()))
    reach = int(_filled(outer).sum())
    thin = int(outer.sum()) < 0.4 * reach
    others = [piece for piece in pieces if piece is not outer]
    covered = sum(int(piece.sum()) for piece in others)
    return thin and reach > 0.93 * int(whole.sum()) and covered > 0.4 * reach


def _untouched(figure: Mask) -> list[Mask]:
    """Figures of one colour that touch, parted at the waist; others as they are."""
    contour = _contour(figure)
    hull = cv2.convexHull(contour)
    solid = cv2.contourArea(contour) / max(cv2.contourArea(hull), 1.0)
    if solid > 0.9 or _kind(contour) != "other":  # noqa: PLR2004 - nearly convex
        return [figure]
    for stroke in _STROKES_PX:
        parts = list(_components(_without_strokes(figure, stroke), stroke * stroke))
        if parts and all(_kind(_contour(part)) != "other" for part in parts):
            return parts
    depth = cv2.distanceTransform(np.pad(figure, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    for level in (0.35, 0.5, 0.65, 0.8):
        cores = (depth > level * depth.max()).astype(np.uint8)
        count, seeds = cv2.connectedComponents(cores)
        parts = _grown(figure, seeds, count) if count > 2 else []  # noqa: PLR2004 - ground and one
        if parts and all(_kind(_contour(part)) != "other" for part in parts):
            return parts
    return [figure]


_STROKES_PX: Final = (5, 9)
"""Widths of lines that may join figures: axes, frames, connectors."""


def _without_strokes(figure: Mask, width: int) -> Mask:
    padded = np.pad(figure, width)
    opened = cv2.morphologyEx(padded, cv2.MORPH_OPEN, np.ones((width, width), np.uint8))
    return np.asarray(opened[width:-width, width:-width], np.uint8)


def _grown(figure: Mask, seeds: NDArray[np.int32], count: int) -> list[Mask]:
    canvas = cv2.cvtColor(figure * 255, cv2.COLOR_GRAY2RGB)
    marks = seeds.astype(np.int32)
    marks[figure == 0] = count
    basins = cv2.watershed(canvas, marks)
    return [(basins == number).astype(np.uint8) for number in range(1, count)]


def _contour(mask: Mask) -> Contour:
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(max(contours, key=len, default=np.zeros((1, 1, 2), np.int32)), np.int32)


# --- Kinds -----------------------------------------------------------------------------------


def _shape(figure: Mask, canvas: _Canvas, palette: Palette) -> Shape:
    contour = _contour(figure)
    x, y, w, h = cv2.boundingRect(contour)
    inside = cv2.erode(figure, np.ones((3, 3), np.uint8))
    lab_ground = np.median(_border(canvas.lab), axis=0)
    chosen = (inside if inside.any() else figure) > 0
    ink = chosen & (np.linalg.norm(canvas.lab - lab_ground, axis=2) > _GROUND_DISTANCE)
    pixels = canvas.rgb[ink if ink.any() else chosen]
    red, green, blue = (int(v) for v in np.median(pixels, axis=0))
    box = Box(*(round(v * canvas.scale, 1) for v in (x, y, x + w, y + h)))
    return Shape(_kind(contour), palette.name((red, green, blue)), box)


_THIN: Final = 8.0
_SQUARE: Final = 1.12
_ROUND: Final = 1.1


def _kind(contour: Contour) -> ShapeKind:
    area = float(cv2.contourArea(contour))
    (_, _), sides, _ = cv2.minAreaRect(contour)
    short, long = sorted((sides[0] + 1, sides[1] + 1))
    if long / short > _THIN:
        return "line"
    if len(contour) < 8 or area < 12:  # noqa: PLR2004 - too few pixels to tell
        return "other"
    hull = np.asarray(cv2.convexHull(contour), np.int32)
    hull_area = float(cv2.contourArea(hull))
    if area / hull_area < 0.86:  # noqa: PLR2004 - dents: no convex figure
        return "star" if _is_star(contour) else "other"
    return _convex_kind(hull, hull_area, long / short, long * short)


def _convex_kind(hull: Contour, area: float, ratio: float, box_area: float) -> ShapeKind:
    perimeter = float(cv2.arcLength(hull, closed=True))
    grown = area + perimeter / 2 + 1
    """The area with the half pixel that a contour through pixel centres leaves out."""
    triangle, _ = cv2.minEnclosingTriangle(hull)
    if grown / (triangle + perimeter / 2) > 0.88:  # noqa: PLR2004 - a circle fills 0.6
        return "triangle"
    if _unevenness(hull) < 0.018 + 0.27 / max(np.sqrt(area / np.pi), 1.0):
        return "circle" if ratio < _ROUND else "ellipse"
    if grown / box_area > 0.92:  # noqa: PLR2004 - an ellipse fills 0.79
        return "square" if ratio < _SQUARE else "rectangle"
    return _polygon_kind(hull, perimeter)


def _polygon_kind(hull: Contour, perimeter: float) -> ShapeKind:
    corners = len(cv2.approxPolyDP(hull, 0.03 * perimeter, closed=True))
    match corners:
        case 5:
            return "pentagon"
        case 6:
            return "hexagon"
        case _:
            return "other"


def _unevenness(hull: Contour) -> float:
    """Spread of the radius of a figure stretched as if it were an ellipse: 0 for one."""
    moments = cv2.moments(hull)
    centre = np.array([moments["m10"], moments["m01"]]) / moments["m00"]
    second = np.array([[moments["mu20"], moments["mu11"]], [moments["mu11"], moments["mu02"]]])
    dense = _dense(hull) - centre
    inverse = np.linalg.pinv(second / moments["m00"])
    radius = np.sqrt(np.einsum("ij,jk,ik->i", dense, inverse, dense))
    return float(radius.std() / radius.mean())


def _dense(hull: Contour) -> NDArray[np.float64]:
    """Points at even steps along a polygon."""
    corners = hull[:, 0].astype(np.float64)
    following = np.roll(corners, -1, axis=0)
    runs = [
        a
        + (b - a)
        * np.linspace(0, 1, max(2, int(np.linalg.norm(b - a))), endpoint=False)[:, None]
        for a, b in zip(corners, following, strict=True)
    ]
    return np.concatenate(runs)


def _is_star(contour: Contour) -> bool:
    """As many deep dents as tips, four to eight of each, about evenly deep."""
    perimeter = float(cv2.arcLength(contour, closed=True))
    outline = cv2.approxPolyDP(contour, 0.02 * perimeter, closed=True)
    centre = contour[:, 0].mean(axis=0)
    radius = np.linalg.norm(outline[:, 0] - centre, axis=1)
    tips = (radius > np.roll(radius, 1)) & (radius > np.roll(radius, -1))
    count = int(tips.sum())
    if not 4 <= count <= 8 or not 2 * count - 1 <= len(radius) <= 2 * count + 1:  # noqa: PLR2004
        return False
    return bool(radius[tips].min() > 0.75 * radius.max())
