# ruff: noqa: E501, RUF001
# E501: patterns stay on one line.
# RUF001: typographic signs are meant.
"""Timetables as a whole: which line it is, on which days it runs."""

import re
from typing import Final

from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.found import Found, in_piece
from visus.local.lite.answering.page import Page
from visus.local.lite.answering.words import fold

_VEHICLE: Final = (
    r"bus|tram|line|linie|buslinie|tramlinie|strassenbahn|route|train|zug|ferry|fahre"
)
LINE: Final = (
    rf"(?:which|what|welche[rs]?) (?:number )?(?:{_VEHICLE})(?: (?:line|route|number|nummer|linie))?\W+(?:is|ist|does|gilt|fahrt hier|number|route)\b"
    r"|(?:bus|tram|line|linien?|train|zug|route)[- ]?(?:number|nummer)|number of (?:the |this )?(?:bus|tram|line|train)"
)
_NUMBER: Final = re.compile(
    r"\b(?:bus|tram|line|linie|buslinie|tramlinie|strassenbahn|straßenbahn|route|ferry|fähre)\s+(?:no\.?\s?|nr\.?\s?)?(?P<number>[A-Z]{0,3}\s?\d{1,4}[A-Z]?)\b",
    re.IGNORECASE,
)
DAYS: Final = r"\b(?:which|what|welche[nrm]?) (?:days?|tage?n?|wochentage?n?)\b"
_RUNS: Final = r"\b(?:run|runs|running|operat\w*|apply|applies|valid|fahrt|fahren|verkehr\w*|gilt|gelten|gultig)\b"
_DAY: Final = (
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?|(?:montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend|sonntag)s?"
    r"|mo|di|mi|do|fr|sa|so|mon|tue|wed|thu|fri|sat|sun"
)
_SPAN: Final = re.compile(
    rf"\b(?:{_DAY})\b\.?(?:\s*(?:-|–|to|bis|and|und|through|,)\s*(?:{_DAY})\b\.?)*|\b(?:daily|every day|täglich|weekdays|werktags)\b",
    re.IGNORECASE,
)
_TOP: Final = 4


def line(ask: Ask, page: Page) -> Found | None:
    """The number of the line whose timetable it is, from the top of the page."""
    if not ask.has(LINE):
        return None
    found = [
        in_piece(match.group("number"), piece)
        for piece in page.pieces[:_TOP]
        for match in _NUMBER.finditer(piece.text)
    ]
    return found[0] if len({each.value for each in found}) == 1 else None


def days(ask: Ask, page: Page) -> Found | None:
    """The days on which it runs, if the page names days just once."""
    if not ask.has(DAYS) or not ask.has(_RUNS):
        return None
    found = [
        in_piece(match.group(), piece)
        for piece in page.pieces
        for match in _SPAN.finditer(piece.text)
        if len(fold(match.group())) > _TOP
    ]
    return found[0] if len(found) == 1 else None
