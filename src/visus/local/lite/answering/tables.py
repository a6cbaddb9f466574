# ruff: noqa: E501, PLR2004, RUF001
# E501: patterns and phrases stay on one line.
# PLR2004: lengths and shares are read best where they stand.
# RUF001: typographic signs are meant.
"""Questions about tables: a cell by row and column, the largest, a sum, how many rows.

A row or column is meant when the question says its name; a word of the question that neither
row nor column nor the page explains means that the table does not hold the answer.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final, NamedTuple

from visus.local.lite.answering import headers
from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.page import (
    ORDINAL,
    Page,
    before_the_next_name,
    has_numbered_names,
    is_figure,
    lists_in,
    looks_like_a_label,
)
from visus.local.lite.answering.values import Kind, find, is_date, number_in
from visus.local.lite.answering.vocabulary import BY_KEY, spans
from visus.local.lite.answering.words import (
    GENERIC,
    STOPWORDS,
    SUBJECTS,
    alike,
    fold,
    holds,
    tokens,
    words,
)
from visus.local.lite.evidence import Box, Cell, Table

_HIGHEST: Final = (
    r"\b(?:highest|largest|biggest|most|maximum|max|greatest|best|top|longest|tallest|hochste\w*|grosste\w*"
    r"|meiste\w*|beste[nmrs]?|beliebteste\w*|warmest|hottest|warmste\w*|heisseste\w*|heaviest|schwerste\w*|fastest|schnellste\w*|busiest|strongest|starkste\w*|oldest|alteste\w*|spateste\w*|latest|teuerste\w*|maximal\w*|langste\w*|priciest)\b"
)  # fmt: skip
_LOWEST: Final = (
    r"\b(?:lowest|smallest|least|minimum|min|fewest|cheapest|worst|shortest|niedrigste\w*|kleinste\w*|wenigste\w*"
    r"|coldest|coolest|kalteste\w*|kuhlste\w*|lightest|leichteste\w*|slowest|langsamste\w*|quietest|weakest|schwachste\w*|youngest|jungste\w*|fruheste\w*|earliest|am wenigsten|billigste\w*|geringste\w*|unbeliebteste\w*|minimal\w*|kurzeste\w*|tiefste\w*)\b"
)  # fmt: skip
_WARMTH: Final = (
    r"\b(?:warm|hot|cold|cool|heiss|kalt|kuhl)\w*|\b(?:warm|kalt|kuhl)st\w*|\bkaltest\w*"
)
_COLD: Final = r"\b(?:cold|cool|kalt|kuhl)\w*"
_DAY: Final = re.compile(
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?|(?:montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend|sonntag)s?",
    re.IGNORECASE,
)
_WHICH: Final = re.compile(r"\b(?:which|what|welche[nrms]?)\s+(?P<thing>[a-z]{3,})\b")
_WHICH_DAY: Final = r"\b(?:what|which|welche[mnr]?) (?:day|days|tag|tagen|wochentag)\b"
_LEADING: Final = r"\b(?:top|best|first|leading|worst|beste[rnms]?|erste[rnms]?)\b"
_RANKS: Final = re.compile(r"\W*(?:points?|pts|punkte|pkt|score|total)\W*")
_LAST: Final = r"\b(?:last|latest|final|letzte\w*|spateste\w*)\b"
_PRICED: Final = r"expensive|cheap|teuer|billig|gunstig|pric|cost|kost"
_SUMMED: Final = r"\b(?:sum|add up|altogether|total of|in total|overall|combined|summe|zusammen|insgesamt|gesamt\w*|total)\b"
_YEAR: Final = re.compile(
    r"^(?:\D{0,12}\b(?:19|20)\d\d\b\D{0,6}|(?:Q|H|KW ?|Week |Woche )\d{1,2}\D{0,6})$"
)
_TOTALS: Final = frozenset({"total", "net", "vat", "amount_due", "discount", "shipping"})
_AMOUNT_KEYS: Final = ("price", "unit_price", "line_total", "total")


class CellFound(NamedTuple):
    """A cell, with the names of its row and column."""

    value: str
    row: str
    column: str
    box: Box
    confidence: float


class Section(NamedTuple):
    """Rows under one row of headers; perception may take a whole page for one table."""

    header: list[Cell]
    body: list[list[Cell]]


class _Row(NamedTuple):
    cells: list[Cell]
    hits: frozenset[int]
    """Places of the question's words that name this row."""
    share: float
    """How much of the row's name the question says."""


