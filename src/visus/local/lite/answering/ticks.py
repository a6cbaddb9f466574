# ruff: noqa: RUF001 - typographic signs are meant.
"""Boxes with a cross or a tick: which option of a form's row is chosen.

The reader sees a marked box as a letter or a sign of its own before the option. A row where
exactly one option has such a sign is told; any other row is not.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.page import Page, Piece
from visus.local.lite.answering.words import STOPWORDS, holds, words

ASKED: Final = (
    r"\b(?:ticked|checked|crossed|marked|selected|chosen|angekreuzt|angehakt|markiert|ausgewahlt|gewahlt)\b"
)  # fmt: skip
_OPTIONS: Final = re.compile(r"(?:[^\w\s]|[xXvV冈区図囚])*\s*(?:yes|no|ja|nein)", re.IGNORECASE)
_MARKED: Final = re.compile(
    r"^(?:[☑☒✓✔✗✘√冈区図囚×⊠]|\[[xXvV]\]|[xXvV](?=\s))\s*(?P<option>\w.*)$"
)
_BOX: Final = re.compile(r"^(?:[☐□口▢]|\[\s?\]|[\]\[|])\s*(?P<option>\w.*)$")


class Row(NamedTuple):
    """What is asked on a form, and its options; `chosen` is None where no mark was read."""

    label: Piece
    options: tuple[Piece, ...]
    chosen: str | None


def offers_yes_or_no(row: Row) -> bool:
    """Whether the options are yes and no."""
    return sum(_OPTIONS.fullmatch(each.text.strip()) is not None for each in row.options) > 1


def row_for(ask: Ask, page: Page) -> Row | None:
    """The row of options that the question names."""
    wanted = [word for word in ask.content if not re.fullmatch(ASKED, word)]
    for row in _rows(page):
        label = [word for word in words(row.label.text) if word not in STOPWORDS]
        if wanted and label and any(holds(label, word) for word in wanted):
            return row
    return None


def _rows(page: Page) -> Iterator[Row]:
    for pieces in page.rows:
        label, *options = pieces
        parts = tuple(part for option in options for part in _parted(option))
        if len(parts) > 1:
            marked = [
                match.group("option") for part in parts if (match := _MARKED.match(part.text))
            ]
            yield Row(label, parts, marked[0] if len(marked) == 1 else None)


def _parted(piece: Piece) -> Iterator[Piece]:
    """`ja x nein` read as one line, as its two options."""
    for text in re.split(r"\s+(?=(?:[☐□口☑☒冈区図囚×]\s*)\w)", piece.text.strip()):
        bare = _BOX.match(text)
        yield piece._replace(text=bare.group("option") if bare else text)
