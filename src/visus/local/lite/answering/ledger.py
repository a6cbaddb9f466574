# ruff: noqa: E501
# E501: patterns stay on one line.
"""Statements of account, and the row of totals under a table.

A running balance stands in every row and answers for none of them: the row of the rent tells
what was paid in the columns before it. What a column comes to is in the row of totals.
"""

import re
from typing import Final

from visus.local.lite.answering import tables
from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.page import Page
from visus.local.lite.answering.tables import CellFound, Section
from visus.local.lite.answering.values import find, number_in
from visus.local.lite.answering.vocabulary import BY_KEY, spans
from visus.local.lite.answering.words import STOPWORDS, alike, fold, holds, tokens, words
from visus.local.lite.evidence import Cell

_BALANCE: Final = re.compile(r"\W*(?:running |neuer |new )?(?:balance|saldo|kontostand)\W*")
_OF_ASKING: Final = re.compile(
    r"balance|saldo|kontostand|paid|pay|payment|in|out|much|spent|spend|received|amount|day|date|tag|bezahlt|gezahlt|eingegangen|abgebucht|gutgeschrieben|uberwiesen|ausgegeben|betrag|hoch|viel|cost|kostet\w*|gekostet"
)
_SUMMED: Final = (
    r"\b(?:total|in total|altogether|overall|in all|insgesamt|gesamt\w*|zusammen|summe)\b"
)
_ALL: Final = re.compile(r"(?:grand )?totals?|sum|summe|gesamt\w*|insgesamt")


def told(ask: Ask, page: Page) -> CellFound | None:
    """What the account's row that the question names says: its amount, or its day."""
    if ask.has(r"\b(?:balance|saldo|kontostand)\b"):
        return None
    for section in tables.sections(page):
        if any(_BALANCE.fullmatch(fold(each.text)) for each in section.header):
            row = _row(ask, section)
            if row is not None:
                return _of_row(ask, section, row)
    return None


def _row(ask: Ask, section: Section) -> list[Cell] | None:
    wanted = [token.text for token in ask.meant if not _OF_ASKING.fullmatch(token.text)]
    found = [
        cells
        for cells in section.body
        if wanted
        and all(holds(words(" ".join(each.text for each in cells)), word) for word in wanted)
    ]
    return found[0] if len(found) == 1 else None


def _of_row(ask: Ask, section: Section, row: list[Cell]) -> CellFound | None:
    if ask.target.kind == "date":
        found = [each for each in row if any(find("date", each.text))]
    elif ask.target.kind == "amount":
        found = [
            each
            for each, title in zip(row, section.header, strict=False)
            if any(find("amount", each.text)) and not _BALANCE.fullmatch(fold(title.text))
        ]
    else:
        return None
    if len(found) != 1:
        return None
    name = max(
        (each.text.strip() for each in row), key=lambda text: sum(map(str.isalpha, text))
    )
    return CellFound(found[0].text.strip(), name, "", found[0].box, found[0].confidence)


def total_of_column(ask: Ask, page: Page) -> CellFound | None:
    """`How heavy is it altogether?`: the cell under the column that is asked for, in the totals."""
    key = ask.target.key
    if not ask.has(_SUMMED) or key in {None, "total"}:
        return None
    for section in tables.sections(page):
        places = [
            place
            for place, each in enumerate(section.header)
            if place and _is_of(each.text, key or "")
        ]
        rows = [cells for cells in section.body if _is_totals(cells)]
        if len(places) == 1 and len(rows) == 1:
            cell = rows[0][places[0]]
            if number_in(cell.text) is not None:
                title = section.header[places[0]].text
                return CellFound(
                    cell.text.strip(), rows[0][0].text, title, cell.box, cell.confidence
                )
    return None


def _is_of(title: str, key: str) -> bool:
    named = {each for span in spans(tokens(title)) for each in span.keys}
    return bool(named & {key, *BY_KEY[key].also})


def _is_totals(cells: list[Cell]) -> bool:
    first = next((each.text for each in cells if each.text.strip()), "")
    spoken = [word for word in words(first) if word not in STOPWORDS]
    return len(spoken) == 1 and (
        _ALL.fullmatch(spoken[0]) is not None or alike(spoken[0], "total")
    )
