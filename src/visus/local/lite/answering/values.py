# ruff: noqa: E501, ISC004, PLR2004, RUF001
# E501: patterns and phrases stay on one line.
# ISC004: long patterns go on in the next string.
# PLR2004: lengths and shares are read best where they stand.
# RUF001: typographic signs are meant.
"""Typed values inside text: found verbatim, and read as numbers or dates.

A kind says what a value looks like, never what it means.
"""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final, Literal, NamedTuple, TypeAlias

from visus.local.lite.answering.words import fold

Kind: TypeAlias = Literal[
    "amount", "bic", "date", "email", "iban", "identifier", "measure", "name", "number",
    "percent", "phone", "place", "postcode", "text", "time", "url",
]  # fmt: skip

_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "january januar jan janner", "february februar feb", "march marz maerz mar mrz",
            "april apr", "may mai", "june juni jun", "july juli jul", "august aug",
            "september sept sep", "october oktober oct okt", "november nov",
            "december dezember dec dez",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_MONTH: Final = (
    r"(?:jan(?:uary|uar)?|j[äa]nner|feb(?:ruary|ruar)?|m(?:arch|ärz|arz|aerz|ar|rz)|apr(?:il)?"
    r"|ma[yi]|jun[ei]?|jul[yi]?|aug(?:ust)?|sept?(?:ember)?|o[ck]t(?:ober)?|nov(?:ember)?"
    r"|de[cz](?:ember)?)\.?"
)
_CURRENCY: Final = r"(?:€|\$|£|¥|EUR(?:O)?|USD|GBP|CHF|JPY|SEK|NOK|DKK|PLN|CZK|AUD|CAD|Fr\.)"
_GROUPED: Final = r"\d{1,3}(?:[.,'’\u00a0\u202f]\d{3})+|\d+"
_SPACED: Final = r"[-–+]?\d{1,3}(?: \d{3})+(?:[.,]\d{1,2})?"
_DECIMAL: Final = rf"(?:{_GROUPED})[.,]\d{{2}}(?!\d)"
_UNIT: Final = (
    r"(?:kg|mg|g|lbs?|oz|t|ml|cl|dl|l|ltr|liter|litre[s]?|mm|cm|km|m²|m2|m³|m|inch(?:es)?|ft|kwh|kw|w|v|a|mah"
    r"|°c|°f|kcal|kj|gb|mb|tb|px|pcs|pc|stk|stück|st|days?|tage[n]?|hours?|h|std|stunden?|min(?:utes|uten)?|weeks?"
    r"|wochen?|months?|monate?|years?|jahre?)"
)
_LOOKS: Final[tuple[tuple[Kind, str], ...]] = (
        (
            "amount",
            rf"{_CURRENCY}\s?[-–+]?\s?(?:{_DECIMAL}|{_GROUPED})(?:,[-–]+)?(?![\d])"
            rf"|(?<![\d.,/])[-–+]?(?:{_DECIMAL}|{_GROUPED})(?:,[-–]+)?\s?{_CURRENCY}(?![a-z])"
            rf"|(?<![\d.,/-])[-–+]?{_DECIMAL}(?![.,/%\d]|\s?%|\s?(?:[ap]\.?m\b|Uhr\b))",
        ),
        (
            "date",
            rf"(?<!\d)\d{{4}}-\d{{2}}-\d{{2}}(?!\d)"
            rf"|(?<!\d)\d{{1,2}}\s?[./-]\s?\d{{1,2}}\s?[./-]\s?(?:\d{{4}}|\d{{2}})(?!\d)"
            rf"|(?<!\d)\d{{4}}[./]\d{{2}}[./]\d{{2}}(?!\d)"
            rf"|(?<!\d)\d{{1,2}}(?:st|nd|rd|th)?\.?(?:\s+of)?\s?[-]?{_MONTH}[-,]?\s?\d{{4}}"
            rf"|(?<!\d)\d{{1,2}}\.?[ -]?{_MONTH}[ -]?['’]?\d{{2}}(?![\d:])"
            rf"|(?<![a-zäöü]){_MONTH}\s?\d{{1,2}}(?:st|nd|rd|th)?,?\s?\d{{4}}"
            rf"|(?<!\d)\d{{1,2}}(?:st|nd|rd|th)?\.?(?:\s+of)?\s?{_MONTH}(?![a-zäöü])"
            rf"|(?<![a-zäöü]){_MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?(?!\d)"
            rf"|(?<![a-zäöü]){_MONTH}\s?\d{{4}}(?!\d)"
            rf"|(?<![\d./])(?:0[1-9]|1[0-2])(?:\s?[/.]\s?20\d{{2}}|/\d{{2}})(?![\d./])"
            rf"|(?<![\d.-])20\d{{2}}-(?:0[1-9]|1[0-2])(?![\d-])",
        ),
        ("time", r"(?<![\d:.])(?:[01]?\d|2[0-3])(?::[0-5]\d){1,2}(?![\d:])(?:\s?(?:uhr|[ap]\.?m\.?|h)\b)?"
                 r"|(?<![\d:.])(?:[01]?\d|2[0-3])\.[0-5]\d\s?(?:uhr|[ap]\.?m\.?|h)\b"
                 r"|(?<!\d)(?:1[0-2]|\d)\s?[ap]\.?m\b|(?<!\d)(?:[01]?\d|2[0-3])\s?uhr"),
        ("iban", r"\b[A-Z]{2}\s?\d{2}(?:\s?[A-Z0-9]{4}){2,7}(?:\s?[A-Z0-9]{1,4})?\b"),
        ("bic", r"\b[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?\b"),
        ("email", r"[\w.+-]+\s?@\s?[\w-]+(?:\.[\w-]+)+"),
        ("url", r"(?:https?://|www\.)[^\s,;]+|\b[\w-]+\.(?:com|de|org|net|eu|io|example|shop|at|ch|uk)\b(?:/\S*)?"),
        ("phone", r"(?<![\w])(?:\+|00|\(?0)[\d ()/.\u2013-]{5,20}\d(?!\w)"),
        ("percent", r"[-–+]?\d+(?:[.,]\d+)?\s?%"),
        ("postcode", r"(?<![\d-])\d{5}(?![\d-])|\b[A-Z]{1,2}\d[A-Z\d]?\s\d[A-Z]{2}\b|(?<=D-)\d{5}\b"),
        ("measure", rf"[-–+]?(?:\d[\d.,]*)\s?{_UNIT}(?![\w²³])"),
        ("number", rf"(?<![\w.,])[-–+]?(?:{_DECIMAL}|(?:{_GROUPED})(?:[.,]\d+)?)(?![\w]|[.,]\d)"),
        ("identifier", r"[A-Za-z0-9][\w./#-]*\d[\w./#-]*(?:\s[A-Z0-9][A-Z0-9./-]*\d[A-Z0-9./-]*)*"),
)  # fmt: skip
_PATTERNS: Final = {kind: re.compile(look, re.IGNORECASE) for kind, look in _LOOKS}
_NAME: Final = (
    r"(?:(?:Mr|Mrs|Ms|Miss|Dr|Prof|Sir|Herrn?|Frau|Familie|Pfarrer|Schwester)\.?\s+)+(?:Dr\.\s+)?[A-ZÄÖÜ][\w'’-]+(?:\s+[A-ZÄÖÜ][\w'’-]+)?"
    r"|(?:(?!(?:Herrn?|Frau|Mr|Mrs|Ms|Dr|Prof)\b)[A-ZÄÖÜ][\wäöüß'’-]+\s+){1,2}(?!(?:Herrn?|Frau|Mr|Mrs|Ms|Dr|Prof)\b)[A-ZÄÖÜ][\wäöüß'’-]+"
)
PERSON: Final = re.compile(rf"(?<![\w-])(?:{_NAME})(?![\w-])")
"""A person as running text names one: with a title, or with two or three capitals."""
_CURRENCY_NAMES: Final = (
    ("EUR", ("€", "eur")), ("USD", ("$", "usd")), ("GBP", ("£", "gbp")), ("CHF", ("chf", "fr.")),
    ("JPY", ("¥", "jpy")), ("SEK", ("sek",)), ("NOK", ("nok",)), ("DKK", ("dkk",)),
    ("PLN", ("pln",)), ("CZK", ("czk",)), ("AUD", ("aud",)), ("CAD", ("cad",)),
)  # fmt: skip
_NUMBER: Final = re.compile(r"[-–]?\d[\d.,'’\u00a0\u202f ]*")
_WHOLE_SPACED: Final = re.compile(
    rf"(?:{_CURRENCY}\s?)?{_SPACED}(?:\s?{_CURRENCY})?", re.IGNORECASE
)
"""A space groups digits only where nothing else stands beside: `2 450,00` may be two cells."""
_TEXT_KINDS: Final = frozenset[Kind]({"text", "name", "place"})


