"""Is this reply right? Rules only; the same for generated material and for any other set.

`extract`: an accepted answer stands in the reply as a run of whole tokens (values compared by
what they mean, not by spelling), no contradicting value of the same kind stands before it, the
reply has not declined before it, and it begins within the first 40 tokens, so that reciting the
whole page is no answer. Unanswerable: declined in words, and no value offered instead.
`transcript`: character accuracy. `exact`: the accepted text occurs letter by letter.
`photo`: an accepted name occurs, and nothing wrong is claimed without a hedge in its sentence.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec
import numpy as np

from eval.items import Item
from eval.phrases import (
    AFFIRMS,
    COLOURS,
    COUNTED,
    DECLINE,
    HEDGE,
    NO,
    NOTE,
    NUMBER_WORDS,
    YES,
)
from eval.values import NUMERIC, Token, compact, tidy, tokens

LATEST_START: Final = 40
"""An answer that begins after this many tokens is buried, not given."""
VALUED: Final = frozenset({"date", "time", "percent", "amount", "number", "code", "address"})
_FRAME: Final = re.compile(r"\A[^\n]{1,120}:\s*\n")
_FENCE: Final = re.compile(r"\A```\w*\n(.*?)\n?```\s*\Z", re.DOTALL)


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What the marker made of one reply."""

    right: bool
    why: str = ""
    """Empty when right."""
    invented: list[str] = []
    """Values in the reply that neither the picture nor the question holds."""
    distance: int = 0
    length: int = 0
    """Edit distance to, and length of, the printed text (rule `transcript`)."""
    named: bool = False
    """An accepted name occurred (rule `photo`)."""


def mark(item: Item, reply: str) -> Mark:
    """Mark one reply by the item's rule."""
    match item.rule:
        case "transcript":
            return _transcript(item.text or "", reply)
        case "exact":
            return _exact(item, reply)
        case "photo":
            return _photo(item, reply)
        case "extract":
            why = _extract(item, reply) if item.answerable else _declined(item, reply)
            return Mark(right=not why, why=why, invented=invented(item, reply))


# --- Extraction ------------------------------------------------------------------------------


def _extract(item: Item, reply: str) -> str:
    """Why the reply is wrong, or nothing."""
    polarity = _polarity_of(item.answers)
    if polarity:
        given = polarity_of_reply(reply)
        return "" if given == polarity else f"says {given or 'neither yes nor no'}"
    found = tokens(reply)
    starts = [
        start for answer in item.answers if (start := _place(tokens(answer), found)) is not None
    ]
    if not starts:
        return "declined" if DECLINE.search(reply) else "no accepted answer in the reply"
    start = min(starts)
    if start >= LATEST_START:
        return f"the answer stands behind {start} other tokens"
    before = found[:start]
    ahead = tidy(reply)[: found[start].start]
    if DECLINE.search(ahead):
        return "declined before it answered"
    rival = _contradiction(item, before)
    return f"{rival} stands before the answer" if rival else ""


def _polarity_of(answers: Sequence[str]) -> str:
    lowered = {answer.casefold().strip(" .") for answer in answers}
    if lowered <= {"yes", "ja", "true"}:
        return "yes"
    return "no" if lowered <= {"no", "nein", "false"} else ""


def polarity_of_reply(reply: str) -> str:
    """`yes`, `no` or nothing: the first word that says so, else how the first sentence runs."""
    text = tidy(reply)
    says = [(hit.start(), said) for said, hit in (("yes", YES.search(text)),) if hit]
    says += [(hit.start(), said) for said, hit in (("no", NO.search(text)),) if hit]
    if says:
        return min(says)[1]
    return "yes" if AFFIRMS.search(text) else ""


def _place(wanted: Sequence[Token], found: Sequence[Token]) -> int | None:
    """Where `wanted` first occurs in `found` as whole tokens."""
    if not wanted:
        return None
    for start in range(len(found)):
        window = found[start : start + len(wanted)]
        if len(window) == len(wanted) and all(map(_same, wanted, window)):
            return start
    return _place_compact("".join(compact(token.raw) for token in wanted), wanted, found)


