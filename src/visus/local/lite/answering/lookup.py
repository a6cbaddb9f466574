# ruff: noqa: E501, PLR2004, RUF001
# E501: patterns and phrases stay on one line.
# PLR2004: lengths and shares are read best where they stand.
# RUF001: typographic signs are meant.
"""Where on a page is the value that a question asks for?

Candidates come from labels (after a colon, to the right, below, on the same line), from
sentences, and from the places where letters keep their parts. The best one wins, or none: a
word of the question that the page cannot account for is a reason to find nothing.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from visus.local.lite.answering import addresses, letterhead, running_text, tables
from visus.local.lite.answering.ask import Target
from visus.local.lite.answering.page import (
    Page,
    Pair,
    Piece,
    before_the_next_name,
    is_code,
    lists_in,
    looks_like_a_label,
    split_at_colons,
)
from visus.local.lite.answering.plausible import (
    FREE,
    MASS,
    is_no_greeting,
    is_no_name,
    is_plausible,
)
from visus.local.lite.answering.saying import ends_in
from visus.local.lite.answering.values import Found, Kind, find, is_a
from visus.local.lite.answering.vocabulary import BY_KEY, Span, spans
from visus.local.lite.answering.words import (
    STOPWORDS,
    SUBJECTS,
    Token,
    alike,
    fold,
    holds,
    tokens,
    words,
)
from visus.local.lite.evidence import Box

_ENOUGH: Final = 0.42
_WORDS_OF_A_PHRASE: Final = 2
_ALONE: Final = 0.95
_HOW: Final = {"colon": 1.0, "right": 0.97, "inline": 0.9, "below": 0.8, "above": 0.5}
_NOUNS_OF_NAMES: Final = frozenset(
    {
        "vendor",
        "manufacturer",
        "bank",
        "insurance",
        "employer",
        "product",
        "description",
        "course",
    }
)
"""Fields whose label is often part of the name itself: `SUPERMARKT FRISCH`, `Bank of Kent`."""
_LINE_OF_PROSE: Final = 9
_TOP: Final = 3
_OF_TIME: Final = frozenset({"date", "time", "datum", "zeit", "uhrzeit", "am", "on", "at"})
"""What a label of a day or an hour may say besides what happens then."""
_TIMED: Final = ("date", "time")
VAGUE: Final = frozenset({"date", "time"})
"""Fields that say so little that a verb of the question says more: `when was it cancelled?`"""
_UNLABELLED: Final = frozenset({"email", "iban", "website"})
_FOR_NOTHING: Final = r"(?:for )?free|free of charge|gratis|frei|kostenlos|kostenfrei|umsonst"
"""What stands on a sign in the place of an amount."""


Search: TypeAlias = Callable[[Page, Target], Iterator["Finding"]]


class Finding(NamedTuple):
    """A value, verbatim, and why it is thought to be the one."""

    value: str
    label: str
    box: Box
    confidence: float
    score: float


def look_up(page: Page, target: Target) -> Finding | None:
    """The best value on the page for the target; None if the page does not hold it."""
    if not _accounts(page, target):
        return None
    if target.key is None and not page.is_prose:
        named = tuple(word for word in target.named if word not in SUBJECTS)
        target = target._replace(named=named or target.named)
    for search in (_by_phrase, *_searches(target)):
        found = [
            each
            for each in search(page, target)
            if each.score >= _ENOUGH
            and is_plausible(each.value, target.key)
            and not (target.kind in {"name", "place"} and is_no_name(each.value))
        ]
        if found:
            return _best(found, target)
    return None


def _searches(target: Target) -> tuple[Search, ...]:
    """Labels, then running text with all the words, then the usual places, then fewer words."""
    if target.key in VAGUE and target.verbs:
        return (_in_sentences, _by_label, _by_place)
    if target.key in VAGUE and len(target.extra) > 1:
        return (_by_label, _in_sentences)
    return (
        _by_label,
        _in_sentences,
        _by_place,
        _in_sentences_without_verbs,
        _by_words_of_the_question,
    )


def is_about(label: str, pattern: str) -> bool:
    """Whether the folded label is what the pattern says, and nothing more."""
    return re.fullmatch(rf"\W*(?:{pattern})\W*", fold(label)) is not None


def _best(found: list[Finding], target: Target) -> Finding:
    if target.key == "total":
        return max(found, key=lambda each: (round(each.score, 1), each.box.top))
    return max(found, key=lambda each: (round(each.score, 2), -each.box.top))


def _accounts(page: Page, target: Target) -> bool:
    """Whether every narrowing word is on the page, alone or at the end of a compound."""
    everywhere = [token.text for token in page.tokens]
    return all(
        holds(everywhere, word)
        or any(ends_in(each, word) for each in everywhere)
        or (word in SUBJECTS and not page.is_prose)
        for word in target.extra
    )


# --- By label --------------------------------------------------------------------------------


def _by_label(page: Page, target: Target) -> Iterator[Finding]:
    heads = tables.column_titles(page)
    answered = {pair.label for pair in page.pairs if pair.how == "right"}
    wants_one = target.key is None and target.kind in {"name", "place"}
    headings = {piece.text for piece in page.pieces[:_TOP]} if wants_one else set[str]()
    for pair in page.pairs:
        quality = _quality(pair.label, target)
        if wants_one and pair.how == "below" and pair.label in answered | headings:
            continue  # No heading, and no line that has its value, is the label of the next one.
        if target.key in _NOUNS_OF_NAMES and pair.how != "colon" and quality < _ALONE:
            continue
        if (
            pair.how == "below"
            and target.key
            and not _ends_with_its_name(pair.label, target.key)
        ):
            continue
        if pair.how == "below" and (pair.label in heads or _has_a_value(pair.label)):
            continue
        if pair.how == "right" and pair.label in heads and pair.value in heads:
            continue
        if pair.how == "below" and len(words(pair.value)) >= _LINE_OF_PROSE:
            continue  # The text that a heading stands over is no value of it.
        if quality > 0 and not _is_of_another_number(pair.label, target):
            yield from _values_of(pair, target, quality * _HOW[pair.how])
    for piece in page.pieces:
        yield from _inline(page, piece, target)


def _is_of_another_number(label: str, target: Target) -> bool:
    """Whether the label counts `3 hours` where the question says two."""
    named = {word for word in words(label) if word.isdigit()}
    said = {word for word in target.said if word.isdigit()}
    return bool(named and said) and not named & said


def _by_phrase(page: Page, target: Target) -> Iterator[Finding]:
    """A label that the question says word for word, whatever else its words may name."""
    for pair in page.pairs:
        named = [word for word in words(pair.label) if word not in STOPWORDS]
        if len(named) < _WORDS_OF_A_PHRASE or pair.how not in {"colon", "right"}:
            continue
        if _stands_in(named, target.said) and all(holds(named, word) for word in target.extra):
            yield from _values_of(pair, target, 1.0)


def _stands_in(phrase: list[str], said: tuple[str, ...]) -> bool:
    """Whether the words stand in the question one after the other."""
    runs = (said[place : place + len(phrase)] for place in range(len(said)))
    return any(len(run) == len(phrase) and all(map(alike, run, phrase)) for run in runs)


def _by_words_of_the_question(page: Page, target: Target) -> Iterator[Finding]:
    """A label that is no name of a field, and says nothing but what the question says."""
    heads = tables.column_titles(page)
    for pair in page.pairs:
        named = [word for word in words(pair.label) if word not in STOPWORDS]
        named = [word for word in named if word not in _OF_TIME] or named
        is_named = bool(named) and all(holds(target.said, word) for word in named)
        if pair.label in heads and pair.value in heads:
            continue
        if pair.how not in {"colon", "right"} or not is_named:
            continue
        if not all(holds(named, word) for word in target.extra):
            continue
        if target.kind == "amount" and re.fullmatch(_FOR_NOTHING, fold(pair.value.strip())):
            yield Finding(pair.value.strip(), pair.label, pair.box, pair.confidence, 0.6)
        else:
            yield from _values_of(pair, target, 0.6)


def _ends_with_its_name(label: str, key: str) -> bool:
    """Whether nothing follows the field's name: `Richtung Klinikum` is answered on its line."""
    parts = tokens(label)
    for span in spans(parts):
        if _key_weight(span, key) > 0:
            rest = [part.text for part in parts[span.last + 1 :]]
            return all(word in STOPWORDS or len(word) <= 3 or span.first > 0 for word in rest)
    return True


