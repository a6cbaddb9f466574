"""The value beside a label that the question says word for word, where it asks for just that.

`What is the daily rate?`, `Wie heißt die Inhaberin der Apotheke?`: the label must be all of
what is asked for, every other thing that the question names must be on the page, and only one
value may stand beside such a label.
"""

from typing import Final

from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.inquiry import heads_of
from visus.local.lite.answering.labelled import beside_labels
from visus.local.lite.answering.lookup import Finding
from visus.local.lite.answering.page import Page, Pair
from visus.local.lite.answering.plausible import is_plausible
from visus.local.lite.answering.saying import ends_in, is_put_together
from visus.local.lite.answering.wanting import value_of, wanted_by
from visus.local.lite.answering.weighing import is_accounted
from visus.local.lite.answering.words import STOPWORDS, alike, holds, words

_TITLE: Final = 2


def told(ask: Ask, page: Page) -> Finding | None:
    """The value beside the label; None for no such label, and for two values."""
    starts = heads_of(ask)
    heads = [token.text for token in ask.tokens if token.start in starts]
    if not heads:
        return None
    everywhere = [token.text for token in page.tokens]
    titles = {piece.text.strip() for piece in page.pieces[:_TITLE]}
    found = [
        pair
        for pair in beside_labels(page)
        if _is_alone(pair, titles) and _names_them(pair, heads, ask, everywhere)
    ]
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


def _is_alone(pair: Pair, titles: set[str]) -> bool:
    """Whether nothing more stands on the row, and no title is taken for a label."""
    return pair.how == "colon" or not (pair.rest or pair.label in titles)


def _names_them(pair: Pair, heads: list[str], ask: Ask, everywhere: list[str]) -> bool:
    """Whether the label says all that is asked for, and nothing but what the question says."""
    named = [word for word in words(pair.label) if word not in STOPWORDS]
    says_heads = bool(named) and all(
        holds(named, head) or is_put_together(everywhere, named, head) for head in heads
    )
    return says_heads and all(
        any(alike(word, other) or ends_in(other, word) for other in ask.words) for word in named
    )
