"""Where text stands in a picture, and what it says.

Two models of the PaddleOCR family do the seeing: one marks the pixels that belong to text, the
other reads one upright strip of text into characters. Everything between them is here: boxes
from the marks, strips from the boxes, words and their places from the reader's time steps. What
the lines mean together (columns, cells, order) is the business of `layout`.
"""

# The libraries below have no complete types: what they return is narrowed at once.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final, TypeAlias

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from visus.local.lite import letters
from visus.local.lite.letters import Weighed
from visus.local.lite.marks import settled
from visus.local.lite.spacing import Glyph, Strip, words_of

Picture: TypeAlias = NDArray[np.uint8]
"""uint8 (height, width, 3), RGB."""
Floats: TypeAlias = NDArray[np.float32]
Quad: TypeAlias = Floats
"""float32 (4, 2): corners of a strip of text, clockwise from the left top."""

MODELS_PACKAGE: Final = "rapidocr"
DETECTION_MODEL: Final = "PP-OCRv6_det_small.onnx"
READING_MODEL: Final = "PP-OCRv6_rec_small.onnx"

DETECTION_PIXELS: Final = 1_700_000
"""The most pixels that detection sees; it bounds both its time and its memory."""
SMALL_SIDE_PX: Final = 480
"""A picture whose shorter side is under this is enlarged for detection, at most twofold."""
STRIDE: Final = 32
MARK_THRESHOLD: Final = 0.2
BOX_THRESHOLD: Final = 0.4
UNCLIP: Final = 1.8
MAX_BOXES: Final = 600

STRIP_HEIGHT: Final = 48
MAX_STRIP_WIDTH: Final = 3200
LONG_STRIP_WIDTH: Final = 900
LONG_STRIP_SHARE: Final = 0.85
"""What of its width a longer strip keeps. Lines of running text have letters to spare (on the
pages of `eval`, three more of 100,000 are misread); a lone number or code is shown whole."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word as read, with the part of its strip that it fills, from 0 (left) to 1 (right)."""

    text: str
    start: float
    end: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What one strip says."""

    words: tuple[Word, ...]
    confidence: float

    @property
    def text(self) -> str:
        """The words with single spaces."""
        return " ".join(word.text for word in self.words)


def models_folder() -> Path:
    """Where the models lie, found without running the package that carries them."""
    spec = find_spec(MODELS_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(MODELS_PACKAGE)
    return Path(spec.submodule_search_locations[0]) / "models"


def session(model: Path | bytes, *, threads: int) -> ort.InferenceSession:
    """A model ready to run, on the processor, giving memory back after every run."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    # The threads of one model do not wait busily while another model works.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    source = model if isinstance(model, bytes) else str(model)
    return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def _run(model: ort.InferenceSession, value: Floats) -> Floats:
    (output,) = model.run(None, {"x": value})
    return np.asarray(output, dtype=np.float32)


def _normalised(picture: Picture) -> Floats:
    """float32 (1, 3, height, width) from -1 to 1, channels in the models' order: BGR."""
    blob = cv2.dnn.blobFromImage(
        picture, scalefactor=1 / 127.5, mean=(127.5, 127.5, 127.5), swapRB=True
    )
    return np.asarray(blob, dtype=np.float32)


# --- Detection -------------------------------------------------------------------------------


def detection_size(width: int, height: int) -> tuple[int, int]:
    """The size at which detection looks at a picture: multiples of 32, within the bound."""
    scale = min(1.0, (DETECTION_PIXELS / (width * height)) ** 0.5)
    if min(width, height) < SMALL_SIDE_PX and scale == 1.0:
        scale = min(2.0, SMALL_SIDE_PX / min(width, height))
        scale = min(scale, max(1.0, (DETECTION_PIXELS / (width * height)) ** 0.5))
    return _multiple(width * scale), _multiple(height * scale)


def _multiple(length: float) -> int:
    return max(STRIDE, round(length / STRIDE) * STRIDE)


