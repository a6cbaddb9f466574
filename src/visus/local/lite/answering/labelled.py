"""Which vet, which month, which licence plate: beside the only label that is the word itself.

The label says so exactly what is asked for that the rest of the question may put it otherwise,
by one word at most. Headers of tables are no labels.
"""

import re
from typing import Final

from visus.local.lite.answering import tables
from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.found import Found, unsaid
from visus.local.lite.answering.page import Page, Pair, looks_like_a_label
from visus.local.lite.answering.words import STOPWORDS, alike, words

_ASKED: Final = re.compile(
    r"\b(?:which|what|welche[nrsm]?)\s+(?P<thing>[a-z]{3,})\b(?!\s+of\b)"
)
_VAGUE: Final = frozenset(
    {
        "number",
        "nummer",
        "kind",
        "type",
        "art",
        "time",
        "name",
        "company",
        "firma",
        "day",
        "tag",
    }
)
_SPARE: Final = 1
_LONGEST: Final = 60


def told(ask: Ask, page: Page) -> Found | None:
    """The value beside the label; None for no such label, for two, or a stranger question."""
    asked = _ASKED.search(ask.folded)
    if asked is None or asked.group("thing") in _VAGUE:
        return None
    thing = asked.group("thing")
    strange = [word for word in unsaid(ask, page) if not alike(word, thing)]
    found = {pair.value: pair for pair in beside_labels(page) if _is_label_of(pair, thing)}
    if len(strange) > _SPARE or len(found) != 1:
        return None
    pair = next(iter(found.values()))
    piece = next(each for each in page.pieces if each.box == pair.box)
    return Found(pair.value.strip(), f"{pair.label} {pair.value}", piece)


def beside_labels(page: Page) -> list[Pair]:
    """Labels with a short value behind a colon or to the right; no header of a table."""
    titles = tables.column_titles(page)
    return [
        pair
        for pair in page.pairs
        if pair.how in {"colon", "right"}
        and pair.label not in titles
        and not looks_like_a_label(pair.value)
        and len(pair.value) <= _LONGEST
    ]


def _is_label_of(pair: Pair, thing: str) -> bool:
    named = [word for word in words(pair.label) if word not in STOPWORDS]
    return len(named) == 1 and alike(named[0], thing)
