"""Reading order, columns and tables, from segments placed by hand."""

import numpy as np

from visus.local.lite.evidence import Box
from visus.local.lite.flatten import Flattening
from visus.local.lite.layout import Segment, blocks_of, regions_of, rows_of, segments_of
from visus.local.lite.ocr import Quad, Reading, Word
from visus.local.lite.tables import unruled_tables


def at(text: str, left: float, top: float, width: float) -> Segment:
    return Segment(text, Box(left, top, left + width, top + 24), 1.0, 28.0)


def read(segments: list[Segment]) -> list[str]:
    return [
        segment.text
        for region in regions_of(segments)
        for block in blocks_of(rows_of(region))
        for segment in block
    ]


def prose(name: str, left: float, top: float, count: int) -> list[Segment]:
    return [at(f"{name} line of words {n}", left, top + 34 * n, 400) for n in range(count)]


def test_columns_of_prose_are_read_one_after_the_other() -> None:
    left, right = prose("left", 100, 200, 5), prose("right", 560, 217, 5)
    title = at("A title over both columns of this page", 100, 100, 800)
    mixed = [*right[2:], title, *left, *right[:2]]
    assert read(mixed) == [title.text, *(s.text for s in left), *(s.text for s in right)]


def test_rows_of_cells_are_read_across() -> None:
    cells = [at(f"{row}{column}", 100 + 200 * column, 100 + 40 * row, 60)
             for row in range(4) for column in range(3)]  # fmt: skip
    assert read(cells[::-1]) == [cell.text for cell in cells]


def test_close_lines_are_one_block_and_distant_ones_two() -> None:
    lines = [*prose("near", 100, 100, 3), *prose("far", 100, 320, 2)]
    (region,) = regions_of(lines)
    assert [len(block) for block in blocks_of(rows_of(region))] == [3, 2]


def test_an_unruled_table_keeps_its_empty_cells_and_knows_its_header() -> None:
    rows = [["Item", "Count", "Price"], ["Chair", "4", "12,50"], ["Lamp", "", "8,00"]]
    cells = [
        at(text, 100 + 250 * column, 100 + 40 * row, 90)
        for row, texts in enumerate(rows)
        for column, text in enumerate(texts)
        if text
    ]
    (table,) = unruled_tables(rows_of(cells))
    assert [[cell.text for cell in row] for row in table.rows] == rows
    assert table.has_header


def test_two_rows_are_no_table() -> None:
    cells = [at("a", 100, 100, 50), at("b", 300, 100, 50), at("c", 100, 140, 50),
             at("d", 300, 140, 50)]  # fmt: skip
    assert unruled_tables(rows_of(cells)) == []


def strip(left: float, right: float) -> Quad:
    return np.array([[left, 100], [right, 100], [right, 130], [left, 130]], dtype=np.float32)


def test_a_cross_that_was_guessed_takes_no_words_along() -> None:
    quads = [strip(100, 130), strip(128, 400)]
    cross = Reading((Word("X", 0.0, 1.0, 0.25),), 0.25)
    words = Reading((Word("Bronze,", 0.0, 0.4, 1.0), Word("17 Uhr", 0.42, 1.0, 1.0)), 1.0)
    found = segments_of(quads, [cross, words], Flattening.fitted(quads))
    assert [(each.text, each.confidence) for each in found] == [("Bronze, 17 Uhr", 1.0)]


def test_a_lone_figure_is_one_however_thin_its_digits_are() -> None:
    quads = [strip(100, 200)]
    figure = Reading((Word("1,", 0.0, 0.3, 1.0), Word("42", 0.45, 1.0, 1.0)), 1.0)
    listed = Reading(
        (Word("rows", 0.0, 0.3, 1.0), Word("1,", 0.4, 0.6, 1.0), Word("42", 0.7, 1.0, 1.0)), 1.0
    )
    found = [
        each.text
        for reading in (figure, listed)
        for each in segments_of(quads, [reading], Flattening.fitted(quads))
    ]
    assert found == ["1,42", "rows 1, 42"]