class Detector:
    """Finds strips of text."""

    def __init__(self, folder: Path, *, threads: int) -> None:
        self._model = session(folder / DETECTION_MODEL, threads=threads)

    def find(self, picture: Picture) -> list[Quad]:
        """Strips of text, in no particular order, in pixels of `picture`.

        Their longer side is the direction of the text as far as this stage can tell: text
        turned by 90 degrees gives strips that are higher than wide.
        """
        height, width = picture.shape[:2]
        size = detection_size(width, height)
        way = cv2.INTER_AREA if size[0] < width else cv2.INTER_LINEAR
        small = cv2.resize(picture, size, interpolation=way)
        marks = _run(self._model, _normalised(np.asarray(small, dtype=np.uint8)))[0, 0]
        scale = np.array([width / size[0], height / size[1]], dtype=np.float32)
        return [np.asarray(quad * scale, dtype=np.float32) for quad in _quads(marks)]


def _quads(marks: Floats) -> list[Quad]:
    mask = cv2.dilate((marks > MARK_THRESHOLD).astype(np.uint8), np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    quads: list[Quad] = []
    for contour in contours[: MAX_BOXES * 2]:
        (x, y), (w, h), angle = cv2.minAreaRect(contour)
        if min(w, h) < 3 or _score(marks, contour) < BOX_THRESHOLD:  # noqa: PLR2004 - pixels: too thin to be text
            continue
        grow = w * h * UNCLIP / (2 * (w + h))
        grown = cv2.boxPoints(((x, y), (w + 2 * grow, h + 2 * grow), angle))
        quads.append(_ordered(np.asarray(grown, dtype=np.float32)))
    return quads[:MAX_BOXES]


def _score(marks: Floats, contour: cv2.typing.MatLike) -> float:
    x, y, w, h = cv2.boundingRect(contour)
    inside = np.zeros((h, w), np.uint8)
    cv2.drawContours(inside, [contour], -1, (1,), cv2.FILLED, offset=(-x, -y))
    return float(cv2.mean(marks[y : y + h, x : x + w], inside)[0])


def _ordered(corners: Quad) -> Quad:
    """The corners clockwise from the one that is left and top."""
    by_x = corners[np.argsort(corners[:, 0], kind="stable")]
    left, right = by_x[:2], by_x[2:]
    left = left[np.argsort(left[:, 1], kind="stable")]
    right = right[np.argsort(right[:, 1], kind="stable")]
    return np.array([left[0], right[0], right[1], left[1]], dtype=np.float32)


def size_of(quad: Quad) -> tuple[float, float]:
    """Width and height of a strip along its own sides, in pixels."""
    width = max(np.linalg.norm(quad[1] - quad[0]), np.linalg.norm(quad[2] - quad[3]))
    height = max(np.linalg.norm(quad[3] - quad[0]), np.linalg.norm(quad[2] - quad[1]))
    return float(width), float(height)


# --- Strips ----------------------------------------------------------------------------------

_STRAIGHT: Final = 0.004
"""Slope under which a strip is cut out by slicing, without resampling askew."""


def strip_of(picture: Picture, quad: Quad) -> Picture:
    """The part of the picture inside `quad`, upright, 48 pixels high.

    A quad whose corners begin at the right bottom gives the strip upside down.
    """
    if quad[1, 0] < quad[0, 0]:
        return np.ascontiguousarray(strip_of(picture, quad[[2, 3, 0, 1]])[::-1, ::-1])
    width, height = size_of(quad)
    columns = _columns(width, height)
    if abs(quad[1, 1] - quad[0, 1]) <= max(1.0, _STRAIGHT * width):
        return _sliced(picture, quad, columns)
    target = np.array(
        [[0, 0], [columns, 0], [columns, STRIP_HEIGHT], [0, STRIP_HEIGHT]], dtype=np.float32
    )
    matrix = cv2.getPerspectiveTransform(quad, target)
    strip = cv2.warpPerspective(
        picture,
        matrix,
        (columns, STRIP_HEIGHT),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(strip, dtype=np.uint8)


def _columns(width: float, height: float) -> int:
    """How wide a strip is shown to the reader, whose time grows with it."""
    columns = round(STRIP_HEIGHT * width / max(height, 1.0))
    if columns > LONG_STRIP_WIDTH:
        columns = max(LONG_STRIP_WIDTH, round(columns * LONG_STRIP_SHARE))
    return min(max(columns, STRIDE // 2), MAX_STRIP_WIDTH)


def _sliced(picture: Picture, quad: Quad, columns: int) -> Picture:
    high, wide = picture.shape[:2]
    left, right = round(float(quad[[0, 3], 0].mean())), round(float(quad[[1, 2], 0].mean()))
    top, bottom = round(float(quad[[0, 1], 1].mean())), round(float(quad[[2, 3], 1].mean()))
    left, top = min(max(left, 0), wide - 1), min(max(top, 0), high - 1)
    right, bottom = min(max(right, left + 1), wide), min(max(bottom, top + 1), high)
    part = picture[top:bottom, left:right]
    way = cv2.INTER_AREA if part.shape[0] > STRIP_HEIGHT else cv2.INTER_CUBIC
    strip = cv2.resize(part, (columns, STRIP_HEIGHT), interpolation=way)
    return np.asarray(strip, dtype=np.uint8)


_PALE: Final = 150
"""Spread between ink and paper, of 255, under which contrast is stretched."""


def clear(strip: Picture) -> Picture:
    """The strip as dark ink on light paper, with enough contrast to be read."""
    grey = np.asarray(cv2.cvtColor(strip, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    low, middle, high = (float(v) for v in np.percentile(grey, (1, 50, 99)))
    if middle - low < high - middle:
        strip, low, high = 255 - strip, 255 - high, 255 - low
    if 8 < high - low < _PALE:  # noqa: PLR2004 - under 8 there is nothing but noise
        stretched = (strip.astype(np.float32) - low) * (255.0 / (high - low))
        return np.clip(stretched, 0, 255).astype(np.uint8)
    return strip


# --- Reading ---------------------------------------------------------------------------------


class Reader:
    """Reads strips of text, several at a time where `pool` has several threads."""

    def __init__(self, folder: Path, *, pool: Executor, graph: Path | None = None) -> None:
        """Loads the graph; one that was never rewritten is rewritten now, in memory."""
        kept = graph or letters.default_path()
        source = kept if kept.is_file() else letters.rewritten(folder / READING_MODEL)
        self._model = session(source, threads=1)
        self._pool = pool
        told = self._model.get_modelmeta().custom_metadata_map
        self._alphabet = letters.alphabet_of(told[letters.CHARACTERS_KEY])
        self._likely = np.array(told[letters.LIKELY_KEY].split(), dtype=np.int64)

    def read(self, picture: Picture, quads: Sequence[Quad]) -> list[Reading]:
        """What each strip says, in the order of `quads`."""
        return self._each(lambda quad: self._read(clear(strip_of(picture, quad))), quads)

    def _each(self, read: Callable[[Quad], Reading], quads: Sequence[Quad]) -> list[Reading]:
        return list(self._pool.map(read, quads))

    def _read(self, strip: Picture) -> Reading:
        best, sure = letters.chosen(self._weighed(strip), self._likely)
        seen = Strip.seen(strip)
        glyphs = settled(self._glyphs(best, sure), seen)
        words = tuple(
            Word(text, start, end, confidence)
            for text, start, end, confidence in words_of(glyphs, seen)
        )
        certainty = [glyph.confidence for glyph in glyphs if glyph.text != " "]
        return Reading(words, float(np.mean(certainty)) if certainty else 0.0)

    def _weighed(self, strip: Picture) -> Weighed:
        likely, unsure, rest = self._model.run(list(Weighed._fields), {"x": _normalised(strip)})
        return Weighed(
            np.asarray(likely, dtype=np.float32),
            np.asarray(unsure, dtype=np.int64),
            np.asarray(rest, dtype=np.float32),
        )

    def _glyphs(self, best: NDArray[np.int64], sure: Floats) -> list[Glyph]:
        """One glyph for every run of equal steps that is not blank."""
        glyphs: list[Glyph] = []
        start = 0
        for step in range(1, len(best) + 1):
            if step < len(best) and best[step] == best[start]:
                continue
            if best[start] != 0:
                middle = (start + step) / 2 / len(best)
                text = self._alphabet[int(best[start])]
                glyphs.append(Glyph(text, middle, float(sure[start:step].max())))
            start = step
        return glyphs
