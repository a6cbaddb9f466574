# ruff: noqa: E501, RUF001
# E501: patterns stay on one line.
# RUF001: typographic signs are meant.
"""Everything that a page may tell: values with the words that name them, whatever the layout.

A value stands beside a label, under one, in a cell of a table, on a line or in a clause with
the words that say what it is. Nothing is decided here; `weighing` asks which one is meant.
"""

import itertools
import re
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple, TypeAlias

from visus.local.lite.answering import running_text, tables
from visus.local.lite.answering.families import NEUTRAL, is_role, printed
from visus.local.lite.answering.page import (
    Page,
    Piece,
    has_its_value,
    looks_like_a_label,
    split_at_colons,
)
from visus.local.lite.answering.values import PERSON, Found, Kind, find
from visus.local.lite.answering.vocabulary import spans
from visus.local.lite.answering.words import STOPWORDS, tokens, words
from visus.local.lite.evidence import Cell

How: TypeAlias = Literal["label", "cell", "line", "at", "by", "clause", "sentence", "alone"]
_PART: Final = re.compile(
    r"\s+[·•|/]\s+|\s{3,}|;\s+|,\s+(?!\d{4}\b)|\s+\((?=\D)|\)\s*|(?<=[a-zäöüß]{4}[.!?])\s+(?=[A-ZÄÖÜ])|(?<=[.,]\d\d[.!?])\s+(?=[A-ZÄÖÜ])|(?<=\d\d[.!?])\s+(?=[A-ZÄÖÜ][a-zäöüß]+:)"
)
_CLAUSE: Final = re.compile(
    r"[,;:]\s+(?!\d)|\s(?:and|und|sowie|but|aber|oder|or)\s(?!\d)|\s[-–•·|]\s"
)
_ARTICLE: Final = r"(?:(?:the|dem|der|den|die|das|einem|einer|a|an|our|your|his|her)\s+)?"
_JOINING: Final[tuple[tuple[How, re.Pattern[str]], ...]] = (
    (
        "at",
        re.compile(
            rf"(?:^|\s)(?:from|at|in|on|im|am|bei|beim|aus|auf|zu|zum|zur|nach|to|vom)\s+{_ARTICLE}"
        ),
    ),
    ("by", re.compile(rf"\s(?:by|with|from|for|to|mit|von|für|an|bei)\s+{_ARTICLE}")),
)
_DAY: Final = r"(?:(?:on |am )?(?:mon|tues|wednes|thurs|fri|satur|sun)days?|(?:mon|diens|donners|frei|sams|sonn)tags?|mittwochs?)"
_DAYS: Final = re.compile(
    rf"\b{_DAY}(?:\s*(?:-|–|to|bis|and|und|&|,)\s*{_DAY})*\b", re.IGNORECASE
)
_FREE: Final = re.compile(
    r"\b(?:free|kostenlos|kostenfrei|gratis|frei|umsonst)$", re.IGNORECASE
)
_OFTEN: Final = re.compile(
    r"\b(?:once|twice|(?:one|two|three|four|\d)\s?(?:times|x)|every (?:other |second )?\w+|(?:ein|zwei|drei|vier|\d)[ -]?mal|alle \w+ \w+|jede[nsr]? (?:zweite[nr]? )?\w+)(?:\s(?:a|per|each|every|am|pro|in der|im|die)\s\w+|\s(?:daily|täglich|wöchentlich|weekly|monatlich|jährlich))?",
    re.IGNORECASE,
)
_COUNTED: Final = re.compile(
    r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|eine[rnms]?(?=\s(?:minute|stunde|tag|woche|monat|jahr))|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|elf|zwölf)(?:\s(?:minutes?|hours?|days?|weeks?|months?|years?|minuten?|stunden?|tage?n?|wochen?|monate?n?|jahre?n?))?\b|\b\d+\s(?:minutes?|hours?|days?|weeks?|months?|years?|minuten|stunden?|tagen?|wochen?|monaten?|jahren?)\b",
    re.IGNORECASE,
)
_PLACE: Final = re.compile(
    r"\b(?:in|im|am|at|auf|bei|beim|inside|outside|behind|hinter|neben|vor)\s+(?:(?:der|dem|den|die|das|the|our|unsere[rmn]?|your|ihre[rmn]?)\s+)?"
    r"(?P<place>(?:[a-zäöüß]+\s)?[A-Za-zÄÖÜäöü][\wäöüß'’-]{2,}(?:\s+(?:(?:of|am|an|der|the|im|in)\s+)*[A-ZÄÖÜ\d][\wäöüß'’-]*)*)"
)
_HEAT: Final = re.compile(r"\d+(?:\s?[-–]\s?\d+)?\s?(?:Grad|degrees?)\b", re.IGNORECASE)
_WITHIN: Final = re.compile(
    r"\b(?:within|innerhalb(?: von)?|binnen)\s\w+\s(?:minut|hour|stund|day|tag|week|woche|month|monat|year|jahr)\w*",
    re.IGNORECASE,
)
_LOOKS: Final = (_OFTEN, _COUNTED, _DAYS, _HEAT, _WITHIN)
_ENDED: Final = re.compile(r"(?<=[a-z]{3})\.$")
_TITLED: Final = re.compile(r"(?:Mr|Mrs|Ms|Miss|Dr|Prof|Herrn?|Frau|Familie)\b")
_LISTED: Final = re.compile(r"^[-•*·–]\s*")
_OF_THE_PAGE: Final[tuple[Kind, ...]] = ("date", "time", "amount", "measure")
_AT_AN_HOUR: Final = re.compile(
    r"(?:um|at|ab|from)\s(?P<hour>\d{1,2}(?:[.:]\d\d)?\s?(?:Uhr|[ap]\.?m\.?))", re.IGNORECASE
)
_VENUE: Final = re.compile(
    r"\b(?:Hall|Barn|Church|Theatre|Library|Park|Museum|Centre|Center|Club|Stadium|Arena|Gardens?|Square|Field|Castle|Chapel|Pavilion|Auditorium|\w*(?:halle|saal|kirche|haus|heim|platz|garten|theater|museum|schule|schloss|stadion|zentrum|keller))\b"
)
_TITLE: Final = 3
_LONGEST_VALUE: Final = 70
_WORDS_OF_A_LABEL: Final = 6
_COLUMN: Final = 2
"""Lines beneath the first under a label that make it the title of a column."""
_WIDTH_OF_A_FORM: Final = 2
_BELOW_THE_TITLE: Final = 2
_WORD: Final = re.compile(r"[^\W\d_]{3}")
_NAME: Final = re.compile(r"[^\W\d_]{2}")
_NAMED: Final = re.compile(r"[^\W\d_]{5}")
"""In a text that has a name of its own, and is no figure with its unit."""
_WORDS_OF_A_NAME: Final = 3
_WITH_A_ROLE: Final = 2
_FEW: Final = 2
_LARGER: Final = 1.25
"""A heading is so much higher than what stands beside it, a label is not."""
_PROSE: Final = 7
_TYPED: Final[tuple[Kind, ...]] = (
    "date", "time", "amount", "percent", "phone", "email", "url", "measure", "number",
    "identifier",
)  # fmt: skip


