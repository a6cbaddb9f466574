# ruff: noqa: E501, RUF001
# E501: patterns stay on one line.
# RUF001: typographic signs are meant.
"""Where to: `our class will visit the Maritime Museum in Hull`, `fährt in die Jugendherberge`."""

import re
from collections.abc import Iterator
from typing import Final

from visus.local.lite.answering import running_text
from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.found import Found, unsaid
from visus.local.lite.answering.page import Page
from visus.local.lite.answering.words import fold

ASKED: Final = r"^\W*(?:where|wohin)\b.*\b(?:go|goes|going|travel\w*|trip|visit\w*|excursion|outing|fahrt|fahren|geht|gehen|reist|reisen|ausflug|\w*fahrt|\w*reise)\b|^\W*(?:what|was) .*\b(?:visit|besucht|besuchen|besichtigt)\b|^\W*wohin\b"
_NAME: Final = (
    r"[A-ZÄÖÜ][\wäöüß'’&-]*(?:\s(?:of|am|an der|the|zum|zur)?\s?[A-ZÄÖÜ][\wäöüß'’&-]*)*"
)
_PLACE: Final = rf"(?P<place>{_NAME}(?:\s+in\s+{_NAME})?)"
_TOWARDS: Final = (
    re.compile(
        rf"\b(?:visit(?:s|ing)?|(?:go|goes|going|travel|travels|travelling|trip|excursion|outing|move|moves|moving) to)\s+(?:(?:the|our|a)\s+)?{_PLACE}"
    ),
    re.compile(
        rf"\b(?:besuch\w*|besichtig\w*)\s+(?:(?:wir|die Klasse|unsere Klasse)\s+)?(?:das|die|den|der)\s+{_PLACE}"
    ),
    re.compile(rf"\b(?:nach|in die|ins|in den|zum|zur|auf die)\s+{_PLACE}"),
)
_MOTION: Final = r"\b(?:fahr\w*|fahrt\w*|reis\w*|geht|gehen|ausflug|wandert?|wandern|flieg\w*|visit\w*|go|goes|going|travel\w*|trip|excursion|outing|besuch\w*|besichtig\w*|\w+fahrt|mov\w+)\b"
_SPARE: Final = 1


def told(ask: Ask, page: Page) -> Found | None:
    """The place; None where no or no single sentence names one."""
    if not page.is_prose or len(unsaid(ask, page)) > _SPARE:
        return None
    for towards in _TOWARDS:
        found = list(_places(page, towards))
        if found:
            return found[0] if len({each.value for each in found}) == 1 else None
    return None


def _places(page: Page, towards: re.Pattern[str]) -> Iterator[Found]:
    for sentence in running_text.sentences(page):
        if re.search(_MOTION, fold(sentence.text)):
            for match in towards.finditer(sentence.text):
                yield Found(match["place"], sentence.text, sentence.piece)
