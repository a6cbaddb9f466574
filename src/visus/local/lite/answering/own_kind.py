# ruff: noqa: E501
# E501: patterns stay on one line.
"""Which club, what kind of jam: a line that bears the word of its own kind.

`Saltmarsh Rowing Club` says itself that it is a club. No label stands beside such a line, and
only one short line of the page may bear the word.
"""

import re
from typing import Final

from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.found import Found, in_piece
from visus.local.lite.answering.page import Page, Piece, looks_like_a_label
from visus.local.lite.answering.saying import ends_in
from visus.local.lite.answering.values import find
from visus.local.lite.answering.weighing import is_accounted
from visus.local.lite.answering.words import STOPWORDS, alike, words

_KIND: Final = re.compile(
    r"^\W*(?:and |und )?(?:what|which|welche[nrsm]?|was fur)\s+(?:(?:kind|type|sort|art) of\s+|ein(?:e[nrsm]?)?\s+)?(?P<kind>[a-z]{3,})\b"
)
_VAGUE: Final = frozenset(
    """
    kind type sort art name number nummer date datum day tag time uhrzeit amount betrag address adresse price preis item
    artikel product produkt person people year jahr month monat colour color farbe size grosse unit einheit column spalte
    row zeile line field feld information information company firma language sprache
    """.split()  # noqa: SIM905 - word lists read best as running text
)
_FEWEST, _MOST = 2, 6
_LONGEST: Final = 48


def told(ask: Ask, page: Page) -> Found | None:
    """The only short line that bears the word asked for; None for none, or for several."""
    asked = _KIND.search(ask.folded)
    if asked is None or asked["kind"] in _VAGUE | STOPWORDS or re.search(r"\d", ask.text):
        return None
    lines = [piece for piece in page.pieces if _bears(page, piece, asked["kind"])]
    if len({piece.text.strip() for piece in lines}) != 1:
        return None
    return (
        in_piece(lines[0].text.strip(), lines[0])
        if is_accounted(ask, page, lines[0].text)
        else None
    )


def _bears(page: Page, piece: Piece, kind: str) -> bool:
    text, said = piece.text.strip(), words(piece.text)
    if not _FEWEST <= len(said) <= _MOST or len(text) > _LONGEST or ":" in text:
        return False
    if (
        len(page.row_of(piece)) > 1
        or looks_like_a_label(text)
        or text.endswith((".", "!", "?"))
    ):
        return False
    if not any(alike(word, kind) or ends_in(word, kind) for word in said):
        return False
    names = [word for word in re.findall(r"[^\W\d_]{3,}", text) if word[0].isupper()]
    return len(names) >= _FEWEST and not any(find("date", text))
