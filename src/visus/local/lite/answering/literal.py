"""The value beside a label that the question says word for word, where it asks for just that.

`What is the daily rate?`, `Wie heißt die Inhaberin der Apotheke?`: the label must be all of
what is asked for, every other thing that the question names must be on the page, and only one
value may stand beside such a label.
"""

from typing import Final

from visus.local.lite.answering import tables
from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.inquiry import heads_of
from visus.local.lite.answering.lookup import Finding
from visus.local.lite.answering.page import Page, Pair, looks_like_a_label
from visus.local.lite.answering.plausible import is_plausible
from visus.local.lite.answering.saying import ends_in, is_put_together
from visus.local.lite.answering.wanting import value_of, wanted_by
from visus.local.lite.answering.weighing import is_accounted
from visus.local.lite.answering.words import STOPWORDS, alike, holds, words

_LONGEST: Final = 60
_TITLE: Final = 2


def told(ask: Ask, page: Page) -> Finding | None:
    """The value beside the label; None for no such label, and for two values."""
    starts = heads_of(ask)
    heads = [token.text for token in ask.tokens if token.start in starts]
    if not heads:
        return None
    found = [pair for pair in page.pairs if _names_them(page, pair, heads, ask)]
    if len({pair.value.strip() for pair in found}) != 1:
        return None
    pair = found[0]
    value = value_of(pair.value.strip(), wanted_by(ask))
    said = f"{pair.label} {pair.value}"
    if value is None or not is_accounted(ask, page, said):
        return None
    if not is_plausible(value.text, ask.target.key):
        return None
    return Finding(value.text, pair.label, pair.box, pair.confidence, 1.0)


def _names_them(page: Page, pair: Pair, heads: list[str], ask: Ask) -> bool:
    if pair.how not in {"colon", "right"} or pair.label in tables.column_titles(page):
        return False
    if pair.how == "right" and (pair.rest or _is_title(page, pair.label)):
        return False
    if looks_like_a_label(pair.value) or len(pair.value) > _LONGEST:
        return False
    named = [word for word in words(pair.label) if word not in STOPWORDS]
    if not named or not all(_is_said(page, named, head) for head in heads):
        return False
    return all(
        any(alike(word, other) or ends_in(other, word) for other in ask.words) for word in named
    )


def _is_said(page: Page, named: list[str], head: str) -> bool:
    """Whether the label says the word, or its end where the page says the beginning."""
    if holds(named, head):
        return True
    return is_put_together([token.text for token in page.tokens], named, head)


def _is_title(page: Page, label: str) -> bool:
    return any(piece.text.strip() == label for piece in page.pieces[:_TITLE])