class Fact(NamedTuple):
    """A value and what names it."""

    value: str
    label: str
    """The words that name it and nothing else; empty for none."""
    column: str
    """The header of its column in a table."""
    around: str
    """The line, the row or the clause that it stands in."""
    piece: Piece
    sure: float
    """From 0 to 1: how surely the label belongs to it."""
    how: How = "label"


def facts(page: Page) -> list[Fact]:
    """All facts of the page; one value may be told by several."""
    found = [
        *_cells(page),
        *_pairs(page),
        *_rows(page),
        *_lines(page),
        *_alone(page),
        *_clauses(page),
    ]
    return [
        fact for fact in found if not _NAMED.search(fact.value) or not has_its_value(fact.label)
    ]


def _cells(page: Page) -> Iterator[Fact]:
    pieces = {piece.box: piece for piece in page.pieces}
    for header, body in tables.sections(page):
        for cells in body if len(header) > _WIDTH_OF_A_FORM else []:
            row = " ".join(each.text for each in cells)
            name = next(filter(_may_name_a_row, cells), cells[0]) if len(body) > 1 else None
            for title, cell in zip(header, cells, strict=False):
                if not cell.text.strip() or cell is name:
                    continue
                piece = pieces.get(cell.box) or _nearest(page, cell.box.left, cell.box.top)
                label = _name_of(cell, cells, name)
                yield Fact(cell.text.strip(), label, title.text, row, piece, 0.95, "cell")
                if name is not None and _WORD.search(name.text):
                    heading = header[cells.index(name)].text
                    yield Fact(name.text, cell.text, heading, row, piece, 0.85, "cell")
                for moment in (title, name):
                    if moment is not None and _is_moment(moment.text):
                        yield Fact(moment.text, cell.text, "", row, piece, 0.9, "cell")


