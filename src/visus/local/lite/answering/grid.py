# ruff: noqa: E501
# E501: patterns stay on one line.
"""A cell of a table by any cell of its row, and by the kind of value that the question wants.

`Who teaches yoga?` names a row by its second cell and a column by a verb. The row must be the
only one of which the question says whole cells, the column the only one that fits best, and every
other thing that the question names must be said by a header or by the page.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.families import Family, asked, printed
from visus.local.lite.answering.inquiry import heads_of
from visus.local.lite.answering.page import Page
from visus.local.lite.answering.saying import are_kin, ends_in
from visus.local.lite.answering.tables import CellFound, sections
from visus.local.lite.answering.values import PERSON, find
from visus.local.lite.answering.wanting import Wanted, is_moment, value_of, wanted_by
from visus.local.lite.answering.words import (
    GENERIC,
    STOPWORDS,
    SUBJECTS,
    Token,
    alike,
    holds,
    words,
)
from visus.local.lite.evidence import Cell

_NARROWEST, _SHORTEST = 3, 2
_PART: Final = 4
_LONGEST: Final = 40
_BEGINS: Final = r"\b(?:begin|begins|start|starts|leave|leaves|depart|departs|beginnt|startet|los|open|opens|offnet|ab wann|from when)\b"
_ENDS: Final = r"\b(?:end|ends|finish|finishes|over|endet|aus|schluss|close|closes|schliesst|bis wann|until when)\b"
_DAY: Final = r"\b(?:what|which|welche[mnrs]?) (?:day|date|weekday|tag|datum|wochentag)\b"
_DOING: Final = frozenset({"gibt", "macht", "hat", "halt", "gives", "does", "has", "holds"})
"""Verbs that any column of people may stand for."""
_ANYWHERE: Final = r"\b(?:town|city|place|stadt|ort|where|wo)\b"


@dataclass(frozen=True)
class _Grid:
    """One table, and what a question says of it."""

    ask: Ask
    page: Page
    header: list[Cell]
    body: list[list[Cell]]

    @cached_property
    def wanted(self) -> Wanted:
        return wanted_by(self.ask)

    @cached_property
    def asking(self) -> list[Token]:
        return [each for each in self.ask.tokens if each.text not in STOPWORDS]

    @cached_property
    def families(self) -> dict[str, frozenset[Family]]:
        return asked(self.ask.words)

    @cached_property
    def row(self) -> tuple[list[Cell], dict[int, set[str]]] | None:
        """The only row with whole cells that the question says, and its words for each."""
        said = [
            (cells, self._said(cells)) for cells in self.body if len(cells) == len(self.header)
        ]
        weights = [sum(map(len, each.values())) for _, each in said]
        best = max(weights, default=0)
        return said[weights.index(best)] if best and weights.count(best) == 1 else None

    def _said(self, cells: list[Cell]) -> dict[int, set[str]]:
        found = {place: self._words_for(each.text) for place, each in enumerate(cells)}
        return {place: each for place, each in found.items() if each}

    def _words_for(self, text: str) -> set[str]:
        """The words of the question that together say the whole cell."""
        named = [word for word in words(text) if word not in STOPWORDS]
        if not named or len(text) > _LONGEST or not re.search(r"[^\W\d_]{2}", text):
            return set()
        hits = {
            each: {token.text for token in self.asking if _names(token.text, each)}
            for each in named
        }
        return (
            {word for each in hits.values() for word in each} if all(hits.values()) else set()
        )

    def titles(self, place: int) -> list[str]:
        return words(self.header[place].text)

    def is_titled(self, word: str, place: int) -> bool:
        """Whether a header says the word, or calls it otherwise."""
        title = self.titles(place)
        offered = frozenset(each for found in printed(title).values() for each in found)
        return (
            any(alike(word, each) or ends_in(word, each) for each in title)
            or bool(self.families.get(word, frozenset()) & offered)
            or any(len(each) >= _PART and are_kin(word, each) for each in title)
        )

    def column(self, place: int) -> list[str]:
        return [cells[place].text.strip() for cells in self.body if place < len(cells)]

    def is_of_people(self, place: int) -> bool:
        kinds = {each.kind for found in printed(self.titles(place)).values() for each in found}
        names = [PERSON.fullmatch(text) for text in self.column(place)]
        return "name" in kinds or all(names)

    def is_of(self, kind: str, place: int) -> bool:
        texts = self.column(place)
        if kind == "time":
            return all(any(find("time", text)) for text in texts if text)
        if kind == "amount":
            return all(any(find("amount", text)) for text in texts if text)
        return all(is_moment(text) and not any(find("time", text)) for text in texts if text)


def told(ask: Ask, page: Page) -> CellFound | None:
    """The cell; None where the question names no single row or column of any table."""
    for header, body in sections(page):
        if len(header) >= _NARROWEST and len(body) >= _SHORTEST:
            found = _cell(_Grid(ask, page, header, body))
            if found is not None:
                return found
    return None


def _names(word: str, named: str) -> bool:
    """Whether a word of the question is the cell's, or a compound that begins with it."""
    is_compound = len(named) >= _PART and word.startswith(named) and len(word) > len(named) + 2
    return alike(word, named) or is_compound


