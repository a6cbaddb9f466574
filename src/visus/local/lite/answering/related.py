# ruff: noqa: E501
# E501: patterns stay on one line.
"""A value whose label calls the thing otherwise than the question: a weaker match than the word.

Asked last, when no word of the question itself led to a value. The label must be of a family that
the question asks for and say nothing else, every other thing that the question names must be on
the page, the value must be of the kind that the question word wants, and no second one may be
there. What is asked for by its kind (`which fish`) is the only word of the page that is of it.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from visus.local.lite.answering import tables
from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.families import (
    NEUTRAL,
    Family,
    asked,
    is_told_by_kind,
    printed,
    printed_by,
)
from visus.local.lite.answering.found import Found
from visus.local.lite.answering.page import Page, Piece, looks_like_a_label
from visus.local.lite.answering.saying import ends_in
from visus.local.lite.answering.values import PERSON, Kind, find
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

_FITTING: Final[Mapping[str, frozenset[str]]] = {
    "date": frozenset({"date", "time"}),
    "time": frozenset({"date", "time"}),
    "place": frozenset({"place"}),
    "name": frozenset({"name"}),
    "percent": frozenset({"amount", "measure"}),
    "number": frozenset({"number", "measure"}),
    "measure": frozenset({"measure", "number"}),
    "amount": frozenset({"amount", "measure"}),
}
"""Which families answer a question word."""
_LOOKS: Final[Mapping[str, tuple[Kind, ...]]] = {
    "date": ("date", "time"),
    "time": ("time",),
    "percent": ("percent",),
    "number": ("measure", "number"),
    "measure": ("measure",),
    "amount": ("amount",),
}
"""What values of a kind look like; the other kinds are words."""
_WEEKDAY: Final = r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b|\b(?:montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend|sonntag)s?\b"
_KIND: Final = re.compile(
    r"\b(?:which|what|welche[nrsm]?|was fur (?:ein(?:e[nrsm]?)?)?)\s+(?:(?:kind|type|sort) of\s+)?(?P<thing>[a-z]{3,})(?:\s+of\s+(?P<more>[a-z]+))?"
)
_ADVERTISED: Final = re.compile(
    r"\((?:m|f|w|d|x)(?:\s?/\s?(?:m|f|w|d|x)){1,2}\)", re.IGNORECASE
)
_MEDIUM: Final = frozenset(
    "mittel menu poster notice flyer list offer week today speisekarte plakat aushang liste heute woche".split()  # noqa: SIM905
)
"""What the page is, or when it is read: it need not say so."""
_WORDS_OF_A_LABEL: Final = 3
_WORDS_OF_A_NAME: Final = 5
_LONGEST: Final = 60
_TOP: Final = 3


class _Label(NamedTuple):
    """A label, what stands beside it, and its piece."""

    text: str
    value: str
    piece: Piece


def told(ask: Ask, page: Page) -> Found | None:
    """The only fitting value; None for none, for two, or for a word that the page has not."""
    if not ask.has(r"^\W*(?:and |und )?(?:(?:at|by|in|on|from|until|since|to|for|um|bis|ab|an|seit|von|zu|auf|fur|mit) )?(?:what|which|who|whom|whose|when|where|how|wer|wen|wem|wessen|was|welche\w*|wann|wo|wohin|woher|wie|wie ?viele?)\b"):  # fmt: skip
        return None
    found = _one_by_piece(_beside(ask, page)) or [*_of_the_kind(ask, page)]
    return found[0] if len({fold(each.value) for each in found}) == 1 else None


def _one_by_piece(found: Iterator[Found]) -> list[Found]:
    """The first of each piece: `Dr. Roth` is told by her label, and again by her title."""
    by_piece: dict[int, Found] = {}
    for each in found:
        by_piece.setdefault(each.piece.place, each)
    return list(by_piece.values())


# --- Beside a label --------------------------------------------------------------------------


def _beside(ask: Ask, page: Page) -> Iterator[Found]:
    wanted = {
        word: fitting
        for word, families in asked(ask.words).items()
        if (fitting := frozenset(each for each in families if _is_fitting(each, ask.kind)))
    }
    if not wanted:
        return
    for label in _labels(page):
        family = _shared(ask, page, wanted, label.text)
        value = _value(label.value, ask.kind, family.kind) if family else None
        if value is not None:
            yield Found(value, f"{label.text} {label.value}", label.piece)


def _is_fitting(family: Family, kind: Kind) -> bool:
    if family.kind == "things":
        return False
    return kind not in _FITTING or family.kind in _FITTING[kind]


def _labels(page: Page) -> Iterator[_Label]:
    heads = tables.column_titles(page)
    pieces = {piece.box: piece for piece in page.pieces}
    for pair in page.pairs:
        piece = pieces.get(pair.box)
        is_beside = pair.how in {"colon", "right"} and pair.label not in heads
        if is_beside and piece is not None:
            yield _Label(pair.label, pair.value, piece)
    for piece in page.pieces:
        yield from _on_one_line(piece)


def _on_one_line(piece: Piece) -> Iterator[_Label]:
    """`Beginn 19:30 Uhr`, `Trainerin Eva Holm`: a word or three, and a value that ends the line."""
    for kind in ("date", "time", "amount", "measure"):
        values = [*find(kind, piece.text)]
        if len(values) == 1 and not piece.text[values[0].end :].strip(" .!"):
            yield _Label(piece.text[: values[0].start], values[0].text, piece)
    parts = tokens(piece.text)
    if len(parts) > 1:
        rest = piece.text[parts[0].end :].strip(" .")
        if PERSON.fullmatch(rest):
            yield _Label(piece.text[: parts[0].end], rest, piece)


def _shared(
    ask: Ask, page: Page, wanted: Mapping[str, frozenset[Family]], label: str
) -> Family | None:
    """The family by which the label answers; None if it says more, or the question does."""
    offered = printed(words(label))
    said = [word for word in words(label) if word not in STOPWORDS or word in offered]
    if not 0 < len(said) <= _WORDS_OF_A_LABEL:
        return None
    shared = {
        family
        for families in offered.values()
        for family in families
        if any(family in each for each in wanted.values())
    }
    is_all = all(
        word in NEUTRAL or offered.get(word, frozenset()) & shared or holds(ask.words, word)
        for word in said
    )
    if not shared or not is_all or not any(word in offered for word in said):
        return None
    matched = {word for word, families in wanted.items() if families & shared}
    thing = _KIND.search(ask.folded) if ask.kind == "text" else None
    named = {thing.group("thing"), thing.group("more")} if thing else set[str | None]()
    if (named & asked(ask.words).keys()) - STOPWORDS and not named & matched:
        return None  # `Which car was repaired?` does not ask for who repaired it.
    return min(shared) if _accounts(ask, page, matched) else None


def _accounts(ask: Ask, page: Page, matched: set[str]) -> bool:
    """Whether the page holds every thing that the question names, but for the one matched."""
    everywhere = [token.text for token in page.tokens]
    return all(
        token.text in matched
        or token.text in NEUTRAL | _MEDIUM
        or is_told_by_kind(token.text, everywhere)
        or (token.text in SUBJECTS and not page.is_prose)
        or holds(everywhere, token.text)
        or any(ends_in(each, token.text) for each in everywhere)
        for token in ask.meant
        if ask.matters(token)
    )


def _value(text: str, kind: Kind, family: str) -> str | None:
    """What answers in the text beside a label; None for what is not of the kind."""
    text = text.strip()
    if not text or len(text) > _LONGEST:
        return None
    wanted = family if kind == "text" else kind
    if wanted in _LOOKS:
        return _figure(text, wanted)
    has_letters = re.match(r"\W*[A-Za-zÄÖÜäöüß]", text) is not None
    if wanted in {"name", "place"} and (not has_letters or _is_figure(text)):
        return None
    if wanted == "identifier" and not re.search(r"[\d@.]|[a-z][A-Z]", text):
        return None
    return None if looks_like_a_label(text) and text.endswith(":") else text


def _figure(text: str, wanted: str) -> str | None:
    for kind in _LOOKS[wanted]:
        values = [*find(kind, text)]
        if values:
            return values[0].text if len(values) == 1 else text
    if wanted == "date" and re.search(_WEEKDAY, fold(text)):
        return text
    return None


def _is_figure(text: str) -> bool:
    kinds: tuple[Kind, ...] = ("date", "time", "amount", "phone", "percent", "measure")
    return any(found.start == 0 for kind in kinds for found in find(kind, text))


# --- Of the kind that is asked for -----------------------------------------------------------


def _of_the_kind(ask: Ask, page: Page) -> Iterator[Found]:
    """The pieces with a word of the kind, where nothing else is asked that they do not say."""
    match = _KIND.search(ask.folded)
    if match is None:
        return
    thing = [word for word in (match.group("thing"), match.group("more")) if word]
    kinds = frozenset(
        each for found in asked(thing).values() for each in found if each.kind == "things"
    )
    others = [
        token.text
        for token in ask.meant
        if ask.matters(token) and token.text not in {*thing, *SUBJECTS, *GENERIC, *_MEDIUM}
    ]
    found = [each for piece in page.pieces for each in _members(piece, kinds)] if kinds else []
    if others:
        found = [each for each in found if _is_said_with(page, each.piece, others)]
    heading = [each for each in found if each.piece.place < _TOP]
    yield from heading if len(heading) == 1 and not others else found


def _members(piece: Piece, kinds: frozenset[Family]) -> Iterator[Found]:
    parts = [part for part in tokens(piece.text) if printed_by(part.text) & kinds]
    if not parts and _ADVERTISED.search(piece.text) and _is_of_jobs(kinds):
        yield Found(piece.text.strip(), piece.text, piece)
    if len(parts) != 1:
        yield from (Found(piece.text[p.start : p.end], piece.text, piece) for p in parts)
        return
    is_short = len(words(piece.text)) <= _WORDS_OF_A_NAME and not any(
        find("amount", piece.text)
    )
    word = piece.text[parts[0].start : parts[0].end]
    yield Found(piece.text.strip() if is_short else word, piece.text, piece)


def _is_of_jobs(kinds: frozenset[Family]) -> bool:
    return bool(kinds & asked(["job"]).get("job", frozenset()))


def _is_said_with(page: Page, piece: Piece, others: list[str]) -> bool:
    """Whether the row of the piece, or the heading of the page, says the other words."""
    around = [*page.row_of(piece), piece, *page.pieces[:2]]
    said = [word for each in around for word in words(each.text)]
    return all(holds(said, word) or any(alike(each, word) for each in said) for word in others)
