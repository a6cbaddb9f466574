# ruff: noqa: E501, RUF001
# E501: patterns stay on one line.
# RUF001: typographic signs are meant.
"""Every postal address on a page, wherever it stands: its street, postcode and town.

An address may fill a block of lines, one line, or the end of a sentence. Which of several is
meant is told by the names above it; where nothing tells, none is.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from visus.local.lite.answering.page import Page, Piece
from visus.local.lite.answering.words import holds, words

_UPPER: Final = r"[A-ZÄÖÜ][\w.'’äöüß-]*"
_JOINED: Final = rf"(?: (?:am|an der|im|in|bei|ob der|an|upon|on|{_UPPER}))*"
_TOWN: Final = rf"{_UPPER}(?:{_JOINED} {_UPPER})?"
_GERMAN: Final = re.compile(
    rf"(?<![\d.,/-])(?:(?:D|A|CH)-)?(?P<code>\d{{5}}) (?P<town>{_TOWN})(?=$|[,;.·•|)]|\s[·•|–-])"
)
_ALPINE: Final = re.compile(rf"^(?:(?:A|CH)-)?(?P<code>[1-9]\d{{3}}) (?P<town>{_TOWN})$")
_BRITISH: Final = re.compile(
    rf"(?P<town>{_TOWN}),? (?P<code>[A-Z]{{1,2}}\d[A-Z\d]? ?\d[A-Z]{{2}})(?![A-Za-z\d])"
)
_AMERICAN: Final = re.compile(rf"(?P<town>{_TOWN}),? (?P<code>[A-Z]{{2}} \d{{5}})(?!\d)")
_BARE: Final = re.compile(
    rf"^\d+[a-z]? [\w' .-]+ (?:Street|St|Road|Rd|Lane|Square|Walk|Avenue|Ave|Close|Place|Row|Way|Hill|Terrace|Drive)\.?, (?P<town>{_TOWN})$"
)
_STREET: Final = re.compile(
    rf"^(?:\d+[a-z]? {_UPPER}(?: [\w.'-]+)*|{_UPPER}(?: [\w.'-]+)* \d+ ?[a-z]?)$"
)
_BREAK: Final = re.compile(r"\s*[,·•|;]\s*|\s+[–-]\s+")
_ABOVE: Final = 4


class Address(NamedTuple):
    """One address; `code` and `street` are empty where it has none."""

    street: str
    code: str
    town: str
    piece: Piece
    above: tuple[str, ...]
    """The words of the lines above it and of its own line: whose it is."""


def told(page: Page, key: str, *, said: tuple[str, ...]) -> Piece | None:
    """The `city`, `postcode` or `street` of the only address, or of the one that `said` names."""
    found = list(all_of(page))
    named = [each for each in found if any(holds(each.above, word) for word in said)]
    if len(found) > 1 and len(named) == 1:
        found = named
    values = {_part(each, key) for each in found}
    value = values.pop() if len(values) == 1 else ""
    return found[0].piece._replace(text=value) if value else None


def _part(address: Address, key: str) -> str:
    return {"city": address.town, "postcode": address.code, "street": address.street}.get(
        key, ""
    )


def all_of(page: Page) -> Iterator[Address]:
    """The addresses from top to bottom."""
    for piece in page.pieces:
        for look in (_GERMAN, _ALPINE, _AMERICAN, _BRITISH, _BARE):
            match = look.search(piece.text.strip())
            if match is not None:
                yield _address(page, piece, match)
                break


def _address(page: Page, piece: Piece, match: re.Match[str]) -> Address:
    code = match.groupdict().get("code") or ""
    before = [part for part in _BREAK.split(piece.text.strip()[: match.start()]) if part]
    over = [other for other in page.pieces if piece in page.below(other, lines=_ABOVE)]
    beside = match.string[: match.start("town")] if not code else ""
    lines = [*before, beside.rstrip(" ,")] if beside else before or [o.text for o in over[-1:]]
    street = next((line for line in reversed(lines) if _STREET.match(line)), "")
    said = [word for other in (*over, piece) for word in words(other.text)]
    return Address(street, code, match.group("town").strip(" ,."), piece, tuple(said))
