# ruff: noqa: ARG001, E501, RUF001
# ARG001: every finder has the same signature.
# E501: patterns and phrases stay on one line.
# RUF001: typographic signs are meant.
"""Facts that a page tells in words rather than beside labels: who does what, when, for how much.

The last resort of a question: a sentence, a line or a row that says what the question says,
and in it a value of the kind that the question word demands. A noun that the page does not
hold, or a value of another kind, means that nothing is told.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from visus.local.lite.answering import running_text
from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.page import Page, Piece
from visus.local.lite.answering.saying import ends_in
from visus.local.lite.answering.values import PERSON, Kind, find
from visus.local.lite.answering.words import (
    GENERIC,
    STOPWORDS,
    SUBJECTS,
    fold,
    holds,
    tokens,
    words,
)

_LIGHT: Final = frozenset(
    """
    begins begin beginning starts start started leave leaves left depart departs arrive arrives
    come comes go goes meet meets serve serves open opens close closes run runs end ends finish finishes return
    beginnt startet endet kommt geht fahrt hort schliesst offnet dauert
    call contact ring reach anrufen wenden erreichen kontaktieren
    """.split()  # noqa: SIM905 - word lists read best as running text
)
"""Verbs too common to tell one fact from another, and those that every sentence may put otherwise."""
_OF_ASKING: Final = frozenset(
    {"time", "uhr", "uhrzeit", "day", "days", "tag", "long", "lange", "date", "datum"}
    | {"often", "oft", "times", "high", "hoch", "large", "big"}
    | {"discount", "reduction", "rabatt", "nachlass", "ermassigung"}
)
_DAY: Final = r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?|(?:montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend|sonntag)s?"
_WEEKDAY: Final = re.compile(rf"\b(?:{_DAY})\b", re.IGNORECASE)
_JOIN: Final = re.compile(
    r"\s*(?:,|at|um|on|am|the|den|dem|from|von|ab|zwischen|between|and|und|to|bis|until|uhr|[-–])?[\s,]*(?:the|den|dem)?\s*",
    re.IGNORECASE,
)
_UNTIL: Final = re.compile(
    r"\b(?:by|until|before|no later than|bis|bis zum|spatestens)\s+(?:the\s+)?$"
)
_OFTEN: Final = re.compile(
    r"\b(?:once|twice|(?:one|two|three|four|\d)\s?(?:times|x)|every \w+ hours|alle \d+ stunden|(?:ein|zwei|drei|vier|\d)[ -]?mal)\b"
    r"(?:\s(?:a|per|each|every|am|pro|in der|im|die)\s\w+|\s(?:daily|täglich|wöchentlich|weekly|monatlich|jährlich))?|\b(?:daily|weekly|monthly|täglich|wöchentlich|monatlich)\b",
    re.IGNORECASE,
)
_PLACE: Final = re.compile(
    r"\b(?:in|im|am|at|auf|bei|beim|nach|to|zum|zur|on)\s+(?:(?:der|dem|den|die|das|the|our|unsere[rmn]?)\s+)?"
    r"(?P<place>[A-ZÄÖÜ][\wäöüß'’-]*(?:\s+(?:(?:of|am|an|der|the|im|in)\s+)*[A-ZÄÖÜ\d][\wäöüß'’-]*)*)"
)
_DURATION: Final = re.compile(
    r"\b(?:\d+(?:[.,]\d+)?|one|two|three|four|five|six|seven|eight|ten|twelve|eine?r?|zwei|drei|vier|fünf|sechs|sieben|acht|zehn|zwölf)[\s-]?(?:minutes?|minuten|min|hours?|stunden?|std|days?|tagen?|weeks?|wochen?|months?|monaten?|years?|jahren?)\b",
    re.IGNORECASE,
)
_MOST: Final = 240
_TELLING: Final = 5
"""Letters of a word, or words of a line, that say something of their own."""
_SHORT_PART: Final = 9
_SHORT_PLUS: Final = 2
_HEADING: Final = 2
_LEAST_OF_A_CLAUSE: Final = 4
_CLAUSE: Final = re.compile(r",\s+|;\s+|\s(?:und|and|sowie|but|aber)\s(?!\d)")


class Told(NamedTuple):
    """A value, and the text that tells it."""

    value: str
    text: str
    piece: Piece


def told(ask: Ask, page: Page) -> Told | None:
    """The value that a sentence or a line tells; None if none tells just this."""
    said = [token.text for token in page.tokens]
    wanted = _wanted(ask, said)
    if not page.is_prose:
        wanted = _without_the_subject(page, wanted, said)
    if not wanted:
        return _alone(ask, page)
    if not _are_said(ask, wanted, said):
        return None
    ranked = sorted(_tellings(ask, page, wanted), key=lambda each: -each[0])
    if not ranked or (
        ranked[1:] and ranked[1][0] == ranked[0][0] and ranked[1][1].value != ranked[0][1].value
    ):
        return None
    return ranked[0][1]


def _wanted(ask: Ask, said: list[str]) -> list[str]:
    """The words that the fact must account for, the verbs among them."""
    light = [word for word in ask.words if word in _LIGHT]
    named = [
        token.text
        for token in ask.meant
        if token.text not in _OF_ASKING
        and (
            token.text not in GENERIC
            or (len(token.text) >= _TELLING and _is_on(said, token.text))
        )
    ]
    return list(dict.fromkeys([*named, *light]))


def _alone(ask: Ask, page: Page) -> Told | None:
    """How often, where a page says it once and the question nothing else."""
    if not ask.has(r"how often|how many times|wie oft"):
        return None
    found = [
        Told(match.group(), piece.text, piece)
        for piece in page.pieces
        for match in _OFTEN.finditer(piece.text)
    ]
    return found[0] if len(found) == 1 else None


def _without_the_subject(page: Page, wanted: list[str], said: list[str]) -> list[str]:
    """Without what the whole page is about: a poster need not say `concert` on every line."""
    heading = [word for piece in page.pieces[:_HEADING] for word in words(piece.text)]
    told = [word for word in wanted if word not in SUBJECTS or _is_on(said, word)]
    return [word for word in told if word in _LIGHT or not _is_on(heading, word)] or told


def _are_said(ask: Ask, wanted: list[str], said: list[str]) -> bool:
    """Whether the page says every word but for common verbs.

    A German participle may be missing beside two words that are there, where the answer must
    stand right at one of them: `innerhalb von wie vielen Tagen soll überwiesen werden?`
    """
    missing = [word for word in wanted if word not in _LIGHT and not _is_on(said, word)]
    counted = ask.has(r"how many|wie ?viele") and len(missing) == 1 and ask.tongue == "de"
    if not counted or len(wanted) <= _SHORT_PLUS:
        return not missing
    token = next(each for each in ask.tokens if each.text == missing[0])
    return ask.text[token.start : token.end].islower()


def _is_on(said: list[str], word: str) -> bool:
    return holds(said, word) or any(ends_in(each, word) for each in said)


def _tellings(ask: Ask, page: Page, wanted: list[str]) -> Iterator[tuple[float, Told]]:
    for text, piece in _texts(page):
        spoken = words(text)
        hits = [word for word in wanted if _is_on(spoken, word)]
        telling = [word for word in hits if word not in _LIGHT]
        missing = len(wanted) - len(hits)
        if (
            not hits
            or len(text) > _MOST
            or (not telling and (missing or len(spoken) > _TELLING))
        ):
            continue
        if missing > max(1, len(wanted) // 2) or (missing and len(hits) < missing):
            continue
        value = _value(ask, text, hits)
        # `Who chairs the meeting?`: what is done tells more than what it is done to.
        first = 0.3 if wanted[0] in hits else 0.0
        if value is not None:
            brief = 1 / (10 + len(spoken))
            score = len(hits) - 0.5 * missing + 0.1 * len(telling) + first + brief
            yield score, Told(value, text, piece)


def _texts(page: Page) -> Iterator[tuple[str, Piece]]:
    """Sentences, then the parts of lines that stand between dots and strokes."""
    for sentence in running_text.sentences(page):
        spoken = words(sentence.text)
        if len(spoken) >= _TELLING and any(word in STOPWORDS for word in spoken):
            yield sentence.text, sentence.piece
            yield from _clauses(sentence)
    for piece in page.pieces:
        parts = re.split(r"\s+[·•|/]\s+|\s{3,}|,\s+", piece.text)
        for part in parts:
            if len(words(part)) <= _SHORT_PART:
                yield part, piece


def _clauses(sentence: running_text.Sentence) -> Iterator[tuple[str, Piece]]:
    """The parts of a sentence that say something each; none of a sentence that is one."""
    parts = _CLAUSE.split(sentence.text)
    for part in parts if len(parts) > 1 else ():
        if len(words(part)) >= _LEAST_OF_A_CLAUSE:
            yield part, sentence.piece


def _value(ask: Ask, text: str, hits: list[str]) -> str | None:
    finder = next((finder for pattern, finder in _FINDERS if ask.has(pattern)), None)
    return None if finder is None else finder(ask, text, hits)


def _duration(ask: Ask, text: str, hits: list[str]) -> str | None:
    found = [(each.group(), each.start()) for each in _DURATION.finditer(text)]
    return _nearest(found, _anchor(text, hits))


def _time(ask: Ask, text: str, hits: list[str]) -> str | None:
    return _nearest(
        [(each.text, each.start) for each in find("time", text)], _anchor(text, hits)
    )


def _often(ask: Ask, text: str, hits: list[str]) -> str | None:
    found = _OFTEN.search(text)
    return found.group() if found else None


def _height(ask: Ask, text: str, hits: list[str]) -> str | None:
    found = [(each.text, each.start) for each in find("measure", text)]
    return _amount(ask, text, hits) or _nearest(found, _anchor(text, hits))


def _amount(ask: Ask, text: str, hits: list[str]) -> str | None:
    found = [(each.text, each.start) for each in find("amount", text)]
    free = re.search(r"\b(?:free(?: of charge)?|frei|kostenlos|gratis)\b", text, re.IGNORECASE)
    named = any(word.isalpha() and word not in _LIGHT for word in hits)
    if not found and free and named and len(words(text)) <= _SHORT_PART:
        return free.group()
    return _nearest(found, _anchor(text, hits))


def _share(ask: Ask, text: str, hits: list[str]) -> str | None:
    found = [(each.text, each.start) for each in find("percent", text)]
    return _nearest(found, _anchor(text, hits)) or _amount(ask, text, hits)


def _place(ask: Ask, text: str, hits: list[str]) -> str | None:
    """The place behind a preposition that the question does not say itself."""
    found = [
        (each.group("place"), each.start("place"))
        for each in _PLACE.finditer(text)
        if not any(_is_on(list(ask.words), word) for word in words(each.group("place")))
        and not any(find("date", each.group("place")))
        and not _WEEKDAY.search(each.group("place"))
    ]
    return _nearest(found, _anchor(text, hits))


def _code(ask: Ask, text: str, hits: list[str]) -> str | None:
    """`your tenancy number LH-77320`: the code right behind the words that name it."""
    named = re.search(
        r"\b(?:number|no\.|nr\.|nummer|code|id|reference|kennzeichen|aktenzeichen|\w+nummer|\w+code)\W+(?:is |ist |lautet |war )?:?\s*(?P<code>[\w./-]*\d[\w./-]*(?: [\dA-Z-]*\d[\dA-Z-]*)*)",
        text,
        re.IGNORECASE,
    )
    return named.group("code").rstrip(".,") if named else None


def _anchor(text: str, hits: list[str]) -> int:
    places = [
        token.end for token in tokens(text) for word in hits if _is_on([token.text], word)
    ]
    return max(places, default=0)


def _nearest(values: list[tuple[str, int]], anchor: int) -> str | None:
    """The value nearest to the words of the question; what comes before counts twice as far."""
    return min(
        values,
        key=lambda each: each[1] - anchor if each[1] >= anchor else 2 * (anchor - each[1]),
        default=(None, 0),
    )[0]


def _moment(ask: Ask, text: str, hits: list[str]) -> str | None:
    """`Friday 6 June at 8:15`: days, dates and times that stand together, as one value."""
    kinds: tuple[Kind, ...] = ("date", "time")
    spans = [(each.start, each.end) for kind in kinds for each in find(kind, text)]
    spans += [each.span() for each in _WEEKDAY.finditer(text)]
    runs: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if runs and (start < runs[-1][1] or _JOIN.fullmatch(text[runs[-1][1] : start])):
            runs[-1] = (runs[-1][0], max(end, runs[-1][1]))
        else:
            runs.append((start, end))
    if ask.has(r"\b(?:until|bis) (?:when|wann)|wie lange"):
        until = [
            (end, start)
            for start, end in runs
            if re.search(
                r"\b(?:until|till|by|bis|to|and|und)\b", fold(text[max(0, start - 12) : end])
            )
        ]
        runs = [(start, end) for end, start in until]
        lasts = [
            list(find("time", text[start:end])) or list(find("date", text[start:end]))
            for start, end in runs
        ]
        return lasts[0][-1].text if lasts and lasts[0] else None
    # A day by which something must be done is none on which something else begins.
    limits = [start for start, _ in runs if _UNTIL.search(fold(text[:start]))]
    due = ask.has(r"\bdue\b|fallig|\bmust\b|\bmuss\b|\bsoll\b|\bby when|latest|spatestens")
    found = [
        (text[start:end].strip(), start) for start, end in runs if due or start not in limits
    ]
    return _nearest(found, _anchor(text, hits))


def _number(ask: Ask, text: str, hits: list[str]) -> str | None:
    """The number right before, or after, the thing that is counted."""
    things = [word for word in hits if word not in _LIGHT]
    return running_text.number_beside(
        text, lambda said: any(_is_on([said], word) for word in things)
    )


def _person(ask: Ask, text: str, hits: list[str]) -> str | None:
    names = [
        (each.group(), each.start())
        for each in PERSON.finditer(text)
        if not any(holds(list(ask.words), word) for word in words(each.group()))
    ]
    return _nearest(names, _anchor(text, hits))


_FINDERS: Final[tuple[tuple[str, Callable[[Ask, str, list[str]], str | None]], ...]] = (
    (r"how long|wie lange|(?:for|fur) (?:how many|wie ?viele) (?:days|weeks|months|years|hours|tage|wochen|monate|jahre|stunden)", _duration),
    (r"how often|how many times|wie oft", _often),
    (r"how (?:high|large|big)", _height),
    (r"what time|which time|um wie ?viel uhr|um welche (?:uhr)?zeit", _time),
    (r"(?:what|which|how much|welche[nr]?|wie ?viel) (?:discount|reduction|rabatt|nachlass|ermassigung)", _share),
    (r"^\W*(?:and |und )?(?:where|wo|wohin|in which|in what|in welche[mnr])\b", _place),
    (r"(?:number|code|nummer|kennung|reference|aktenzeichen)\W*$", _code),
    (r"\b(?:when|wann|what day|which day|what date|welche[mr] (?:tag|datum))\b", _moment),
    (r"how much|wie ?viel (?!uhr)|was kosten?t?|was zahl(?:en|t)|was bezahl(?:en|t)|what (?:do|does|must) .*\bpay\b|was hat .*gekostet|what .*\bcosts?\b|wie hoch|wie teuer", _amount),
    (r"how many|wie ?viele", _number),
    (r"^\W*(?:and |und )?(?:who|whom|wer|wen|wem|bei wem|an wen|mit wem|with whom)\b", _person),
)  # fmt: skip
