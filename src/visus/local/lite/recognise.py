"""What a photograph shows, as one of a thousand known classes.

EfficientNet-Lite2 says with which probability; `classes.tsv` holds an English and a German name
for each class. A name is a claim with a number: whoever answers from it must hedge.
"""

# The libraries below have no complete types: what they return is narrowed at once.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from importlib.resources import files
from pathlib import Path
from typing import Final, TypeAlias

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from visus.local.lite import convert
from visus.local.lite.evidence import Label

Picture: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.float32]

_MOST_LABELS: Final = 5
_LEAST_PROBABILITY: Final = 0.02
_MEAN: Final = 127.0
_SPREAD: Final = 128.0


def class_names() -> list[tuple[str, str]]:
    """English and German name of each class, in the order of the network's outputs."""
    text = files("visus.local.lite").joinpath("classes.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines())
    return [(english, german) for _, english, german in rows]


class Recogniser:
    """Names what a picture shows."""

    def __init__(self, graph: Path, *, threads: int) -> None:
        """Loads the graph; one that was never converted is converted now, in memory."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        source = graph.read_bytes() if graph.is_file() else _made()
        self._model = ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        self._names = class_names()

    def recognise(self, picture: Picture) -> list[Label]:
        """The most probable classes, at most five, most probable first."""
        probabilities = np.mean([self._look(view) for view in _views(picture)], axis=0)
        best = np.argsort(-probabilities, kind="stable")[:_MOST_LABELS]
        return [
            Label(
                self._names[which][0],
                self._names[which][1],
                round(float(probabilities[which]), 4),
            )
            for which in best
            if probabilities[which] >= _LEAST_PROBABILITY
        ]

    def _look(self, view: Floats) -> Floats:
        (probabilities,) = self._model.run(None, {"x": view})
        return np.asarray(probabilities, dtype=np.float32)[0]


def _made() -> bytes:
    return convert.converted(convert.weights_path())


def _views(picture: Picture) -> list[Floats]:
    """The middle square and the whole, each float32 (1, 3, 260, 260)."""
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = picture[top : top + side, left : left + side]
    if max(height, width) > 3 * side:
        return [_view(picture)]
    return [_view(square), _view(picture)]


def _view(picture: Picture) -> Floats:
    way = cv2.INTER_AREA if min(picture.shape[:2]) > convert.SIDE_PX else cv2.INTER_CUBIC
    small = cv2.resize(picture, (convert.SIDE_PX, convert.SIDE_PX), interpolation=way)
    values = (small.astype(np.float32) - _MEAN) / _SPREAD
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])
