# ruff: noqa: E501
# E501: patterns stay on one line.
"""Two rows of a table or a list against each other: which has more, is it so, how many more.

The question must say both names, and a column of figures unless there is only one.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final, NamedTuple

from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.families import asked, printed
from visus.local.lite.answering.page import Page
from visus.local.lite.answering.replies import Reply, no, yes
from visus.local.lite.answering.saying import are_kin
from visus.local.lite.answering.tables import is_figures, sections
from visus.local.lite.answering.values import find, number_in
from visus.local.lite.answering.words import STOPWORDS, alike, words
from visus.local.lite.evidence import Cell

_MORE: Final = r"\b(?:more|mehr|higher|hoher\w*|larger|bigger|grosser\w*|greater|longer|langer|taller|older|alter|heavier|schwerer|dearer|teurer\w*|warmer|hotter|faster|schneller)\b"
_LESS: Final = r"\b(?:less|fewer|weniger|lower|niedriger\w*|smaller|kleiner\w*|shorter|kurzer\w*|younger|junger|lighter|leichter|cheaper|billiger\w*|gunstiger\w*|colder|cooler|kalter|slower|langsamer)\b"
_DIFFERENCE: Final = r"\b(?:how (?:much|many) (?:\w+ ){0,2}(?:more|less|fewer|higher|lower|cheaper|dearer|older|longer)|wie ?viele? (?:\w+ ){0,2}(?:mehr|weniger|teurer|billiger|gunstiger|hoher|langer)|difference|unterschied|differenz)\b"
_THAN: Final = r"\b(?:than|als|between|zwischen)\b"
_CHOICE: Final = r"\b(?:or|oder)\b"
_OPEN: Final = r"^\W*(?:how|what|which|who|when|where|wie|was|welche\w*|wer|wann|wo)\b"
"""It wants no yes or no."""
_PRICED: Final = r"\b(?:cost|costs|expensive|cheaper|dearer|price|kostet|kosten|teurer\w*|billiger\w*|gunstiger\w*|preis\w*)\b"
_NARROWEST: Final = 2
_BOTH: Final = 2


class _Row(NamedTuple):
    name: str
    figure: Decimal
    text: str


def told(ask: Ask, page: Page) -> Reply | None:
    """What the comparison comes to; None where the page does not hold both."""
    is_more, is_less = ask.has(_MORE), ask.has(_LESS)
    is_difference = ask.has(_DIFFERENCE)
    if not (ask.has(_THAN) or ask.has(_CHOICE)) or not (is_more or is_less or is_difference):
        return None
    for rows in (*_of_tables(ask, page), [*_of_list(ask, page)]):
        named = _in_order(ask, rows)
        if len(named) == _BOTH:
            return _difference(named) if is_difference else _judged(ask, named, is_less=is_less)
    return None


def _in_order(ask: Ask, rows: list[_Row]) -> list[_Row]:
    """The rows of which the question says the whole name, in its order."""
    places = {
        row.name: place for row in rows if (place := _place_of(ask, row.name)) is not None
    }
    return sorted((row for row in rows if row.name in places), key=lambda row: places[row.name])


def _place_of(ask: Ask, name: str) -> int | None:
    said = [word for word in words(name) if word not in STOPWORDS]
    places = [
        next((place for place, each in enumerate(ask.words) if alike(each, word)), None)
        for word in said
    ]
    return (
        None if not said or None in places else min(each for each in places if each is not None)
    )


def _of_tables(ask: Ask, page: Page) -> Iterator[list[_Row]]:
    for header, body in sections(page):
        figures = [place for place in range(len(header)) if is_figures(body, place)]
        titled = [place for place in figures if _is_titled(ask, header[place].text)]
        if not titled and ask.has(_PRICED):
            titled = [
                place
                for place in figures
                if any(find("amount", row[place].text) for row in body)
            ]
        chosen = titled or figures
        if len(header) >= _NARROWEST and len(chosen) == 1:
            for place in range(len(header)):
                if place not in figures:
                    yield [*_rows(body, place, chosen[0])]


def _rows(body: list[list[Cell]], name: int, figure: int) -> Iterator[_Row]:
    for cells in body:
        value = number_in(cells[figure].text)
        if value is not None:
            yield _Row(cells[name].text.strip(), value, cells[figure].text.strip())


def _is_titled(ask: Ask, title: str) -> bool:
    families = asked(ask.words)
    offered = frozenset(each for found in printed(words(title)).values() for each in found)
    return any(
        word not in STOPWORDS
        and (
            any(alike(word, each) or are_kin(word, each) for each in words(title))
            or bool(families.get(word, frozenset()) & offered)
        )
        for word in ask.words
    )


def _of_list(ask: Ask, page: Page) -> Iterator[_Row]:
    """`Soup 4.10`, in one piece or in two: prices, where prices are compared."""
    for row in page.rows if ask.has(_PRICED) else ():
        text = " ".join(piece.text.strip() for piece in row)
        amounts = [*find("amount", text)]
        value = number_in(amounts[-1].text) if amounts else None
        if value is not None:
            name = re.sub(r"^\d+\s?[x×]?\s+", "", text[: amounts[0].start]).strip(" .:€£$")  # noqa: RUF001
            yield _Row(name, value, amounts[-1].text)


def _difference(rows: list[_Row]) -> Reply:
    one, other = rows
    value = f"{abs(one.figure - other.figure):f}"
    return Reply(f"{value} ({one.name}: {one.text}; {other.name}: {other.text}).", value)


def _judged(ask: Ask, rows: list[_Row], *, is_less: bool) -> Reply | None:
    one, other = rows
    if one.figure == other.figure or (ask.has(_OPEN) and not ask.has(_CHOICE)):
        return None
    both = f"{one.name}: {one.text}; {other.name}: {other.text}"
    wins = (one.figure < other.figure) == is_less
    if ask.has(_CHOICE):
        name = one.name if wins else other.name
        return Reply(f"{name} ({both}).", name)
    return yes(ask, f"{both}.") if wins else no(ask, f"{both}.")
