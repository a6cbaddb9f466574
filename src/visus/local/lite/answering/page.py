# ruff: noqa: E501, PLR2004, RUF001
# E501: patterns and phrases stay on one line.
# PLR2004: lengths and shares are read best where they stand.
# RUF001: typographic signs are meant.
"""A picture's text as a reader sees it: pieces in rows, labels with their values.

A label's value stands after a colon, to its right, or below it. Nothing is decided here about
which label is meant; `lookup` asks, this module only knows the geometry.
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, NamedTuple, TypeAlias

from msgspec.structs import replace

from visus.local.lite.answering.stacked import values_of_labels
from visus.local.lite.answering.values import find
from visus.local.lite.answering.vocabulary import BY_KEY, spans
from visus.local.lite.answering.words import STOPWORDS, Token, tokens, words
from visus.local.lite.evidence import Box, Cell, Evidence, Line, Table

How: TypeAlias = Literal["colon", "right", "below", "inline", "above"]

_COLON: Final = re.compile(r"(?<!\d):(?!//)|:(?=\s)|(?<=\d):(?!\d|//)|：")
_LATER_LABEL: Final = re.compile(
    r"\s{1,}(?=[A-ZÄÖÜ])((?:[A-ZÄÖÜ][\w.\-/]*\.?\s){0,2}[A-ZÄÖÜ][\w.\-/]*\.?"
    r"|(?<=[\d€$£%] )[A-ZÄÖÜ][\w.\-/]*(?:\s[\w.\-/]+){1,3})\s?:\s"
)
_LABEL_LENGTH: Final = 48
_NAME_OF_FIELD: Final = 3
_LINE_OF_PROSE: Final = 7
_LONG_LINE: Final = 11
_CODE: Final = re.compile(r"[^\W\d_]{1,6}[-/–]\d[\w./–-]*")


class Piece(NamedTuple):
    """A line of evidence and its place in the order."""

    text: str
    box: Box
    confidence: float
    block: int
    place: int

    @property
    def height(self) -> float:
        """Of the line, at least 1 px."""
        return max(self.box.bottom - self.box.top, 1.0)

    @property
    def middle(self) -> float:
        """Between top and bottom."""
        return (self.box.top + self.box.bottom) / 2


class Pair(NamedTuple):
    """A label and what may be its value; `rest` are the pieces further along the row."""

    label: str
    value: str
    how: How
    box: Box
    confidence: float
    rest: tuple[Piece, ...] = ()
    below: tuple[Piece, ...] = ()
    """The lines that go on beneath the value, in its column."""


@dataclass(frozen=True)
class Page:
    """One picture's text. Built once for each question; everything is worked out on demand."""

    evidence: Evidence

    @cached_property
    def printed(self) -> tuple[Piece, ...]:
        """The lines that hold text, in reading order."""
        kept = (line for line in self.evidence.lines if line.text.strip())
        parts = (part for line in kept for part in _parts_of(line))
        return tuple(_piece(line, place) for place, line in enumerate(parts))

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """The same, but a label that stands above or beneath its value is one piece with it."""
        value_of = self._stacked
        if not value_of:
            return self.printed
        values = {value.place for value in value_of.values()}
        joined = (
            piece
            if piece.place not in value_of
            else value_of[piece.place]._replace(
                text=f"{piece.text.strip().rstrip(':')}: {value_of[piece.place].text}"
            )
            for piece in self.printed
            if piece.place not in values
        )
        return tuple(piece._replace(place=place) for place, piece in enumerate(joined))

    @cached_property
    def _stacked(self) -> Mapping[int, Piece]:
        return values_of_labels(_rows_of(self.printed), is_label=looks_like_a_label)

    @cached_property
    def text(self) -> str:
        """All text, a line each."""
        return "\n".join(piece.text for piece in self.printed)

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        """Every word of the page, codes included."""
        return tokens(self.text + "\n" + "\n".join(code.text for code in self.evidence.codes))

    @cached_property
    def is_prose(self) -> bool:
        """Whether a line of it is running text."""
        lines = (words(piece.text) for piece in self.pieces)
        running = [
            line
            for line in lines
            if len(line) >= _LINE_OF_PROSE and sum(word in STOPWORDS for word in line) > 2
        ]
        return len(running) > 1 or any(len(line) >= _LONG_LINE for line in running)

    @cached_property
    def rows(self) -> tuple[tuple[Piece, ...], ...]:
        """Pieces on one baseline, left to right; rows top to bottom."""
        return _rows_of(self.pieces)

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """Every label with every place where its value may stand, surest first for each label."""
        return tuple(pair for piece in self.pieces for pair in self._pairs_of(piece))

    @cached_property
    def tables(self) -> tuple[Table, ...]:
        """The tables that perception found, and those rebuilt from the rows; widest first."""
        labels = {self.printed[place].text for place in self._stacked}
        found = [
            table
            for table in self.evidence.tables
            if len(table.rows) > 1
            and not any(cell.text in labels for row in table.rows for cell in row)
        ]
        # Where two readings of one page disagree, the one that tells more columns apart.
        both = [*found, *_rebuilt(self.rows)]
        return tuple(sorted(both, key=lambda table: -len(table.rows[0])))

    @cached_property
    def _row_of(self) -> dict[int, tuple[Piece, ...]]:
        return {piece.place: row for row in self.rows for piece in row}

    def right_of(self, piece: Piece) -> tuple[Piece, ...]:
        """What stands further right on the same row."""
        row = self._row_of[piece.place]
        return tuple(other for other in row if other.box.left >= piece.box.right - piece.height)

    def row_of(self, piece: Piece) -> tuple[Piece, ...]:
        """The whole row that the piece stands in."""
        return self._row_of[piece.place]

    def below(self, piece: Piece, *, lines: int = 4) -> tuple[Piece, ...]:
        """The column of lines directly under the piece, until a gap."""
        column: list[Piece] = []
        above = piece
        for other in sorted(self.pieces, key=lambda each: each.box.top):
            if len(column) < lines and _is_under(above, other, piece):
                column.append(other)
                above = other
        return tuple(column)

    def _pairs_of(self, piece: Piece) -> Iterator[Pair]:
        for label, value in split_at_colons(piece.text):
            if value:
                yield Pair(
                    label, value, "colon", piece.box, piece.confidence,
                    rest=self.right_of(piece), below=self.below(piece),
                )  # fmt: skip
        bare = _bare_label(piece.text)
        if bare is None or has_its_value(bare):
            return
        right = self.right_of(piece)
        if right:
            yield _pair(bare, right[0], "right", rest=right[1:], below=self.below(right[0]))
        below = self.below(piece)
        if below:
            yield _pair(bare, below[0], "below", rest=(), below=below[1:])


