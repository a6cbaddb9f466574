# ruff: noqa: E501, ISC004, PLR2004
# E501: patterns and phrases stay on one line.
# ISC004: long patterns go on in the next string.
# PLR2004: lengths and shares are read best where they stand.
"""How many? Of shapes, lines, words, codes, bars, rows; never of things that nobody counted."""

import re
from collections.abc import Callable
from typing import Final

from visus.local.lite.answering import reading, scene, tables
from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.page import Page
from visus.local.lite.answering.replies import Reply, counted
from visus.local.lite.answering.words import alike, words

ASKED: Final = r"\bhow many\b|\bwie ?viele?n?\b|\bnumber of\b|\banzahl (?:der|von|an)\b|\bcount\b|\bzahle?\b"

OF_THE_PICTURE: Final = r"\b(?:lines?|zeilen|words?|worter\w*|columns?|spalten|rows?|entries|eintrage|positionen|posten|items|colou?rs?|farben|codes?|bars?|balken|saulen|tables|tabellen|pictures?|bilder|figures?|shapes?|formen|letters|characters|zeichen|buchstaben|times|people|persons|personen)\b"
"""What may be counted on any page."""


def count(ask: Ask, page: Page) -> Reply | None:
    """The number of what the question names; None if it names nothing that is counted here."""
    for pattern, counter in _COUNTERS:
        if ask.has(pattern):
            found = counter(ask, page)
            if found is not None:
                return found
    return scene.count_shapes(ask, page.evidence)


def _lines(ask: Ask, page: Page) -> Reply | None:
    if scene.shapes_asked(ask, page.evidence):
        return None
    return counted(ask, len(page.rows), ask.say("lines of text", "Textzeilen"))


def _words(ask: Ask, page: Page) -> Reply:
    return counted(ask, reading.length(page), ask.say("words", "Wörter"))


def _codes(ask: Ask, page: Page) -> Reply:
    return counted(
        ask, scene.codes_asked(page.evidence, ask), "Codes" if ask.tongue == "de" else "codes"
    )


def _bars(ask: Ask, page: Page) -> Reply | None:
    bars = page.evidence.bars
    return counted(ask, len(bars), ask.say("bars", "Balken")) if bars else None


def _bars_of_chart(ask: Ask, page: Page) -> Reply | None:
    """`How many months does the chart show?`: as many as it has bars."""
    shows = ask.has(r"\b(?:shows?|shown|has|have|zeigt|hat|dargestellt|abgebildet|stellt)\b")
    return _bars(ask, page) if shows else None


def _rows(ask: Ask, page: Page) -> Reply | None:
    rows = tables.rows_of(page)
    return (
        counted(
            ask,
            len(rows),
            ask.say("rows without header and totals", "Zeilen ohne Kopf und Summen"),
        )
        if rows
        else None
    )


def _headed(ask: Ask, page: Page) -> Reply | None:
    """Rows of a table whose first column is headed by what is counted."""
    found = tables.largest(page)
    if found is None or not found.header:
        return None
    asked = words(re.split(ASKED, ask.folded)[-1])[:1]
    title = [word for each in found.header for word in words(each.text)]
    named = any(alike(word, part) for word in asked for part in title)
    return _rows(ask, page) if named else None


def _first_column(ask: Ask, page: Page) -> Reply | None:
    """Rows of a table whose first column bears the name of what is counted, and nothing else."""
    found = tables.largest(page)
    counted_thing = re.search(r"(?:how many|wie ?viele?)\s+(\w+)", ask.folded)
    if found is None or not found.header or counted_thing is None:
        return None
    thing = counted_thing.group(1)
    named = any(alike(thing, part) for part in words(found.header[0].text))
    heading = [word for piece in page.pieces[:2] for word in words(piece.text)]
    rest = [word for word in ask.content if not alike(word, thing)]
    told = all(any(alike(word, other) for other in heading) for word in rest)
    return _rows(ask, page) if named and told else None


def _columns(ask: Ask, page: Page) -> Reply | None:
    found = tables.largest(page)
    if found is None:
        return None
    return counted(ask, len(found.body[0]), ask.say("columns", "Spalten"))


def _colours(ask: Ask, page: Page) -> Reply | None:
    names = {shape.colour for shape in page.evidence.shapes}
    names = names or {colour.name for colour in page.evidence.colours if colour.share > 0.03}
    return counted(ask, len(names), ask.say("colours", "Farben")) if names else None


def _tables(ask: Ask, page: Page) -> Reply:
    return counted(ask, len(page.evidence.tables), ask.say("tables", "Tabellen"))


def _occurrences(ask: Ask, page: Page) -> Reply | None:
    wanted = ask.quoted
    if wanted is None:
        return None
    named, spoken = words(wanted), words(page.text)
    last = len(spoken) - len(named) + 1
    found = sum(
        all(alike(a, b) for a, b in zip(spoken[start:], named, strict=False))
        for start in range(last)
    )
    return counted(ask, found, f"“{wanted}”")


_COUNTERS: Final[tuple[tuple[str, Callable[[Ask, Page], Reply | None]], ...]] = (
    (r"\btimes\b|\bwie oft\b|\boccur|\bappear|\bvorkomm", _occurrences),
    (r"\bqr|\bbar ?codes?\b|\bstrichcodes?\b|\bcodes?\b", _codes),
    (r"\blines? of text|\btext lines?|\btextzeilen|\bzeilen text|\blines?\b(?! items?)", _lines),
    (r"\bwords?\b|\bworter\b", _words),
    (r"\bbars?\b|\bbalken\b|\bsaulen?\b", _bars),
    (r"\bcolumns?\b|\bspalten\b", _columns),
    (r"\brows?\b|\bentries\b|\bline items\b|\bpositionen\b|\bposten\b|\bzeilen\b|\beintrage\b"
     r"|\b(?:items|articles|products|artikel|produkte|waren)\b(?=\W*$| (?:are|were|is|on|in|does|did|listed|sind|wurden|stehen|hat|enthalt|auf))", _rows),
    (r"\b(?:listed|shown|in the (?:table|list)|on the (?:list|board|timetable|plan)|aufgefuhrt|aufgelistet|(?:in|auf) der (?:tabelle|liste|tafel|anzeige)|auf dem plan)\b", _headed),
    (r"", _first_column),
    (r"\b(?:chart|graph|diagram\w*|\w*diagramm|grafik|schaubild)\b", _bars_of_chart),
    (r"\btables\b|\btabellen\b", _tables),
    (r"\bcolou?rs\b|\bfarben\b", _colours),
)  # fmt: skip


def may_be_a_value(ask: Ask) -> bool:
    """Whether `how many` may ask for a number that is printed rather than counted."""
    return re.search(ASKED, ask.folded) is not None and bool(ask.content)
