# ruff: noqa: RUF001
# E501: patterns stay on one line.
# RUF001: typographic signs are meant.
"""Boxes with a cross or a tick: is an option chosen, which one of a group, how many?

Boxes that were seen tell by what stands in them. Where none was seen, the reader may have read
a marked box as a letter or a sign of its own before the option: a row where exactly one option
has such a sign is told; any other row is not.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.options import Option, options
from visus.local.lite.answering.page import Page, Piece
from visus.local.lite.answering.words import GENERIC, STOPWORDS, alike, holds, words

ASKED: Final = (
    r"\b(?:ticked|checked|crossed|marked|selected|chosen|chose|choose|tick|picked|angekreuzt|angehakt|markiert|ausgewahlt|gewahlt)\b"
)  # fmt: skip
_OPTIONS: Final = re.compile(r"(?:[^\w\s]|[xXvV冈区図囚])*\s*(?:yes|no|ja|nein)", re.IGNORECASE)
_MARKED: Final = re.compile(
    r"^(?:[☑☒✓✔✗✘√冈区図囚×⊠]|\[[xXvV]\]|[xXvV](?=\s))\s*(?P<option>\w.*)$"
)
_BOX: Final = re.compile(r"^(?:[☐□口▢]|\[\s?\]|[\]\[|])\s*(?P<option>\w.*)$")


_OF_BOXES: Final = (
    r"many|viele|box\w*|check\w*|tick\w*|cross\w*|mark\w*|select\w*|cho[so]\w*|option\w*|kastchen|feld|felder|kreuz\w*|angekreuzt\w*|angehakt\w*|ausgewahlt\w*|gewahlt\w*"
    r"|sind|applicant|form|formular|want\w*|mochte|wunscht|gewunscht"
)
_WHICH: Final = r"^\W*(?:and |und )?(?:in |fur |for |auf |zu )?(?:which|what|welche\w*|was)\b"
_MAY: Final = r"^\W*(?:and |und )?(?:kann|darf|soll|muss|mochte|will|can|may|should|must)\b"
_NEGATED: Final = ("nicht", "non", "un", "kein")


def may_ask_yes_or_no(ask: Ask) -> bool:
    """Whether it begins with `can` or `may`."""
    return ask.has(_MAY)


def whether(ask: Ask, page: Page) -> Option | None:
    """The option that a question for yes or no names; None where it names none, or several."""
    named = words(ask.quoted) if ask.quoted else _wanted(ask)
    found = _named(options(page), named)
    if found is not None or not named:
        return found
    group = _group(page, named)
    is_row = len(group) > 1 and all(_OPTIONS.fullmatch(each.text) for each in group)
    marked = [each for each in group if each.marked]
    return (
        marked[0]._replace(marked=_YES.fullmatch(marked[0].text) is not None)
        if is_row and len(marked) == 1
        else None
    )


def chosen(ask: Ask, page: Page) -> list[Option] | None:
    """The marked options of the group that the question names; None where it asks for none."""
    named = _wanted(ask)
    group = _group(page, named) if named else options(page)
    group = group or (_called(page, named) if ask.has(ASKED) and named else [])
    asked = ask.has(ASKED) or (ask.has(_WHICH) and named)
    if not ask.has(ASKED) and all(_OPTIONS.fullmatch(each.text) for each in group):
        return None  # `yes` and `no` are nobody, and nothing that is asked for by `which`
    return [each for each in group if each.marked] if group and asked else None


def _wanted(ask: Ask) -> list[str]:
    said = [token.text for token in ask.meant if not re.fullmatch(_OF_BOXES, token.text)]
    nouns = [token.text for token in ask.meant if token.text in said and ask.matters(token)]
    return nouns or [word for word in said if word not in GENERIC] or said


def _group(page: Page, named: list[str]) -> list[Option]:
    """The options under the heading that says all the words."""
    return [
        each
        for each in options(page)
        if each.heading and all(holds(words(each.heading), word) for word in named)
    ]


def _called(page: Page, named: list[str]) -> list[Option]:
    """The only group of several options that all say the words: `Week 1`, `Week 2`."""
    every = options(page)
    said = [each for each in every if all(holds(words(each.text), word) for word in named)]
    headings = {each.heading for each in said}
    return said if len(said) > 1 and len(headings) == 1 else []


def _named(found: list[Option], named: list[str]) -> Option | None:
    """The option that is called just so, else the only one that says all the words."""
    same = [each for each in found if words(each.text) == named]
    close = [
        each for each in found if named and all(_begins(each.text, word) for word in named)
    ]
    best = same or close
    return best[0] if len(best) == 1 else None


def _begins(text: str, word: str) -> bool:
    """Whether a word of the option is like it, and is not its opposite: `Nichtschwimmer`."""
    return any(
        alike(each, word) or (holds([each], word) and not each.startswith(_NEGATED))
        for each in words(text)
    )


_YES: Final = re.compile(r"yes|ja", re.IGNORECASE)


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
