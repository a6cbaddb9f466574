# ruff: noqa: E501, PLR2004, SIM905
# E501: patterns stay on one line.
# PLR2004: lengths are read best where they stand.
# SIM905: word lists read best as running text.
"""A cell where the question names its row, and its column in words of its own.

`How dense is larch?` for `Density`, `what does one pay for a square metre of it?` for `Price
(£/m²)`, `on Wednesday in the third lesson` for `Mi` and `3`. A column is told by its words, by
what is akin to them, by its unit, by a day, and last by what kind of value its cells are. Two
columns that are told as well as each other are none.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from posixpath import commonprefix
from typing import Final

from visus.local.lite.answering import presence, tables
from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.families import NEUTRAL, asked, printed
from visus.local.lite.answering.page import Page
from visus.local.lite.answering.saying import ends_in, ordinals_in, says
from visus.local.lite.answering.strangers import days_in
from visus.local.lite.answering.tables import CellFound, Section
from visus.local.lite.answering.values import PERSON, find
from visus.local.lite.answering.wanting import Wanted, value_of, wanted_by
from visus.local.lite.answering.words import (
    GENERIC,
    STOPWORDS,
    SUBJECTS,
    Token,
    alike,
    canonical,
    fold,
    holds,
    words,
)
from visus.local.lite.evidence import Cell

_QUESTION: Final = r"\b(?:what|which|who|whom|when|where|how|wer|wen|wem|was|welche\w*|wann|wo|wohin|wie|wieviele?)\b"
_UNITS: Final = (
    (r"(?:kg|kilos?|kilogramm?s?) (?:per|pro|je|a) (?:cubic met(?:re|er)|kubikmeter|m³)", r"kg/m"),
    (r"square met(?:re|er)s?|quadratmetern?|\bqm\b", r"m²|m2|qm|sqm"),
    (r"cubic met(?:re|er)s?|kubikmetern?", r"m³|m3|cbm"),
    (r"kilomet(?:re|er)s?|kilometern?", r"\bkm\b"),
    (r"millimet(?:re|er)s?|millimetern?", r"\bmm\b"),
    (r"centimet(?:re|er)s?|zentimetern?", r"\bcm\b"),
    (r"met(?:re|er)s?|metern?", r"\bm\b"),
    (r"lit(?:re|er)s?|litern?", r"\bl\b|lit(?:re|er)"),
    (r"kilowatt ?(?:hours?|stunden?)", r"kwh"),
    (r"kilowatts?|watts?", r"\bk?w\b"),
    (r"kilos?|kilogramm?s?", r"\bkg\b"),
    (r"tonnes?|tonnen?|tons?", r"\bt\b"),
    (r"gramm?s?", r"\bg\b"),
    (r"minutes?|minuten?", r"\bmin"),
    (r"hours?|stunden?", r"\b(?:h|hrs?|std)\b"),
    (r"degrees?|grad|temperature?n?|how (?:warm|hot|cold)|wie (?:warm|heiss|kalt)", r"°"),
    (r"percent\w*|per cent|prozent\w*", r"%"),
    (r"calories|kalorien", r"kcal"),
)  # fmt: skip
"""What a question calls a unit, and how a header prints it, folded."""
_MONEY: Final = r"\b(?:pay|pays|paid|price\w*|costs?|charged?|fees?|expensive|kostete?t?|kosten|preis\w*|zahlt?|zahlen|bezahlt?\w*|teuer|berechnet|gebuhr\w*)\b"
_OF_MONEY: Final = r"[€$£]|\b(?:eur|gbp|usd|price|cost|fee|amount|rate|rent)|(?:preis|kosten|gebuhr|entgelt|betrag|tarif|miete)"
_WHOLE: Final = r"\b(?:in total|altogether|insgesamt|zusammen|overall|gesamt\w*|total|summe)\b"
_OF_THE_WHOLE: Final = r"\b(?:total|gesamt\w*|amount|betrag|summe|sum|line total|netto)\b"
_ONE: Final = (
    r"\b(?:each|apiece|one|single|unit|per|pro|je|einzel\w*|einzeln\w*|ein|eine|einen|a|an)\b"
)
_OF_ONE: Final = r"\b(?:unit|each|single|einzel\w*|stuck\w*|preis|price|rate|e preis|ep)\b"
_COUNTED: Final = r"\b(?:how many|wie ?viele?n?|quantity|menge|anzahl)\b"
_OF_COUNTS: Final = r"\b(?:qty|quantity|menge|anzahl|stuck\w*|stk|pcs|pieces|units|no|count)\b"
_BEGINS: Final = r"\b(?:begin\w*|starts?|from|beginnt|fangt|los|ab|anfang\w*)\b"
_ENDS: Final = r"\b(?:ends?|finish\w*|over|until|till|endet|aus|bis|vorbei|zu ende|schluss)\b"
_LESSON: Final = r"(?:lessons?|periods?|stunde|schulstunde|unterrichtsstunde|block)"
_NUMBERED: Final = re.compile(
    rf"\b(?:(\d{{1,2}})\s?(?:st|nd|rd|th)?\.?\s{_LESSON}|{_LESSON}\s(\d{{1,2}}))\b"
)
_OF_A_PLAN: Final = frozenset(
    "subject subjects lesson lessons period class course fach klasse unterricht stunde schulstunde schuler".split()
)
_HIGH: Final = (
    r"\bhow high\b|\bwie hoch (?:liegt|ist)\b|\baltitude\b|\belevation\b|\bauf welcher hohe\b"
)
_OF_HEIGHT: Final = r"\b(?:height|elevation|altitude|hohe|hohenlage|nhn|nn|asl)\b"
_DERIVED: Final = {
    "strong": "strength", "long": "length", "wide": "width", "broad": "breadth", "high": "height",
    "tall": "height", "deep": "depth", "heavy": "weight", "old": "age", "fast": "speed", "far": "distance",
    "big": "size area", "large": "size area", "schwer": "gewicht", "alt": "alter", "weit": "entfernung",
    "schnell": "geschwindigkeit tempo", "gross": "flache grosse", "stark": "starke festigkeit",
}  # fmt: skip
"""Nouns that name what `how …` asks for and that no common stem tells."""
_PER: Final = re.compile(
    r"(?:\b(?:per|pro|je|an?|each|every|im|am|in der)\s|/\s?)(?P<unit>hour|day|week|month|year|night|person|stunde|tag|woche|monat|jahr|nacht|h\b)"
)
_WORD: Final = re.compile(r"[^\W\d_]{3}")
_CODE: Final = re.compile(r"(?=\S*\d)[\w./-]+")
_ENOUGH: Final = 0.3
_SHORT: Final = 4
_AKIN: Final = 4


@dataclass(frozen=True)
class _Asked:
    """A question, and which of its words are left when a row is found."""

    ask: Ask
    wanted: Wanted

    @cached_property
    def telling(self) -> list[Token]:
        return [token for token in self.ask.tokens if token.text not in STOPWORDS]

    @cached_property
    def lesson(self) -> int | None:
        """The place of a lesson in its day."""
        found = _NUMBERED.search(self.ask.folded)
        if found is not None:
            return int(found.group(1) or found.group(2))
        named = ordinals_in(self.ask.words)
        return named.pop() if len(named) == 1 and self.ask.has(_LESSON) else None

    @cached_property
    def days(self) -> set[int]:
        return days_in(self.ask.folded)


def told(ask: Ask, page: Page) -> CellFound | None:
    """The cell, if the question names one row, and one column better than the others."""
    if presence.is_asked(ask) or not ask.has(_QUESTION) or page.evidence.bars:
        return None
    asking = _Asked(ask, wanted_by(ask))
    for section in tables.sections(page):
        if len(section.header) > 1 and len(section.body) > 1:
            found = _in(asking, page, section)
            if found is not None:
                return found
    return None


def is_of_another_rate(ask: Ask, page: Page) -> bool:
    """Whether a table has the thing and its price, but by the day where the hour is asked for."""
    asking = _Asked(ask, wanted_by(ask))
    for section in tables.sections(page):
        titles = [each.text for each in section.header]
        rated = [title for title in titles if _PER.search(fold(title))]
        if (
            rated
            and len(section.body) > 1
            and all(_is_per_another(ask, each) for each in rated)
        ):
            row, _ = _row(asking, section, _lead(section))
            return row is not None
    return False


def _in(asking: _Asked, page: Page, section: Section) -> CellFound | None:
    lead = _lead(section)
    row, hits = _row(asking, section, lead)
    if row is None:
        return None
    left = [token for token in asking.telling if token.start not in hits]
    scores = {
        place: _told_by(asking, left, section, place)
        for place in range(len(section.header))
        if place != lead or (asking.lesson is not None and asking.wanted in {"when", "time"})
    }
    best = max(scores.values(), default=0.0)
    places = [place for place, score in scores.items() if score == best]
    if best < _ENOUGH or len(places) != 1 or not _is_explained(asking, left, page, section):
        return None
    cell = row[places[0]]
    value = _value(asking, cell.text.strip(), section.header[places[0]].text)
    if value is None:
        return None
    name = section.header[places[0]].text
    return CellFound(value, row[lead].text.strip(), name, cell.box, cell.confidence)


# --- The row ---------------------------------------------------------------------------------


def _lead(section: Section) -> int:
    """The column that names the rows: of words that are no codes; the first beside days."""
    header, body = section
    if sum(bool(days_in(each.text)) for each in header) > 1:
        return 0
    for place in range(len(header)):
        named = [_is_a_name(cells[place].text) for cells in body if cells[place].text.strip()]
        if named and sum(named) * 2 > len(named):
            return place
    return 0


def _is_a_name(text: str) -> bool:
    text = text.strip()
    return (
        _WORD.search(text) is not None
        and _CODE.fullmatch(text) is None
        and not any(find("date", text))
        and not any(find("time", text))
    )


def _row(
    asking: _Asked, section: Section, lead: int
) -> tuple[list[Cell] | None, frozenset[int]]:
    """The only row that the question names best, and where it does."""
    if asking.lesson is not None:
        return _of_lesson(asking.lesson, section), _places(asking, _LESSON)
    ranked = sorted(
        (
            (_hits(asking, cells[lead].text, section.header[lead].text), cells)
            for cells in section.body
        ),
        key=lambda each: -_weight(each[0], each[1][lead].text),
    )
    (first, row), (second, other) = ranked[:2]
    if not first or _weight(first, row[lead].text) == _weight(second, other[lead].text):
        return None, frozenset()
    return row, first


def _weight(hits: frozenset[int], text: str) -> float:
    named = [word for word in words(text) if word not in STOPWORDS]
    return len(hits) + len(hits) / max(len(named), 1)


def _of_lesson(number: int, section: Section) -> list[Cell] | None:
    """The row of that number; where rows are called by their hours, the row at its place."""
    numbered = [
        row for row in section.body if re.match(rf"{number}(?!\d|[.:]\d)", row[0].text.strip())
    ]
    if len(numbered) == 1:
        return numbered[0]
    timed = [row for row in section.body if any(find("time", row[0].text))]
    lessons = [row for row in timed if len({cell.text for cell in row[1:] if cell.text}) > 1]
    return (
        lessons[number - 1]
        if len(timed) == len(section.body) and number <= len(lessons)
        else None
    )


def _places(asking: _Asked, pattern: str) -> frozenset[int]:
    return frozenset(
        token.start
        for token in asking.ask.tokens
        if re.fullmatch(pattern, token.text)
        or token.text.isdigit()
        or ordinals_in([token.text])
    )


def _is_put_before(named: list[str], title: list[str], word: str) -> bool:
    """`Töpferkurs` for `Töpfern` in a column of courses."""
    begins = [word.removesuffix(end) for end in title if len(end) > 2 and ends_in(word, end)]
    return any(
        len(begin) >= _AKIN and each.startswith(begin) for begin in begins for each in named
    )


def _hits(asking: _Asked, text: str, title: str) -> frozenset[int]:
    """Where the question says a word of the row's name; a number alone names no row of words."""
    named = [word for word in words(text) if word not in STOPWORDS]
    if not named:
        return frozenset()
    hits = {
        token.start: token.text
        for token in asking.telling
        if any(alike(token.text, word) for word in named)
        or (len(token.text) > _SHORT and token.text not in GENERIC and holds(named, token.text))
        or _is_put_before(named, words(title), token.text)
    }
    days = days_in(text)
    if days and days & asking.days:
        hits |= {t.start: t.text for t in asking.ask.tokens if days_in(t.text)}
    is_solid = any(not word.isdigit() and len(word) > 1 for word in hits.values())
    return frozenset(hits) if is_solid or all(map(str.isdigit, named)) else frozenset()


