# ruff: noqa: E501, RUF001
# E501: patterns stay on one line.
# RUF001: readers take the mark (v) for a Greek letter.
"""Lists of things with one figure each: menus, price lists, tariffs, also in parts with headings.

Perception makes a table of a long run of rows only; a menu of three parts with two dishes each
is a list all the same. A row is a name and a figure at the right; a line alone above rows
heads those that follow it.
"""

import re
from decimal import Decimal
from typing import Final, NamedTuple

from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.page import Page, Piece
from visus.local.lite.answering.values import find, number_in
from visus.local.lite.answering.vocabulary import spans
from visus.local.lite.answering.words import alike, holds, tokens, words

PRICED: Final = (
    r"expensive|cheap|\bteuer|\bbillig|\bgunstig|\bpric|\bcosts?\b|\bkostet|\bcostliest"
)
_THINGS: Final = (
    r"\b(?:dish\w*|meals?|drinks?|items?|products?|services?|things?|options?|tickets?|treatments?|entries|articles?|courses?"
    r"|gericht\w*|speisen?|getranke?n?|artikel|produkte?n?|leistung\w*|angebote?n?|behandlung\w*|tarife?n?|sorten?|posten|eintrage)\b"
)
_FIGURE: Final = re.compile(
    r"[€$£]?\s?\d{1,4}(?:[.,]\d{1,2})?(?:,-)?\s?(?:€|EUR|\$|£|CHF|Euro)?"
)
_TOTALS: Final = frozenset({"total", "net", "vat", "amount_due", "cash", "change", "tip"})
_DAY: Final = re.compile(
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?|(?:montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend|sonntag)s?",
    re.IGNORECASE,
)
_LEAST: Final = 2
_STATED: Final = re.compile(r"(?<![\d.,])\d{1,5}[.,]\d\d(?!\d)")
_COSTING: Final = r"^\W*(?:what|which|was|welche[nrsm]?)\b.*\b(?:cost\w*|bought|sold|priced?|for|at|kostet\w*|gekostet|gekauft|verkauft|fur)\b"


class Entry(NamedTuple):
    """A row of the list: what stands before the name, such as a day, is in `lead`."""

    lead: str
    name: Piece
    figure: Piece
    value: Decimal
    heading: str


def entries(page: Page) -> list[Entry]:
    """The rows of the page's list with their headings; totals are none of them."""
    found: list[Entry] = []
    heading = ""
    for row in page.rows:
        entry = _entry(row, heading)
        if len(found) >= _LEAST and _is_total(row[0].text):
            break  # what follows is how it was paid
        if entry is not None:
            found.append(entry)
        elif len(row) == 1 and not any(map(str.isdigit, row[0].text)):
            heading = row[0].text.strip()
    return found


def _entry(row: tuple[Piece, ...], heading: str) -> Entry | None:
    *names, figure = row
    value = number_in(figure.text)
    if not 1 <= len(names) <= _LEAST or value is None:
        return None
    text = names[-1].text.strip()
    is_name = any(map(str.isalpha, text)) and not text.endswith(":") and not _is_total(text)
    lead = names[0].text.strip() if len(names) > 1 else ""
    is_lead = not lead or _DAY.fullmatch(lead.rstrip(":")) or re.fullmatch(r"\d{1,3}\.?", lead)
    if not _FIGURE.fullmatch(figure.text.strip()) or not is_name or not is_lead:
        return None
    return Entry(lead, names[-1], figure, value, heading)


def _is_total(text: str) -> bool:
    found = spans(tokens(text))
    return bool(found) and found[0].first == 0 and bool(found[0].keys & _TOTALS)


def listed(ask: Ask, page: Page) -> list[Entry]:
    """The rows that the question is about: those under the heading that it names, else all."""
    every = entries(page)
    headed = [each for each in every if each.heading and _names_heading(ask, each.heading)]
    return headed or every


def _names_heading(ask: Ask, heading: str) -> bool:
    spoken = words(heading)
    return len(spoken) <= _LEAST and any(
        any(alike(word, other) for other in spoken) for word in (*ask.words, *ask.content)
    )


def extreme(ask: Ask, page: Page, *, highest: bool) -> Entry | None:
    """The dearest or the cheapest row; None where the list has no prices or the page no list."""
    if not ask.has(PRICED):
        return None
    rows = listed(ask, page)
    priced = [each for each in rows if _is_price(each)]
    if len(priced) < _LEAST or len(priced) != len(rows):
        return None
    pick = max if highest else min
    best = pick(priced, key=lambda each: each.value)
    return None if sum(each.value == best.value for each in priced) > 1 else best


def _is_price(entry: Entry) -> bool:
    return any(find("amount", entry.figure.text))


def count(ask: Ask, page: Page) -> int | None:
    """How many rows there are of what the question counts: a heading's, or the list's."""
    every = entries(page)
    counted = re.search(
        r"(?:how many|wie ?viele?)\s+(?:different |verschiedene )?(\w+)", ask.folded
    )
    if counted is None or len(every) < _LEAST:
        return None
    thing = counted.group(1)
    headed = [each for each in every if any(alike(thing, word) for word in words(each.heading))]
    if headed:
        return len(headed)
    rest = [word for word in ask.content if word != thing and not _is_of_the_page(word)]
    return (
        len(every) if re.fullmatch(_THINGS, thing) and not rest and not _narrows(ask) else None
    )


def _is_of_the_page(word: str) -> bool:
    return (
        re.fullmatch(
            r"menu|list|liste|karte|\w*karte|preisliste|offered|angeboten|available", word
        )
        is not None
    )


def _narrows(ask: Ask) -> bool:
    return ask.has(
        r"\b(?:under|over|less|more|below|above|cheaper|unter|uber|weniger|mehr|gunstiger)\b"
    )


def priced(ask: Ask, page: Page) -> Entry | None:
    """The row whose whole name the question says: `up to 3 hours`, `all day`."""
    if ask.target.kind != "amount":
        return None
    found = [
        each
        for each in entries(page)
        if _is_price(each) and _is_named_in_full(each, ask) and len(words(each.name.text)) > 1
    ]
    return found[0] if len(found) == 1 else None


def costing(ask: Ask, page: Page) -> Entry | None:
    """`What was bought at 2.95?`: the only row of the price that the question states."""
    stated = _STATED.search(ask.text)
    if stated is None or not ask.has(_COSTING):
        return None
    value = number_in(stated.group())
    found = [each for each in entries(page) if each.value == value]
    return found[0] if len({each.name.text for each in found}) == 1 else None


def _is_named_in_full(entry: Entry, ask: Ask) -> bool:
    return all(any(alike(word, said) for said in ask.words) for word in words(entry.name.text))


def vegetarian(ask: Ask, page: Page) -> list[Entry]:
    """The dishes that bear the mark `(v)`, or say in words that they are meant."""
    if not ask.has(r"\bvegetari\w*|\bvegan\w*"):
        return []
    vegan = ask.has(r"\bvegan")
    marks = r"\((?:vg|vegan)\)|\bvegan" if vegan else r"\([vν]g?\)|\bvegetari"
    return [each for each in listed(ask, page) if re.search(marks, each.name.text.casefold())]


def of_the_day(ask: Ask, page: Page) -> Entry | None:
    """`Was gibt es am Mittwoch?`: the row that leads with the day."""
    found = [
        each
        for each in entries(page)
        if each.lead
        and _DAY.fullmatch(each.lead.rstrip(":"))
        and holds(list(ask.words), words(each.lead)[0])
    ]
    asks_for_figure = ask.target.kind in {"amount", "number"}
    return found[0] if len(found) == 1 and not asks_for_figure else None
