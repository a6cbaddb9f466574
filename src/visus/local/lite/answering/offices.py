# ruff: noqa: E501, RUF001
# E501: patterns stay on one line.
# RUF001: typographic signs are meant.
"""What somebody is: `Gareth Hale` above `Managing Director`, `our surveyor, Martin Crewe`.

The role stands under the name, behind its comma or in brackets, beside it as a label, or before
it in a sentence. A page that gives the person no role, or two, tells none.
"""

import re
from collections.abc import Iterator
from typing import Final

from visus.local.lite.answering import running_text
from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.found import Found
from visus.local.lite.answering.page import Page, Piece
from visus.local.lite.answering.values import PERSON, find
from visus.local.lite.answering.words import STOPWORDS, alike, words

_ASKED: Final = (
    r"\b(?:role|job(?: title)?|position|function|title|occupation|profession|post|department|funktion|rolle|position|stellung|beruf|titel|tatigkeit|amt|abteilung)\b"
    r"|^\W*(?:who|wer) (?:is|ist) (?:(?:mr|mrs|ms|herr|frau|dr)\.? )?(?:\w+ ){0,2}\w+\W*$|\bwork(?:s)? as\b|\bwhat does .* do\b"
)
_SUFFIX: Final = re.compile(
    r"^[,–-]\s*(?P<role>[^,.;:\d]{4,45})$|^\s*\((?P<inside>[^()\d]{3,40})\)"
)
_BEFORE: Final = re.compile(
    r"(?:\b(?:our|the|your|my|unsere?r?m?|[Dd](?:er|ie|em)|[Ii]hre?n?)\s)(?P<role>(?:[\wäöüß-]+\s){0,2}[\wäöüß-]+),?\s+$",
    re.IGNORECASE,
)
_TITLES: Final = frozenset({"herr", "herrn", "frau", "mr", "mrs", "ms", "miss", "dr"})
_LONGEST, _MOST = 50, 6
_DEPARTMENT: Final = r"\b(?:department|abteilung)\b"


def told(ask: Ask, page: Page) -> Found | None:
    """The role; None where nobody is named, or the page does not say one thing of him."""
    name = _name_in(ask) if ask.has(_ASKED) else []
    if not name:
        return None
    for search in (_at_the_name, _under, _in_sentence):
        found = list(search(page, name))
        if found:
            return found[0] if len({each.value for each in found}) == 1 else None
    return None


def _name_in(ask: Ask) -> list[str]:
    """The folded words of the person that the question names, titles left out."""
    matches = [match.group() for match in PERSON.finditer(ask.text) if match.start()]
    said = words(matches[-1]) if matches else []
    return [word for word in said if word not in _TITLES | STOPWORDS]


def _is_named(text: str, name: list[str]) -> bool:
    said = words(text)
    return all(any(alike(word, each) for each in said) for word in name)


def _at_the_name(page: Page, name: list[str]) -> Iterator[Found]:
    for piece in page.pieces:
        for match in PERSON.finditer(piece.text):
            if not _is_named(match.group(), name) or match.start():
                continue
            suffix = _SUFFIX.match(piece.text[match.end() :])
            if suffix:
                role = (suffix["role"] or suffix["inside"]).strip()
                yield Found(role, piece.text, piece)


def _under(page: Page, name: list[str]) -> Iterator[Found]:
    for piece in page.pieces:
        spoken = words(piece.text)
        is_alone = len(page.row_of(piece)) == 1 and len(spoken) <= len(name) + 2
        if not is_alone or not _is_named(piece.text, name):
            continue
        for other in page.below(piece, lines=1):
            if _may_be_a_role(other):
                yield Found(other.text.strip(), f"{piece.text}, {other.text}", other)


def _may_be_a_role(piece: Piece) -> bool:
    text = piece.text.strip()
    if PERSON.fullmatch(text) and any(word in _TITLES for word in words(text)):
        return False
    is_short = len(text) <= _LONGEST and len(words(text)) <= _MOST
    is_plain = text[:1].isupper() and ":" not in text and not any(map(str.isdigit, text))
    return is_short and is_plain and not any(find("email", text)) and "," not in text


def _in_sentence(page: Page, name: list[str]) -> Iterator[Found]:
    for sentence in running_text.sentences(page):
        for match in PERSON.finditer(sentence.text):
            before = _BEFORE.search(sentence.text[: match.start()])
            if before and _is_named(match.group(), name):
                yield Found(before["role"].strip(), sentence.text, sentence.piece)
