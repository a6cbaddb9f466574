# ruff: noqa: PLR2004
# PLR2004: lengths and shares are read best where they stand.
"""What sentences say: the running text of a page, and the values in it."""

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from visus.local.lite.answering.ask import Target
from visus.local.lite.answering.page import Page, Piece
from visus.local.lite.answering.plausible import FREE, is_no_greeting, names_by_number
from visus.local.lite.answering.values import PERSON, find
from visus.local.lite.answering.vocabulary import spans
from visus.local.lite.answering.words import STOPWORDS, holds, tokens, words

_STOP: Final = re.compile(
    r"(?<=[^\d\s][.!?])\s+(?=[A-ZÄÖÜ\d])"
    r"|(?<=\d[.!?])\s+(?=[A-ZÄÖÜ])(?!(?:Jan|Feb|M[äa]r|Apr|Ma[iy]|Jun|Jul|Aug|Sep|O[ck]t|Nov|De[cz]))"
    r"|$"
)


_PROSE: Final = 2
"""Function words that a sentence has and an address has not."""


class Sentence(NamedTuple):
    """A sentence of a paragraph, and the pieces that it began on."""

    text: str
    piece: Piece


class Told(NamedTuple):
    """What a sentence answers."""

    value: str
    piece: Piece
    score: float


def sentences(page: Page) -> Iterator[Sentence]:
    """The running text, paragraph by paragraph, split at full stops."""
    for block in _blocks(page):
        text = " ".join(piece.text for piece in block)
        start = 0
        for stop in _STOP.finditer(text):
            part = text[start : stop.start()].strip()
            if part:
                yield Sentence(part, _piece_at(block, start))
            start = stop.end()


def _blocks(page: Page) -> Iterator[list[Piece]]:
    block: list[Piece] = []
    for piece in page.pieces:
        greets = not is_no_greeting(piece.text)
        if block and (
            piece.block != block[-1].block or greets or not is_no_greeting(block[-1].text)
        ):
            yield block
            block = []
        block.append(piece)
    if block:
        yield block


def _piece_at(block: list[Piece], offset: int) -> Piece:
    for piece in block:
        offset -= len(piece.text) + 1
        if offset < 0:
            return piece
    return block[-1]


def told(page: Page, target: Target) -> Iterator[Told]:
    """What sentences say of the target; to how much of it is said, from 0 to 1."""
    wanted = _words_to_find(target)
    for sentence in sentences(page):
        score = _sentence_score(sentence.text, wanted, target)
        value = _sentence_value(sentence.text, wanted, target) if score > 0 else None
        if value is not None:
            yield Told(value, sentence.piece, score)


def _words_to_find(target: Target) -> tuple[str, ...]:
    """The words that a sentence must hold; of the asked field's own name, none has to be."""
    named = () if target.key is not None else target.named
    verbs = target.verbs if target.kind not in FREE or not target.extra else ()
    return tuple(dict.fromkeys((*named, *target.extra, *verbs)))


def _sentence_score(sentence: str, wanted: tuple[str, ...], target: Target) -> float:
    """Half for every word said; for free kinds, one may be said elsewhere on the page."""
    spoken = words(sentence)
    if sum(word in STOPWORDS for word in spoken) < _PROSE:
        return 0.0
    if not wanted:
        named = any(target.key in span.keys for span in spans(tokens(sentence)))
        return 0.5 if named and target.kind not in FREE else 0.0
    said = [word for word in wanted if holds(spoken, word)]
    missing = len(wanted) - len(said)
    if not said or missing > (1 if target.kind in FREE and len(wanted) > 1 else 0):
        return 0.0
    return 0.5 + 0.1 * len(said) - 0.2 * missing


def _sentence_value(sentence: str, wanted: tuple[str, ...], target: Target) -> str | None:
    if target.key == "name":
        return _person_in(sentence, wanted)
    if target.key is not None and target.kind in {"text", "name"}:
        named = any(target.key in span.keys for span in spans(tokens(sentence)))
        return sentence if named and len(sentence) <= 240 else None
    if target.kind in FREE:
        enough = len(wanted) >= 2 or target.kind == "place" or target.key is not None
        return sentence if enough and len(sentence) <= 240 else None
    if target.kind == "number" and wanted:
        return number_beside(sentence, lambda said: holds([said], wanted[0]))
    anchor = _anchor(sentence, wanted, target)
    values = list(find(target.kind, sentence))
    if not values:
        return None
    return min(values, key=lambda each: _after(each.start - anchor)).text


def number_beside(text: str, is_counted: Callable[[str], bool]) -> str | None:
    """The number right before, or right after, the word for what is counted."""
    for token in tokens(text):
        if is_counted(token.text):
            before = re.search(
                r"(?<![\w.,:/])(\d{1,6})\s(?:[a-zäöüß]+\s)?$", text[: token.start]
            )
            after = re.match(
                r"\s*:?\s*(\d{1,6})(?![A-Za-z])(?![\w.,:/]*\d)(?!\.\s)", text[token.end :]
            )
            if before and names_by_number(text[: before.start()]):
                before = None
            if before or after:
                return (before or after or [""])[1]
    return None


def _person_in(sentence: str, wanted: tuple[str, ...]) -> str | None:
    """The name of a person, if the sentence has one that the question does not say."""
    names = (each.group() for each in PERSON.finditer(sentence))
    return next(
        (name for name in names if not any(holds(wanted, w) for w in words(name))), None
    )


def _anchor(sentence: str, wanted: tuple[str, ...], target: Target) -> int:
    """Where in the sentence the thing is named."""
    parts = tokens(sentence)
    if wanted:
        return next((part.end for part in parts if holds([part.text], wanted[-1])), 0)
    named = (span for span in spans(parts) if target.key in span.keys)
    return next((parts[span.last].end for span in named), 0)


def _after(offset: int) -> int:
    """How far from its word a value stands; what comes before counts twice as far."""
    return offset if offset >= 0 else -2 * offset
