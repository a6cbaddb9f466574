"""Text taken apart into values: dates, amounts, numbers, codes and words in any spelling.

`1.234,56`, `1,234.56` and `1234.56` are one number; `12.03.2025`, `2025-03-12` and
`12. März 2025` are one date. A spelling that can be read in two ways (`1.234`, `03/04/2025`)
keeps both readings, and two values agree when they share one.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal[
    "date", "time", "percent", "amount", "number", "code", "address", "word", "mark"
]

NUMERIC: Final[frozenset[Kind]] = frozenset({"percent", "amount", "number"})
"""Kinds that agree by their number alone: `19 %` answers `19`, `5,00 €` answers `5`."""


@dataclass(frozen=True, slots=True)
class Token:
    """One value or word, with every reading of it, and where it stood."""

    kind: Kind
    readings: frozenset[str]
    raw: str
    start: int
    end: int

    def agrees(self, other: "Token") -> bool:
        """Whether both can be read as the same value."""
        if self.kind in NUMERIC and other.kind in NUMERIC:
            return bool(self.readings & other.readings)
        return self.kind == other.kind and bool(self.readings & other.readings)


_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar jänner",
            "february feb februar",
            "march mar märz mär mrz maerz",
            "april apr",
            "may mai",
            "june jun juni",
            "july jul juli",
            "august aug",
            "september sep sept",
            "october oct oktober okt",
            "november nov",
            "december dec dezember dez",
        ),
        start=1,
    )
    for name in names.split()
}
_MONTH: Final = "(?:" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + ")"
_CURRENCY: Final = r"(?:€|\$|£|EUR|USD|GBP|CHF|Euro?s?|Fr\.|Dollars?|Pounds?)"
_NUMBER: Final = r"\d{1,3}(?:[.,'’ \u202f]\d{3})+(?:[.,]\d{1,2})?(?!\d)|\d+(?:[.,]\d+)?"  # noqa: RUF001 - the Swiss grouping mark as typographers set it

_ADDRESS: Final = (
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|https?://[^\s<>\"')\]]*[\w/]|www\.[\w./-]*[\w/]"
)
_ACCOUNT: Final = r"\b[A-Z]{2}\d{2}(?:[ ]?[A-Z]{4})?(?:[ ]?\d{4}){3,6}(?:[ ]?\d{1,3})?\b"
_DATE: Final = (
    r"\b\d{4}-\d{1,2}-\d{1,2}\b(?!-)"
    r"|\b\d{1,2}[./]\s?\d{1,2}[./]\s?(?:\d{4}|\d{2})\b(?![./-]?\d)"
    r"|\b\d{1,2}-\d{1,2}-\d{4}\b"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th)?\.?\s?(?:of\s)?{_MONTH}\b\.?,?\s?\d{{4}}\b"
    rf"|\b{_MONTH}\.?\s?\d{{1,2}}(?:st|nd|rd|th)?,?\s?\d{{4}}\b"
)
_AMOUNT: Final = (
    rf"{_CURRENCY}\s?-?(?:{_NUMBER})(?![\w-])"
    rf"|(?<![\w.,/-])-?(?:{_NUMBER})\s?{_CURRENCY}(?!\w)"
    r"|(?<![\w.,/-])-?(?:\d{1,3}(?:[.,' ]\d{3})+|\d+)[.,]\d{2}(?![\w-]|[.,]\d)"
)
_CODE: Final = (
    r"(?!\d+(?:\.\d+)+(?![\w/_+#-]))\+?\w*\d\w*(?:[-/._+#]\w+)+"
    r"|\w+(?:[-/_#]\w+)*[-/_#]\w*\d\w*(?:[-/_#.]\w+)*"
)
_PATTERNS: Final[tuple[tuple[Kind, str], ...]] = (
    ("address", _ADDRESS),
    ("code", _ACCOUNT),
    ("date", _DATE),
    ("time", r"\b\d{1,2}:\d{2}(?::\d{2})?\b"),
    ("percent", r"(?<![\w.,-])\d+(?:[.,]\d+)?\s?(?:%|percent\b|Prozent\b)"),
    ("amount", _AMOUNT),
    ("code", _CODE),
    ("number", rf"(?<![\w-])-?(?:{_NUMBER})(?![\w])"),
    ("code", r"\w*\d\w*"),
    ("word", r"[^\W\d_]+(?:['’][^\W\d_]+)?"),  # noqa: RUF001 - both apostrophes occur in replies
    ("mark", r"[^\w\s]|_"),
)
_SCANNER: Final = re.compile(
    "|".join(f"(?P<k{index}>{pattern})" for index, (_, pattern) in enumerate(_PATTERNS)),
    re.IGNORECASE,
)
_UPPER_CODE: Final = re.compile(_ACCOUNT)
_DASHES: Final = str.maketrans(dict.fromkeys("‐‑‒–—−", "-"))  # noqa: RUF001 - every dash becomes one


def tidy(text: str) -> str:
    """NFC, one kind of dash, space and emphasis; letters keep their case."""
    plain = unicodedata.normalize("NFC", text).translate(_DASHES)
    plain = plain.replace("**", "").replace("`", "").replace("­", "")
    return re.sub(r"\s+", " ", plain).strip()


def compact(text: str) -> str:
    """Letters and digits alone, folded: how codes are compared."""
    return "".join(letter for letter in tidy(text).casefold() if letter.isalnum())


def tokens(text: str) -> list[Token]:
    """Every value and word of `text`, in order. Punctuation is left out."""
    return [token for token in _scan(tidy(text)) if token.kind != "mark"]


def _scan(text: str) -> Iterator[Token]:
    place = 0
    while match := _SCANNER.search(text, place):
        index = int((match.lastgroup or "k0")[1:])
        kind, raw = _PATTERNS[index][0], match.group()
        if index == 1 and not _UPPER_CODE.match(raw):
            # "in 1234 5678 9012": an account number is written in capitals.
            index, kind, raw = -1, "word", re.split(r"[ ]", raw, maxsplit=1)[0]
        yield Token(kind, _readings(kind, raw), raw, match.start(), match.start() + len(raw))
        place = match.start() + len(raw)


def _readings(kind: Kind, raw: str) -> frozenset[str]:
    if kind == "date":
        return dates(raw) or frozenset({compact(raw)})
    if kind in NUMERIC:
        return numbers(raw)
    if kind == "address":
        return frozenset({raw.casefold().rstrip("/")})
    return frozenset({compact(raw) or raw})


def numbers(raw: str) -> frozenset[str]:
    """Every number that `raw` may stand for, in plain decimal form without trailing zeros."""
    digits = re.sub(r"[^\d.,]", "", raw).strip(".,")
    sign = "-" if re.search(r"-\s?\d", raw) else ""
    parts = re.split(r"[.,]", digits)
    if len(parts) == 1:
        return frozenset({_plain(sign + digits)})
    whole, last = "".join(parts[:-1]), parts[-1]
    as_fraction, as_group = _plain(f"{sign}{whole}.{last}"), _plain(f"{sign}{whole}{last}")
    grouped = len(last) == 3 and len(parts[0]) <= 3  # noqa: PLR2004 - digits in a group
    separators = set(re.findall(r"[.,]", digits))
    if grouped and len(parts) > 2 and len(separators) == 1:  # noqa: PLR2004 - 1.234.567
        return frozenset({as_group})
    if grouped and len(parts) == 2 and parts[0] != "0":  # noqa: PLR2004 - 1.234 is either
        return frozenset({as_fraction, as_group})
    return frozenset({as_fraction})


def _plain(digits: str) -> str:
    number = Decimal(digits).normalize()
    return f"{number:f}"


def dates(raw: str) -> frozenset[str]:
    """Every day that `raw` may stand for, as `YYYY-MM-DD`; day first where both could be."""
    lowered = raw.casefold()
    name = re.search(_MONTH, lowered)
    digits = [int(run) for run in re.findall(r"\d+", lowered)]
    if name and len(digits) == 2:  # noqa: PLR2004 - day and year
        return _days({(digits[1], _MONTHS[name.group()], digits[0])})
    if len(digits) != 3:  # noqa: PLR2004 - day, month, year
        return frozenset()
    first, second, third = digits
    if re.match(r"\d{4}", lowered):
        return _days({(first, second, third)})
    readings = {(third, second, first)}
    if "/" in raw:
        readings.add((third, first, second))
    return _days(readings)


def _days(candidates: set[tuple[int, int, int]]) -> frozenset[str]:
    return frozenset(
        f"{year + 2000 if year < 100 else year:04d}-{month:02d}-{day:02d}"  # noqa: PLR2004 - two-digit year
        for year, month, day in candidates
        if 1 <= month <= 12 and 1 <= day <= 31  # noqa: PLR2004 - a calendar's bounds
    )
