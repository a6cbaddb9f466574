# ruff: noqa: E501, RUF001
# E501: patterns stay on one line.
# RUF001: typographic signs are meant.
"""From when and until when something holds: `Valid from 1 November to 31 March`.

And how long, where a sentence says it: `Once opened, eat within 6 weeks`, `check in 20 minutes
before departure`.
"""

import re
from typing import Final

from visus.local.lite.answering import running_text
from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.found import Found
from visus.local.lite.answering.page import Page
from visus.local.lite.answering.saying import are_kin, says
from visus.local.lite.answering.values import find
from visus.local.lite.answering.wanting import value_of
from visus.local.lite.answering.words import GENERIC, STOPWORDS, SUBJECTS, fold, words

ASKED: Final = r"\b(?:until|till|from|since) when\b|\b(?:bis|ab|von|seit) wann\b|\bhow long\b.*\b(?:valid|apply|applies)\b|\bwie lange\b.*\b(?:gilt|gultig)\b|\bwhen\b.*\b(?:expire|run out)"
LASTING: Final = r"\bhow (?:long|early|soon|far in advance)\b|\bwie (?:lange|fruh|zeitig)\b|\b(?:how many|wie ?viele) (?:minutes|hours|days|weeks|months|minuten|stunden|tage|wochen|monate)\b"
_HOLDS: Final = r"\b(?:apply|applies|valid|validity|gilt|gelten|gultig\w*|runs?|timetable|fahrplan|offer|angebot|season|saison)\b"
_OF_VALIDITY: Final = re.compile(
    r"\b(?:valid|applies|effective|gultig|gilt|gueltig|winter|summer|season|saison|sommer)"
)
_FROM: Final = r"\b(?:from|since|ab|von|seit) (?:when|wann)\b"
_BETWEEN: Final = re.compile(
    r"\s*(?:to|until|till|through|bis(?: zum)?|[-–])\s*", re.IGNORECASE
)
_OPENED: Final = r"\b(?:after|once|when|nach) (?:\w+ )?(?:opening|opened|it is opened|offnen|offnung|anbruch)\b|\b(?:geoffnet\w*|angebrochen\w*|once opened|opened)\b"
_TELLING: Final = 2


def told(ask: Ask, page: Page) -> Found | None:
    """The day on which what the page sets out begins or ends to hold."""
    if not ask.has(_HOLDS):
        return None
    spans = [
        (dates, piece)
        for piece in page.pieces
        if _OF_VALIDITY.search(fold(piece.text))
        and len(dates := list(find("date", piece.text))) == _TELLING
        and _BETWEEN.fullmatch(piece.text[dates[0].end : dates[1].start])
    ]
    if len(spans) != 1:
        return None
    (first, last), piece = spans[0]
    return Found(first.text if ask.has(_FROM) else last.text, piece.text, piece)


def lasting(ask: Ask, page: Page) -> Found | None:
    """The span of time in the only sentence that says most of the question."""
    wanted = [
        token.text
        for token in ask.meant
        if token.text not in GENERIC | SUBJECTS and not _is_of_time(token.text)
    ]
    found = [
        (_said(sentence.text, wanted), Found(value.text, sentence.text, sentence.piece))
        for sentence in running_text.sentences(page)
        if (value := value_of(sentence.text, "duration")) is not None
    ]
    if ask.has(_OPENED):
        found = [each for each in found if re.search(_OPENED, fold(each[1].text))]
        return found[0][1] if len({each.value for _, each in found}) == 1 else None
    ranked = sorted(found, key=lambda each: -each[0])
    if not ranked or ranked[0][0] * 2 < len(wanted):
        return None
    best = {each.value for hits, each in ranked if hits == ranked[0][0]}
    is_enough = ranked[0][0] >= max(1, min(_TELLING, len(wanted)))
    return ranked[0][1] if len(best) == 1 and is_enough else None


def _said(text: str, wanted: list[str]) -> int:
    said = [word for word in words(text) if word not in STOPWORDS]
    return sum(
        says(said, word) or any(len(each) > _TELLING and are_kin(word, each) for each in said)
        for word in wanted
    )


def _is_of_time(word: str) -> bool:
    return (
        re.fullmatch(
            r"long|early|soon|far|advance|lange|fruh|zeitig|many|viele|(?:minute|hour|day|week|month|stunde|tag|woche|monat|minuten)\w*",
            word,
        )
        is not None
    )
