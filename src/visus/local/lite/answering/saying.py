"""Whether a text says a word of the question, however it is inflected or compounded."""

import re
from collections.abc import Sequence
from posixpath import commonprefix
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
        or bool(ordinals_in([word]) & ordinals_in(said))
        or _says_more_exactly(said, word)
    )


def ends_in(compound: str, word: str) -> bool:
    """Whether a longer word ends in this one, as `Stadtbad` does in `Bad`."""
    return len(word) >= _SHORTEST and compound[_SHORTEST:].endswith(word)


def is_put_together(said: Sequence[str], ends: Sequence[str], word: str) -> bool:
    """Whether the word ends in one of `ends`, and what stands before it is `said`.

    `Kursgebühr` beside `Gebühr`, on a page that says `Kurs`.
    """
    begins = [
        word.removesuffix(end) for end in ends if len(end) >= _PART and ends_in(word, end)
    ]
    return any(
        len(begin) >= _PART and (says(said, begin) or says(said, begin[:-1]))
        for begin in begins
    )


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
    if len(_root(verb)) >= _SHORTEST and _root(verb) == _root(other):
        return True
    forms = (verb, _SEPARABLE.sub(r"\1", verb), _PREFIX.sub("", verb))
    return any(_begin_alike(form, other) for form in forms)


def begins_like_noun(verb: str, compound: str) -> bool:
    """`das Parken` and `Parkzeit`, `das Trocknen` and `Trockenzeit`."""
    root = verb.removesuffix("en")
    with_vowel = f"{root[:-1]}e{root[-1]}" if re.search(r"[^aeiou][mnrl]$", root) else root
    return compound.startswith((root, with_vowel))


def _root(word: str) -> str:
    """`fit` of `fitted`, `fitter` and `fitting`; `sow` of `sown`."""
    rest = re.sub(r"(?:ed|ing|ers?|ors?|n|s)$", "", word)
    return rest[:-1] if len(rest) > _SHORTEST and rest[-1] == rest[-2] else rest


_ORDINALS: Final = {
    "first": 1, "1st": 1, "erste": 1, "ersten": 1, "erster": 1, "erstes": 1,
    "second": 2, "2nd": 2, "zweite": 2, "zweiten": 2, "zweiter": 2, "zweites": 2,
    "third": 3, "3rd": 3, "dritte": 3, "dritten": 3, "dritter": 3, "drittes": 3,
    "fourth": 4, "4th": 4, "vierte": 4, "vierten": 4, "vierter": 4, "viertes": 4,
    "fifth": 5, "5th": 5, "funfte": 5, "funften": 5, "funfter": 5, "funftes": 5,
}  # fmt: skip


def ordinals_in(said: Sequence[str]) -> set[int]:
    """The places in a row that words name."""
    return {_ORDINALS[word] for word in said if word in _ORDINALS}


def _begin_alike(one: str, other: str) -> bool:
    same = len(commonprefix([one, other]))
    least = min(len(one), len(other))
    return same >= max(_PART if least <= _NEAR else _ROOT, least - _SHORTEST)