def extreme_wanted(ask: Ask) -> bool | None:
    """True for the highest, False for the lowest, None for neither."""
    if ask.has(_HIGHEST):
        return True
    return False if ask.has(_LOWEST) else None


# --- One cell --------------------------------------------------------------------------------


def cell(ask: Ask, page: Page) -> CellFound | None:
    """The cell at the row and the column that the question names; None for none or several."""
    for section in sections(page):
        found = _cell(ask, page, section)
        if found is not None:
            return found
    return _item_line(ask, page)


def _cell(ask: Ask, page: Page, section: Section) -> CellFound | None:
    asked = [token.text for token in ask.meant]
    header, body = section
    row = _best_row(asked, body) or _only_row(section)
    if row is None:
        return None
    column, said = _column(ask, asked, header, body, row)
    both = bool(row.hits and said)
    if column is None or not (row.hits or said):
        return None
    is_day = _DAY.fullmatch(row.cells[column].text.strip()) is not None
    if not both and not is_day and _is_nameless(ask, row.cells[0].text, header):
        return None
    # Row and column both named: one more word may be what the whole table is about.
    spare = 1 if both else 0
    if not _explained(ask, asked, row.hits | said, page, spare=spare):
        return None
    found = row.cells[column]
    if not found.text.strip() or not _fits(ask, found.text):
        return None
    name = header[column].text if header else ""
    return CellFound(found.text.strip(), _name(row.cells), name, found.box, found.confidence)


def has_row_of(ask: Ask, page: Page) -> bool:
    """Whether a table with headers has a row for each thing that the question names."""
    return any(
        all(holds(words(cells[0].text), thing) for thing in ask.target.extra)
        for section in sections(page)
        if section.header
        for cells in section.body
    )


def _is_nameless(ask: Ask, first: str, header: list[Cell]) -> bool:
    """Whether neither headers nor the row's name say the identifier or the day asked for."""
    key = ask.target.key
    if key is None or ask.target.kind not in {"identifier", "date", "number"}:
        return False
    titles = [first, *(each.text for each in header)]
    return not any(_meant(title, key) for title in titles)


def _fits(ask: Ask, text: str) -> bool:
    """Whether a cell is of the kind that is asked for, where that kind has a look."""
    kind = ask.target.kind
    if kind in {"name", "place"}:
        is_word = any(map(str.isalpha, text)) and not any(find("amount", text))
        return is_word and not any(find("time", text)) and not any(find("date", text))
    if kind == "text":
        return True
    if kind in {"amount", "number", "percent", "measure"}:
        return number_in(text) is not None and not is_date(text)
    if kind == "date" and (any(find("time", text)) or _DAY.fullmatch(text.strip())):
        return True
    if kind == "identifier":
        return any(map(str.isdigit, text)) and not is_date(text)
    return any(find(kind, text))


def sections(page: Page) -> list[Section]:
    """The tables of a page, parted wherever a row of headers begins a new one; no forms."""
    return [
        section._replace(header=headers.with_names(page, *section))
        for table in page.tables
        if not _is_form(table)
        for section in _sections(table)
    ]


def _is_form(table: Table) -> bool:
    """Whether cells below the first row name what stands beside or under them."""
    if _is_two_lists(table):
        return True
    filled = [each.text for cells in table.rows[1:] for each in cells if each.text.strip()]
    labels = sum(looks_like_a_label(text) for text in filled if not _is_sum(text))
    return bool(filled) and labels >= 2 and labels * 4 >= len(filled)


def _is_two_lists(table: Table) -> bool:
    """`Overtime 184.50 | Pension 116.70`: names and figures, twice beside each other."""
    header, *body = table.rows
    if len(header) != 4 or header[1].text.strip() or header[3].text.strip() or not body:
        return False
    names = [cells[place].text for cells in body for place in (0, 2) if cells[place].text]
    figures = [cells[place].text for cells in body for place in (1, 3) if cells[place].text]
    return not any(map(_is_numeric, names)) and all(map(_is_numeric, figures))