def _has_a_value(label: str) -> bool:
    """Whether the line is answered already: `Children: free`."""
    return any(value for _, value in split_at_colons(label))


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


def _values_of(pair: Pair, target: Target, score: float) -> Iterator[Finding]:
    match target.kind:
        case "text" | "name" | "place":
            yield from _free_value(pair, target, score)
        case "percent":
            yield from _found(_percents(pair, target), pair, score)
        case "amount":
            yield from _amount(pair, target, score)
        case "measure" if whole := _with_the_unit_of_its_label(pair):
            yield Finding(whole, pair.label, pair.box, pair.confidence, score)
        case "identifier":
            yield from _identifier(pair, score)
        case "number":
            yield from _found(_plain_numbers(pair.value), pair, score)
        case "date" if re.fullmatch(r"(?:19|20)\d\d", pair.value.strip()):
            yield Finding(pair.value.strip(), pair.label, pair.box, pair.confidence, score)
        case _:
            yield from _found(find(target.kind, pair.value), pair, score)


def _percents(pair: Pair, target: Target) -> Iterator[Found]:
    """A known field's share may stand in its label; any other begins what is beside it."""
    if target.key is not None:
        return find("percent", f"{pair.label} {pair.value}")
    begins = re.match(r"\W*\d[\d.,]*\s?%", pair.value) and pair.how in {"colon", "right"}
    return find("percent", pair.value if begins else "")


