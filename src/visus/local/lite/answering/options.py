# E501: patterns stay on one line.
"""Options beside boxes on a form: which are chosen, and under which heading they stand.

An option is the text right of a box, or left of it where nothing stands to the right. Options
belong to the text that leads their row, else to the nearest text above that is no option.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from visus.local.lite.answering.page import Page, Piece
from visus.local.lite.evidence import Box, TickBox

_SIGN: Final = re.compile(
    r"^(?:[1Il](?=\s)|[^\w\s(„“\"'.,:;+*€$£-]|[xXvV](?=\s)|[\u2e80-\u9fff\u30ed])\s*"
)
_SIGN_BEHIND: Final = re.compile(r"\s(?:[^\w\s).,:;!?€$£%-]|[xXvV]|[\u2e80-\u9fff\u30ed])$")
_RIGHT: Final = 2.5
_LEFT: Final = 1.5
"""How far an option may be from its box, in heights of its text."""

_FAR: Final = 2.0
"""Heights of a line, between an option and what stands above it and is of another group."""


class Option(NamedTuple):
    """A text that a box belongs to, the box's mark, and the text that heads the group."""

    text: str
    marked: bool
    heading: str
    piece: Piece


def options(page: Page) -> list[Option]:
    """The options of the page from top to bottom."""
    owned = list(_owned(page))
    texts = {piece.place for piece, _ in owned}
    return [
        Option(
            _bare(piece, mark.box),
            mark.marked,
            _heading(page, piece, mark.box, texts, first=_first_of_row(owned, mark.box)),
            piece,
        )
        for piece, mark in owned
    ]


def _first_of_row(owned: Sequence[tuple[Piece, TickBox]], box: Box) -> float:
    """Where the leftmost of the boxes on one level begins."""
    middle = (box.top + box.bottom) / 2
    return min(mark.box.left for _, mark in owned if mark.box.top <= middle <= mark.box.bottom)


def _owned(page: Page) -> Iterator[tuple[Piece, TickBox]]:
    taken: set[int] = set()
    for mark in page.evidence.boxes:
        piece = _beside(page, mark.box, taken)
        if piece is not None:
            taken.add(piece.place)
            yield piece, mark


def _beside(page: Page, box: Box, taken: set[int]) -> Piece | None:
    middle = (box.top + box.bottom) / 2
    level = [
        piece
        for piece in page.pieces
        if piece.place not in taken
        and piece.box.top - 0.3 * piece.height
        <= middle
        <= piece.box.bottom + 0.3 * piece.height
    ]
    right = [
        piece
        for piece in level
        if piece.box.right > box.right
        and box.left - 0.5 * piece.height <= piece.box.left <= box.right + _RIGHT * piece.height
    ]
    left = [
        piece
        for piece in level
        if piece.box.left < box.left
        and box.left - _LEFT * piece.height <= piece.box.right <= box.right + 0.5 * piece.height
    ]
    nearest = min(right, key=lambda piece: piece.box.left, default=None)
    return nearest or max(left, key=lambda piece: piece.box.right, default=None)


def _bare(piece: Piece, box: Box) -> str:
    """The option without what the reader made of its box."""
    text = piece.text.strip()
    if box.left <= piece.box.left + 0.5 * piece.height < box.right + piece.height:
        text = _SIGN.sub("", _SIGN.sub("", text))
    return _SIGN_BEHIND.sub("", text).strip()


def _heading(page: Page, piece: Piece, box: Box, texts: set[int], *, first: float) -> str:
    """What stands left of the option, or close above it, or above the `first` of its row."""
    row = [each for each in page.row_of(piece) if each.place not in texts]
    leading = [each for each in row if each.box.right <= box.left + 1]
    if leading:
        return leading[0].text.strip(" :")
    left = min(box.left, piece.box.left)
    own, next_above = _above(page, box, left, texts), _above(page, box, left, set())
    if next_above is None or box.top - next_above.box.bottom > _FAR * piece.height:
        own = _above(page, box, first, texts) or own
    return "" if own is None else own.text.strip(" :")


def _above(page: Page, box: Box, left: float, texts: set[int]) -> Piece | None:
    above = [
        each
        for each in page.pieces
        if each.place not in texts
        and each.middle < box.top
        and each.box.left - 3 * each.height <= left <= each.box.right
    ]
    return max(above, key=lambda each: each.box.bottom, default=None)