def _is_sum(text: str) -> bool:
    return any(span.keys & _TOTALS for span in spans(tokens(text)))


def column_titles(page: Page) -> frozenset[str]:
    """The headers of tables of figures: what stands under one answers only for its row."""
    return frozenset(
        each.text
        for header, body in sections(page)
        if len(body) > 1 and any(is_figures(body, place) for place in range(len(header)))
        for each in header
        if each.text.strip()
    )


def _sections(table: Table) -> list[Section]:
    found: list[Section] = [Section([], [])]
    for place, cells in enumerate(table.rows):
        following = table.rows[place + 1] if place + 1 < len(table.rows) else None
        if _is_header(table, place, following):
            found.append(Section(cells, []))
        else:
            found[-1].body.append(cells)
    return [section for section in found if section.body]


def _is_header(table: Table, place: int, following: list[Cell] | None) -> bool:
    cells = table.rows[place]
    filled = [each.text for each in cells if each.text.strip()]
    if following is None or len(filled) < 2 or any(text.endswith(":") for text in filled):
        return False
    numbered = has_numbered_names(filled)
    first, *others = filled
    named = all(_is_name(text) or numbered for text in others) and (
        _is_name(first) or (len(others) > 1 and any(map(str.isalpha, first)))
    )
    if place == 0:
        return named and (table.has_header or _has_figures(following))
    wide = len(filled) >= 3 and len(filled) * 2 > len(cells)
    if not (named and wide and _has_figures(following)) or _is_total(cells):
        return False
    return not _is_one_of_many(table, place)


def _is_one_of_many(table: Table, place: int) -> bool:
    """Whether a row of words is no header: it is named as its neighbours, or says what they do."""
    first, *others = [each.text.strip() for each in table.rows[place]]
    rest = [row for at, row in enumerate(table.rows) if at != place]
    names = {_shape(row[0].text) for row in rest}
    cells = {each.text.strip() for row in rest for each in row[1:]}
    is_numbered = any(map(str.isdigit, first)) and _shape(first) in names
    is_repeated = any(text and text in cells for text in others)
    return is_numbered or is_repeated or _DAY.fullmatch(first) is not None


def _shape(text: str) -> str:
    return re.sub(r"\d+", "0", text.strip())


def _is_name(text: str) -> bool:
    """Whether a cell may name a column: no figures but a year, a quarter, a short number."""
    return (
        not any(map(str.isdigit, text))
        or _YEAR.search(text) is not None
        or ORDINAL.fullmatch(text.strip()) is not None
        or not is_figure(text.strip())
    )


def _has_figures(cells: list[Cell]) -> bool:
    return any(_is_numeric(each.text) for each in cells)


def _best_row(asked: list[str], body: list[list[Cell]]) -> _Row | None:
    rows = [_row(asked, cells) for cells in body]
    ranked = sorted(rows, key=lambda row: (-len(row.hits), -row.share))
    if not ranked or not ranked[0].hits:
        return None
    best = ranked[0]
    tied = [row for row in ranked if len(row.hits) == len(best.hits)]
    named = [row for row in tied if _says_name(asked, row)]
    if len(tied) > 1 and len(named) == 1:
        return named[0]
    return best if not any(row.share == best.share for row in tied if row is not best) else None


def _says_name(asked: list[str], row: _Row) -> bool:
    """Whether the question says the whole first cell."""
    name = [word for word in words(row.cells[0].text) if word not in STOPWORDS]
    return bool(name) and all(any(alike(word, each) for each in asked) for word in name)


def _only_row(section: Section) -> _Row | None:
    """A table of one row needs no name for it."""
    if not section.header or len(section.body) != 1:
        return None
    return _Row(section.body[0], frozenset(), 0.0)


def _row(asked: list[str], cells: list[Cell]) -> _Row:
    hits: set[int] = set()
    share = 0.0
    for each in cells:
        named = [word for word in words(each.text) if word not in STOPWORDS]
        if not named or (_is_numeric(each.text) and each is not cells[0]):
            whole = all(word in asked for word in named)
            named = [word for word in named if word in asked and (whole or len(word) >= 4)]
        found = {
            place
            for place, word in enumerate(asked)
            if any(alike(word, other) for other in named)
            or (word not in GENERIC and len(word) >= 4 and holds(named, word))
        }
        if found and _is_named_by(named, asked):
            hits |= found
            share = max(share, len(found) / len(named))
    return _Row(cells, frozenset(hits), share)