def _place_compact(letters: str, wanted: Sequence[Token], found: Sequence[Token]) -> int | None:
    """The same letters and digits in tokens cut differently: `500g`, `DE89 3704`."""
    if all(token.kind in NUMERIC for token in wanted) and len(wanted) == 1:
        return None
    for start in range(len(found)):
        run = ""
        for token in found[start:]:
            run += compact(token.raw)
            if run == letters:
                return start
            if not letters.startswith(run):
                break
    return None


def _same(wanted: Token, given: Token) -> bool:
    if wanted.agrees(given):
        return True
    if wanted.kind in NUMERIC and given.kind == "word":
        number = NUMBER_WORDS.get(given.raw.casefold())
        return number is not None and number in wanted.readings
    if wanted.kind == "word" and given.kind == "word":
        colour = COLOURS.get(wanted.raw.casefold())
        return colour is not None and colour == COLOURS.get(given.raw.casefold())
    return False


def _contradiction(item: Item, before: Sequence[Token]) -> str:
    """A value ahead of the answer, of its kind, that is neither accepted nor asked about."""
    accepted = [token for answer in item.answers for token in tokens(answer)]
    known = [*accepted, *tokens(item.question)]
    valued = [tokens(answer) for answer in item.answers]
    kinds = {answer[0].kind for answer in valued if len(answer) == 1}
    coloured = any(token.raw.casefold() in COLOURS for token in accepted)
    for token in before:
        counts = token.kind in kinds and token.kind in VALUED
        as_number = "number" in kinds and token.raw.casefold() in NUMBER_WORDS
        as_colour = coloured and token.raw.casefold() in COLOURS
        held = any(_same(other, token) for other in known)
        if (counts or as_number or as_colour) and not held:
            return token.raw
    return ""


def _declined(item: Item, reply: str) -> str:
    if not DECLINE.search(tidy(reply)):
        return "not declined"
    offered = [token.raw for token in claimed(reply) if not _held(token, item.question)]
    asked = tokens(item.question)
    spoken = tokens(reply)
    offered += [
        value
        for value in item.values
        if _place(tokens(value), spoken) is not None and _place(tokens(value), asked) is None
    ]
    return f"declined, but offered {offered[0]}" if offered else ""


# --- Values out of nowhere -------------------------------------------------------------------


def invented(item: Item, reply: str) -> list[str]:
    """Values that neither text nor question holds, nor are right: a count may be."""
    if item.text is None:
        return []
    printed = "\n".join([item.text, item.question, *item.before, *item.answers])
    return [token.raw for token in claimed(reply) if not _held(token, printed)]


def claimed(reply: str) -> Iterator[Token]:
    """The values that a reply states about the picture.

    Bare numbers and shares in a remark on the evidence (how sure, where, how many lines) are
    the reply's own; amounts with a currency, dates and codes count wherever they stand.
    """
    text = tidy(reply)
    remarks = list(_remarks(text))
    for token in tokens(reply):
        if token.kind not in VALUED:
            continue
        bare = token.kind in NUMERIC and not re.search(r"[^\d.,%\s-]", token.raw)
        counted = COUNTED.match(text[token.end :].lstrip(" -"))
        size = re.fullmatch(r"\d+[x×]\d+", token.raw)  # noqa: RUF001 - the sign of multiplication
        if (bare and (counted or _inside(token, remarks))) or size:
            continue
        yield token


def _remarks(text: str) -> Iterator[tuple[int, int]]:
    """Brackets and sentences that speak of certainty or place."""
    for bracket in re.finditer(r"[(\[][^()\[\]]*[)\]]", text):
        if NOTE.search(bracket.group()):
            yield bracket.span()
    for sentence in re.finditer(r"(?:[^.!?]|[.!?](?!\s|$))+[.!?]?", text):
        if re.search(
            r"\b(?:confiden|certain|konfidenz|sicher|px\b|pixel)",
            sentence.group(),
            re.IGNORECASE,
        ):
            yield sentence.span()


def _inside(token: Token, spans: Iterable[tuple[int, int]]) -> bool:
    return any(start <= token.start and token.end <= end for start, end in spans)