def _cell(grid: _Grid) -> CellFound | None:
    if grid.row is None:
        return None
    cells, said = grid.row
    taken = {word for each in said.values() for word in each}
    column = _column(grid, cells, said, taken)
    if column is None or not _is_explained(grid, taken, column):
        return None
    value = _part(grid, cells, column)
    name = next(cells[place].text.strip() for place in said)
    found = cells[column]
    return CellFound(value, name, grid.header[column].text, found.box, found.confidence)


def _column(
    grid: _Grid, cells: list[Cell], said: dict[int, set[str]], taken: set[str]
) -> int | None:
    weights = {
        place: _weight(grid, place, taken)
        for place, each in enumerate(cells)
        if place not in said and value_of(each.text, grid.wanted) is not None
    }
    best = max(weights.values(), default=0.0)
    chosen = [place for place, weight in weights.items() if weight == best]
    if best > 0:
        return chosen[0] if len(chosen) == 1 else None
    is_place = grid.ask.has(_ANYWHERE) and 0 in weights
    return 0 if is_place and re.fullmatch(r"[^\d]+", cells[0].text) else None


def _weight(grid: _Grid, place: int, taken: set[str]) -> float:
    """How well a column fits: by what is asked for, by other words, by the kind of its values."""
    heads = heads_of(grid.ask)
    weight = 0.0
    for token in grid.asking:
        if token.text not in taken and grid.is_titled(token.text, place):
            weight = max(weight, 2.0 if token.start in heads else 1.0)
    return weight + _weight_of_kind(grid, place)


def _weight_of_kind(grid: _Grid, place: int) -> float:
    ask, wanted = grid.ask, grid.wanted
    if wanted == "person":
        return 0.5 * grid.is_of_people(place)
    if wanted == "price":
        return 0.5 * grid.is_of("amount", place)
    if wanted not in {"when", "time"}:
        return 0.0
    if ask.has(_DAY):
        return 2.5 * grid.is_of("day", place)
    return 2.0 * grid.is_of("time", place) or 1.5 * grid.is_of("day", place)


def _is_explained(grid: _Grid, taken: set[str], column: int) -> bool:
    """Whether the table says all that the question names; of people, what they do."""
    everywhere = [token.text for token in grid.page.tokens]
    for token in grid.asking:
        word = token.text
        if word in taken or word in GENERIC | SUBJECTS or grid.is_titled(word, column):
            continue
        is_named = any(grid.is_titled(word, place) for place in range(len(grid.header)))
        is_thing = grid.ask.matters(token)
        if is_thing and not (is_named or holds(everywhere, word) or _is_kind(grid, word)):
            return False
        if grid.wanted == "person" and not is_thing and word not in _DOING:
            return False
    return True


def _is_kind(grid: _Grid, word: str) -> bool:
    return re.fullmatch(_ANYWHERE, word) is not None or bool(
        grid.ask.has(_BEGINS + "|" + _ENDS) and re.fullmatch(_BEGINS + "|" + _ENDS, word)
    )


def _part(grid: _Grid, cells: list[Cell], column: int) -> str:
    """Of a span of hours its begin or its end, as asked for; of a day and its hours both."""
    value = cells[column].text.strip()
    times = [each.text for each in find("time", value)]
    if not times or grid.wanted not in {"when", "time"}:
        return value
    if len(times) > 1 and grid.ask.has(_ENDS):
        return times[-1]
    if len(times) > 1 and grid.ask.has(_BEGINS):
        return times[0]
    days = [cells[place].text.strip() for place in _days(grid)]
    is_one = (
        len(days) == 1 and grid.wanted == "when" and not grid.ask.has(_BEGINS + "|" + _ENDS)
    )
    return f"{days[0]} {value}" if is_one else value


def _days(grid: _Grid) -> Iterator[int]:
    return (place for place in range(len(grid.header)) if grid.is_of("day", place))