def _is_named_by(named: list[str], asked: list[str]) -> bool:
    """Whether the question says the cell's numbers too, if the cell's name has any."""
    digits = [word for word in named if word.isdigit() and len(word) >= 4]
    return all(word in asked for word in digits)


def _column(
    ask: Ask, asked: list[str], header: list[Cell], body: list[list[Cell]], row: _Row
) -> tuple[int | None, frozenset[int]]:
    typed = _typed_column(ask, row)
    if typed is not None:
        return typed, frozenset()
    named = _named_column(asked, header, row.hits, key=ask.target.key)
    if named is not None:
        return named
    by_key = _column_by_key(ask, header)
    if by_key is not None:
        return by_key, frozenset()
    numeric = [place for place in range(len(row.cells)) if is_figures(body, place)]
    return _only_column(ask, row, numeric), frozenset()


def _only_column(ask: Ask, row: _Row, numeric: list[int]) -> int | None:
    """The one column of words where words are wanted, else the one of figures, or of anything."""
    others = [place for place, each in enumerate(row.cells) if place and each.text.strip()]
    texts = [place for place in others if place not in numeric]
    if ask.target.kind == "text" and len(texts) == 1 and numeric:
        return texts[0]
    if ask.target.kind == "amount":
        amounts = [place for place in numeric if any(find("amount", row.cells[place].text))]
        return amounts[-1] if amounts else None
    if len(numeric) == 1:
        return numeric[0]
    return others[0] if len(others) == 1 else None


def _typed_column(ask: Ask, row: _Row) -> int | None:
    """The only cell of the row that is a date or a time, where one is asked for."""
    days = [
        place
        for place, each in enumerate(row.cells)
        if place and _DAY.fullmatch(each.text.strip())
    ]
    if len(days) == 1 and ask.has(_WHICH_DAY):
        return days[0]
    times = [place for place, each in enumerate(row.cells) if any(find("time", each.text))]
    if len(times) > 1 and ask.target.kind in {"date", "time"} and ask.has(_LAST):
        return times[-1]
    dated = _only(row, "date") if ask.target.kind == "date" else None
    if dated is None and ask.target.kind in {"date", "time"}:
        return _only(row, "time")
    return dated


def _only(row: _Row, kind: Kind) -> int | None:
    places = [place for place, each in enumerate(row.cells) if any(find(kind, each.text))]
    return places[0] if len(places) == 1 else None


def _named_column(
    asked: list[str], header: list[Cell], taken: frozenset[int], *, key: str | None = None
) -> tuple[int, frozenset[int]] | None:
    best: tuple[float, int, frozenset[int]] | None = None
    for place, each in enumerate(header):
        named = [word for word in words(each.text) if word not in STOPWORDS]
        hits = frozenset(
            spot
            for spot, word in enumerate(asked)
            if spot not in taken
            and (
                any(alike(word, other) or _ends_so(word, other) for other in named)
                or (len(word) > 4 and holds(named, word))
            )
        )
        score = len(hits) + (len(hits) / len(named) if named else 0.0) + _meant(each.text, key)
        if hits and (best is None or score > best[0]) and place:
            best = (score, place, hits)
    return None if best is None else best[1:]


def _ends_so(word: str, title: str) -> bool:
    """Whether a compound of the question ends in the title: `Zählerstand` in `Stand`."""
    return len(title) > 4 and len(word) > len(title) + 2 and word.endswith(title)


def _meant(title: str, key: str | None) -> float:
    """How much a column's title is the field that is asked for."""
    if key is None:
        return 0.0
    named = {each for span in spans(tokens(title)) for each in span.keys}
    return 1.0 if key in named else 0.5 if named & set(BY_KEY[key].also) else 0.0


def _column_by_key(ask: Ask, header: list[Cell]) -> int | None:
    key = ask.target.key
    if key is None:
        key = "quantity" if ask.target.kind == "number" else None
    if key is None and ask.target.kind == "amount":
        key = "price"
    if key is None:
        return None
    for wanted in (key, *BY_KEY[key].also):
        for place, each in enumerate(header):
            if any(wanted in span.keys for span in spans(tokens(each.text))):
                return place
    return None