def _name_of(cell: Cell, cells: list[Cell], name: Cell | None) -> str:
    """The name of the row; where that is an hour, what is on at that hour too."""
    if name is None:
        return ""
    before = cells[: cells.index(cell)]
    on = next(
        (each.text for each in before if each is not name and _WORD.search(each.text)), ""
    )
    return name.text if _WORD.search(name.text) else f"{name.text} {on}".strip()


def _may_name_a_row(cell: Cell) -> bool:
    """A row is named by words or by an hour, not by its day or its number."""
    text = cell.text.strip()
    has_words = re.search(r"[^\W\d_]{2}", text) is not None
    is_hour = re.fullmatch(r"\d{1,2}[.:]\d\d", text) is not None
    return (has_words or is_hour) and not any(find("date", text))


def _is_moment(text: str) -> bool:
    if _DAYS.fullmatch(text.strip()):
        return True
    is_day = re.fullmatch(
        r"(?:mon|tue|wed|thu|fri|sat|sun|mo|di|mi|do|fr|sa|so)\.?", text.strip(), re.IGNORECASE
    )
    return is_day is not None or any(find("date", text)) or any(find("time", text))


def _nearest(page: Page, left: float, top: float) -> Piece:
    return min(
        page.pieces, key=lambda each: abs(each.box.left - left) + abs(each.box.top - top)
    )


def _pairs(page: Page) -> Iterator[Fact]:
    heads = tables.column_titles(page)
    pieces = {piece.box: piece for piece in page.pieces}
    answered = {
        pair.label
        for pair in page.pairs
        if pair.how == "colon" or (pair.how == "right" and not _is_bare_label(pair.value))
    }
    columns = {
        pair.label for pair in page.pairs if pair.how == "below" and len(pair.below) >= _COLUMN
    } & {piece.text.strip() for row in page.rows if len(row) > 1 for piece in row}
    heights = {piece.text.strip().rstrip(":"): piece.height for piece in page.pieces}
    for pair in page.pairs:
        piece = pieces.get(pair.box)
        value = pair.value.strip()
        if piece is None or pair.label in heads or value in heads or not value:
            continue
        if len(value) > _LONGEST_VALUE or value.endswith(":"):
            continue
        around = " ".join([pair.label, value, *(each.text for each in pair.rest)])
        if pair.how == "colon":
            yield Fact(value, pair.label, "", around, piece, 1.0)
        elif pair.how == "below" and pair.label not in answered | heads | columns:
            # A heading is larger than what stands under it, a label is not.
            is_small = heights.get(pair.label, 0.0) <= 1.15 * piece.height
            is_value = value not in answered and len(_PART.split(value)) == 1
            if is_small and is_value and _is_name_of_a_field(pair.label):
                yield Fact(value, pair.label, "", around, piece, 0.8)


def _rows(page: Page) -> Iterator[Fact]:
    """The first piece of a row with each that follows; a row of labels tells nothing."""
    heads = {
        cell.text
        for header, _ in tables.sections(page)
        for cell in header
        if len(header) > _WIDTH_OF_A_FORM
    }
    heading = ""
    for row in page.rows:
        texts = [each.text.strip() for each in row]
        if len(row) == 1 and row[0].place >= _BELOW_THE_TITLE:
            heading = texts[0] if len(words(texts[0])) <= _WORDS_OF_A_NAME else ""
        if len(row) > 1 and texts[0] not in heads and not all(map(_is_bare_label, texts)):
            yield from _of_its_moment(row)
            yield from (fact._replace(column=heading) for fact in _of_its_name(row))
            yield from _of_labels_within(row)


