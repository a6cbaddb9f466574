"""Where on a page is the value that a question asks for?

Candidates come from labels (after a colon, to the right, below, on the same line), from
sentences, and from the places where letters keep their parts. The best one wins, or none: a
word of the question that the page cannot account for is a reason to find nothing.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from visus.local.lite.answering import letterhead
from visus.local.lite.answering.ask import Target
from visus.local.lite.answering.page import Page, Pair, Piece, looks_like_a_label
from visus.local.lite.answering.values import Found, Kind, find
from visus.local.lite.answering.vocabulary import BY_KEY, Span, spans
from visus.local.lite.answering.words import (
    GENERIC,
    STOPWORDS,
    alike,
    fold,
    holds,
    tokens,
    words,
)
from visus.local.lite.evidence import Box

_ENOUGH: Final = 0.42
_HOW: Final = {"colon": 1.0, "right": 0.97, "inline": 0.9, "below": 0.8, "above": 0.5}
_FREE: Final = frozenset[Kind]({"text", "name", "place"})
_UNLABELLED: Final = frozenset({"email", "iban", "website"})


class Finding(NamedTuple):
    """A value, verbatim, and why it is thought to be the one."""

    value: str
    label: str
    box: Box
    confidence: float
    score: float


def look_up(page: Page, target: Target) -> Finding | None:
    """The best value on the page for the target; None if the page does not hold it."""
    found = [*_by_label(page, target), *_by_place(page, target)]
    fitting = [
        each for each in found if each.score >= _ENOUGH and _accounts(page, target, each)
    ]
    if fitting:
        return _best(fitting, target)
    return _in_sentences(page, target)


def is_about(label: str, pattern: str) -> bool:
    """Whether the folded label is what the pattern says, and nothing more."""
    return re.fullmatch(rf"\W*(?:{pattern})\W*", fold(label)) is not None


def _best(found: list[Finding], target: Target) -> Finding:
    if target.key == "total":
        return max(found, key=lambda each: (round(each.score, 1), each.box.top))
    return max(found, key=lambda each: (round(each.score, 2), -each.box.top))


def _accounts(page: Page, target: Target, found: Finding) -> bool:
    """Whether every narrowing word is on the page, near the finding if it is there at all."""
    everywhere = [token.text for token in page.tokens]
    return all(holds(everywhere, word) for word in target.extra)


# --- By label --------------------------------------------------------------------------------


def _by_label(page: Page, target: Target) -> Iterator[Finding]:
    for pair in page.pairs:
        quality = _quality(pair.label, target)
        if quality > 0:
            yield from _values_of(pair, target, quality * _HOW[pair.how], page)
    for piece in page.pieces:
        yield from _inline(page, piece, target)


def _quality(label: str, target: Target) -> float:
    if target.key is None:
        return _overlap(label, target.named)
    return label_quality(label, target.key)


@lru_cache(maxsize=8192)
def label_quality(label: str, key: str) -> float:
    """How well a label names a field: 1 for its name alone, less for more words, 0 for another."""
    parts = tokens(label)
    if not parts or len(parts) > 9:
        return 0.0
    total = sum(len(part.text) for part in parts if part.text not in STOPWORDS) or 1
    best = 0.0
    for span in spans(parts):
        share = _letters(label, span) / max(total, 1)
        weight = _key_weight(span, key)
        best = max(best, weight * (0.55 + 0.45 * min(share, 1.0)))
    return best


def _letters(label: str, span: Span) -> int:
    return sum(len(part.text) for part in tokens(label)[span.first : span.last + 1])


def _key_weight(span: Span, key: str) -> float:
    if key in span.keys:
        return 1.0
    return 0.8 if span.keys & set(BY_KEY[key].also) else 0.0


def _overlap(label: str, wanted: tuple[str, ...]) -> float:
    """How much of the wanted words the label holds, and little else."""
    if not wanted:
        return 0.0
    named = [word for word in words(label) if word not in STOPWORDS]
    hits = [word for word in wanted if holds(named, word)]
    back = [word for word in named if any(alike(word, other) for other in wanted)]
    if not hits or not named:
        return 0.0
    coverage = len(hits) / len(wanted)
    return coverage * coverage * (0.6 + 0.4 * max(len(back), 1) / len(named))


def _values_of(pair: Pair, target: Target, score: float, page: Page) -> Iterator[Finding]:
    if target.kind in _FREE:
        yield from _free_value(pair, target, score)
        return
    if target.kind == "percent":
        row = " ".join([pair.label, pair.value])
        yield from _found(find("percent", row), pair, score)
        return
    if target.kind == "amount":
        yield from _amount(pair, score)
        return
    if target.kind == "identifier":
        yield from _identifier(pair, score)
        return
    yield from _found(find(target.kind, pair.value), pair, score)


def _found(values: Iterable[Found], pair: Pair, score: float) -> Iterator[Finding]:
    first = next(iter(values), None)
    if first is not None:
        yield Finding(first.text, pair.label, pair.box, pair.confidence, score)


def _free_value(pair: Pair, target: Target, score: float) -> Iterator[Finding]:
    value = pair.value.strip(" :;|–-\t")
    if not value or looks_like_a_label(value) or value.endswith(":"):
        return
    if target.kind in {"name", "place"} and not any(map(str.isalpha, value)):
        return
    if target.key == "address":
        lines = [line.text for line in _until_label(pair.below)][:3]
        value = ", ".join([value, *lines])
    yield Finding(value, pair.label, pair.box, pair.confidence, score)


def _until_label(pieces: tuple[Piece, ...]) -> Iterator[Piece]:
    for piece in pieces:
        if ":" in piece.text or looks_like_a_label(piece.text):
            return
        yield piece


def _amount(pair: Pair, score: float) -> Iterator[Finding]:
    """The last amount of the row: what precedes it are rates and bases."""
    last: Finding | None = None
    for text, box, confidence in _along(pair):
        for found in find("amount", text):
            last = Finding(found.text, pair.label, box, confidence, score)
    if last is None and pair.how in {"colon", "right"}:
        whole = next(iter(find("number", pair.value)), None)
        if whole is not None and whole.text == pair.value.strip():
            last = Finding(whole.text, pair.label, pair.box, pair.confidence, score * 0.7)
    if last is not None:
        yield last


def _along(pair: Pair) -> Iterator[tuple[str, Box, float]]:
    yield pair.value, pair.box, pair.confidence
    for piece in pair.rest if pair.how in {"colon", "right", "inline"} else ():
        if looks_like_a_label(piece.text) or re.match(r"[^\d:]{2,}:", piece.text):
            return
        yield piece.text, piece.box, piece.confidence


def _identifier(pair: Pair, score: float) -> Iterator[Finding]:
    value = pair.value.strip(" :;|#\t")
    if looks_like_a_label(value):
        return
    if any(map(str.isdigit, value)) and len(value) <= 32 and _is_one_code(value):
        yield Finding(value, pair.label, pair.box, pair.confidence, score)
        return
    first = next(iter(find("identifier", value)), None)
    if first is not None and len(value) <= 60:
        lead = len(value[: first.start].split())
        yield Finding(first.text, pair.label, pair.box, pair.confidence, score * 0.9**lead)
    elif re.fullmatch(r"[A-Z]{4,12}", value) and pair.how != "below":
        yield Finding(value, pair.label, pair.box, pair.confidence, score * 0.9)


def _is_one_code(value: str) -> bool:
    """`AB 1234 / 56` is one code, `4711 vom 3. Mai` is not."""
    return (
        re.fullmatch(r"[^\W_a-zäöü]*[\w./#-]*(?:\s?[ /-]\s?[A-Z0-9./-]+)*", value) is not None
    )


# --- On one line, without a colon ------------------------------------------------------------


def _inline(page: Page, piece: Piece, target: Target) -> Iterator[Finding]:
    parts = tokens(piece.text)
    if target.key is None:
        yield from _inline_words(page, piece, target)
        return
    for span in spans(parts):
        weight = _key_weight(span, target.key)
        if weight == 0.0:
            continue
        lead = parts[span.first].start
        label = piece.text[lead : parts[span.last].end]
        rest = piece.text[parts[span.last].end :].lstrip(" .:#-–()")
        start = 1.0 if span.first == 0 else 0.8 if span.first < 3 else 0.65
        yield from _remainder(page, piece, target, label, rest, score=weight * start)


def _inline_words(page: Page, piece: Piece, target: Target) -> Iterator[Finding]:
    """A label that nobody foresaw: the line begins with the wanted words."""
    parts = [part for part in tokens(piece.text)]
    hits = 0
    for part in parts[:6]:
        if any(alike(part.text, word) for word in target.named):
            hits += 1
        elif part.text not in STOPWORDS:
            break
    if hits == 0 or hits < len(set(target.named)):
        return
    last = parts[min(hits, len(parts)) - 1]
    rest = piece.text[last.end :].lstrip(" .:#-–()")
    yield from _remainder(
        page,
        piece,
        target,
        piece.text[: last.end],
        rest,
        score=0.9 if hits == len(parts) else 0.8,
    )


def _remainder(
    page: Page, piece: Piece, target: Target, label: str, rest: str, *, score: float
) -> Iterator[Finding]:
    if not rest.strip():
        return
    pair = Pair(
        label,
        rest,
        "inline",
        piece.box,
        piece.confidence,
        page.right_of(piece),
        page.below(piece),
    )
    if target.kind in _FREE and not re.match(r"[A-ZÄÖÜ0-9€$£+]", rest):
        return
    if target.kind in _FREE and (score < 1.0 and target.key is not None or len(rest) > 60):
        return
    yield from _values_of(pair, target, score * _HOW["inline"], page)


# --- By the place on the page ----------------------------------------------------------------


def _by_place(page: Page, target: Target) -> Iterator[Finding]:
    if target.key is None:
        return
    for part in letterhead.parts(page, target.key):
        yield Finding(part.text, "", part.box, part.confidence, 0.6)
    if target.key in _UNLABELLED:
        yield from _anywhere(page, target.kind)
    if target.key == "phone":
        yield from (each for each in _anywhere(page, "phone") if each.value.startswith("+"))


def _anywhere(page: Page, kind: Kind) -> Iterator[Finding]:
    for piece in page.pieces:
        for found in find(kind, piece.text):
            if kind != "url" or "@" not in piece.text[max(0, found.start - 1) : found.end]:
                yield Finding(found.text, "", piece.box, piece.confidence, 0.5)


# --- In running text -------------------------------------------------------------------------


class Sentence(NamedTuple):
    """A sentence of a paragraph, and the pieces that it began on."""

    text: str
    piece: Piece


def sentences(page: Page) -> Iterator[Sentence]:
    """The running text, paragraph by paragraph, split at full stops."""
    for block in _blocks(page):
        text = " ".join(piece.text for piece in block)
        start = 0
        for stop in re.finditer(r"(?<=[^\d\s][.!?])\s+(?=[A-ZÄÖÜ\d])|$", text):
            part = text[start : stop.start()].strip()
            if part:
                yield Sentence(part, _piece_at(block, start))
            start = stop.end()


def _blocks(page: Page) -> Iterator[list[Piece]]:
    block: list[Piece] = []
    for piece in page.pieces:
        if block and piece.block != block[-1].block:
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


def _in_sentences(page: Page, target: Target) -> Finding | None:
    wanted = tuple(
        word
        for word in dict.fromkeys((*target.named, *target.extra))
        if word not in GENERIC or target.kind in _FREE
    )
    if not wanted:
        return None
    found: list[Finding] = []
    for sentence in sentences(page):
        score = _sentence_score(sentence.text, wanted, target)
        value = _sentence_value(sentence.text, wanted, target) if score >= 1.0 else None
        if value is not None:
            piece = sentence.piece
            found.append(Finding(value, "", piece.box, piece.confidence, 0.5 * score))
    return max(found, key=lambda each: each.score, default=None)


def _sentence_score(sentence: str, wanted: tuple[str, ...], target: Target) -> float:
    spoken = words(sentence)
    if len(spoken) < 4:
        return 0.0
    named = any(
        target.key in span.keys for span in spans(tokens(sentence)) if target.key is not None
    )
    missing = [word for word in wanted if not holds(spoken, word)]
    if named:
        missing = [word for word in missing if word in target.extra]
    return 0.0 if missing else 1.0 + len(wanted) / 10


def _sentence_value(sentence: str, wanted: tuple[str, ...], target: Target) -> str | None:
    if target.kind in _FREE:
        return sentence if len(wanted) >= 2 and len(sentence) <= 240 else None
    near = [token.end for token in tokens(sentence) if holds([token.text], wanted[-1])]
    anchor = near[0] if near else 0
    values = list(find(target.kind, sentence))
    if not values:
        return None
    return min(values, key=lambda each: abs(each.start - anchor)).text
