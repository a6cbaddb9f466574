# E501: patterns stay on one line.
# RUF001: typographic signs are meant.
"""What one of a unit costs: `Preis je kg 26,90 €`, `£5.78 per kilo`, `12 € / Stunde`.

The price must stand with the very unit; what the whole piece costs is no answer.
"""

import re
from collections.abc import Iterator
from typing import Final

from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.found import Found, unsaid
from visus.local.lite.answering.page import Page
from visus.local.lite.answering.values import find
from visus.local.lite.answering.words import fold, holds, words

_UNITS: Final = (
    r"kilo(?:gramm?e?s?|s)?|kg",
    r"lit(?:er|re|ern)s?|ltr?|l",
    r"100 ?g(?:ramm?e?s?)?",
    r"(?:stunde|std|hour|hr|h)",
    r"(?:kilowattstunde|kilowatt hour|kwh)",
    r"(?:kubikmeter|cubic met(?:er|re)|m³|m3|cbm)",
    r"(?:quadratmeter|square met(?:er|re)|m²|m2|qm)",
    r"(?:kilomet(?:er|re)|km)",
)
_PER: Final = (
    r"(?:per|pro|je|for (?:a|one|each)|a|an|one|each|ein|eine|einen|das|der|die|the|/)"
)
_PRINTED: Final = r"(?:per|pro|je|/|für 1|for 1|1)"
_ASKS: Final = (
    r"\b(?:cost|costs|price|expensive|how much|kostet|kosten|preis|teuer|wie ?viel)\b"
)


def told(ask: Ask, page: Page) -> Found | None:
    """The price for one unit; None where no unit is asked for, or no single price has it."""
    unit = next((each for each in _UNITS if ask.has(rf"\b{_PER}\s+(?:{each})\b")), None)
    if unit is None or not ask.has(_ASKS) or _is_a_count(ask, unit):
        return None
    found = [*_with_unit(page, unit)]
    wanted = [word for word in ask.content if not re.fullmatch(unit, word)]
    named = [each for each in found if any(holds(words(each.text), word) for word in wanted)]
    chosen = named or (found if len(unsaid(ask, page)) <= 1 else [])
    return chosen[0] if len({each.value for each in chosen}) == 1 else None


def _is_a_count(ask: Ask, unit: str) -> bool:
    """`How many litres`, `wie viel Kilo`: the unit itself is asked for."""
    return ask.has(rf"\b(?:how (?:much|many)|wie ?viele?) (?:{unit})\b")


def _with_unit(page: Page, unit: str) -> Iterator[Found]:
    printed = re.compile(rf"{_PRINTED}\s?(?:{unit})\b")
    for row in page.rows:
        text = " ".join(piece.text.strip() for piece in row)
        for match in printed.finditer(fold(text)):
            amounts = [*find("amount", text)]
            if amounts:
                nearest = min(amounts, key=lambda each: _apart(each.start, each.end, match))
                yield Found(nearest.text, text, row[0])


def _apart(start: int, end: int, match: re.Match[str]) -> int:
    return start - match.end() if start >= match.end() else match.start() - end
