# ruff: noqa: E501
# E501: patterns stay on one line.
"""Which class, which line, which platform: the number that stands right behind the word itself."""

import re
from typing import Final

from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.found import Found, in_piece
from visus.local.lite.answering.page import Page
from visus.local.lite.answering.words import alike, fold, holds

_ASKED: Final = re.compile(r"\b(?:which|what|welche[nrsm]?)\s+(?P<thing>[a-z]{3,})\b")
_NUMBER: Final = re.compile(
    r"(?P<thing>[^\W\d_]{3,})\.?\s+(?:no\.?\s?|nr\.?\s?)?(?P<number>[A-Z]{0,3}[- ]?(?:\d{1,5}[a-zA-Z]?|\d{1,2}\.\d{2,3}))(?![\w,:/%-]|\.\w)"
)
_NOT_THINGS: Final = frozenset(
    [
        "day",
        "days",
        "date",
        "month",
        "year",
        "time",
        "tag",
        "tage",
        "datum",
        "monat",
        "jahr",
        "uhrzeit",
        "amount",
        "betrag",
        "price",
        "preis",
        "number",
        "nummer",
        "percentage",
    ]
)


def told(ask: Ask, page: Page) -> Found | None:
    """The number of the thing, if the page numbers it once; every other noun must be there."""
    asked = _ASKED.search(ask.folded)
    if asked is None or asked.group("thing") in _NOT_THINGS:
        return None
    thing = asked.group("thing")
    said = [token.text for token in page.tokens]
    if not all(holds(said, word) for word in ask.target.extra if not alike(word, thing)):
        return None
    found = [
        in_piece(match.group("number").strip(), piece)
        for piece in page.pieces
        for match in _NUMBER.finditer(piece.text)
        if alike(fold(match.group("thing")), thing)
    ]
    return found[0] if len({each.value for each in found}) == 1 else None
