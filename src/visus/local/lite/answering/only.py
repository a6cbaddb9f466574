# ruff: noqa: E501
# E501: patterns stay on one line.
"""The only hour, day or share in the text of a page, where the question is about that page.

`Um wie viel Uhr ist das Vorstellungsgespräch?` of a letter that names one hour. Every thing
that the question names must be on the page, alone or in a compound.
"""

from collections.abc import Iterator
from typing import Final

from visus.local.lite.answering import running_text
from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.found import Found
from visus.local.lite.answering.inquiry import words_of
from visus.local.lite.answering.page import Page
from visus.local.lite.answering.saying import ends_in, says
from visus.local.lite.answering.until import is_limit
from visus.local.lite.answering.values import Kind, find
from visus.local.lite.answering.wanting import Wanted, wanted_by
from visus.local.lite.answering.words import SUBJECTS

_KINDS: Final[dict[Wanted, Kind]] = {"time": "time", "when": "date", "percent": "percent"}
_THINGS: Final = frozenset({"head", "noun"})
_OF_LIMITS: Final = r"\b(?:by|until|till|before|latest|due|must|should|have to|bis|spatestens|muss|mussen|soll|sollen|fallig|pay|reply|answer|return\w*|zahl\w*|antwort\w*|zuruck\w*)\b"
"""A day by which something must be done answers only what asks for one."""
_PART: Final = 5
"""Letters; a shorter word is too easily a part of another."""


def told(ask: Ask, page: Page) -> Found | None:
    """The value; None for several, for none, or where the question is about something else."""
    kind = _KINDS.get(wanted_by(ask))
    if kind is None or not page.is_prose or not _is_about(ask, page):
        return None
    found = list(_values(ask, page, kind))
    return found[0] if len({each.value for each in found}) == 1 else None


def _values(ask: Ask, page: Page, kind: Kind) -> Iterator[Found]:
    for sentence in running_text.sentences(page):
        for value in find(kind, sentence.text):
            if is_limit(sentence.text[: value.start]) and not ask.has(_OF_LIMITS):
                continue
            yield Found(value.text, sentence.text, sentence.piece)


def _is_about(ask: Ask, page: Page) -> bool:
    everywhere = [token.text for token in page.tokens]
    things = [
        word.text
        for word in words_of(ask, wanted_by(ask))
        if word.role in _THINGS and word.text not in SUBJECTS
    ]
    return bool(things) and all(_is_there(everywhere, word) for word in things)


def _is_there(everywhere: list[str], word: str) -> bool:
    return says(everywhere, word) or any(
        len(each) >= _PART and ends_in(word, each) for each in everywhere
    )
