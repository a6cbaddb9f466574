# ruff: noqa: E501, RUF001
# E501: patterns stay on one line.
# RUF001: typographic signs are meant.
"""Which firm, which group, which room: `die Firma Rohrbau Lackner`, `Gruppe Igel`, `Raum 204`.

The word for the kind of thing stands right before its name. Only one such name may be on the
page, and it must say the other things that the question names.
"""

import re
from typing import Final

from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.found import Found, unsaid
from visus.local.lite.answering.page import Page, looks_like_a_label
from visus.local.lite.answering.running_text import sentences
from visus.local.lite.answering.words import STOPWORDS, fold

_KIND: Final = re.compile(
    r"^\W*(?:and |und )?(?:(?:in|at|from|by|of|with|for|to|on|von|bei|aus|mit|fur|an|zu|auf) )?(?:what|which|welche[nrsm]?)\s+(?P<kind>[a-z]{4,})\b"
)
_NAME: Final = r"(?P<name>(?:[A-ZÄÖÜ][\wäöüß&'’-]*|\d+[A-Za-z]?(?![\w/-]))(?:\s(?:&\s|und\s)?[A-ZÄÖÜ][\wäöüß&'’-]*)*)"
_VAGUE: Final = frozenset(
    [
        "kind",
        "type",
        "sort",
        "name",
        "number",
        "nummer",
        "date",
        "datum",
        "address",
        "adresse",
        "price",
        "preis",
        "amount",
        "betrag",
        "time",
        "zeit",
        "tag",
        "jahr",
        "year",
        "month",
        "monat",
        "colour",
        "color",
        "farbe",
        "language",
        "sprache",
        "person",
        "team",
    ]
)
_MOST: Final = 40


def told(ask: Ask, page: Page) -> Found | None:
    """The name with its kind, or the number; None for none, or for several."""
    asked = _KIND.search(ask.folded)
    kind = asked["kind"] if asked else ""
    is_field = ask.target.kind not in {"text", "name", "place"}
    if not kind or is_field or kind in _VAGUE | STOPWORDS or unsaid(ask, page):
        return None
    found: dict[str, Found] = {}
    for sentence in sentences(page):
        for match in re.finditer(rf"\b(?P<kind>[^\W\d_]{{4,}})\s+{_NAME}", sentence.text):
            is_name = len(match["name"]) <= _MOST and not looks_like_a_label(match.group())
            if fold(match["kind"]) == kind and is_name:
                name = match["name"] if match["name"][0].isdigit() else match.group()
                found.setdefault(name, Found(name, sentence.text, sentence.piece))
    return next(iter(found.values())) if len(found) == 1 else None
