"""Boxes are found wherever a model writes them, in any pieces, and nothing else is touched."""

import json

import pytest
from hypothesis import example, given, strategies as st

from visus.core.boxes import Scale
from visus.core.tokens import Size
from visus.wire.box_text import BoxText

SCALE = Scale(Size(2000, 4000), Size(1000, 1000), y_first=False)
Y_FIRST = Scale(Size(2000, 4000), Size(1000, 1000), y_first=True)
CASES = [
    ('{"bbox_2d": [1, 2, 3, 4]}', '{"bbox_2d": [2, 8, 6, 16]}'),
    ('{"bbox":[1,2,3,4],"a":[1,2,3,4]}', '{"bbox":[2,8,6,16],"a":[1,2,3,4]}'),
    ('```json\n[{"box_2d" : [1, 2, 3, 4]}]\n```', '```json\n[{"box_2d" : [2, 8, 6, 16]}]\n```'),
    ('"bbox": [\n  1,\n  2.5,\n  3,\n  4\n]', '"bbox": [\n  2,\n  10,\n  6,\n  16\n]'),
    ('{"bbox_2d": [[1,2,3,4], [5,6,7,8]]}', '{"bbox_2d": [[2,8,6,16], [10,24,14,32]]}'),
    ('{"point_2d": [1, 2], "point": [3, 4]}', '{"point_2d": [2, 8], "point": [6, 16]}'),
    ('Here: "bbox": [1,2,3,4]. Done', 'Here: "bbox": [2,8,6,16]. Done'),
    (
        '{"bbox":[0,0,1000,1000]}{"bbox":[0,0,1,1]}',
        '{"bbox":[0,0,2000,4000]}{"bbox":[0,0,2,4]}',
    ),
]
UNTOUCHED = [
    "",
    "No box at all: [1, 2, 3, 4]",
    '{"bbox": "none"}',
    '{"bbox": null, "boxes": [1,2,3,4]}',
    '{"bbox": [1, 2, 3]}',
    '{"bbox": [1, 2, 3, 4, 5]}',
    '{"bbox": [1, 2, 3, "4"]}',
    '{"bbox": [1e999, 2, 3, 4]}',
    '{"bbox": []}',
    '{"point": [1, 2, 3, 4]}',
    '{"bbox": [1, 2, 3',
    '{"bbox": [[1, 2',
    '{"bbox',
    '"',
    r'{"said": "\"bbox\": [1,2,3,4]"}',
    '{"bbox": {"x": 1}}',
    '{"bbox": [' + " " * 1000 + "1,2,3,4]}",
]


def whole(text: str, scale: Scale | None = SCALE) -> tuple[str, int, int]:
    rewriter = BoxText(scale)
    return rewriter.feed(text) + rewriter.finish(), rewriter.converted, rewriter.left


def in_pieces(text: str, size: int) -> tuple[str, int, int]:
    rewriter = BoxText(SCALE)
    said = "".join(rewriter.feed(text[at : at + size]) for at in range(0, len(text), size))
    return said + rewriter.finish(), rewriter.converted, rewriter.left


@pytest.mark.parametrize(("written", "wanted"), CASES)
def test_boxes_are_written_anew_and_nothing_else(written: str, wanted: str) -> None:
    said, converted, left = whole(written)
    assert said == wanted
    assert converted >= 1
    assert left == 0


@pytest.mark.parametrize("written", UNTOUCHED)
def test_what_is_no_box_stays_as_it_is(written: str) -> None:
    assert whole(written)[:2] == (written, 0)


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ('{"bbox": [1, 2, 3]}', 1),
        ('{"bbox": [[1,2,3,4],[1,2]]}', 1),
        ('{"bbox": [1, 2, 3', 1),
        ('{"bbox": []}', 1),
        ('{"bbox": "none"}', 0),
    ],
)
def test_a_box_that_cannot_be_read_is_counted(written: str, left: int) -> None:
    assert whole(written)[2] == left


def test_without_a_picture_nothing_is_rewritten() -> None:
    assert whole(CASES[0][0], None) == (CASES[0][0], 0, 1)


def test_x_comes_first_whatever_the_model_does() -> None:
    assert whole('{"box_2d": [1, 2, 3, 4]}', Y_FIRST)[0] == '{"box_2d": [4, 4, 8, 12]}'


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("text", [case for case, _ in CASES] + UNTOUCHED)
def test_pieces_of_any_size_make_no_difference(text: str, size: int) -> None:
    assert in_pieces(text, size) == whole(text)


LIKE_BOXES = st.lists(
    st.sampled_from(
        ['"bbox"', '"point', '_2d"', ":", "[", "]", ",", " ", "1", "-2.5", "\n", '"', "bb", "x"]
    ),
    max_size=40,
).map("".join)


@given(LIKE_BOXES | st.text(), st.integers(1, 9))
@example('"bbox":[[1,1,1,1],', 1)
def test_any_text_is_the_same_in_pieces_and_keeps_all_but_numbers(text: str, size: int) -> None:
    assert in_pieces(text, size) == whole(text)
    said = whole(text)[0]
    letters = str.maketrans("", "", "0123456789.-")
    assert said.translate(letters) == text.translate(letters)


@given(
    boxes=st.lists(st.lists(st.integers(0, 1000), min_size=4, max_size=4)),
    spread=st.booleans(),
)
def test_every_box_of_any_json_is_converted(*, boxes: list[list[int]], spread: bool) -> None:
    things = [{"label": str(number), "bbox": box} for number, box in enumerate(boxes)]
    said, converted, left = whole(json.dumps(things, indent=2 if spread else None))
    assert (converted, left) == (len(boxes), 0)
    assert [thing["bbox"] for thing in json.loads(said)] == [
        list(SCALE.pixels(box)) for box in boxes
    ]


def test_words_flow_though_a_quote_is_held_back() -> None:
    rewriter = BoxText(SCALE)
    assert rewriter.feed('A red "b') == "A red "
    assert rewriter.feed("oat") == '"boat'
    assert rewriter.feed('" and "bbox": [1, 2') == '" and "bbox": '
    assert rewriter.feed(", 3, 4] end") == "[2, 8, 6, 16] end"
