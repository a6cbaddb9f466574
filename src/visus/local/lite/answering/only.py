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
from visus.local.lite.answering.values import Kind, find
from visus.local.lite.answering.wanting import Wanted, wanted_by
from visus.local.lite.answering.words import SUBJECTS

_KINDS: Final[dict[Wanted, Kind]] = {"time": "time", "when": "date", "percent": "percent"}
_THINGS: Final = frozenset({"head", "noun"})
_PART: Final = 5
"""Letters; a shorter word is too easily a part of another."""


def told(ask: Ask, page: Page) -> Found | None:
    """The value; None for several, for none, or where the question is about something else."""
    kind = _KINDS.get(wanted_by(ask))
    if kind is None or not page.is_prose or not _is_about(ask, page):
        return None
    found = list(_values(page, kind))
    return found[0] if len({each.value for each in found}) == 1 else None


def _values(page: Page, kind: Kind) -> Iterator[Found]:
    for sentence in running_text.sentences(page):
        for value in find(kind, sentence.text):
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