def is_figures(body: list[list[Cell]], place: int) -> bool:
    """Whether most of a column, other than the first, are figures."""
    filled = [cells[place].text for cells in body if cells[place].text.strip()]
    return bool(filled) and place > 0 and sum(map(_is_numeric, filled)) * 2 > len(filled)


def _is_numeric(text: str) -> bool:
    letters = sum(map(str.isalpha, text))
    return any(map(str.isdigit, text)) and letters <= 3


def _explained(
    ask: Ask, asked: list[str], said: frozenset[int], page: Page, *, spare: int = 0
) -> bool:
    """Whether every telling word of the question names the row, the column or the page."""
    everywhere = [token.text for token in page.tokens]
    named = {*ask.target.named} if ask.target.key else set[str]()
    for place, word in enumerate(asked):
        telling = word in ask.target.extra or (word in ask.content and word not in named)
        own = word in SUBJECTS and not page.is_prose
        if place in said or not telling or own or not _matters(ask, word):
            continue
        spare -= 0 if holds(everywhere, word) else 1
    return spare >= 0


def _matters(ask: Ask, word: str) -> bool:
    token = next(each for each in ask.tokens if each.text == word)
    raw = ask.text[token.start : token.end]
    if ask.tongue == "de" and raw.islower():
        return False
    if re.fullmatch(r"reach\w*|get|gets|stops?|leaves?", word):
        return False
    return not re.fullmatch(r"[a-z]{3,}(?:ed|ing)|sold|sell|cost|costs", word)


def _name(cells: list[Cell]) -> str:
    named = [each.text.strip() for each in cells if any(map(str.isalpha, each.text))]
    return named[0] if named else cells[0].text.strip()


def _item_line(ask: Ask, page: Page) -> CellFound | None:
    """A receipt's line: the item on the left, its amount at the right end."""
    if ask.target.kind not in {"amount", "number"} or not ask.content:
        return None
    named = (
        set(ask.target.named) if ask.target.key in {*_AMOUNT_KEYS, "quantity"} else set[str]()
    )
    wanted = [
        word
        for word in ask.content
        if (word in ask.target.extra or word not in named) and _matters(ask, word)
    ]
    lists = (each for row in page.rows for each in lists_in(row))
    for row in lists if wanted else ():
        text = " ".join(piece.text for piece in row)
        if not all(holds(words(text), word) for word in wanted):
            continue
        found = _in_item_line(ask, [(piece.text, piece.box, piece.confidence) for piece in row])
        if found is not None:
            return found
    return None


def _in_item_line(ask: Ask, pieces: list[tuple[str, Box, float]]) -> CellFound | None:
    if ask.target.kind == "number":
        text, box, confidence = pieces[0]
        match = re.match(r"^(\d{1,3})\s?(?:x|×|\*|stk\.?|pcs)?\s", text, re.IGNORECASE)
        return CellFound(match.group(1), text, "", box, confidence) if match else None
    for text, box, confidence in reversed(pieces):
        amounts = [each.text for each in find("amount", before_the_next_name(text))]
        if amounts:
            first = ask.has(r"each|unit|per |pro |einzel|stuck") and len(amounts) > 1
            return CellFound(amounts[0 if first else -1], pieces[0][0], "", box, confidence)
    return None


# --- Several cells ---------------------------------------------------------------------------


def extreme(ask: Ask, page: Page, *, highest: bool) -> CellFound | None:
    """The cell with the highest or lowest number of the column that the question means.

    Of two readings of one table, the one with fewer gaps in that column is taken.
    """
    best: list[tuple[list[Cell], Decimal]] = []
    titles: list[Cell] = []
    column = 0
    for header, body in sections(page):
        rows = [cells for cells in body if not _is_total(cells)]
        place = _number_column(ask, header, rows)
        if ask.has(_PRICED):
            rows = [[_only_its_amount(each) for each in cells] for cells in rows]
        values = [] if place is None else list(_numbers(rows, place))
        if place is not None and len(values) > len(best):
            best, column, titles = values, place, header
    if not best:
        return None
    pick = max if highest else min
    cells, _ = pick(best, key=lambda each: each[1])
    cell = cells[column]
    name = titles[column].text if titles else ""
    row = _called(ask, titles, cells, column)
    return CellFound(cell.text.strip(), row, name, cell.box, cell.confidence)