# --- The column ------------------------------------------------------------------------------


def _told_by(asking: _Asked, left: list[Token], section: Section, place: int) -> float:
    """How well the rest of the question tells the column, from 0; below 0 if it is another."""
    title = section.header[place].text
    is_of_days = any(days_in(each.text) for each in section.header)
    if is_of_days and asking.lesson is not None and asking.wanted in {"when", "time"}:
        cells = [row[place].text for row in section.body if row[place].text.strip()]
        return 1.0 if cells and all(any(find("time", each)) for each in cells) else -1.0
    if asking.days and is_of_days:
        return 1.0 if asking.days & days_in(title) else -1.0
    if _is_per_another(asking.ask, title):
        return -1.0
    score = sum(_likeness(token.text, title) for token in left)
    score += _by_unit(asking.ask, title)
    score += _by_money(asking.ask, title)
    if asking.ask.has(_COUNTED) and re.search(_OF_COUNTS, _spaced(title)):
        score += 0.8
    if asking.ask.has(_HIGH) and re.search(_OF_HEIGHT, _spaced(title)):
        score += 1.0
    cells = [row[place].text.strip() for row in section.body if row[place].text.strip()]
    if (
        asking.wanted in {"when", "time"}
        and cells
        and all(any(find("time", each)) for each in cells)
    ):
        score += _BY_HOUR if asking.ask.has(_BEGINS) or asking.ask.has(_ENDS) else 0.0
        score += _BY_HOUR * (not section.header[place].text.strip())
    return score + (_BY_KIND if _are_of(asking.wanted, cells, section, place) else 0.0)


