"""Whether a text says a word of the question, however it is inflected or compounded."""

import re
from collections.abc import Sequence
from typing import Final

from visus.local.lite.answering.words import alike, holds

_VAGUE_ENDS: Final = (
    "anteil", "gehalt", "werte", "wert", "zeit", "betrag", "nummer", "zahl", "tage", "tag",
    "preis", "kosten", "gebuhr", "datum", "name", "ort", "menge", "termin", "arbeit", "satz",
    "stand",
)  # fmt: skip
"""What the name of a value may end in: `Glukosewert` for `Glukose`."""
_ADJECTIVAL: Final = frozenset({"e", "en", "er", "es"})
_SEPARABLE: Final = re.compile(r"^(ab|an|auf|aus|bei|ein|mit|nach|um|vor|zu|zuruck)ge")
_PREFIX: Final = re.compile(r"^(?:ge|be|ver)(?=.{4})")
_ADVERB: Final = "ly"
_SHORT: Final = 5
_SHORTEST: Final = 3
_PART: Final = 4
_ROOT: Final = 5
_NEAR: Final = 6


def says(said: Sequence[str], word: str) -> bool:
    """Whether the word is there, with a vague end less, or as a part of a compound."""
    return (
        holds(said, word)
        or any(ends_in(each, word) or each == f"re{word}" for each in said)
        or (len(word) > _SHORT and word.endswith(_ADVERB) and holds(said, word[:-2]))
        or _is_declined(said, word)
        or _says_more_exactly(said, word)
    )


def ends_in(compound: str, word: str) -> bool:
    """Whether a longer word ends in this one, as `Stadtbad` does in `Bad`."""
    return len(word) >= _SHORTEST and compound[_SHORTEST:].endswith(word)


def _is_declined(said: Sequence[str], word: str) -> bool:
    """`neue` for `neu`: adjectives too short to be told by their stems."""
    return len(word) <= _SHORT and any(
        len(each) == _SHORTEST and word.startswith(each) and word[len(each) :] in _ADJECTIVAL
        for each in said
    )


def _says_more_exactly(said: Sequence[str], word: str) -> bool:
    for end in _VAGUE_ENDS:
        rest = word.removesuffix(end)
        if rest != word and len(rest) >= _PART:
            parts = (rest, rest.removesuffix("s"))
            return any(
                alike(each, part) or each.startswith(part) for each in said for part in parts
            )
    return False


def are_kin(verb: str, other: str) -> bool:
    """`analysed` and `analyst`, `ausgezahlt` and `Auszahlung`, `bezeugt` and `Zeuge`."""
    forms = (verb, _SEPARABLE.sub(r"\1", verb), _PREFIX.sub("", verb))
    return any(_begin_alike(form, other) for form in forms)


def _begin_alike(one: str, other: str) -> bool:
    same = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        same += 1
    least = min(len(one), len(other))
    return same >= max(_PART if least <= _NEAR else _ROOT, least - _SHORTEST)