def _called(ask: Ask, header: list[Cell], cells: list[Cell], column: int) -> str:
    """What the row has in the column that is asked for (`which manager`), else its name."""
    asked = _WHICH.search(ask.folded)
    thing = asked["thing"] if asked else ""
    named = [
        cells[place].text.strip()
        for place, each in enumerate(header)
        if thing
        and place not in {0, column}
        and any(alike(word, thing) for word in words(each.text))
    ]
    return named[0] if len(named) == 1 and named[0] else _name(cells)


def _only_its_amount(cell: Cell) -> Cell:
    """Of `19:30 £110`, two cells read as one, the amount."""
    time = next(iter(find("time", cell.text)), None)
    if time is None:
        return cell
    amounts = [found.text for found in find("amount", cell.text[time.end :])]
    return Cell(amounts[-1], cell.box, cell.confidence) if amounts else cell


def names_a_column(ask: Ask, page: Page) -> bool:
    """Whether the question says the name of a column of figures."""
    asked = [token.text for token in ask.meant]
    return any(_named_column(asked, header, frozenset()) for header, _ in sections(page))


def total(ask: Ask, page: Page) -> Decimal | None:
    """The sum of the column that the question means, if it asks for a sum."""
    if not ask.has(_SUMMED):
        return None
    for header, body in sections(page):
        asked = [token.text for token in ask.meant]
        named = _named_column(asked, header, frozenset())
        if named is None or not _explained(ask, asked, named[1], page):
            continue
        rows = [cells for cells in body if not _is_total(cells)]
        values = [value for _, value in _numbers(rows, named[0])]
        if values:
            return sum(values, Decimal(0))
    return None


def rows_of(page: Page) -> list[list[Cell]]:
    """The rows of the first table, without header and totals."""
    found = largest(page)
    return [] if found is None else [cells for cells in found.body if not _is_total(cells)]


def largest(page: Page) -> Section | None:
    """The section with the most rows."""
    return max(sections(page), key=lambda section: len(section.body), default=None)


def row_with(ask: Ask, page: Page) -> CellFound | None:
    """The row that holds the number which the question states."""
    stated = [each.text for each in find("number", ask.text)]
    if not stated:
        return None
    wanted = number_in(stated[0])
    for cells in rows_of(page):
        for place, each in enumerate(cells):
            if place and _is_numeric(each.text) and number_in(each.text) == wanted:
                first = cells[0]
                return CellFound(_name(cells), _name(cells), "", first.box, first.confidence)
    return None


def _number_column(ask: Ask, header: list[Cell], body: list[list[Cell]]) -> int | None:
    asked = [token.text for token in ask.meant]
    titles = [
        each if body and is_figures(body, place) else Cell("", each.box)
        for place, each in enumerate(header)
    ]
    named = _named_column(asked, titles, frozenset(), key=ask.target.key)
    if named is not None:
        return named[0]
    columns = [place for place in range(len(body[0]) if body else 0) if is_figures(body, place)]
    if ask.has(_PRICED):
        by_key = _column_by_key(ask, header)
        if by_key is not None and by_key in columns:
            return by_key
        return columns[-1] if columns else None
    degrees = [place for place in columns if any("°" in cells[place].text for cells in body)]
    if degrees and ask.has(_WARMTH):
        return degrees[-1] if ask.has(_COLD) else degrees[0]
    ranked = (
        [place for place in columns if _RANKS.fullmatch(fold(header[place].text))]
        if header
        else []
    )
    if len(ranked) == 1 and ask.has(_LEADING):
        return ranked[0]
    return columns[0] if len(columns) == 1 else None


def _numbers(rows: list[list[Cell]], column: int) -> Iterator[tuple[list[Cell], Decimal]]:
    for cells in rows:
        value = number_in(cells[column].text)
        if value is not None:
            yield cells, value


def _is_total(cells: list[Cell]) -> bool:
    first = next((each.text for each in cells if each.text.strip()), "")
    parts = tokens(first)
    found = spans(parts)
    return bool(found) and bool(found[0].keys & _TOTALS) and found[0].first == 0