_BY_KIND: Final = 0.5
_BY_HOUR: Final = 0.3


def _is_per_another(ask: Ask, title: str) -> bool:
    """Whether the price of an hour is asked for, and the column has that of a day."""
    wanted, named = _PER.search(ask.folded), _PER.search(fold(title))
    return wanted is not None and named is not None and wanted["unit"][0] != named["unit"][0]


def _likeness(word: str, title: str) -> float:
    named = words(title)
    if any(noun in named for noun in _DERIVED.get(word, "").split()):
        return 1.0
    if any(alike(word, other) or ends_in(word, other) for other in named if len(other) > 2):
        return 1.0
    if len(word) > _SHORT and (holds(named, word) or canonical(word) in map(canonical, named)):
        return 1.0
    if word in NEUTRAL or word in GENERIC:
        return 0.0
    theirs = frozenset(each for found in printed(named).values() for each in found)
    if asked([word]).get(word, frozenset()) & theirs:
        return 0.9
    return 0.8 if any(_are_akin(word, other) for other in named) else 0.0


def _are_akin(one: str, other: str) -> bool:
    """`dense` and `density`, `hart` and `Härte`, `deep` is none of `depth`."""
    same = len(commonprefix([one, other]))
    return same >= _AKIN and len(one) - same <= 1 and len(other) - same <= _AKIN


