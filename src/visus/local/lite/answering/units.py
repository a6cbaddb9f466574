# ruff: noqa: E501
# E501: patterns stay on one line.
"""Values known by their unit, and amounts of a thing that a list counts: `85 W`, `200 g flour`.

Where a question says the unit (`how many litres`, `at what temperature`), the value is the one
on the page that has it, or the one whose line says more of the question. Where it asks how much
of a thing, the line must begin with the amount and go on with the thing.
"""

import re
from collections.abc import Iterator
from typing import Final

from visus.local.lite.answering import running_text
from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.found import Found
from visus.local.lite.answering.page import Page
from visus.local.lite.answering.saying import ends_in
from visus.local.lite.answering.words import (
    GENERIC,
    SUBJECTS,
    alike,
    holds,
    tokens,
    words,
)

_UNITS: Final = (
    (r"watts?|wattage|leistungsaufnahme|how powerful|wie leistungsstark", r"k?W(?![\wh])"),
    (r"volts?", r"V\b"),
    (r"amp(?:ere|s)?", r"m?A\b"),
    (r"kilowattstunden?|kilowatt hours?|kwh", r"kWh\b"),
    (r"liters?|litres?|litern?", r"(?:(?:l|L|ltr|Liter|litres?)\b|\|)"),
    (r"kubikmetern?|cubic met(?:er|re)s?", r"(?:m³|m3|cbm)"),
    (
        r"wie gross ist (?:die|das|der) (?:wohnung|haus|zimmer|grundstuck|garten|buro|flache)|how (?:big|large) is the (?:flat|house|apartment|room|garden|office)",
        r"(?:m²|m2|qm|sq\.? ?ft)",
    ),
    (r"stockwerk|stock|etage|geschoss", r"(?:Stock|Etage|OG|Obergeschoss)\b"),
    (
        r"flache|area|surface|how much (?:wall|floor|wood)|cover(?:s|age)?",
        r"(?:m²|m2|qm|sq\.? ?m|square met(?:re|er)s)",
    ),
    (r"quadratmetern?|square met(?:er|re)s?", r"(?:m²|m2|qm)"),
    (r"kilometern?|kilomet(?:er|re)s?", r"km\b(?!/)"),
    (r"kilogramm|kilograms?|kilos?", r"kg\b"),
    (r"gramm|grams?", r"g\b"),
    (r"(?:how hot|wie heiss)|temperature|temperatur|degrees|grad", r"°\s?[CF]?\b"),
    (r"calories|kalorien|kilokalorien|kilocalories|kcal", r"kcal\b"),
    (r"kilojoules?|kj", r"kJ\b"),
)
"""What questions call a unit, and how it is printed behind a figure."""
_VALUE: Final = r"(?<![\w.,])[-–]?\d[\d.,]*\s?"  # noqa: RUF001 - a dash may be a minus
_AMOUNT_OF: Final = re.compile(
    r"(?:how (?:much|many)|wie ?viele?n?)\s+(?:(?:millilit\w+|gramm?s?|of|spoons?|teaspoons?)\s+)*(?P<thing>\w+)"
)
_LISTED: Final = re.compile(
    r"^[-•*·–]?\s*(?P<amount>\d[\d.,/]*(?:\s?(?:kg|g|mg|ml|cl|l|tsp|tbsp|TL|EL|Stück|cups?|pinch(?:es)?|Prise|x|×))?)\s+(?:of )?(?P<thing>[^\d]{3,40})$",  # noqa: RUF001
    re.IGNORECASE,
)
_NEAR: Final = 3
_MONEY: Final = re.compile(r"money|geld|cost|does|is|it|do|kostet|zeit|time|uhr")


def told(ask: Ask, page: Page) -> Found | None:
    """The value that the question's unit or thing picks; None for none or several."""
    return _of_unit(ask, page) or _of_thing(ask, page)


def _of_unit(ask: Ask, page: Page) -> Found | None:
    if _asks_for_money(ask):
        return None
    for named, printed in _UNITS:
        if ask.has(rf"\b(?:{named})\b"):
            found = list(_with_unit(page, printed))
            return _best(ask, found) if _are_there(ask, page, named) else None
    return None


def _asks_for_money(ask: Ask) -> bool:
    """`What does a square metre cost?` asks for no area."""
    return ask.has(
        r"\b(?:costs?|price\w*|pay|pays|kostet\w*|kosten|preis\w*|zahlt|zahlen|bezahlt)\b"
    )


def _are_there(ask: Ask, page: Page, named: str) -> bool:
    """Whether the page has at least half of the question's nouns, but for the unit's name."""
    own = frozenset[str]() if page.is_prose else SUBJECTS
    nouns = [
        token.text
        for token in ask.meant
        if token.text not in GENERIC | own
        and ask.matters(token)
        and not re.fullmatch(named, token.text)
    ]
    said = [token.text for token in page.tokens]
    missing = [
        word
        for word in nouns
        if not holds(said, word) and not any(ends_in(each, word) for each in said)
    ]
    return len(missing) * 2 <= len(nouns)


def _best(ask: Ask, found: list[Found]) -> Found | None:
    """The only value, or that of the line that says most of the question."""
    wanted = [token.text for token in ask.meant]
    if not found:
        return None
    ranked = sorted(found, key=lambda each: -_hits(each.text, wanted))
    best = _hits(ranked[0].text, wanted)
    leading = {each.value for each in ranked if _hits(each.text, wanted) == best}
    return ranked[0] if len(leading) == 1 else None


def _hits(text: str, wanted: list[str]) -> int:
    spoken = words(text)
    return sum(holds(spoken, word) for word in wanted)


def _with_unit(page: Page, printed: str) -> Iterator[Found]:
    pattern = re.compile(rf"{_VALUE}{printed}")
    sentences = [each.text for each in running_text.sentences(page)]
    for piece in page.pieces:
        row = page.row_of(piece)
        for match in pattern.finditer(piece.text):
            value = match.group().strip()
            text = " ".join(each.text for each in row)
            if len(row) == 1:
                text = next((each for each in sentences if value in each), text)
            yield Found(value.replace("|", "l"), text, piece)


def _of_thing(ask: Ask, page: Page) -> Found | None:
    asked = _AMOUNT_OF.search(ask.folded)
    if asked is None or _MONEY.fullmatch(asked.group("thing")):
        return None
    found = [
        Found(match.group("amount"), piece.text, piece)
        for piece in page.pieces
        if (match := _LISTED.match(piece.text.strip()))
        and len(page.row_of(piece)) == 1
        and _is_of(match.group("thing"), asked.group("thing"))
    ]
    return found[0] if len({each.value for each in found}) == 1 else None


def _is_of(printed: str, thing: str) -> bool:
    near = [token.text for token in tokens(printed)[:_NEAR]]
    return any(alike(word, thing) for word in near)