def _held(token: Token, printed: str) -> bool:
    """Whether the printed text holds the value, in any spelling or as part of a longer code."""
    known = tokens(printed)
    if any(token.agrees(other) for other in known):
        return True
    letters = compact(token.raw)
    if token.kind in {"number", "code", "address", "time"}:
        whole = {compact(other.raw) for other in known}
        runs = set(re.findall(r"\d+", printed))
        return (
            letters in whole
            or letters in runs
            or _place_compact(letters, [], known) is not None
        )
    return False


# --- Transcripts -----------------------------------------------------------------------------


def _transcript(printed: str, reply: str) -> Mark:
    wanted = even(printed)
    distance = min(edit_distance(wanted, even(form)) for form in unframed(reply))
    accuracy = 1 - distance / max(1, len(wanted))
    return Mark(
        right=accuracy >= PAGE_BOUND,
        why="" if accuracy >= PAGE_BOUND else f"{accuracy:.2%} of characters",
        distance=distance,
        length=len(wanted),
    )


PAGE_BOUND: Final = 0.97
"""No page may be under this character accuracy."""


def even(text: str) -> str:
    """NFC, and every run of white space one space."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", text)).strip()


def unframed(reply: str) -> list[str]:
    """The reply as it is, and without the frame that a chat model may put round a text.

    A frame is a first line that ends in a colon, and a code fence or quotation marks round the
    rest. Nothing else is forgiven.
    """
    forms = [reply]
    for form in (reply, _FRAME.sub("", reply, count=1)):
        bare = form.strip()
        fenced = _FENCE.match(bare)
        forms += [bare, fenced.group(1) if fenced else bare]
        if len(bare) > 1 and bare[0] in '"“„»' and bare[-1] in '"”“«':
            forms.append(bare[1:-1])
    return list(dict.fromkeys(forms))


def edit_distance(wanted: str, given: str) -> int:
    """Levenshtein distance: insertions, deletions and replacements, one each."""
    letters = np.array([ord(letter) for letter in given], dtype=np.int64)
    steps = np.arange(len(given) + 1, dtype=np.int64)
    row = steps.copy()
    for place, letter in enumerate(wanted, 1):
        fresh = np.empty_like(row)
        fresh[0] = place
        fresh[1:] = np.minimum(row[1:] + 1, row[:-1] + (letters != ord(letter)))
        row = np.minimum.accumulate(fresh - steps) + steps
    return int(row[-1])


# --- Codes and photos ------------------------------------------------------------------------


def _exact(item: Item, reply: str) -> Mark:
    right = all(
        re.search(rf"(?<!\w){re.escape(answer)}(?![\w])", reply) for answer in item.answers
    )
    return Mark(right=right, why="" if right else "the content is not in the reply")


def _photo(item: Item, reply: str) -> Mark:
    text = tidy(reply)
    named = any(_word_in(name, text) for name in item.answers)
    claims = [
        name
        for sentence in re.split(r"(?<=[.!?;])\s|\n", reply)
        for name in item.wrong
        if _word_in(name, sentence)
        and not HEDGE.search(sentence)
        and not DECLINE.search(sentence)
    ]
    if claims:
        return Mark(right=False, why=f"claims {claims[0]} without a hedge", named=named)
    if named:
        return Mark(right=True, named=True)
    if _NAMES.search(text) and not HEDGE.search(text) and not DECLINE.search(text):
        return Mark(right=False, why="names something else without a hedge")
    return Mark(right=True, why="not named, nothing wrong claimed")


_NAMES: Final = re.compile(
    r"\b(?:this|it|that|image|picture|photo|subject|i see|there is|das|bild|foto|ich sehe)\b"
    r"[^.:;\n]{0,30}?\b(?:is|shows?|see|there is|ist|zeigt|sehe)\b[^.\n]{0,12}?"
    r"\b(?:an?|ein|eine|einen)\b",
    re.IGNORECASE,
)
"""A sentence that says what the picture shows."""


def _word_in(name: str, text: str) -> bool:
    return (
        re.search(rf"(?<!\w){re.escape(name)}(?:e?s|n|en)?(?!\w)", text, re.IGNORECASE)
        is not None
    )