def _parts_of(line: Line) -> list[Line]:
    """`Adults 8.00 Children 4.50` as two lines: names, each with its amount, and nothing else."""
    amounts = list(find("amount", line.text))
    ends = [0, *(found.end for found in amounts)]
    names = [line.text[end : found.start] for end, found in zip(ends, amounts, strict=False)]
    is_list = len(amounts) > 1 and all(map(_is_short_name, names))
    if not is_list or line.text[ends[-1] :].strip(" .,;€$£|"):
        return [line]
    each = (line.box.right - line.box.left) / len(line.text)
    ends[-1] = len(line.text)
    return [
        replace(
            line,
            text=line.text[start:end].strip(" |·•,;"),
            box=replace(
                line.box,
                left=line.box.left + start * each,
                right=line.box.left + end * each,
            ),
        )
        for start, end in itertools.pairwise(ends)
    ]


def _is_short_name(text: str) -> bool:
    parts = words(text)
    letters = sum(map(str.isalpha, text))
    return (
        letters >= _LETTERS_OF_A_NAME
        and len(parts) <= _WORDS_OF_A_NAME
        and not any(map(str.isdigit, text))
        and not any(part in STOPWORDS for part in parts)
        and not looks_like_a_label(text)
    )


_LETTERS_OF_A_NAME: Final = 4
_WORDS_OF_A_NAME: Final = 3


def _piece(line: Line, place: int) -> Piece:
    text = _PARTED.sub(r"\1\2", line.text) if _PARTED.search(line.text) else line.text
    return Piece(text, line.box, line.confidence, line.block, place)


_PARTED: Final = re.compile(
    r"^((?:[€£$]\s?)?\d{1,3}(?:\.\d{3})*,) (\d\d(?:\s?(?:€|EUR|Euro))?)$"
)
"""An amount that the reader parted behind its comma: `65, 00`."""


def _pair(
    label: str, value: Piece, how: How, *, rest: tuple[Piece, ...], below: tuple[Piece, ...]
) -> Pair:
    return Pair(label, value.text, how, value.box, value.confidence, rest, below)