def _plain_numbers(text: str) -> Iterator[Found]:
    """The numbers that are no part of a date or a time."""
    taken = [found for kind in _TIMED for found in find(kind, text)]
    for found in find("number", text):
        if not any(each.start <= found.start < each.end for each in taken):
            yield found


def _with_the_unit_of_its_label(pair: Pair) -> str | None:
    """`Weight (kg)` with `1.2` beside it: `1.2 kg`."""
    shown = re.fullmatch(
        r"(.*?)\(?([A-Za-z]{1,3})\):?\s*(\d[\d.,]*)", f"{pair.label} {pair.value}"
    )
    if shown is None:
        return None
    whole = f"{shown.group(3)} {shown.group(2)}"
    return whole if any(find("measure", whole)) else None


def _found(values: Iterable[Found], pair: Pair, score: float) -> Iterator[Finding]:
    first = next(iter(values), None)
    if first is not None:
        yield Finding(first.text, pair.label, pair.box, pair.confidence, score)


def _free_value(pair: Pair, target: Target, score: float) -> Iterator[Finding]:
    value = pair.value.strip(" :;|–-\t")
    if (
        not value
        or value.endswith(":")
        or not is_no_greeting(value)
        or (pair.how != "colon" and _is_label(value, target))
    ):
        return
    if target.kind in {"name", "place"} and not any(map(str.isalpha, value)):
        return
    if target.key == "address":
        lines = [line.text for line in _until_label(pair.below)][:3]
        value = ", ".join([value, *lines])
    yield Finding(value, pair.label, pair.box, pair.confidence, score)


def _is_label(value: str, target: Target) -> bool:
    """Whether the text is a label: for an occupation, a label with a value of its own."""
    if target.key == "payment_method":
        return value.endswith(":")
    if target.key == "occupation":
        return value.endswith(":") or bool(split_at_colons(value))
    return looks_like_a_label(value)


def _until_label(pieces: tuple[Piece, ...]) -> Iterator[Piece]:
    for piece in pieces:
        if ":" in piece.text or looks_like_a_label(piece.text):
            return
        yield piece


def _is_for_another(pair: Pair, target: Target) -> bool:
    """Whether a label of sums says nothing of the thing whose price is asked for."""
    return bool(target.extra) and not all(holds(words(pair.label), it) for it in target.extra)


def _amount(pair: Pair, target: Target, score: float) -> Iterator[Finding]:
    """The last amount of the row: what precedes it are rates and bases."""
    last: Finding | None = None
    for text, box, confidence in _along(pair):
        for found in find("amount", before_the_next_name(text)):
            last = Finding(found.text, pair.label, box, confidence, score)
    if last is None and pair.how in {"colon", "right"} and not _is_for_another(pair, target):
        whole = next(iter(find("number", pair.value)), None)
        if whole is not None and whole.text == pair.value.strip():
            last = Finding(whole.text, pair.label, pair.box, pair.confidence, score * 0.7)
    if last is not None:
        yield last


def _along(pair: Pair) -> Iterator[tuple[str, Box, float]]:
    yield pair.value, pair.box, pair.confidence
    value = Piece(pair.value, pair.box, pair.confidence, 0, 0)
    row = pair.rest if pair.how in {"colon", "right", "inline"} else ()
    for piece in lists_in((value, *row))[0][1:]:
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
        if weight == 0.0 or _begins_a_code(piece.text, parts[span.last]):
            continue
        start = 1.0 if span.first == 0 else 0.8 if span.first < 3 else 0.65
        pair = _parted(page, piece, parts[span.last].end, start=parts[span.first].start)
        yield from _remainder(pair, target, weight * start)


