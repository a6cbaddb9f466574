# ruff: noqa: E501
# E501: patterns stay on one line.
"""What particular papers say in their own way: cards, timetables, accounts, menus, letters."""

import re
from typing import Final

from visus.local.lite.answering import (
    cards,
    families,
    going,
    labelled,
    ledger,
    named_so,
    numbered,
    offices,
    only,
    own_kind,
    phrases,
    pricelist,
    reasons,
    related,
    roles,
    routes,
    titles,
    unit_price,
    units,
    until,
)
from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.found import Found, in_piece
from visus.local.lite.answering.page import Page
from visus.local.lite.answering.replies import Reply, quoted
from visus.local.lite.answering.wanting import AGE


def role(ask: Ask, page: Page) -> Reply | None:
    """The name of whom the question calls by a role; of a card's owner, in two parts."""
    key = ask.target.key
    if key not in {None, "name"}:
        return None
    is_whole = key == "name" and all(map(families.is_role, ask.target.extra))
    whole = roles.whole_name(page) if is_whole else None
    if whole is None:
        return holder(ask, page)
    return _quoting(ask, page, whole)


def holder(ask: Ask, page: Page) -> Reply | None:
    """Whoever has the role that the question names."""
    return _quoting(ask, page, roles.holder(ask, page))


def card(ask: Ask, page: Page) -> Reply | None:
    """A card's number, or the last figures of one."""
    asked = ask.has(cards.LAST_FIGURES)
    return _quoting(
        ask, page, cards.last_figures(page) if asked else cards.only_number(ask, page)
    )


def route(ask: Ask, page: Page) -> Reply | None:
    """The line of a timetable, or its days."""
    return _quoting(ask, page, routes.line(ask, page) or routes.days(ask, page))


def measured(ask: Ask, page: Page) -> Reply | None:
    """A value with the unit that is asked for, or how much a list has of a thing."""
    return _quoting(ask, page, units.told(ask, page))


def of_number(ask: Ask, page: Page) -> Reply | None:
    """The number right behind the word for the thing."""
    return _quoting(ask, page, numbered.told(ask, page))


def of_price(ask: Ask, page: Page) -> Reply | None:
    """What of a list costs as much as the question says."""
    found = pricelist.costing(ask, page)
    if found is None:
        return None
    name = _COUNT.sub("", found.name.text.strip())
    said = f"{found.name.text} {found.figure.text}"
    return quoted(ask, page.evidence, name, (said, found.name.box))


_COUNT: Final = re.compile(r"^\d{1,3}\s?[x×]\s+")  # noqa: RUF001 - the sign is meant


def of_kind(ask: Ask, page: Page) -> Reply | None:
    """The line that bears the word for the kind of thing that is asked for."""
    return _quoting(ask, page, own_kind.told(ask, page))


def of_its_kind(ask: Ask, page: Page) -> Reply | None:
    """The only hour, day or share that the text names."""
    return _quoting(ask, page, only.told(ask, page))


def of_phrase(ask: Ask, page: Page) -> Reply | None:
    """What a phrase of everyday papers says."""
    return _quoting(ask, page, phrases.told(ask, page))


def of_label(ask: Ask, page: Page) -> Reply | None:
    """`Which vet saw the animal?`: beside the only label that is just that word."""
    return _quoting(ask, page, labelled.told(ask, page))


def addressed(ask: Ask, page: Page) -> Reply | None:
    """For whom it is, where one person alone is called Mr, Mrs, Herr, Frau or a family."""
    if not ask.has(_FOR_WHOM):
        return None
    found = [
        in_piece(match.group(), piece)
        for piece in page.pieces
        for match in _TITLED.finditer(piece.text)
    ]
    return _quoting(ask, page, found[0]) if len({one.value for one in found}) == 1 else None


def reason(ask: Ask, page: Page) -> Reply | None:
    """Why something is so."""
    return _quoting(ask, page, reasons.told(ask, page))


def office(ask: Ask, page: Page) -> Reply | None:
    """What somebody is."""
    return _quoting(ask, page, offices.told(ask, page))


def goal(ask: Ask, page: Page) -> Reply | None:
    """Where somebody goes."""
    return _quoting(ask, page, going.told(ask, page))


def of_unit_price(ask: Ask, page: Page) -> Reply | None:
    """What one of a unit costs."""
    return _quoting(ask, page, unit_price.told(ask, page))


def called_so(ask: Ask, page: Page) -> Reply | None:
    """What stands behind the word for its kind."""
    return _quoting(ask, page, named_so.told(ask, page))


def _quoting(ask: Ask, page: Page, found: Found | None) -> Reply | None:
    """The value, and where it was read."""
    if found is None:
        return None
    return quoted(ask, page.evidence, found.value, (found.text, found.piece.box))


_FOR_WHOM: Final = r"^\W*(?:who(?:'s| is| was| are)\b.*\bfor|for whom|fur wen|who is .*\b(?:addressed|made out) to)\b"
_TITLED: Final = re.compile(
    r"(?<!\w)(?:Mr|Mrs|Ms|Miss|Herrn?|Frau|Familie|Fam)\.?\s+(?:Dr\.\s+)?[A-ZÄÖÜ][\w'-]+(?:\s[A-ZÄÖÜ][\w'-]+)?"
)


def deadline(ask: Ask, page: Page) -> Reply | None:
    """By when a letter wants something."""
    return _quoting(ask, page, until.told(ask, page))


def account(ask: Ask, page: Page) -> Reply | None:
    """A row of an account, or what a column comes to."""
    found = ledger.told(ask, page) or ledger.total_of_column(ask, page)
    return None if found is None else Reply(f"{found.value} ({found.row}).", found.value)


def of_family(ask: Ask, page: Page) -> Reply | None:
    """What stands beside a label that calls the thing otherwise, or is one of the kind."""
    if ask.has(AGE):
        return None  # Cars are counted too, and no number of them is an age.
    return _quoting(ask, page, related.told(ask, page))


def headed(ask: Ask, page: Page) -> Reply | None:
    """What the page is about, or whose it is, as its heading says."""
    return _quoting(ask, page, phrases.position(ask, page) or titles.told(ask, page))


def priced(ask: Ask, page: Page) -> Reply | None:
    """The price of what a list has under the very name."""
    found = pricelist.priced(ask, page)
    if found is None:
        return None
    figure = found.figure.text.strip()
    return quoted(ask, page.evidence, figure, (f"{found.name.text} {figure}", found.figure.box))


def vegetarian(ask: Ask, page: Page) -> Reply | None:
    """The dishes without meat."""
    found = pricelist.vegetarian(ask, page)
    names = ", ".join(re.sub(r"\s*\(\S{1,2}\)", "", each.name.text) for each in found)
    marked = ask.say("marked so", "so gekennzeichnet")
    return Reply(f"{names} ({marked}).", names) if found else None


def of_the_day(ask: Ask, page: Page) -> Reply | None:
    """The dish of a day."""
    found = pricelist.of_the_day(ask, page)
    if found is None:
        return None
    name = found.name.text.strip()
    return Reply(f"{name} ({found.lead}, {found.figure.text.strip()}).", name)
