"""Boxes to tick: found by their strokes, and told empty from marked."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from visus.local.lite.boxes import tick_boxes
from visus.local.lite.evidence import Box, Line
from visus.local.lite.flatten import Flattening

SIDE = 24


def drawn(*marks: str) -> Image.Image:
    """A row of boxes, 80 px apart: empty, crossed, ticked or filled."""
    picture = Image.new("L", (80 * len(marks) + 40, 90), 255)
    pen = ImageDraw.Draw(picture)
    for place, mark in enumerate(marks):
        x, y = 40 + 80 * place, 30
        pen.rectangle([x, y, x + SIDE, y + SIDE], outline=0, width=2)
        if mark == "cross":
            pen.line([(x + 4, y + 4), (x + SIDE - 4, y + SIDE - 4)], fill=0, width=3)
            pen.line([(x + SIDE - 4, y + 4), (x + 4, y + SIDE - 4)], fill=0, width=3)
        if mark == "tick":
            pen.line([(x + 4, y + 12), (x + 11, y + 19), (x + 27, y - 3)], fill=0, width=3)
        if mark == "filled":
            pen.rectangle([x + 5, y + 5, x + SIDE - 5, y + SIDE - 5], fill=0)
    return picture


def marked(picture: Image.Image, *lines: Line) -> list[bool]:
    """From left to right."""
    found = tick_boxes(np.asarray(picture, dtype=np.uint8), Flattening(), lines)
    return [each.marked for each in sorted(found, key=lambda each: each.box.left)]


def test_whatever_stands_in_a_box_marks_it() -> None:
    assert marked(drawn("", "cross", "tick", "filled", "")) == [False, True, True, True, False]


@pytest.mark.parametrize("change", [lambda v: 255 - v, lambda v: 245 - (255 - v) * 0.3])
def test_light_on_dark_and_pale_boxes_are_seen_too(change: object) -> None:
    picture = drawn("", "cross").point([int(change(v)) for v in range(256)])
    assert marked(picture) == [False, True]


def test_boxes_are_where_they_were_drawn() -> None:
    found = tick_boxes(np.asarray(drawn(""), dtype=np.uint8), Flattening(), [])
    assert abs(found[0].box.left - 40) <= 2
    assert abs(found[0].box.bottom - 54) <= 2


def test_a_square_inside_a_word_is_a_letter() -> None:
    word = Line("OOD", Box(30, 25, 130, 60), 0.99)
    assert marked(drawn("", ""), word) == [False]


def test_lines_and_large_frames_are_no_boxes() -> None:
    picture = Image.new("L", (400, 300), 255)
    pen = ImageDraw.Draw(picture)
    pen.rectangle([20, 20, 380, 280], outline=0, width=2)
    pen.line([(40, 100), (360, 100)], fill=0, width=2)
    assert marked(picture) == []