def _rows_of(pieces: Sequence[Piece]) -> tuple[tuple[Piece, ...], ...]:
    rows: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda piece: piece.middle):
        if rows and _on_one_row(rows[-1], piece):
            rows[-1].append(piece)
        else:
            rows.append([piece])
    return tuple(tuple(sorted(row, key=lambda piece: piece.box.left)) for row in rows)


def _on_one_row(row: list[Piece], piece: Piece) -> bool:
    height = min(*(other.height for other in row), piece.height)
    middle = sum(other.middle for other in row) / len(row)
    return abs(middle - piece.middle) < 0.5 * height


def _is_under(above: Piece, other: Piece, column: Piece) -> bool:
    gap = other.box.top - above.box.bottom
    height = max(column.height, other.height)
    if not -0.5 * height <= gap <= 1.6 * height or other.middle <= above.middle + 0.4 * height:
        return False
    left = abs(other.box.left - column.box.left) < 1.5 * height
    right = abs(other.box.right - column.box.right) < 1.0 * height
    middles = abs(_twice_centre(other.box) - _twice_centre(column.box)) < 2.0 * height
    return left or right or middles


def _twice_centre(box: Box) -> float:
    return box.left + box.right


def split_at_colons(text: str) -> list[tuple[str, str]]:
    """`Nr.: 12 Datum: 1.2.` as its labels and values; a label at the end has no value."""
    match = _COLON.search(text)
    if match is None or not 0 < match.start() <= _LABEL_LENGTH:
        return []
    label, rest = text[: match.start()].strip(), text[match.end() :]
    later = _LATER_LABEL.search(rest)
    if later is None:
        return [(label, rest.strip())]
    return [(label, rest[: later.start()].strip()), *split_at_colons(rest[later.start(1) :])]


def is_code(text: str) -> bool:
    """Whether a text is one code such as `AZ-65644`, whose letters are no label."""
    return _CODE.fullmatch(text) is not None


def _bare_label(text: str) -> str | None:
    """The text as a label without a value of its own, else None."""
    label = text.strip().rstrip(":：").strip()
    if is_code(label):
        return None
    if not label or len(label) > _LABEL_LENGTH or not any(map(str.isalpha, label)):
        return None
    if text.strip().endswith((":", "：")) or spans(tokens(label)):
        return label
    return label if not any(map(str.isdigit, label)) else None


def has_its_value(label: str) -> bool:
    """`Table 11`, `Bon-Nr. 008412`: what stands beside it is of something else."""
    parts = tokens(label)
    names = [span for span in spans(parts) if span.first == 0]
    if not names:
        return False
    name = max(names, key=lambda span: span.last)
    rest = parts[name.last + 1 :]
    is_named = any(BY_KEY[key].kind in {"identifier", "text"} for key in name.keys)
    return is_named and bool(rest) and all(any(map(str.isdigit, each.text)) for each in rest)


def looks_like_a_label(text: str) -> bool:
    """Whether a piece names what follows it, and is no value."""
    stripped = text.strip()
    if stripped.endswith((":", "：")):
        return True
    parts = tokens(stripped)
    covered = sum(span.last - span.first + 1 for span in spans(parts))
    return covered > 0 and covered == len(parts) and not any(map(str.isdigit, stripped))


def before_the_next_name(text: str) -> str:
    """`3.30 net 17.38` beside `VAT`: what another field's name announces is not its own."""
    parts = tokens(text)
    first = next(iter(find("amount", text)), None)
    named = (
        parts[span.first].start for span in spans(parts) if len(span.name) >= _NAME_OF_FIELD
    )
    stop = next(
        (start for start in named if first is not None and start >= first.end), len(text)
    )
    return text[:stop]


# --- Tables that perception did not see ------------------------------------------------------


def _rebuilt(rows: tuple[tuple[Piece, ...], ...]) -> tuple[Table, ...]:
    """Runs of rows under a row of headers, as tables; every header is a column."""
    found: list[Table] = []
    place = 0
    while place < len(rows) - 1:
        body = _body(rows, place) if _is_header(rows[place]) else []
        if body:
            found.append(_table(_with_a_corner(rows[place], body), body))
        place += 1 + len(body)
    return tuple(found)


