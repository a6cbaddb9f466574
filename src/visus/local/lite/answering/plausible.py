# ruff: noqa: E501, PLR2004
# E501: patterns and phrases stay on one line.
# PLR2004: lengths and shares are read best where they stand.
"""Whether a text can be a value of a field at all."""

import re
from typing import Final

from visus.local.lite.answering.values import Kind, is_a
from visus.local.lite.answering.words import fold

FREE: Final = frozenset[Kind]({"text", "name", "place"})
"""Kinds that have no look of their own."""
_NO_NAMES: Final[tuple[Kind, ...]] = ("date", "time", "amount", "email", "percent", "measure")
MASS: Final = r"(?:kg|g|mg|lbs?|oz|t)"
_UNITS: Final = {"weight": MASS, "gross_weight": MASS, "temperature": r"c|f|k|grad|degrees"}
"""What a value may be measured in: a weight is no voltage."""
_CURRENCY: Final = (
    r"€|\$|£|[A-Z]{3}|euros?|dollars?|pounds?|franken|francs?|\w+ (?:francs?|dollars?|pounds?)"
)
_OF_A_STREET: Final = (
    r"\d|str(?:\b|asse)|weg\b|platz\b|gasse\b|allee\b|ufer\b|ring\b|damm\b|markt\b|am |an der |im "
    r"|\b(?:street|st|road|rd|lane|avenue|ave|way|close|drive|place|square|court|row|hill|terrace|crescent|gardens|boulevard|quay)\b"
)
"""What the name of a street has: a number, or a word for a street."""
NO_SUMS: Final = frozenset({"flight", "tracking_number"})
_SUM: Final = re.compile(r"[€$£]?\s?\d{1,3}(?:[.,]?\d{3})*[.,]\d\d\s?[€$£]?")
"""An amount of money, which numbers no flight and no order."""
_GREETING: Final = re.compile(r"(?:Dear|Liebe[rs]?|Sehr geehrte[rs]?|Hallo|Hello|Hi)\s")
"""Begins a letter, and is no value of what stands above it."""
_BY_NUMBER: Final = re.compile(
    r"\b(?:year|class|grade|form|room|page|week|line|platform|no|nr|klasse|klassenstufe|jahrgang|raum"
    r"|zimmer|seite|woche|kw|linie|gleis)\.?\s*$"
)
"""Stands before a number that counts nothing: `our Year 5 children`."""


def is_street(text: str) -> bool:
    """Whether it has a number or a word for a street."""
    return re.search(_OF_A_STREET, fold(text)) is not None


def is_no_greeting(text: str) -> bool:
    """Whether it does not begin a letter."""
    return _GREETING.match(text) is None


def is_no_name(value: str) -> bool:
    """Whether it is a date, an amount or an address of e-mail: nobody is called so."""
    first = value.partition(",")[0].rstrip(".; ")
    return any(is_a(kind, first) for kind in _NO_NAMES)


def is_plausible(value: str, key: str | None) -> bool:
    """Whether a value can be one of the field `key`: by its unit, its look or its length."""
    if key in _UNITS:
        unit = re.sub(r"[^a-z]", "", fold(value))
        return not unit or re.fullmatch(_UNITS[key], unit) is not None
    if key in NO_SUMS:
        is_short = sum(map(str.isalnum, value)) < 3
        return not is_short and _SUM.fullmatch(value.strip()) is None
    if key == "street":
        return is_street(value)
    if key == "currency":
        return re.fullmatch(_CURRENCY, value.strip(), re.IGNORECASE) is not None
    if key != "vat_id":
        return True
    letters = "".join(filter(str.isalnum, value))
    least = 8 if letters[:2].isalpha() else 9
    return len(letters) >= least and sum(map(str.isdigit, letters)) >= 6


def names_by_number(before: str) -> bool:
    """Whether a number that stands behind `before` counts nothing."""
    return _BY_NUMBER.search(fold(before)) is not None