class Found(NamedTuple):
    """A value as it stands in the text, and where."""

    text: str
    start: int
    end: int


def find(kind: Kind, text: str) -> Iterator[Found]:
    """Every value of `kind` in `text`, left to right; for the free kinds the whole text."""
    if kind in _TEXT_KINDS:
        stripped = text.strip(" :;|-–\t")
        if stripped:
            start = text.index(stripped)
            yield Found(stripped, start, start + len(stripped))
        return
    if kind in {"amount", "number"} and _WHOLE_SPACED.fullmatch(text.strip()):
        whole = text.strip()
        yield Found(whole, text.index(whole), text.index(whole) + len(whole))
        return
    for match in _PATTERNS[kind].finditer(text):
        value = match.group().strip()
        if value and _plausible(kind, value, text):
            start = match.start() + match.group().index(value)
            yield Found(value, start, start + len(value))


def is_a(kind: Kind, text: str) -> bool:
    """Whether `text` as a whole is a value of `kind`."""
    whole = text.strip()
    return any(found.text == whole for found in find(kind, whole))


def _plausible(kind: Kind, value: str, text: str) -> bool:
    match kind:
        case "iban":
            return (
                15 <= len(value.replace(" ", "")) <= 34 and sum(map(str.isdigit, value)) >= 10
            )
        case "phone":
            return 7 <= sum(map(str.isdigit, value)) <= 15 and not is_date(value)
        case "bic":
            return value.isupper()
        case "identifier":
            return not ("@" in text and value in text.partition("@")[2])
        case _:
            return True