def _with_a_corner(
    header: tuple[Piece, ...], body: list[tuple[Piece, ...]]
) -> tuple[Piece, ...]:
    """The header with an empty name in front, where the names of the rows have none."""
    first = header[0]
    if any(row[0].box.right > first.box.left for row in body):
        return header
    corner = replace(first.box, left=body[0][0].box.left, right=body[0][0].box.right)
    return (first._replace(text="", box=corner), *header)


def _is_header(row: tuple[Piece, ...]) -> bool:
    if len(row) < 3 or any(piece.text.strip().endswith(":") for piece in row):
        return False
    texts = [piece.text.strip() for piece in row]
    if has_numbered_names(texts) or all(map(ORDINAL.fullmatch, texts[1:])):
        return True
    return not any(map(is_figure, texts))


def is_figure(text: str) -> bool:
    """Whether a cell cannot name a column: `10 visits`, `Q2` and `2025` can."""
    if not re.search(r"\d(?<!\bQ\d)(?<!20\d\d)(?<!19\d\d)(?!\d)", text):
        return False
    is_name = re.fullmatch(r"\d{1,3} [^\W\d_]{3,}|(?:je|pro|per) .{1,12}", text, re.IGNORECASE)
    return is_name is None


ORDINAL: Final = re.compile(r"\d{1,2}(?:st|nd|rd|th|\.)")
"""What names a column by its number."""
_NAMES_A_THING: Final = re.compile(r"(?!(?:EUR|USD|GBP|CHF|VAT|Stk|pcs)\b)[^\W\d_]{3}")


def lists_in(row: tuple[Piece, ...]) -> list[list[Piece]]:
    """`Overtime 184.50 Pension 116.70` as two: behind an amount, words name another thing."""
    found: list[list[Piece]] = [[]]
    for piece in row:
        has_amount = any(any(find("amount", each.text)) for each in found[-1])
        if has_amount and _NAMES_A_THING.match(piece.text):
            found.append([])
        found[-1].append(piece)
    return found


def has_numbered_names(texts: list[str]) -> bool:
    """Whether columns are counted, as in `Stop`, `Trip 1`, `Trip 2`, and none holds a figure."""
    numbered = [
        match.group(1)
        for text in texts
        if (match := re.fullmatch(r"([^\W\d_]{3,})\.?\s?\d{1,2}", text.strip()))
    ]
    bare = [text for text in texts if not any(map(str.isdigit, text))]
    return (
        len(numbered) > 1 and len({*numbered}) == 1 and len(numbered) + len(bare) == len(texts)
    )


def _body(rows: tuple[tuple[Piece, ...], ...], header: int) -> list[tuple[Piece, ...]]:
    body: list[tuple[Piece, ...]] = []
    for row in rows[header + 1 :]:
        if len(row) < 2 or not any(any(map(str.isdigit, piece.text)) for piece in row[1:]):
            break
        body.append(row)
    return body


def _table(header: tuple[Piece, ...], body: list[tuple[Piece, ...]]) -> Table:
    rows = [[_as_cell(piece) for piece in header]]
    for row in body:
        cells: list[list[Piece]] = [[] for _ in header]
        for piece in row:
            cells[_column(header, piece)].append(piece)
        rows.append([_joined(pieces, header[0].box) for pieces in cells])
    pieces = [*header, *(piece for row in body for piece in row)]
    return Table(rows=rows, box=around([piece.box for piece in pieces]), has_header=True)


def _column(header: tuple[Piece, ...], piece: Piece) -> int:
    return min(range(len(header)), key=lambda column: _apart(header[column].box, piece.box))


def _apart(one: Box, other: Box) -> float:
    overlap = min(one.right, other.right) - max(one.left, other.left)
    edges = (abs(one.left - other.left), abs(one.right - other.right))
    return min(edges) * 0.1 - overlap if overlap > 0 else min(edges)


def _as_cell(piece: Piece) -> Cell:
    return Cell(piece.text, piece.box, piece.confidence)


def _joined(pieces: list[Piece], empty: Box) -> Cell:
    if not pieces:
        return Cell("", empty)
    return Cell(
        " ".join(piece.text for piece in pieces),
        around([piece.box for piece in pieces]),
        min(piece.confidence for piece in pieces),
    )


def around(boxes: list[Box]) -> Box:
    """The smallest box that holds all of them."""
    return Box(
        min(box.left for box in boxes),
        min(box.top for box in boxes),
        max(box.right for box in boxes),
        max(box.bottom for box in boxes),
    )
