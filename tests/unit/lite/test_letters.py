"""Likely letters are weighed first; the others are read all the same."""

# onnxruntime and cv2 have no complete types: what they return is narrowed at once.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from visus.local.lite import convert, letters
from visus.local.lite.letters import ReaderUnknown, Weighed, chosen, is_likely
from visus.local.lite.ocr import (
    DETECTION_MODEL,
    READING_MODEL,
    Picture,
    Reader,
    models_folder,
)

Numbers: TypeAlias = NDArray[Any]
TEXTS = [
    "Grüße, 12.50 EUR",
    "Hotel 中 Berlin",
    "快速的棕色狐狸",
    "価格 12.50、東京タワー",
    "Съешь ещё",
]


def strip(text: str) -> Picture:
    """A strip with a text in the font that comes with OpenCV, which has Chinese."""
    face = cv2.FontFace("uni")
    width = cv2.getTextSize((0, 0), text, (0, 0), face, 30)[2]
    paper = np.full((48, width + 16, 3), 255, dtype=np.uint8)
    cv2.putText(paper, text, (8, 36), (20, 20, 20), face, 30)
    return paper


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("graph") / letters.GRAPH_FILE
    convert.write(path, letters.rewritten(models_folder() / READING_MODEL))
    return path


def outputs(model: ort.InferenceSession, names: list[str], paper: Picture) -> list[Numbers]:
    blob = cv2.dnn.blobFromImage(paper, 1 / 127.5, mean=(127.5, 127.5, 127.5))
    return [np.asarray(output) for output in model.run(names, {"x": np.asarray(blob)})]


@pytest.mark.parametrize("text", TEXTS)
def test_each_step_reads_as_if_every_character_had_been_weighed(graph: Path, text: str) -> None:
    whole = ort.InferenceSession(str(models_folder() / READING_MODEL))
    (probabilities,) = outputs(whole, [whole.get_outputs()[0].name], strip(text))
    short = ort.InferenceSession(str(graph))
    told = short.get_modelmeta().custom_metadata_map[letters.LIKELY_KEY]
    likely = np.array([int(place) for place in told.split()])
    best, sure = chosen(Weighed(*outputs(short, list(Weighed._fields), strip(text))), likely)
    assert (best == probabilities[0].argmax(axis=1)).all()
    assert np.allclose(sure, probabilities[0].max(axis=1), atol=0.01)


def test_chinese_is_read_alone_and_amid_other_words(graph: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        reader = Reader(models_folder(), pool=pool, graph=graph)
        for text in ("Hotel 中 Berlin", "快速的棕色狐狸"):
            picture = strip(text)
            height, width = picture.shape[:2]
            whole = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
            (reading,) = reader.read(picture, [whole])
            assert reading.text == text


def test_punctuation_of_full_width_is_likely_and_no_kana_is() -> None:
    assert all(map(is_likely, ["", " ", "ß", "€", "。", "\uff0c", "ж"]))
    assert not any(map(is_likely, ["中", "ア", "한"]))


def test_a_reader_that_ends_otherwise_is_refused() -> None:
    with pytest.raises(ReaderUnknown, match=DETECTION_MODEL):
        letters.rewritten(models_folder() / DETECTION_MODEL)
