"""One look at a picture: every part of perception, once, in order."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from visus.local.lite import convert, layout
from visus.local.lite.codes import read_codes
from visus.local.lite.colours import Palette
from visus.local.lite.decode import decoded
from visus.local.lite.evidence import Evidence
from visus.local.lite.ocr import Detector, Reader, models_folder
from visus.local.lite.recognise import Recogniser

THREADS: Final = 2


class Eyes:
    """All models of perception, loaded once. Not to be used by two threads at a time."""

    def __init__(self, *, graph: Path | None = None, threads: int = THREADS) -> None:
        cv2.setNumThreads(threads)
        self._pool = ThreadPoolExecutor(threads)
        self._detector = Detector(models_folder(), threads=threads)
        self._reader = Reader(models_folder(), pool=self._pool)
        self._recogniser = Recogniser(graph or convert.default_path(), threads=threads)
        self._palette = Palette()

    def look(self, file: bytes) -> Evidence:
        """Everything that can be seen in the picture in `file`.

        Raises:
            MediaRejected: the bytes are no picture that we can decode.
        """
        picture = decoded(file)
        quads = self._detector.find(picture)
        segments = layout.segments_of(quads, self._reader.read(picture, quads))
        grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
        return Evidence(
            width_px=picture.shape[1],
            height_px=picture.shape[0],
            lines=layout.lines_of(layout.ordered(segments)),
            labels=self._recogniser.recognise(picture),
            colours=self._palette.dominant(picture),
            codes=read_codes(grey),
            brightness=round(float(grey.mean()) / 255, 4),
        )