def _begins_a_code(text: str, last: Token) -> bool:
    """Whether the word goes on as a code: the `AZ` of `AZ-65644` is no label."""
    following = re.match(r"\S*", text[last.start :])
    return following is not None and is_code(following.group().rstrip(".,;"))


def _inline_words(page: Page, piece: Piece, target: Target) -> Iterator[Finding]:
    """A label that nobody foresaw: the line begins with the wanted words."""
    if target.key is None and target.kind == "name" and target.verbs:
        return  # Who did it to the cat is not what the cat is called.
    parts = list(tokens(piece.text))
    hits = 0
    for part in parts[:6]:
        if any(alike(part.text, word) for word in target.named):
            hits += 1
        elif part.text not in STOPWORDS:
            break
    if hits == 0 or hits < len(set(target.named)):
        return
    last = parts[min(hits, len(parts)) - 1]
    score = 0.9 if hits == len(parts) else 0.8
    yield from _remainder(_parted(page, piece, last.end), target, score)


def _parted(page: Page, piece: Piece, end: int, *, start: int = 0) -> Pair:
    """The piece as a label, from `start` to `end`, and the value that follows on the line."""
    return Pair(
        piece.text[start:end],
        piece.text[end:].lstrip(" .:#-–()"),
        "inline",
        piece.box,
        piece.confidence,
        page.right_of(piece),
        page.below(piece),
    )


def _remainder(pair: Pair, target: Target, score: float) -> Iterator[Finding]:
    rest = pair.value
    if not rest.strip():
        return
    is_free = target.kind in FREE and target.key != "payment_method"
    if is_free and not re.match(r"[A-ZÄÖÜ0-9€$£+]", rest):
        return
    if target.key in _NOUNS_OF_NAMES:
        return
    if target.kind in FREE and ((score < 1.0 and target.key is not None) or len(rest) > 60):
        return
    yield from _values_of(pair, target, score * _HOW["inline"])


# --- By the place on the page ----------------------------------------------------------------


def _by_place(page: Page, target: Target) -> Iterator[Finding]:
    if target.key is None or _is_role_that_is_not_there(page, target):
        return
    for part in _in_letters(page, target):
        yield Finding(part.text, "", part.box, part.confidence, 0.6)
    if target.key == "address" and target.owner is None:
        yield from _address_in_parts(page, target)
    if target.key in _UNLABELLED:
        yield from _anywhere(page, target.kind)
    yield from _BY_LOOK.get(target.key, _nothing)(page)
    if target.key == "phone":
        yield from (each for each in _anywhere(page, "phone") if each.value.startswith("+"))


def _is_role_that_is_not_there(page: Page, target: Target) -> bool:
    """Whether it asks for the driver's name, say, where the page speaks of no driver."""
    said = [token.text for token in page.tokens]
    roles = [word for word in target.named if word in _ROLES]
    return target.key == "name" and any(not holds(said, word) for word in roles)


_ROLES: Final = frozenset(
    """
    driver tenant owner patient author fahrer fahrerin mieter mieterin eigentumer halter patientin
    autor autorin
    """.split()  # noqa: SIM905 - word lists read best as running text
)
"""Roles that a name in the usual place need not have."""


def _in_letters(page: Page, target: Target) -> Iterator[Piece]:
    """From the places of a letter's parts; of an address, from wherever the only one stands."""
    key = target.key or ""
    if key in {"city", "postcode", "street"} and target.owner is None:
        part = addresses.told(page, key, said=target.said)
        yield from [part] if part is not None else []
        return
    yield from letterhead.parts(page, key, owner=target.owner)


def _address_in_parts(page: Page, target: Target) -> Iterator[Finding]:
    """A form's street and town, if each has a label of its own."""
    found: list[Finding] = []
    for key in ("street", "city"):
        part = target._replace(key=key, kind="place")
        found.extend([_best(each, part)] if (each := list(_by_label(page, part))) else [])
    if found:
        whole = ", ".join(each.value for each in found)
        yield found[0]._replace(value=whole, score=0.7)


def _currencies(page: Page) -> Iterator[Finding]:
    """What stands beside the amounts."""
    for piece in page.pieces:
        for found in find("amount", piece.text):
            sign = re.search(r"€|\$|£|\b(?:EUR|USD|GBP|CHF)\b", found.text)
            if sign is not None:
                yield Finding(sign.group(), "", piece.box, piece.confidence, 0.5)


