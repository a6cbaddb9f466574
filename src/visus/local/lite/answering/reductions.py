# ruff: noqa: E501
# E501: patterns stay on one line.
"""Prices before and after a reduction: `was £129.00` beside `£94.50`, `statt 19,99 €`."""

import re
from typing import Final

from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.found import Found
from visus.local.lite.answering.page import Page
from visus.local.lite.answering.values import find
from visus.local.lite.answering.words import fold

ASKED: Final = r"\b(?:price\w*|costs?|pay|preis\w*|kostet\w*|kosten|gekostet|bezahlt|zahlt)\b"
_BEFORE: Final = r"\b(?:before|originally|original|old|formerly|previous(?:ly)?|used to|regular|vorher|zuvor|fruher\w*|ursprunglich\w*|alte[rn]?|bisher\w*|regular\w*|normal\w*)\b|^\W*(?:was hat|wie ?viel hat|what did|how much did)\b.*\b(?:before|vorher|fruher|zuvor)\b"
_NOW: Final = r"\b(?:now|today|currently|current|reduced|sale|new|jetzt|heute|aktuell\w*|reduziert\w*|neue[rn]?|nun|derzeit|noch)\b"
_WAS: Final = re.compile(
    r"\b(?:was|statt|instead of|rrp|uvp|before|vorher|bisher|originally|old price|alter preis|formerly|regular|ehemals|früher)\b\W*(?:nur\s)?$",
    re.IGNORECASE,
)
_PER: Final = re.compile(
    r"^\W*(?:/|(?:per|pro|je)\b)|\d\s?(?:kg|g|ml|l|m)\s?=\s*$", re.IGNORECASE
)


def told(ask: Ask, page: Page) -> Found | None:
    """The price that the question means; None where the page tells no reduction."""
    prices = [
        (
            Found(found.text, piece.text, piece),
            piece.text[: found.start],
            piece.text[found.end :],
        )
        for piece in page.pieces
        for found in find("amount", piece.text)
    ]
    before = [each for each, lead, _ in prices if _WAS.search(fold(lead))]
    after = [
        each
        for each, lead, rest in prices
        if not _WAS.search(fold(lead)) and not _PER.search(rest) and not _PER.search(lead)
    ]
    if len({each.value for each in before}) != 1 or not after:
        return None
    if ask.has(_BEFORE) and not re.search(rf"{_NOW}(?!.*\b(?:before|vorher)\b)", ask.folded):
        return before[0]
    if ask.has(_NOW) or len({each.value for each in after}) == 1:
        return max(after, key=lambda each: each.piece.height)
    return None