def _of_its_moment(row: tuple[Piece, ...]) -> Iterator[Fact]:
    """`Tue  Roast chicken`: on which day is there chicken?"""
    first, *others = row
    for each in others if _is_moment(first.text) else ():
        if _WORD.search(each.text):
            label = each.text.strip()
            yield Fact(first.text.strip(" :"), label, "", _line(row), first, 0.9)


def _of_its_name(row: tuple[Piece, ...]) -> Iterator[Fact]:
    first, *others = row
    label = first.text.strip().rstrip(":")
    is_answered = any(value for _, value in split_at_colons(label))
    if not _NAME.search(label) or len(words(label)) > _PROSE or is_answered:
        return
    has_price = any(find("amount", label))
    if not first.place and any(first.height > _LARGER * each.height for each in others):
        return
    for place, each in enumerate(others):
        if has_price and _WORD.search(each.text):
            return  # Another thing, and its price.
        if not _is_bare_label(each.text) and not split_at_colons(each.text):
            yield Fact(each.text.strip(), label, "", _line(row), each, 1.0 - 0.1 * place)


def _of_labels_within(row: tuple[Piece, ...]) -> Iterator[Fact]:
    for left, right in itertools.pairwise(row[1:]):
        if looks_like_a_label(left.text) and not _is_bare_label(right.text):
            label = left.text.strip(" :")
            yield Fact(right.text.strip(), label, "", _line(row), right, 1.0)


def _line(row: tuple[Piece, ...]) -> str:
    return " ".join(each.text.strip() for each in row)


def _is_name_of_a_field(text: str) -> bool:
    """Whether every word may name a value, or all letters are large, as on tickets."""
    said = [word for word in words(text) if word not in STOPWORDS | NEUTRAL]
    families = printed(words(text))
    named = {
        part.text
        for span in spans(tokens(text))
        for part in tokens(text)[span.first : span.last + 1]
    }
    is_known = all(word in families or word in named for word in said)
    return len(said) <= _WORDS_OF_A_NAME and (is_known or text.isupper())


def _is_bare_label(text: str) -> bool:
    return looks_like_a_label(text) and not any(map(str.isdigit, text))


def _lines(page: Page) -> Iterator[Fact]:
    for piece in page.pieces:
        if len(words(piece.text)) > _PROSE * 2:
            continue
        # What stands further along the row is more likely its value.
        sure = 0.2 if page.right_of(piece) else 0.9
        for part in _PART.split(piece.text):
            text = _LISTED.sub("", part.strip())
            spoken = words(text)
            is_sentence = len(spoken) > _PROSE and sum(w in STOPWORDS for w in spoken) > _FEW
            if text and not is_sentence:
                yield from _on_a_line(text, piece, sure)


def _on_a_line(text: str, piece: Piece, sure: float) -> Iterator[Fact]:
    """`Beginn 20 Uhr`, `Serves 10`, `250 g Mehl`, `Music by The Hay Wains`."""
    for label, value in split_at_colons(text):
        if value:
            yield Fact(value.strip(" ."), label, "", text, piece, sure, "line")
    for label, value in _beside_words(text):
        if label and len(words(label)) <= _WORDS_OF_A_LABEL:
            yield Fact(value, label, "", text, piece, sure, "line")
    for how, joining in _JOINING:
        join = joining.search(text)
        if join is not None and len(words(text)) <= _PROSE:
            value, label = text[join.end() :].strip(" ."), text[: join.start()]
            yield Fact(value, label, "", text, piece, 0.8, how)


def _beside_words(text: str) -> Iterator[tuple[str, str]]:
    """The only value of its kind on the line, and what stands before it, else behind."""
    for values in _typed(text).values():
        if len(values) == 1:
            (value,) = values
            before, after = text[: value.start].strip(" :"), text[value.end :].strip(" .")
            yield before or after, value.text
    for looks in (_DAYS, _FREE):
        match = looks.search(text)
        if match is not None and not any(find("date", text)):
            yield f"{text[: match.start()]} {text[match.end() :]}".strip(" :."), match.group()


