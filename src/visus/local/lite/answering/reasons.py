# ruff: noqa: E501
# E501: patterns stay on one line.
"""Why: what stands beside `Reason` or `Anlass`, or behind `because`, `due to`, `weil`, `wegen`."""

import re
from collections.abc import Iterator
from typing import Final

from visus.local.lite.answering import running_text
from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.found import Found, unsaid
from visus.local.lite.answering.page import Page, split_at_colons
from visus.local.lite.answering.words import fold, holds, words

ASKED: Final = r"\b(?:why|what for|warum|weshalb|wieso|weswegen|aus welchem grund|for (?:what|which) reason|(?:what (?:is|was)|was (?:ist|war)) (?:the |der )?(?:reason|cause|grund|anlass|ursache))\b"
_LABELS: Final = r"\b(?:reason|cause|grund|anlass|ursache|purpose|zweck|diagnosis|diagnose|complaint|beschwerden|fault|begrundung)\b|\w(?:grund|anlass|zweck|ursache)\b"
_CUES: Final = re.compile(
    r"\b(?:because(?: of)?|due to|owing to|in order to|as a result of|weil|denn|da wir|wegen|aufgrund|auf grund|um .{3,60}? zu)\b[^,.;!?]*",
    re.IGNORECASE,
)
_SPARE: Final = 1
_LONGEST: Final = 160


def told(ask: Ask, page: Page) -> Found | None:
    """The reason; None where the page gives none for the thing, or several."""
    if len(_strange(ask, page)) > _SPARE:
        return None
    labelled = list({each.value: each for each in _labelled(page)}.values())
    if labelled:
        return labelled[0] if len(labelled) == 1 else None
    found = sorted(_because(ask, page), key=lambda each: -_shared(ask, each.text))
    if not found or not _shared(ask, found[0].text):
        return None
    is_tied = len(found) > 1 and _shared(ask, found[0].text) == _shared(ask, found[1].text)
    return None if is_tied else found[0]


def _strange(ask: Ask, page: Page) -> list[str]:
    return [word for word in unsaid(ask, page) if not re.search(_LABELS, word)]


def _shared(ask: Ask, text: str) -> int:
    said = words(text)
    return sum(holds(said, word) for word in ask.content)


def _labelled(page: Page) -> Iterator[Found]:
    pieces = {piece.box: piece for piece in page.pieces}
    for pair in page.pairs:
        piece = pieces.get(pair.box)
        if piece is not None and pair.how != "below" and re.search(_LABELS, fold(pair.label)):
            yield Found(pair.value.strip(), f"{pair.label}: {pair.value}", piece)
    for piece in page.pieces:
        for label, value in split_at_colons(piece.text):
            if value and re.search(_LABELS, fold(label)):
                yield Found(value.strip(), piece.text, piece)


def _because(ask: Ask, page: Page) -> Iterator[Found]:
    for sentence in running_text.sentences(page):
        for match in _CUES.finditer(sentence.text):
            if _shared(ask, sentence.text):
                yield Found(match.group().strip()[:_LONGEST], sentence.text, sentence.piece)
