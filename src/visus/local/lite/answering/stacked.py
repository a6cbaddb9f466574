# ruff: noqa: PLR2004
# PLR2004: shares of a line's height are read best where they stand.
"""Forms whose labels stand above or beneath their values: found by the rhythm of their rows.

A row of labels has its values close beneath, each at the left edge of its label, and then more
room before the next row of labels; or captions stand so under what is filled in. A table has no
such rhythm, a letter no such edges.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Protocol, TypeVar

from visus.local.lite.evidence import Box

_LONGEST_LABEL: Final = 32
_CLOSE: Final = 0.6
"""Of a line's height, at most between a label and its value."""
_APART: Final = 0.3
_APART_IN_A_FORM: Final = 0.15
"""Of a line's height, at least between a field and the next one more than that."""
_LEAST_FIELDS: Final = 3
_LEAST_ROWS: Final = 2
_LEAST_SHARE: Final = 0.45
"""Of all rows of the page, those that are labels or their values."""


class _Piece(Protocol):
    @property
    def text(self) -> str: ...
    @property
    def box(self) -> Box: ...
    @property
    def height(self) -> float: ...
    @property
    def place(self) -> int: ...


P = TypeVar("P", bound=_Piece)


def values_of_labels(
    rows: Sequence[Sequence[P]], *, is_label: Callable[[str], bool]
) -> Mapping[int, P]:
    """The value of each label that has one above or beneath, by the label's place.

    Args:
        rows: the pieces of the page by rows, from top to bottom, each from left to right.
        is_label: whether a text can be nothing but the name of a field.
    """
    found = _fields_of(rows, is_label, apart=_APART)
    if len(found) < _LEAST_FIELDS:
        return {}
    return _fields_of(rows, is_label, apart=_APART_IN_A_FORM)


def _fields_of(
    rows: Sequence[Sequence[P]], is_label: Callable[[str], bool], *, apart: float
) -> Mapping[int, P]:
    close = list(_close_rows(rows, apart))
    above = sum(any(is_label(each.text) for each in upper) for upper, _ in close)
    beneath = sum(all(is_label(each.text) for each in lower) for _, lower in close)
    found: dict[int, P] = {}
    count = 0
    for upper, lower in close:
        labels, values = (lower, upper) if beneath > above else (upper, lower)
        fields = dict(_fields(labels, values))
        if fields and not any(is_label(each.text) for each in values):
            found |= fields
            count += 1
    is_form = count >= _LEAST_ROWS and 2 * count >= _LEAST_SHARE * len(rows)
    return found if is_form else {}


def _close_rows(
    rows: Sequence[Sequence[P]], apart: float
) -> Iterator[tuple[Sequence[P], Sequence[P]]]:
    """Each two rows that are much nearer to each other than to the one beneath them."""
    place = 1 if rows and len(rows[0]) == 1 else 0  # a title names no field
    while place < len(rows) - 1:
        upper, lower = rows[place], rows[place + 1]
        below = rows[place + 2] if place + 2 < len(rows) else None
        height = max(each.height for each in (*upper, *lower))
        gap = _gap(upper, lower)
        is_close = -0.4 * height <= gap <= _CLOSE * height
        if is_close and (below is None or _gap(lower, below) - gap >= apart * height):
            yield upper, lower
            place += 1
        place += 1


def _gap(above: Sequence[P], below: Sequence[P]) -> float:
    return min(each.box.top for each in below) - max(each.box.bottom for each in above)


def _fields(labels: Sequence[P], values: Sequence[P]) -> Iterator[tuple[int, P]]:
    """Each label with its value; none where a value has no label, or a label is none."""
    if not all(map(_may_be_label, labels)):
        return
    pairs: list[tuple[int, P]] = []
    for value in values:
        under = [each for each in labels if _is_at_the_edge(each, value)]
        if len(under) != 1:
            return
        pairs.append((under[0].place, value))
    yield from pairs


def _may_be_label(piece: _Piece) -> bool:
    text = piece.text.strip()
    letters = sum(map(str.isalpha, text))
    digits = sum(map(str.isdigit, text))
    return letters >= 2 and digits <= 1 and len(text) <= _LONGEST_LABEL


def _is_at_the_edge(label: _Piece, value: _Piece) -> bool:
    near = abs(label.box.left - value.box.left) < 0.6 * value.height
    return near and label.height <= 1.2 * value.height