def _by_unit(ask: Ask, title: str) -> float:
    """What it brings that the question says the unit of the header; the longest name counts."""
    for named, printed_so in _UNITS:
        if ask.has(rf"\b(?:{named})\b"):
            return 0.8 if re.search(printed_so, fold(title)) else 0.0
    return 0.0


def _by_money(ask: Ask, title: str) -> float:
    if not ask.has(_MONEY) or not re.search(_OF_MONEY, _spaced(title)):
        return 0.0
    if ask.has(_WHOLE):
        return 1.2 if re.search(_OF_THE_WHOLE, _spaced(title)) else 0.8
    return 0.8


def _spaced(title: str) -> str:
    return re.sub(r"[^\w€$£%°]+", " ", fold(title))


def _are_of(wanted: Wanted, cells: list[str], section: Section, place: int) -> bool:
    """Whether only this column's cells are of the kind that the question word asks for."""
    if wanted not in _KINDS:
        return False
    others = [
        [row[other].text.strip() for row in section.body if row[other].text.strip()]
        for other in range(len(section.header))
        if other != place
    ]
    return _most_are(wanted, cells) and not any(_most_are(wanted, each) for each in others)


_KINDS: Final = frozenset[Wanted]({"when", "time", "person", "price", "phone", "email"})


def _most_are(wanted: Wanted, cells: Iterable[str]) -> bool:
    each = list(cells)
    return bool(each) and sum(_is_of(wanted, cell) for cell in each) * 2 > len(each)