def is_date(text: str) -> bool:
    """Whether `text` is nothing but a date."""
    return _PATTERNS["date"].fullmatch(text.strip()) is not None


def number_in(text: str) -> Decimal | None:
    """The first number, whichever of point and comma is the decimal mark; None for none."""
    match = _NUMBER.search(text)
    if match is None:
        return None
    raw = re.sub(r"['’\u00a0\u202f\s]", "", match.group().replace("–", "-")).rstrip(".,")
    try:
        return Decimal(_with_point(raw))
    except InvalidOperation:
        return None


def _with_point(raw: str) -> str:
    last = max(raw.rfind("."), raw.rfind(","))
    if last < 0:
        return raw
    mark, other = raw[last], "," if raw[last] == "." else "."
    digits_after = len(raw) - last - 1
    if other in raw:
        return raw.replace(other, "").replace(mark, ".")
    if raw.count(mark) > 1 or (digits_after == 3 and not raw.lstrip("-").startswith("0")):
        return raw.replace(mark, "")
    return raw.replace(mark, ".")


def currency_in(text: str) -> str | None:
    """The ISO 4217 code of the currency that is named first; None where there is none."""
    folded = text.casefold()
    for code, signs in _CURRENCY_NAMES:
        if any(re.search(rf"(?<![a-z]){re.escape(sign)}(?![a-z])", folded) for sign in signs):
            return code
    return None


def date_in(text: str, *, month_first: bool = False) -> date | None:
    """The first complete date. `month_first` decides 03/04/2024 where nothing else does."""
    for found in find("date", text):
        parsed = _date(found.text, month_first=month_first)
        if parsed is not None:
            return parsed
    return None


def _date(text: str, *, month_first: bool) -> date | None:
    digits = [int(part) for part in re.findall(r"\d+", text)]
    month = next(
        (_MONTHS[word] for word in re.findall(r"[a-z]+", fold(text)) if word in _MONTHS), None
    )
    if month is not None:
        return _calendar(digits[1], month, digits[0]) if len(digits) == 2 else None
    if len(digits) != 3:
        return None
    if digits[0] > 31:
        return _calendar(*digits)
    first, second, year = digits
    swap = ("/" in text and month_first and first <= 12) or second > 12
    day, month = (second, first) if swap else (first, second)
    return _calendar(year, month, day)


def _calendar(year: int, month: int, day: int) -> date | None:
    full = year + 2000 if year < 70 else year + 1900 if year < 100 else year
    try:
        return date(full, month, day)
    except ValueError:
        return None
