# ruff: noqa: E501, RUF001
# E501: patterns stay on one line.
# RUF001: typographic signs are meant.
"""Cards: the number on an identity card, the last figures of a payment card, a visitor's firm."""

import re
from collections.abc import Iterator
from typing import Final

from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.found import Found, in_piece
from visus.local.lite.answering.page import Page
from visus.local.lite.answering.values import find
from visus.local.lite.answering.words import fold

LAST_FIGURES: Final = r"\b(?:last|final|letzten?) (?:four|4|vier) (?:digits|figures|numbers|ziffern|stellen|zahlen)\b"
NUMBER: Final = (
    r"^\W*(?:what(?:'s| is)|which is|wie (?:ist|lautet)|welche) (?:the |die |ist die )?(?:card |ausweis)?(?:number|nummer)"
    r"(?: (?:on|of|auf|von) (?:the |this |der |dem |dieser |diesem )?(?:\w+ )?(?:card|karte|badge|pass|id|ausweis|plakette))?\W*$"
)
_HIDDEN: Final = re.compile(
    r"(?:ending(?: in| with)?|ends (?:in|with)|endet auf|endziffern|\*{2,}|[x×•·]{3,}|\.{3,})[\s:]*(\d{4})(?!\d)",
    re.IGNORECASE,
)
_NUMBERED: Final = re.compile(
    r"\b(?:\w+ )?(?:id|no|nr|number|nummer|\w+nummer|\w+nr|card)\b\.?:?\s*$", re.IGNORECASE
)
_FIGURES: Final = 4


def last_figures(page: Page) -> Found | None:
    """The four figures that a receipt leaves of a card's number."""
    found = [
        in_piece(match.group(1), piece)
        for piece in page.pieces
        for match in _HIDDEN.finditer(piece.text)
    ]
    return found[0] if len({each.value for each in found}) == 1 else None


def only_number(ask: Ask, page: Page) -> Found | None:
    """The card's number, where just one text on it is called a number or an id."""
    if not ask.has(NUMBER):
        return None
    found = list(_numbers(page))
    return found[0] if len({each.value for each in found}) == 1 else None


def _numbers(page: Page) -> Iterator[Found]:
    for pair in page.pairs:
        if not _NUMBERED.search(fold(pair.label)) or pair.how == "inline":
            continue
        value = pair.value.strip()
        is_number = sum(map(str.isdigit, value)) >= _FIGURES and not any(find("date", value))
        if (
            is_number
            and re.fullmatch(r"[A-Z\d][A-Z\d ./-]*", value)
            and not _is_phone(pair.label)
        ):
            yield in_piece(value, next(each for each in page.pieces if each.box == pair.box))


def _is_phone(label: str) -> bool:
    return re.search(r"phone|tel|mobil|fax|handy|notruf|emergency", fold(label)) is not None
