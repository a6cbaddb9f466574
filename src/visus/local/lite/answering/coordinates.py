# ruff: noqa: E501, RUF001
# E501: patterns stay on one line. RUF001: typographic signs are meant.
"""A cell by its coordinates: `row Oak, column Price`, `Zeile Oak, Spalte Preis`.

Whatever the words of the two names mean elsewhere, here they are names. Each has to be all that
a header, or a cell of a row, says.
"""

import re
from collections.abc import Iterator
from typing import Final

from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.page import Page
from visus.local.lite.answering.tables import CellFound
from visus.local.lite.answering.words import alike, words
from visus.local.lite.evidence import Cell, Table

_QUOTES: Final = "\"'`“”„‘’«»‚"
_OF: Final = r"(?:[\s:]|\b(?:of|for|named|called|labell?ed|fur|von|mit|namens|des|der|die|das|the|dem)\b)*"
_AND: Final = r"(?:[\s,;]|\b(?:and|und|in|of|at|unter|der|the|die)\b)*"
_ROW, _COLUMN = r"\b(?:row|zeile|reihe)\b", r"\b(?:column|spalte)\b"
_FORMS: Final = tuple(
    re.compile(form)
    for form in (
        rf"{_ROW}{_OF}(?P<row>.+?){_AND}{_COLUMN}{_OF}(?P<column>.+)",
        rf"{_COLUMN}{_OF}(?P<column>.+?){_AND}{_ROW}{_OF}(?P<row>.+)",
        r"\b(?:in|under) (?:the )?(?P<row>.+?) row (?:and|in|under|of) (?:the )?(?P<column>.+?) column\b",
        r"\b(?:in|under) (?:the )?(?P<column>.+?) column (?:and|in|of|for) (?:the )?(?P<row>.+?) row\b",
    )
)


def are_given(question: str) -> bool:
    """Whether a question, in folded letters, names a row and a column."""
    return _named(question) is not None


def told(ask: Ask, page: Page) -> CellFound | None:
    """The cell; None where the question gives no coordinates, or no table has them once."""
    named = _named(ask.folded)
    if named is None:
        return None
    row, column = named
    for table in page.tables:
        found = list(_cells(table, row, column))
        if len(found) == 1:
            return found[0]
    return None


def _named(question: str) -> tuple[list[str], list[str]] | None:
    """The words that name the row, and those that name the column."""
    plain = question.translate(dict.fromkeys(map(ord, _QUOTES), " ")).rstrip("?.! ")
    for form in _FORMS:
        if found := form.search(plain):
            return words(found["row"]), words(found["column"])
    return None


def _cells(table: Table, row: list[str], column: list[str]) -> Iterator[CellFound]:
    for at, titles in enumerate(table.rows):
        for place, title in enumerate(titles):
            if not _is_called(title, column):
                continue
            for cells in table.rows[at + 1 :]:
                name = next((each for each in cells if _is_called(each, row)), None)
                if name is not None and place < len(cells) and cells[place].text.strip():
                    cell = cells[place]
                    yield CellFound(
                        cell.text.strip(), name.text, title.text, cell.box, cell.confidence
                    )


def _is_called(cell: Cell, name: list[str]) -> bool:
    said = words(cell.text)
    return len(said) == len(name) > 0 and all(map(alike, said, name))
