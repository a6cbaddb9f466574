"""Families of words: what a question may call otherwise than the page does.

Data (`families.txt`), and one index over it that is made when a word is first asked for. A word
that a question says *asks* for its families; a word of the page *prints* them. In most families
the two are the same words; in a one-sided one, as `fish: salmon trout`, they are not. German
compounds belong where their heads do, or where the rest does (`Umzugstermin`).
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final, NamedTuple

from visus.local.lite.answering.words import stem

NEUTRAL: Final = frozenset(
    """
    amount art betrag date dates datum day days details info kind name names nr no number nummer
    cost costs fee fees full kosten preis preise price prices gebuhr voller vollstandiger
    ort je per place pro tag tage termin time total type uhrzeit zeit zeiten
    """.split()  # noqa: SIM905 - word lists read best as running text
)
"""Words that say what kind of value a label has, and not of what."""
_VAGUE_ENDS: Final = (
    "termin", "datum", "tag", "zeit", "nummer", "ort", "name", "betrag", "preis", "kosten",
    "zahl",
)  # fmt: skip
_PARTICLES: Final = frozenset(
    "an by for from in nach of on re stand to uber via von zu auf aus".split()  # noqa: SIM905
)
"""Labels, but no more than particles in a question."""
_SHORTEST_PART: Final = 4
_SHORTEST_REST: Final = 3


class Family(NamedTuple):
    """Words for one thing, or kinds of one thing, and what kind of value it has."""

    place: int
    kind: str
    """A kind of value, or `things` where the words of the page are themselves the answer."""


class Index(NamedTuple):
    """Families by the stems of single words, and by phrases."""

    asked: Mapping[str, list[Family]]
    printed: Mapping[str, list[Family]]
    phrases: tuple[tuple[tuple[str, ...], Family], ...]


def asked(said: Sequence[str]) -> dict[str, frozenset[Family]]:
    """The families that a question's folded words ask for, by word."""
    named = {word: _of(word, index().asked) for word in said if word not in _PARTICLES}
    return _with_phrases(named, said)


def printed(said: Sequence[str]) -> dict[str, frozenset[Family]]:
    """The families that a label's folded words print, by word."""
    named = {word: printed_by(word) for word in said}
    return _with_phrases(named, said)


@lru_cache(maxsize=8192)
def printed_by(word: str) -> frozenset[Family]:
    """The families that one folded word of a page belongs to."""
    return _of(word, index().printed)


def is_told_by_kind(word: str, everywhere: Iterable[str]) -> bool:
    """Whether the page has one of the kind: a mechanic, where the question says `the job`."""
    kinds = frozenset(each for each in _of(word, index().asked) if each.kind == "things")
    return bool(kinds) and any(printed_by(each) & kinds for each in everywhere)


def is_role(word: str) -> bool:
    """Whether a person may be called so: a member, a guest, a tenant."""
    families = index().asked
    found = families.get(word) or families.get(stem(word)) or ()
    return any(family.kind == "name" for family in found)


def _with_phrases(
    named: dict[str, frozenset[Family]], said: Sequence[str]
) -> dict[str, frozenset[Family]]:
    for phrase, family in index().phrases:
        if _are_in_order(phrase, said):
            for word in phrase:
                named[word] = named.get(word, frozenset()) | {family}
    return {word: found for word, found in named.items() if found}


def _are_in_order(phrase: Sequence[str], said: Sequence[str]) -> bool:
    """`läuft … ab` and not `ab wann läuft`."""
    rest = iter(said)
    return all(word in rest for word in phrase)


def _of(word: str, families: Mapping[str, list[Family]]) -> frozenset[Family]:
    """Those of the word, else of its longest head, else of what stands before a vague end."""
    whole = families.get(word) or families.get(stem(word))
    if whole is not None or not word.isalpha():
        return frozenset(whole or ())
    for part in (*_heads(word), *_before_vague_ends(word)):
        found = families.get(part) or families.get(stem(part))
        if found is not None and part not in NEUTRAL:
            return frozenset(found)
    return frozenset()


def _heads(word: str) -> Iterable[str]:
    return (word[at:] for at in range(_SHORTEST_REST, len(word) - _SHORTEST_PART + 1))


def _before_vague_ends(word: str) -> Iterable[str]:
    for end in _VAGUE_ENDS:
        rest = word.removesuffix(end)
        if rest != word and len(rest) >= _SHORTEST_PART:
            yield from (rest, rest.removesuffix("s"), rest.removesuffix("n"))


@cache
def index() -> Index:
    """The data, read once."""
    text = files("visus.local.lite.answering").joinpath("families.txt").read_text("utf-8")
    heads: dict[str, list[Family]] = {}
    members: dict[str, list[Family]] = {}
    phrases: list[tuple[tuple[str, ...], Family]] = []
    kind = ""
    for place, line in enumerate(text.splitlines()):
        if line.startswith("["):
            kind = line.strip("[]")
        elif line and not line.startswith("#"):
            family = Family(place, kind)
            asking, _, printing = line.partition(":")
            _put(heads, asking.split(), family)
            _put(members, (printing or asking).split(), family)
            phrases.extend(
                (tuple(words.split("_")), family) for words in line.split() if "_" in words
            )
    return Index(heads, members, tuple(phrases))


def _put(table: dict[str, list[Family]], said: Iterable[str], family: Family) -> None:
    for word in said:
        table.setdefault(word, []).append(family)
        ending = stem(word)
        if ending != word:
            table.setdefault(ending, []).append(family)