def _clauses(page: Page) -> Iterator[Fact]:
    beside = [pair for pair in page.pairs if pair.how == "right"]
    for sentence in running_text.sentences(page):
        spoken = words(sentence.text)
        is_whole = sentence.text in sentence.piece.text
        function_words = sum(word in STOPWORDS for word in spoken)
        is_row = len(page.row_of(sentence.piece)) > 1 or any(
            f"{pair.label} {pair.value}" in sentence.text for pair in beside
        )
        if (
            len(spoken) < _PROSE - 2
            or is_row
            or function_words
            < (1 if is_whole or sentence.text.endswith((".", "!", "?")) else _FEW)
        ):
            continue
        parts = [part for part in _CLAUSE.split(sentence.text) if part.strip()]
        for part in parts:
            yield from _in_a_clause(part, sentence.piece, "clause")
        if len(parts) > 1:
            yield from _in_a_clause(sentence.text, sentence.piece, "sentence")


def _in_a_clause(text: str, piece: Piece, how: How) -> Iterator[Fact]:
    values = [each.text for found in _typed(text).values() for each in found]
    values += [match.group() for looks in _LOOKS for match in looks.finditer(text)]
    sure = 0.7 if how == "clause" else 0.5
    for value in dict.fromkeys(values):
        yield Fact(value, "", "", text, piece, sure, how)
    for match in PERSON.finditer(text):
        if _is_person(match.group()):
            yield Fact(match.group(), "", "", text, piece, sure, "by")
    for match in _PLACE.finditer(text):
        yield Fact(match.group("place"), "", "", text, piece, sure, "at")


def _is_person(text: str) -> bool:
    """Whether no word of it names a thing, or it begins with a title."""
    if _TITLED.match(text):
        return True
    said = words(text)
    if len(said) == _WITH_A_ROLE and is_role(said[0]):
        said = said[1:]  # `Hausmeister Pohl`
    is_known = printed(said) or spans(tokens(" ".join(said)))
    return not is_known and not any(word in STOPWORDS for word in said)


def _typed(text: str) -> dict[Kind, list[Found]]:
    """The values by kind, none inside another of a kind that tells more."""
    found: dict[Kind, list[Found]] = {}
    for kind in _TYPED:
        taken = [each for values in found.values() for each in values]
        found[kind] = [
            value._replace(text=_ENDED.sub("", value.text))
            for value in find(kind, text)
            if not any(each.start <= value.start < each.end for each in taken)
            and (kind not in {"number", "phone"} or not _is_in_a_code(text, value))
            and (kind != "identifier" or re.search(r"[A-Za-z]", value.text))
        ]
    return found


def _is_in_a_code(text: str, value: Found) -> bool:
    """Whether it is a part of `LH-77320`, `0472-C` or `§ 3`."""
    before, after = text[: value.start], text[value.end :]
    return (
        re.search(r"[\w][-/]$|§\s?$|\b[A-Z]{2,3}\s$", before) is not None
        or re.match(r"[-/]\w", after) is not None
    )


def _alone(page: Page) -> Iterator[Fact]:
    """A date, a time or a price on a line of its own says it of what the page is about."""
    title = " ".join(piece.text for piece in page.pieces[:_TITLE])
    for row in page.rows:
        text = row[0].text.strip()
        if len(row) == 1 and re.fullmatch(r"(?:19|20)\d\d", text):
            yield Fact(text, "", title, text, row[0], 0.6, "alone")
        if len(row) == 1 and _VENUE.search(text) and len(words(text)) <= _WORDS_OF_A_LABEL:
            within = [match.group("place") for match in _PLACE.finditer(text)]
            yield Fact([text, *within][-1], "", title, text, row[0], 0.6, "at")
        hour = _AT_AN_HOUR.match(text) if len(row) == 1 else None
        if hour is not None:
            yield Fact(hour.group("hour"), "", title, text, row[0], 0.6, "alone")
        for kind in _OF_THE_PAGE:
            values = [*find(kind, text)]
            if len(row) == len(values) == 1 and len(words(text)) <= _WORDS_OF_A_LABEL:
                rest = f"{text[: values[0].start]} {text[values[0].end :]}"
                rest = re.sub(_DAY, "", rest, flags=re.IGNORECASE)
                if all(word in STOPWORDS for word in words(rest)):
                    yield Fact(text, "", title, text, row[0], 0.6, "alone")
