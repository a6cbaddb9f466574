# ruff: noqa: E501, SIM905
# E501: patterns stay on one line.
# SIM905: word lists read best as running text.
"""By when? The date that a sentence puts behind `by`, `before`, `bis` or `spätestens`.

Letters say it in their own words (`eingesammelt` for `abgegeben`), so the verb of the question
need not stand there; its nouns must. Where a page sets several such dates, the sentence with
more of the question's words is meant, or none.
"""

import re
from typing import Final

from visus.local.lite.answering import running_text
from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.found import Found
from visus.local.lite.answering.page import Page
from visus.local.lite.answering.saying import ends_in
from visus.local.lite.answering.values import find
from visus.local.lite.answering.words import GENERIC, STOPWORDS, Token, fold, holds, words

ASKED: Final = r"\b(?:until|till|by) (?:when|what date|which date)\b|\bbis (?:wann|zu welchem)\b|\blatest\b|\bspatestens\b|\bdeadline\b|\bfrist\b|\blast day\b|\bletzter tag\b"
_BEFORE: Final = re.compile(
    r"(?:\bby|\buntil|\btill|\bbefore|\bno later than|\bbis|\bbis (?:zum|spatestens(?: am| zum)?)|\bspatestens (?:am|bis|zum|bis zum)|\bvor dem)"
    r"\s+(?:the\s+|\w+day,?\s+(?:the\s+)?|\w+tag,?\s+(?:de[nm]\s+)?)?$"
)
_VERBS: Final = frozenset(
    """
    ask reply respond answer return register apply pay submit hand change cancel book confirm collect reserve order
    enrol enroll sign send bring report give call ring vote transfer settle redeem exchange complete sent done
    returned registered submitted handed changed cancelled booked confirmed reserved latest deadline last date time
    """.split()
)
_MONEY: Final = frozenset({"geld", "money", "betrag", "beitrag", "kosten", "fee", "payment"})
_PAGE_HAS_MONEY: Final = re.compile(
    r"€|£|\$|\b(?:euro|eur|pounds?|kosten|beitrag|betrag|fee)\b", re.IGNORECASE
)
_PEOPLE: Final = frozenset({"mr", "mrs", "ms", "herr", "herrn", "frau", "man"})


def told(ask: Ask, page: Page) -> Found | None:
    """The date by which the thing must be done; None where no or no single sentence sets it."""
    said = [token.text for token in page.tokens]
    wanted = [token.text for token in ask.meant if _is_thing(ask, token)]
    if not all(_is_said(word, said, page) for word in wanted):
        return None
    content = [token.text for token in ask.meant if token.text not in _PEOPLE]
    found = list(_dates(page))
    ranked = sorted(found, key=lambda each: -_shared(each.text, content))
    if not ranked or (len({each.value for each in found}) > 1 and not _leads(ranked, content)):
        return None
    return ranked[0]


def is_limit(before: str) -> bool:
    """Whether the words before a date say that something must be done by it."""
    return _BEFORE.search(fold(before)) is not None


def _leads(ranked: list[Found], content: list[str]) -> bool:
    return _shared(ranked[0].text, content) > _shared(ranked[1].text, content)


def _shared(text: str, content: list[str]) -> int:
    spoken = words(text)
    return sum(holds(spoken, word) for word in content)


def _is_thing(ask: Ask, token: Token) -> bool:
    """Whether the page must hold the word: nouns, as far as their letters tell them."""
    if token.text in STOPWORDS or token.text in GENERIC or token.text in _VERBS | _PEOPLE:
        return False
    raw = ask.text[token.start : token.end]
    if ask.tongue == "de":
        return not raw.islower() and not re.fullmatch(r"frist|deadline|\w*termin", token.text)
    return True


def _is_said(word: str, said: list[str], page: Page) -> bool:
    money = word in _MONEY and _PAGE_HAS_MONEY.search(page.text) is not None
    return money or holds(said, word) or any(ends_in(each, word) for each in said)


def _dates(page: Page) -> list[Found]:
    return [
        Found(found.text, sentence.text, sentence.piece)
        for sentence in running_text.sentences(page)
        for found in find("date", sentence.text)
        if _BEFORE.search(fold(sentence.text[: found.start]))
    ]