def _doctors(page: Page) -> Iterator[Finding]:
    for piece in page.pieces:
        if re.match(r"(?:Prof\. )?Dr\.", piece.text):
            yield Finding(piece.text, "", piece.box, piece.confidence, 0.5)
    within = {
        match.group(): piece
        for piece in page.pieces
        for match in _DOCTOR.finditer(piece.text)
        if match.start()
    }
    if len(within) == 1:
        ((name, piece),) = within.items()
        yield Finding(name, "", piece.box, piece.confidence, 0.45)


_DOCTOR: Final = re.compile(
    r"(?<!\w)(?:Prof\.\s)?Dr\.\s(?:med\.\s)?[A-ZÄÖÜ][\w'-]+(?:\s[A-ZÄÖÜ][\w'-]+)?"
)


def _numbered(names: str) -> Callable[[Page], Iterator[Finding]]:
    """`Invoice 2024/031` on a line of its own: the paper's name and its number."""
    heading = re.compile(
        rf"(?:{names})\s+(?:n[or]\.?\s*|#\s*)?(?P<number>[A-Z]{{0,4}}[-/]?\d[\w/-]*)",
        re.IGNORECASE,
    )

    def numbers(page: Page) -> Iterator[Finding]:
        for piece in page.pieces:
            match = heading.fullmatch(piece.text.strip())
            if match is not None:
                yield Finding(match["number"], "", piece.box, piece.confidence, 0.5)

    return numbers


def _long_codes(page: Page) -> Iterator[Finding]:
    """The only long number that stands on a line of its own, as under the bars of a parcel."""
    alone = [each for each in page.pieces if len(page.row_of(each)) == 1]
    found = [each for each in alone if _LONG_CODE.fullmatch(each.text.strip())]
    if len(found) == 1:
        yield Finding(found[0].text.strip(), "", found[0].box, found[0].confidence, 0.5)


_LONG_CODE: Final = re.compile(r"(?=(?:.*\d){9})[A-Z0-9]{1,8}(?:[ -]?[A-Z0-9]{1,8})*")


def _by_letter(letters: str) -> Callable[[Page], Iterator[Finding]]:
    """`M 0171 2345678` on a card: one letter, and nothing but a number behind it."""

    def numbers(page: Page) -> Iterator[Finding]:
        for piece in page.pieces:
            match = re.match(rf"(?:{letters})[.:]?\s+(?=[+(\d])", piece.text.strip())
            rest = piece.text.strip()[match.end() :] if match else ""
            if is_a("phone", rest):
                yield Finding(rest, "", piece.box, piece.confidence, 0.6)

    return numbers


def _contents(page: Page) -> Iterator[Finding]:
    """A mass or a volume on a line of its own, if there is but one: `400 g` on a jar."""
    pattern = rf"(?:net )?\d[\d.,]* ?(?:{MASS}|ml|cl|l)"
    lines = [each for each in page.pieces if re.fullmatch(pattern, fold(each.text.strip()))]
    alone = [each for each in lines if len(page.row_of(each)) == 1]
    if len(alone) == 1:
        yield Finding(alone[0].text.strip(), "", alone[0].box, alone[0].confidence, 0.5)


def _nothing(_: Page) -> Iterator[Finding]:
    return iter(())


_BY_LOOK: Final[Mapping[str, Callable[[Page], Iterator[Finding]]]] = {
    "currency": _currencies,
    "doctor": _doctors,
    "invoice_number": _numbered("(?:tax )?invoice|bill|rechnung"),
    "order_number": _numbered("(?:purchase )?order|bestellung|auftrag"),
    "receipt_number": _numbered("receipt|quittung|beleg|bon"),
    "tracking_number": _long_codes,
    "net_weight": _contents,
    "weight": _contents,
    "phone": _by_letter("T|P|Ph|Tel"),
    "mobile": _by_letter("M|Mob|C"),
    "fax": _by_letter("F"),
}
"""Fields whose values are known by what they look like."""


def _anywhere(page: Page, kind: Kind) -> Iterator[Finding]:
    for piece in page.pieces:
        for found in find(kind, piece.text):
            if kind != "url" or "@" not in piece.text[max(0, found.start - 1) : found.end]:
                yield Finding(found.text, "", piece.box, piece.confidence, 0.5)


# --- In running text -------------------------------------------------------------------------


def _in_sentences(page: Page, target: Target) -> Iterator[Finding]:
    for each in running_text.told(page, target):
        yield Finding(each.value, "", each.piece.box, each.piece.confidence, each.score)


def _in_sentences_without_verbs(page: Page, target: Target) -> Iterator[Finding]:
    if target.verbs and target.kind not in FREE:
        yield from _in_sentences(page, target._replace(verbs=()))
