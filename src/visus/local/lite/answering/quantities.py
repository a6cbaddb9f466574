# ruff: noqa: E501, RUF001, SIM905
# E501: patterns stay on one line.
# RUF001: typographic signs are meant.
# SIM905: word lists read best as running text.
"""How many of an article were bought: beside its name, before it, or on the line beneath it.

Receipts print `3 @ 0.85`, `4 x 3,49` or `2 Stk` under the name, `2 x` before it. An article
without any such count has none that could be told.
"""

import re
from typing import Final

from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.found import Found
from visus.local.lite.answering.page import Page, Piece
from visus.local.lite.answering.saying import ends_in
from visus.local.lite.answering.values import find
from visus.local.lite.answering.words import GENERIC, STOPWORDS, alike, holds, words

ASKED: Final = r"\b(?:how many|wie ?viele?n?)\b"
LITRES: Final = r"\b(?:how many|how much|wie ?viele?)\b.*\b(?:lit(?:er|re)s?|litern?|fuel|petrol|diesel|benzin|kraftstoff|super)\b"
_UNIT: Final = r"(?:x|×|\*|@|à|stk\.?|stück|st\.|pcs\.?|pc\.?|ea\.?)"
_BENEATH: Final = re.compile(
    rf"^(?P<count>\d{{1,3}})\s?{_UNIT}(?:\s*(?:x|×|à|@)?\s*[€£$]?\s?\d+[.,]\d\d.*)?$",
    re.IGNORECASE,
)
_BESIDE: Final = re.compile(
    rf"^(?:(?P<count>\d{{1,3}})\s?{_UNIT}|(?:x|×)\s?(?P<other>\d{{1,3}}))$", re.IGNORECASE
)
_BEFORE: Final = re.compile(rf"^(?P<count>\d{{1,3}})\s?{_UNIT}?\s+(?=[^\W\d])", re.IGNORECASE)
_BEHIND: Final = re.compile(
    r"\s(?:(?P<count>\d{1,3})\s?(?:x|×|stk\.?|pcs\.?)|(?:x|×)\s?(?P<other>\d{1,3}))$",
    re.IGNORECASE,
)
_COUNTERS: Final = frozenset(
    """
    packs packets bottles tins cans jars bags boxes pieces loaves cups bars rolls bunches portions units
    packungen pakete flaschen dosen glaser beutel tuten stuck stucke becher packchen tafeln rollen portionen
    they bought purchased shopper shoppers customer customers kunde kunden kundin
    """.split()
)
"""What things are counted in, and who bought them."""
_VOLUME: Final = re.compile(
    r"(?<![\d.,])(?P<figure>\d{1,3}[.,]\d{1,3})\s?(?:l|L|1|\||ltr|Ltr|Liter|litres?)\.?$"
)


def told(ask: Ask, page: Page) -> Found | None:
    """The count of the only article that the question names; None where none is printed."""
    named = [
        token.text
        for token in ask.meant
        if ask.matters(token)
        and token.text not in GENERIC | _COUNTERS
        and not token.text.isdigit()
    ]
    if not named or not any(find("amount", piece.text) for piece in page.pieces):
        return None
    rows = [row for row in page.rows if _names(row[0].text, named)]
    if len(rows) != 1:
        return None
    (row,) = rows
    return _in_row(row) or _beneath(page, row)


def litres(_: Ask, page: Page) -> Found | None:
    """The only volume that ends a piece of a receipt for fuel; its `l` is often read as a 1."""
    if not re.search(
        r"(?:/|je|pro|per)\s?(?:l\b|lit)|tank|fuel|pump|zapf", page.text, re.IGNORECASE
    ):
        return None
    found = [
        Found(f"{match['figure']} l", piece.text, piece)
        for piece in page.pieces
        if (match := _VOLUME.search(piece.text.strip()))
    ]
    return found[0] if len({each.value for each in found}) == 1 else None


def _names(text: str, named: list[str]) -> bool:
    """Whether the line begins with letters, is no total, and says all that is counted."""
    said = [word for word in words(text) if word not in STOPWORDS]
    return bool(said) and all(
        holds(said, each) or any(ends_in(word, each) or alike(word, each) for word in said)
        for each in named
    )


def _in_row(row: tuple[Piece, ...]) -> Found | None:
    first, *others = row
    for pattern in (_BEFORE, _BEHIND):
        match = pattern.search(first.text.strip())
        if match is not None:
            return Found(_count(match), first.text, first)
    for piece in others:
        match = _BESIDE.match(piece.text.strip())
        if match is not None:
            return Found(_count(match), f"{first.text} {piece.text}", piece)
    return None


def _count(match: re.Match[str]) -> str:
    return match.group("count") or match.groupdict().get("other") or ""


def _beneath(page: Page, row: tuple[Piece, ...]) -> Found | None:
    beneath = page.rows[page.rows.index(row) + 1 :][:1]
    for first, *_ in beneath:
        match = _BENEATH.match(first.text.strip())
        if match is not None and first.box.top - row[0].box.bottom < row[0].height:
            return Found(match["count"], f"{row[0].text} {first.text}", first)
    return None