def _is_of(wanted: Wanted, text: str) -> bool:
    if wanted == "person":
        return PERSON.fullmatch(text) is not None
    if wanted == "price":
        return any(find("amount", text)) and not any(find("date", text))
    value = value_of(text, wanted)
    return value is not None


# --- Whether it is all of the question -------------------------------------------------------


def _is_explained(asking: _Asked, left: list[Token], page: Page, section: Section) -> bool:
    """Whether every noun that names neither row nor column stands on the page, or is its kind."""
    everywhere = [token.text for token in page.tokens]
    titles = [each.text for each in section.header]
    return all(
        says(everywhere, token.text)
        or any(_likeness(token.text, title) for title in titles)
        or _is_of_asking(asking, token)
        for token in left
    )


def _is_of_asking(asking: _Asked, token: Token) -> bool:
    word = token.text
    is_light = word in GENERIC | SUBJECTS | NEUTRAL | _OF_A_PLAN or not asking.ask.matters(
        token
    )
    is_unit = any(
        re.search(rf"\b(?:{named})\b", asking.ask.folded)
        and re.search(rf"\b{re.escape(word)}\b", _matched(named, asking.ask))
        for named, _ in _UNITS
    )
    is_moment = bool(days_in(word)) or bool(
        re.fullmatch(rf"{_MONEY}|{_WHOLE}|{_HIGH}|{_BEGINS}|{_ENDS}", word)
    )
    return is_light or is_unit or is_moment


def _matched(named: str, ask: Ask) -> str:
    match = re.search(rf"\b(?:{named})\b", ask.folded)
    return match.group() if match else ""


def _value(asking: _Asked, text: str, title: str) -> str | None:
    """The cell, of an hour's span the end that is asked for; None for another kind."""
    if not text:
        return None
    times = [found.text for found in find("time", text)]
    if asking.wanted in {"when", "time"} and len(times) > 1:
        is_first, is_last = asking.ask.has(_BEGINS), asking.ask.has(_ENDS)
        return text if is_first == is_last else times[0] if is_first else times[-1]
    if asking.wanted in _FIGURES:
        return text if any(map(str.isdigit, text)) else None
    if asking.wanted in _KINDS and asking.wanted != "price":
        return text if value_of(text, asking.wanted) is not None else None
    if asking.wanted == "price":
        is_money = re.search(_OF_MONEY, _spaced(title)) or any(find("amount", text))
        return text if is_money and any(map(str.isdigit, text)) else None
    return text


_FIGURES: Final = frozenset[Wanted]({"number", "amount", "measure", "percent", "heat"})
