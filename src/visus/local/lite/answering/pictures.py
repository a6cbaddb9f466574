# ruff: noqa: E501
# E501: patterns and phrases stay on one line.
"""Which of the dialogue's pictures does a question speak of?"""

import re
from typing import Final, NamedTuple

from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.dialogue import Speech
from visus.local.lite.answering.page import Page
from visus.local.lite.answering.replies import Reply
from visus.local.lite.evidence import Evidence

_NOUN: Final = r"(?:image|picture|photo|pic|page|document|scan|screenshot|bild\w*|foto\w*|seite|dokument\w*|rechnung|invoice|one)"
_ORDINALS: Final = (
    (0, r"first|1st|erste[nmrs]?|1\."),
    (1, r"second|2nd|zweite[nmrs]?|2\."),
    (2, r"third|3rd|dritte[nmrs]?|3\."),
    (3, r"fourth|4th|vierte[nmrs]?|4\."),
    (4, r"fifth|5th|funfte[nmrs]?|5\."),
    (-1, r"last|latest|final|letzte[nmrs]?"),
)


_ALL: Final = (
    r"\b(?:both|two|these|all|each) (?:the )?(?:\w+ )?(?:images|pictures|photos|documents)\b|\bcompare\b|\bdifferen"
    r"|\b(?:beide\w*|allen|zwei)\b.*bild|\bvergleich|\bunterschied|\b(?:previous|vorherige\w*|earlier)\b"
)  # fmt: skip


class Seen(NamedTuple):
    """A picture of the dialogue, by the number that a person would give it."""

    number: int
    page: Page


class Album(NamedTuple):
    """The dialogue's pictures, as places in what was seen."""

    current: list[int]
    """Those of the turn to answer and after; without any, those of the latest turn before."""
    every: list[int]


def album(turns: list[Speech], last: Speech) -> Album:
    """The pictures of a dialogue, in the order in which they were shown."""
    every = [place for turn in turns for place in turn.pictures]
    place_of_last = next(place for place, turn in enumerate(turns) if turn is last)
    current = [place for turn in turns[place_of_last:] for place in turn.pictures]
    for turn in reversed(turns[:place_of_last]):
        current = current or list(turn.pictures)
    return Album(current, every)


def chosen(ask: Ask, shown: Album, seen: list[Evidence]) -> list[Seen]:
    """The pictures that the question names, else those that are current."""
    several = len(shown.current) > 1
    numbered = shown.current if several else shown.every
    if not several and len(shown.every) > 1 and ask.has(_ALL):
        return [_seen(place, numbered, seen) for place in numbered]
    ordinal = _ordinal(ask)
    if ordinal is None:
        return [_seen(place, numbered, seen) for place in shown.current]
    named = numbered[-1:] if ordinal == -1 else numbered[ordinal : ordinal + 1]
    return [_seen(place, numbered, seen) for place in named]


def names_one(ask: Ask) -> bool:
    """Whether the question is about one picture by its number."""
    return _ordinal(ask) is not None


def _seen(place: int, numbered: list[int], seen: list[Evidence]) -> Seen:
    return Seen(numbered.index(place) + 1, Page(seen[place]))


def _ordinal(ask: Ask) -> int | None:
    for place, words in _ORDINALS:
        if re.search(rf"(?<![\w.])(?:{words})\s+{_NOUN}\b", ask.folded):
            return place
    said = [
        place
        for place, words in _ORDINALS
        if re.search(rf"(?<![\w.])(?:the|das|die|der|dem) (?:{words})(?!\w)", ask.folded)
    ]
    for place, words in _ORDINALS:
        if said == [place] and re.search(rf"\b(?:{words})\W*$", ask.folded):
            return place
    match = re.search(rf"\b{_NOUN}\s+(?:no\.? ?|nr\.? ?|number |nummer |#)?(\d)\b", ask.folded)
    return int(match.group(1)) - 1 if match else None


def no_such(ask: Ask) -> Reply:
    """The question names a picture that is not there."""
    return Reply(
        ask.say(
            "Not found: there is no such picture in this conversation.",
            "Nicht gefunden: So ein Bild gibt es in diesem Gespräch nicht.",
        ),
        ask.say("Not found", "Nicht gefunden"),
        found=False,
    )
