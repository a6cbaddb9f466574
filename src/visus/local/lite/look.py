"""One look at a picture: every part of perception, once, in order."""

# The libraries below have no complete types: what they return is narrowed at once.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeAlias

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from visus.local.lite import convert
from visus.local.lite.barvalues import with_values
from visus.local.lite.charts import find_bars
from visus.local.lite.codes import read_codes
from visus.local.lite.colours import Palette
from visus.local.lite.decode import decoded
from visus.local.lite.evidence import Box, Colour, Evidence, Line, Shape
from visus.local.lite.memory import give_back_large_blocks
from visus.local.lite.ocr import Detector, Reader, models_folder
from visus.local.lite.overlooked import overlooked
from visus.local.lite.page import Scribe
from visus.local.lite.recognise import Recogniser
from visus.local.lite.shapes import find_shapes, ground_of

Picture: TypeAlias = NDArray[np.uint8]

THREADS: Final = 2
_PHOTO_BINS: Final = 48
"""A photograph needs more than this many of 4,096 coarse colours for nine tenths of itself."""
_PHOTO_TOP: Final = 0.45
_CRISP: Final = 900.0
"""Variance of the Laplacian of a crisp page."""
_MOST_LABELS_ON_A_DRAWING: Final = 36
"""With more lines of text than this, a picture is a page and figures on it are not counted."""
_BLANK: Final = 0.985
_ROUND: Final = re.compile(r"[0oO°](?: ?[0oO°])+")
"""What a reader makes of a row of circles."""


class Eyes:
    """All models of perception, loaded once. Not to be used by two threads at a time.

    Making one sets the memory allocator of the whole process; see `memory`.
    """

    def __init__(self, *, graph: Path | None = None, threads: int = THREADS) -> None:
        give_back_large_blocks()
        cv2.setNumThreads(threads)
        pool = ThreadPoolExecutor(threads)
        folder = models_folder()
        self._reader = Reader(folder, pool=pool)
        self._scribe = Scribe(Detector(folder, threads=threads), self._reader)
        self._recogniser = Recogniser(graph or convert.default_path(), threads=threads)
        self._palette = Palette()

    def look(self, file: bytes) -> Evidence:
        """Everything that can be seen in the picture in `file`.

        Raises:
            MediaRejected: the bytes are no picture that we can decode.
        """
        page = self._scribe.read(decoded(file))
        picture, photo = page.picture, _is_photo(page.picture)
        grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
        ground = ground_of(picture)
        plain = ground.even and not photo and len(page.lines) < _MOST_LABELS_ON_A_DRAWING
        codes = read_codes(grey)
        texts = [line.box for line in page.lines if _is_text(line)]
        texts += [code.box for code in codes]
        shapes = find_shapes(picture, self._palette, texts) if plain else []
        lines = [line for line in page.lines if _is_text(line) or not _is_figure(line, shapes)]
        late = overlooked(picture, shapes, lines, self._reader)
        if late:
            lines += late
            shapes = [s for s in shapes if not any(_overlap(s.box, x.box) > 0.5 for x in late)]  # noqa: PLR2004 - half of it
        colours = self._palette.dominant(picture)
        bars = find_bars(self._filled(picture, shapes), lines, side_px=max(grey.shape))
        return Evidence(
            width_px=picture.shape[1],
            height_px=picture.shape[0],
            turned_deg=page.turned_deg,
            lines=lines,
            tables=page.tables,
            labels=[] if _is_blank(colours) else self._recogniser.recognise(picture),
            colours=colours,
            shapes=shapes,
            codes=codes,
            bars=with_values(picture, bars, self._reader),
            boxes=page.boxes,
            plain_ground=plain,
            ground_colour=self._palette.name(ground.rgb) if ground.even else "",
            brightness=round(float(grey.mean()) / 255, 4),
            sharpness=_sharpness(grey),
            photo=photo,
        )

    def _filled(self, picture: Picture, shapes: Sequence[Shape]) -> list[Shape]:
        """The figures that are of their colour inside: a frame round a form's field is none."""
        return [shape for shape in shapes if self._inside(picture, shape) == shape.colour]

    def _inside(self, picture: Picture, shape: Shape) -> str:
        left, top, right, bottom = (int(v) for v in msgspec.structs.astuple(shape.box))
        part = picture[top : bottom + 1, left : right + 1].reshape(-1, 3)
        if not part.size:
            return ""
        red, green, blue = (int(v) for v in np.median(part, axis=0))
        return self._palette.name((red, green, blue))


def _is_blank(colours: Sequence[Colour]) -> bool:
    """Whether there is one colour and nothing else to recognise."""
    return colours[0].share > _BLANK


def _is_text(line: Line) -> bool:
    """Surely text, not a figure that looks like a letter, nor a row of such."""
    if _ROUND.fullmatch(line.text.strip()):
        return False
    return sum(character.isalnum() for character in line.text) > 1 and line.confidence > 0.7  # noqa: PLR2004 - two letters


def _is_figure(line: Line, shapes: Sequence[Shape]) -> bool:
    """Whether a lone character is really a figure, or a row of them is several."""
    figures = [shape.box for shape in shapes if shape.kind != "other"]
    inside = sum(_overlap(box, line.box) > 0.5 for box in figures)  # noqa: PLR2004 - half of it
    row = _ROUND.fullmatch(line.text.strip()) and inside >= len(line.text.replace(" ", ""))
    return bool(row) or any(_overlap(line.box, box) > 0.5 for box in figures)  # noqa: PLR2004 - half of it


def _overlap(inner: Box, outer: Box) -> float:
    """The part of `inner` that lies in `outer`."""
    across = min(inner.right, outer.right) - max(inner.left, outer.left)
    down = min(inner.bottom, outer.bottom) - max(inner.top, outer.top)
    area = (inner.right - inner.left) * (inner.bottom - inner.top)
    return max(across, 0.0) * max(down, 0.0) / max(area, 1.0)


def _is_photo(picture: Picture) -> bool:
    """Photographs have many colours and none that rules."""
    step = max(1, max(picture.shape[:2]) // 256)
    coarse = (picture[::step, ::step].reshape(-1, 3).astype(np.int32) >> 4) @ np.array(
        [256, 16, 1]
    )
    counts = np.sort(np.unique(coarse, return_counts=True)[1])[::-1]
    needed = int(np.searchsorted(counts.cumsum(), 0.9 * len(coarse))) + 1
    grey = bool((np.ptp(picture[::step, ::step].reshape(-1, 3), axis=1) < 6).all())  # noqa: PLR2004 - no colour at all
    least = 7 if grey else _PHOTO_BINS
    return needed > least and bool(counts[0] < _PHOTO_TOP * len(coarse))


def _sharpness(grey: NDArray[np.uint8]) -> float:
    scale = min(1.0, 1024 / max(grey.shape))
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    edges = float(cv2.Laplacian(small, cv2.CV_32F).var())
    return round(min(1.0, (edges / _CRISP) ** 0.5), 4)
