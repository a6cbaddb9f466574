# ruff: noqa: E501, RUF001
# E501: patterns stay on one line.
# RUF001: typographic signs are meant.
"""Questions for what a page knows nothing of: such a question has no answer, whatever else fits."""

import re
from typing import Final

from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.families import asked, printed_by
from visus.local.lite.answering.inquiry import words_of
from visus.local.lite.answering.page import Page
from visus.local.lite.answering.saying import is_put_together, says
from visus.local.lite.answering.wanting import Wanted, wanted_by
from visus.local.lite.answering.words import SUBJECTS

_COUNTABLE: Final = frozenset[Wanted]({"amount", "when", "price", "number"})
_TELLING: Final = frozenset({"head", "noun", "verb"})
_BOTH: Final = 2
"""Words of the question that name a row and a column: the table need not say what it is of."""
_DAYS: Final = ("mon mo", "tue di", "wed mi", "thu do", "fri fr", "sat sa", "sun so")
_DAY: Final = re.compile(
    r"\b(?:(?P<day>mon|tue|wed|thu|fri|sat|sun|mo|di|mi|do|fr|sa|so)(?:days?|sdays?|nesdays?|rsdays?|urdays?|ntags?|enstags?|ttwochs?|nnerstags?|eitags?|mstags?|nntags?|nnabends?)"
    r"|(?P<short>Mon|Tues?|Wed|Thur?s?|Fri|Sat|Sun|Mo|Di|Mi|Do|Fr|Sa|So)\.?)(?![\w])",
)
"""A day in folded letters, or its short name with the capital that it is printed with."""
_LONG_DAY: Final = re.compile(r"\b\w+(?:days?|tags?|woche?s?|abends?)\b", re.IGNORECASE)
_SPAN: Final = re.compile(r"\s*(?:-|–|bis|to|until|till)\s*")
_WEEK: Final = 7


def is_asked(ask: Ask, page: Page) -> bool:
    """Whether a thing that is counted or priced, or a day, is asked for that is not there."""
    wanted = wanted_by(ask)
    if wanted not in _COUNTABLE:
        return False
    if wanted == "when" and _names_another_day(ask, page):
        return True
    everywhere = [token.text for token in page.tokens]
    asking = [word for word in words_of(ask, wanted) if word.role in _TELLING]
    said = [word for word in asking if says(everywhere, word.text)]
    there = frozenset(each for word in everywhere for each in printed_by(word))
    return len(said) < _BOTH and any(
        word.role == "head"
        and word.text not in SUBJECTS
        and word not in said
        and not is_put_together(everywhere, everywhere, word.text)
        and not asked([word.text]).get(word.text, frozenset()) & there
        for word in asking
    )


def _names_another_day(ask: Ask, page: Page) -> bool:
    """Whether the page names days, and neither the one of the question nor a span around it."""
    wanted, printed = days_in(ask.folded), days_in(page.text)
    return bool(wanted and printed) and not wanted & printed


def days_in(text: str) -> set[int]:
    """The days of the week that a text names, those of its spans included; 0 is Monday."""
    found: set[int] = set()
    last: tuple[int, int] | None = None
    for match in _DAY.finditer(_LONG_DAY.sub(lambda each: each.group().lower(), text)):
        named = (match["day"] or match["short"]).lower()
        day = next(
            place for place, names in enumerate(_DAYS) if named.startswith(tuple(names.split()))
        )
        if last is not None and _SPAN.fullmatch(text[last[1] : match.start()]):
            found.update(
                (last[0] + step) % _WEEK for step in range((day - last[0]) % _WEEK + 1)
            )
        found.add(day)
        last = day, match.end()
    return found
