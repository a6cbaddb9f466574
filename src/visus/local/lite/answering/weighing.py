# ruff: noqa: E501, PLR2004, SIM905
# E501: patterns stay on one line.
# PLR2004: weights are read best where they stand.
# SIM905: word lists read best as running text.
"""Which fact of the page answers the question best, if one does so clearly.

Every word of the question that tells something must be accounted for: by the words that name
the value, by a family that both belong to, or by what the page as a whole is about. A value of
another kind than the question word wants is no answer, and two that are equally good are none.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

from visus.local.lite.answering import lookup, plausible, tables
from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.facts import Fact, How, facts
from visus.local.lite.answering.families import (
    NEUTRAL,
    Family,
    asked,
    is_role,
    printed,
    printed_by,
)
from visus.local.lite.answering.inquiry import Role, Word, heads_of, words_of
from visus.local.lite.answering.page import Page, Piece
from visus.local.lite.answering.saying import (
    are_kin,
    begins_like_noun,
    ends_in,
    ordinals_in,
    says,
)
from visus.local.lite.answering.values import PERSON, Kind, find
from visus.local.lite.answering.vocabulary import BY_KEY, spans
from visus.local.lite.answering.wanting import (
    AGE,
    Value,
    Wanted,
    is_by_look,
    is_figure,
    is_moment,
    value_of,
    wanted_by,
)
from visus.local.lite.answering.words import (
    GENERIC,
    STOPWORDS,
    SUBJECTS,
    fold,
    tokens,
    words,
)

_QUESTION: Final = r"^\W*(?:and |und )?(?:[a-z]+ ){0,3}?(?:what|which|who|whom|whose|when|where|how|wer|wen|wem|wessen|was|welche\w*|wann|wo|wohin|woher|womit|wie|wieviele?)\b|^\W*(?:name|nenne|give|gib)\b"
_WEIGHTS: Final[dict[Role, float]] = {
    "head": 1.0,
    "noun": 1.0,
    "verb": 0.8,
    "light": 0.75,
    "weak": 0.4,
    "implied": 0.7,
}
_NAMED: Final = 0.6
"""What a fact must say of the question by its own words."""
_ENOUGH: Final = 0.75
_CLEAR: Final = 0.12
"""How far ahead of the second the best must be."""
_KIND: Final = 0.75
_BY_TYPE: Final = 0.7
_TYPES: Final = frozenset[Wanted]({"phone", "email", "url", "heat"})
"""Kinds whose look says what they are: they need no label."""
_DONE: Final = frozenset[Wanted]({"person", "amount", "price", "when", "place", "duration"})
"""Kinds of value that a verb asks for: who does it, when, for how much."""
_STRICT: Final = frozenset[Wanted]({"when", "time", "person", "duration", "price"})
_PRECISE: Final = frozenset[Wanted]({"amount", "number", "price", "text"})
_WHOLE: Final = frozenset({"total", "price"})
"""Fields of what everything comes to: no price of one thing."""
_IDS: Final = frozenset({"vat_id", "currency", "weight", "gross_weight"})
_BEING: Final = frozenset(
    "is are was were be been will would ist sind war wird betragt".split()
)
"""Verbs that put no distance between a word and its value."""
_CODE: Final = re.compile(r"[A-Z]{1,5}[-/ ]?\d[\w-]*")
_YEARS_OLD: Final = re.compile(r"\D{0,12}\d{1,3}\b[^\d]{0,20}")
_HOUR: Final = re.compile(r"\d[.:]\d\d\s?(?:[ap]\.?m\b|uhr|o'clock)")
_NEXT: Final = r"\b(?:next|again|nachste\w*|wieder|erneut)\b"
_PREVIOUS: Final = r"\b(?:last|previous|letzte\w*|vorige\w*|vorherige\w*)\b"
_IN_WORDS: Final = frozenset({"payment_method", "contents"})
_WORDS: Final = frozenset[Kind]({"name", "place"})
"""Kinds that are told in words."""
_SUMS: Final = frozenset({"total", "net", "vat"})
_IN_TEXT: Final = frozenset[How]({"clause", "sentence"})
_TITLE: Final = 3
_FEW: Final = 4
_BEGINS: Final = r"\b(?:begin|start|end|finish|open|close|begins|starts|ends|beginnt|endet|startet|offnet|schliesst|anfangt|aufhort|los)\b"
_TAKES_PLACE: Final = r"^\W*(?:where|wo)\b.*\b(?:is|are|held|takes? place|findet|ist|statt)\b"
_LIMITS: Final = frozenset({"by", "until", "till", "bis", "before", "vor"})
_OF_A_YEAR: Final = r"\b(?:year|vintage|jahr|jahrgang)\b"
_YEAR: Final = re.compile(r"(?:19|20)\d\d")
_FEE: Final = (
    r"gebuhr|preis|kosten\b|kostet|betrag|beitrag|entgelt|\b(?:fees?|prices?|costs?)\b"
)
_DURATION: Final = re.compile(
    r"\d\s?(?:h|std|stunden?|hours?|min|minut\w+|tage?n?|days?|wochen?|weeks?|monate?n?|months?|jahre?n?|years?)\b"
)
_MONEY: Final = re.compile(r"[€$£]\s?\d|\d\s?(?:€|EUR|Euro)")
_FIRST: Final = r"\b(?:first|earliest|erste[nrsm]?|fruheste\w*)\b"
_LAST: Final = r"\b(?:last|latest|final|closing|letzte[nrsm]?|spateste\w*)\b"
_COUNTS: Final = frozenset("quantity qty anzahl menge stuck stk count number".split())
_KINDS: Final[dict[Wanted, frozenset[str]]] = {
    "number": _COUNTS,
    "when": frozenset("date datum tag day when wann am zeit time uhrzeit".split()),
    "time": frozenset("time zeit uhrzeit um".split()),
    "price": frozenset("price preis betrag amount kosten cost".split()),
    "place": frozenset("place ort where wo location".split()),
}
"""Labels that name no more than a kind of value."""
_OF_A_CODE: Final = re.compile(
    r"\bid\b|iban|konto|account|sendung|\b(?:order|serial|ref)|(?:sendungs|bestell|rechnungs|kunden|serien|vertrags)n(?:umme)?r"
)


class Told(NamedTuple):
    """A value, the text that it was told by, and its label if that is the field asked for."""

    value: str
    text: str
    piece: Piece
    label: str


class _Weighed(NamedTuple):
    score: float
    value: str
    fact: Fact


def told(ask: Ask, page: Page) -> Told | None:
    """The value that answers clearly better than any other; None for none."""
    if not ask.has(_QUESTION) or not page.pieces:
        return None
    question = _Question(ask, page, wanted_by(ask))
    weighed = sorted(_weighed(question), key=lambda each: -each.score)
    best = _clearly_best(ask, weighed)
    if best is None:
        return None
    fact = best.fact
    text = f"{fact.label} {fact.value}" if fact.label else fact.around
    is_field = bool(ask.target.key and lookup.label_quality(fact.label, ask.target.key))
    return Told(best.value, text, fact.piece, fact.label if is_field else "")


def is_of_another_place(ask: Ask, label: str) -> bool:
    """Whether the question says the second, and the label the first."""
    asked_for, named = ordinals_in(ask.words), ordinals_in(words(label))
    return bool(asked_for and named) and not asked_for & named


def is_accounted(ask: Ask, page: Page, text: str) -> bool:
    """Whether the text says every thing that the question names, or the page is of it."""
    question = _Question(ask, page, wanted_by(ask))
    said = words(text)
    return all(
        says(said, word.text) or question.cost_without(word) is not None
        for word in question.words
        if word.role in {"noun", "verb", "light"}
    )


def is_of_another_field(ask: Ask, label: str) -> bool:
    """Whether a label is the whole name of a field that is another than the one asked for."""
    key = ask.target.key
    parts = tokens(label)
    named = spans(parts)
    is_whole = bool(parts) and sum(each.last - each.first + 1 for each in named) == len(parts)
    if key is None or key in lookup.VAGUE or not is_whole or len(named) != 1:
        return False
    (only,) = named
    kinds = {BY_KEY[each].kind for each in only.keys}
    related = {key, *BY_KEY[key].also}
    others = {more for each in only.keys for more in (each, *BY_KEY[each].also)}
    return kinds == {"date"} and not related & others


def is_of_another(ask: Ask, page: Page, text: str) -> bool:
    """Whether a person is asked for by a thing that stands elsewhere on the page.

    Or by what he did to the one of the label: who treated the patient is not the patient.
    """
    if wanted_by(ask) != "person":
        return False
    question = _Question(ask, page, "person")
    label = _Side(text.partition(":")[0], "person")
    verbs = [word for word in question.words if word.role == "verb"]
    objects = [
        word for word in question.words if word.role == "noun" and word.text in label.words
    ]
    if (
        verbs
        and objects
        and not any(label.match(word) for word in verbs)
        and not question.heads
    ):
        return True
    return any(
        word.role == "noun"
        and not says(words(text), word.text)
        and (question.cost_without(word) or 0.0) >= 0.5
        for word in question.words
    )


def _clearly_best(ask: Ask, weighed: list[_Weighed]) -> _Weighed | None:
    if not weighed or weighed[0].score < _ENOUGH:
        return None
    best = weighed[0]
    rivals = [each for each in weighed if best.score - each.score < _CLEAR]
    if all(_same(best.value, each.value) for each in rivals):
        return best
    return _by_order(ask, rivals)


def _by_order(ask: Ask, rivals: list[_Weighed]) -> _Weighed | None:
    """The first or the last of a row or a column, where the question says which."""
    is_first, is_last = ask.has(_FIRST), ask.has(_LAST)
    in_one_row = len({each.fact.label for each in rivals}) == 1
    in_one_column = len({each.fact.column for each in rivals}) == 1
    if is_first == is_last or in_one_row == in_one_column:
        return None
    boxes = {id(each): each.fact.piece.box for each in rivals}
    ordered = sorted(
        rivals, key=lambda each: boxes[id(each)].left if in_one_row else boxes[id(each)].top
    )
    return ordered[0] if is_first else ordered[-1]


def _same(one: str, other: str) -> bool:
    return fold(one) in fold(other) or fold(other) in fold(one)


def _weighed(question: "_Question") -> Iterator[_Weighed]:
    for fact in facts(question.page):
        value = value_of(fact.value, question.wanted) if question.may_be(fact) else None
        if value is None or question.is_too_loose(fact, value):
            continue
        score = _score(question, fact)
        shown = fact.label if question.names_thing(fact) else question.exactly(value.text)
        if score is not None and not question.repeats(shown):
            yield _Weighed(score + value.bonus, shown, fact)


# --- The question and its page ---------------------------------------------------------------


@dataclass(frozen=True)
class _Question:
    """A question, and what its page says besides any one fact: title, labels, values."""

    ask: Ask
    page: Page
    wanted: Wanted

    @cached_property
    def words(self) -> list[Word]:
        return words_of(self.ask, self.wanted)

    @cached_property
    def heads(self) -> set[str]:
        starts = heads_of(self.ask)
        return {token.text for token in self.ask.tokens if token.start in starts}

    @cached_property
    def is_implied(self) -> bool:
        return any(word.role == "implied" for word in self.words)

    @cached_property
    def asks_for_begin(self) -> bool:
        return self.ask.has(_BEGINS)

    @cached_property
    def asks_for_money(self) -> bool:
        key = self.ask.target.key
        is_field = key is not None and BY_KEY[key].kind in {"amount", "text"}
        kinds = {each.kind for word in self.words for each in word.families}
        return is_field or "amount" in kinds

    @cached_property
    def asks_for_a_fee(self) -> bool:
        """Whether money is asked for by name, which no time can be."""
        return self.wanted in {"amount", "price"} and self.ask.has(_FEE)

    @cached_property
    def asks_for_moment(self) -> bool:
        key = self.ask.target.key
        is_field = key is not None and BY_KEY[key].kind in {"date", "time", "text"}
        kinds = {each.kind for word in self.words for each in word.families}
        return is_field or bool(kinds & {"date", "time"})

    @cached_property
    def is_ordered(self) -> bool:
        """Whether the first or the last of several is asked for."""
        return self.ask.has(_FIRST) or self.ask.has(_LAST)

    @cached_property
    def by_type(self) -> float:
        return _BY_TYPE if self.wanted in _TYPES else 0.0

    @cached_property
    def everywhere(self) -> list[str]:
        return [token.text for token in self.page.tokens]

    @cached_property
    def families(self) -> frozenset[Family]:
        return frozenset(each for word in self.everywhere for each in printed_by(word))

    @cached_property
    def title(self) -> list[str]:
        return [word for piece in self.page.pieces[:_TITLE] for word in words(piece.text)]

    @cached_property
    def headings(self) -> list[str]:
        """The words of short lines that stand alone."""
        lines = (row[0].text for row in self.page.rows if len(row) == 1)
        return [word for line in lines if len(words(line)) <= _FEW for word in words(line)]

    @cached_property
    def _no_labels(self) -> frozenset[str]:
        """Titles, and the cells of tables, name nothing that stands beside them."""
        cells = {
            cell.text
            for header, body in tables.sections(self.page)
            for row in body
            for cell in row
            if len(header) >= _FEW - 1
        }
        return frozenset(cells | {piece.text for piece in self.page.pieces[:_TITLE]})

    @cached_property
    def labels(self) -> list[str]:
        """The words of labels."""
        return [
            word
            for pair in self.page.pairs
            if pair.how in {"colon", "right"} and pair.label not in self._no_labels
            for word in words(pair.label)
        ]

    @cached_property
    def label_families(self) -> frozenset[Family]:
        return frozenset(each for found in printed(self.labels).values() for each in found)

    @cached_property
    def values(self) -> list[str]:
        """The words of what stands beside labels."""
        return [
            word
            for pair in self.page.pairs
            if pair.how in {"colon", "right"}
            and not pair.rest
            and pair.label not in self._no_labels
            for word in words(pair.value)
        ]

    def may_be(self, fact: Fact) -> bool:
        """Whether what was found by its preposition, or by none, may be what is wanted."""
        if fact.how == "at":
            return self.wanted in {"place", "address"}
        if fact.how == "by":
            return self.wanted in {"person", "means"}
        return fact.how not in _IN_TEXT or self.wanted not in {"person", "place"}

    def is_too_loose(self, fact: Fact, value: Value) -> bool:
        """Whether it is of another kind than asked for; ids must be as long as theirs are."""
        if self._is_of_another_look(value.text):
            return True
        if is_of_another_field(self.ask, fact.label) or _is_of_another_time(self.ask, fact):
            return True
        if fact.how == "alone" and self._is_beside_the_point(fact.value):
            return True
        if self.wanted == "text":
            return self._is_no_text(fact, value.text)
        return fact.how in _IN_TEXT and is_by_look(self.wanted) and value.bonus == 0.0

    def _is_of_another_look(self, value: str) -> bool:
        """Whether no value of the field, or of what is asked for, looks like that."""
        key, folded = self.ask.target.key, fold(value)
        return (
            (key in _IDS | plausible.NO_SUMS and not plausible.is_plausible(value, key))
            or (self.ask.target.kind in _WORDS and re.search(r"[a-z]", folded) is None)
            or (key in _SUMS and _CODE.fullmatch(value) is not None)
            or (key in _IN_WORDS and not re.search(r"[a-z]{2}", folded))
            or (self.ask.has(AGE) and _YEARS_OLD.fullmatch(folded) is None)
            or (self.wanted in {"amount", "price"} and _HOUR.search(folded) is not None)
            or (self.asks_for_a_fee and _DURATION.search(folded) is not None)
        )

    def _is_beside_the_point(self, value: str) -> bool:
        """A measure answers how much, an hour when it begins, and a day on which day it is."""
        if any(find("measure", value)) and self.wanted not in {"amount", "measure"}:
            return True
        if self.asks_for_begin:
            return not any(find("time", value))
        is_day = any(find("date", value)) or _YEAR.fullmatch(value) is not None
        return self.wanted == "when" and not is_day

    def _is_no_text(self, fact: Fact, value: str) -> bool:
        """Money and moments are asked for by words of their own."""
        if _MONEY.search(value) and not self.asks_for_money:
            return True
        if self.heads and not self.asks_for_moment and is_moment(value):
            return True
        return fact.how in _IN_TEXT and _is_common(value)

    def names_thing(self, fact: Fact) -> bool:
        """`Which soup?` beside `Pumpkin soup 6.20`: the name is asked for, not the figure."""
        heads = [word.text for word in self.words if word.role == "head"]
        label = words(fact.label)
        if self.wanted != "text" or len(heads) != 1 or heads[0] in label:
            return False
        things = asked(heads).get(heads[0], frozenset())
        kinds = frozenset(each for each in things if each.kind == "things")
        return is_figure(fact.value) and any(
            ends_in(each, heads[0]) or printed_by(each) & kinds for each in label
        )

    def exactly(self, value: str) -> str:
        """Of a day and an hour the hour, where a field of hours is asked for."""
        key = self.ask.target.key
        is_hour = self.wanted == "when" and key is not None and BY_KEY[key].kind == "time"
        hour = next(iter(find("time", value)), None) if is_hour else None
        return hour.text if hour else value

    def sets_a_limit(self, fact: Fact) -> bool:
        """Whether the label says `by` or `bis`, and the question asks for no limit."""
        is_limit = bool(_LIMITS & {*words(fact.label)[-1:]})
        return self.wanted in {"when", "time"} and is_limit and not self.is_implied

    def repeats(self, value: str) -> bool:
        """Whether the question says it all itself, or the name that it asks about."""
        ask = self.ask
        said = [word for word in words(value) if word not in STOPWORDS]
        names = {
            each.text for each in ask.meant if each.start and ask.text[each.start].isupper()
        }
        is_about = ask.tongue == "en" and any(word in names for word in said)
        return is_about or all(word in ask.words for word in said)

    @cached_property
    def has_a_verb(self) -> bool:
        return any(word.role == "verb" for word in self.words)

    def tells(self, word: Word, fact: Fact) -> bool:
        """Whether the word may name who or where: what is owned is not who owns it."""
        if self.wanted == "person" and word.role in {"noun", "light"}:
            if fact.how == "cell" and PERSON.search(fact.value):
                return True
            is_object = self.has_a_verb and is_role(word.text)
            return (bool(word.families) or word.role == "light") and not is_object
        if word.role != "noun" or self.wanted != "place":
            return True
        return fact.how in {"at", "alone"} or any(
            each.kind == "place" for each in word.families
        )

    def spares(self, word: Word, fact: Fact) -> bool:
        """Whether the fact need not say a head: the page is of it, or the value is of its kind."""
        if word.role != "head" or says(self.headings, word.text):
            return True
        is_counted = self.wanted == "number" and _is_only(fact.label, _COUNTS)
        is_street = word.text in {"strasse", "street", "road"} and plausible.is_street(
            fact.value
        )
        return is_counted or is_street

    def cost_without(self, word: Word) -> float | None:
        """What it costs that a fact does not say the word; None where it may not be missing."""
        if word.role == "weak":
            return 0.0
        if says(self.labels, word.text):
            return 0.1
        if word.families & self.label_families:
            return 0.15 if word.role == "light" else 0.4  # Another label says it.
        if word.role == "light":
            is_asked = word.text in self.heads and word.text not in NEUTRAL
            return 0.5 if is_asked else 0.0
        return self._cost_without_thing(word)

    def _cost_without_thing(self, word: Word) -> float | None:
        if word.text in GENERIC | SUBJECTS:
            return 0.0
        is_person = not self.by_type and is_role(word.text)
        if is_person or says(self.title, word.text) or says(self.values, word.text):
            return 0.05
        if word.families & self.families:
            return 0.3  # Something else on the page says it.
        if asked([word.text]).get(word.text, frozenset()) & self.families:
            return 0.1
        if word.role == "verb":
            is_field = any(each.kind != "text" for each in word.families)
            return 0.35 if is_field and self.wanted in _STRICT else 0.15
        return 0.5 if says(self.everywhere, word.text) else None


def _is_of_another_time(ask: Ask, fact: Fact) -> bool:
    """Whether the next one is asked for beside the last one, or the last beside the next."""
    label = fold(fact.label)
    asks_for_next = ask.has(_NEXT) and not ask.has(_PREVIOUS)
    asks_for_previous = ask.has(_PREVIOUS) and not ask.has(_NEXT)
    is_next, is_previous = re.search(_NEXT, label), re.search(_PREVIOUS, label)
    return bool(
        (asks_for_next and is_previous and not is_next)
        or (asks_for_previous and is_next and not is_previous)
    )


def _is_common(value: str) -> bool:
    """Whether it is of a kind that has a question word of its own."""
    kinds: tuple[Kind, ...] = ("email", "url", "phone", "amount", "date", "time")
    is_place = bool(ordinals_in(words(value)))
    return (
        is_place
        or any(any(find(kind, value)) for kind in kinds)
        or bool(PERSON.fullmatch(value))
    )


def _is_only(label: str, names: frozenset[str]) -> bool:
    said = words(label)
    return bool(said) and all(word in names for word in said)


# --- The weight of a fact --------------------------------------------------------------------


@dataclass
class _Tally:
    """What is found of the question in a fact."""

    gain: float
    by_name: float
    """The part of the gain that the fact's own name brings."""
    cost: float = 0.0
    implied: float = 0.0
    nearest: float = 0.0
    is_narrowed: bool = False
    """Whether the question names a thing that the fact does not."""
    is_solid: bool = False
    """Whether more than a family of a common word names it."""


class _Read(NamedTuple):
    """A fact, and the words at either side of it."""

    fact: Fact
    named: "_Side"
    near: "_Side"


def _score(question: _Question, fact: Fact) -> float | None:
    """The weight of the fact; None if it cannot be meant."""
    named = _Side(f"{fact.label} {fact.column}", question.wanted)
    read = _Read(fact, named, _Side(fact.around, question.wanted))
    tally = _Tally(question.by_type, question.by_type, is_solid=question.by_type > 0)
    if is_of_another_place(question.ask, fact.label):
        return None
    if not all(_add(tally, word, question, read) for word in question.words):
        return None
    if question.is_implied and not tally.implied:
        tally.cost += 0.1 if tally.by_name >= _NAMED else 0.25
    if not _is_near_enough(tally, question, fact):
        return None
    _add_kind(tally, question, fact)
    excess = named.unexplained(question.words, fact.label) + question.sets_a_limit(fact)
    if fact.how == "cell" and question.is_ordered:
        excess = 0
    elif fact.how == "cell" and fact.label and not _names_its_row(question, fact):
        return None
    if tally.by_name < _NAMED or _is_of_another_label(tally, question, fact, excess):
        return None
    return tally.gain - tally.cost - min(0.15 * excess, 0.45) + 0.2 * fact.sure


def _add(tally: _Tally, word: Word, question: _Question, read: _Read) -> bool:
    """Count one word of the question; False if the fact may not miss it."""
    match = read.named.match(word)
    if word.role == "implied":
        _add_implied(tally, word, read, match)
        return True
    if match > 0:
        _add_named(tally, word, match, tells=question.tells(word, read.fact))
        return True
    match = read.near.match(word)
    if match > 0:
        _add_near(tally, word, question, read, match)
        return True
    cost = question.cost_without(word) if question.spares(word, read.fact) else None
    tally.cost += cost or 0.0
    tally.is_narrowed |= word.role == "noun" and (cost or 0.0) >= 0.1
    return cost is not None


def _names_its_row(question: _Question, fact: Fact) -> bool:
    row = _Side(fact.label, question.wanted)
    return any(row.match(word) for word in question.words)


def _add_implied(tally: _Tally, word: Word, read: _Read, match: float) -> None:
    is_beside = not read.fact.label or read.fact.how == "by"
    if not match and is_beside and read.near.match(word):
        match = read.near.nearness(word, read.fact.value)
        tally.nearest = max(tally.nearest, match)
    tally.implied = max(tally.implied, _WEIGHTS[word.role] * match)


def _add_named(tally: _Tally, word: Word, match: float, *, tells: bool) -> None:
    weight = _WEIGHTS[word.role]
    tally.gain += (weight if tells else 0.3) * match
    tally.by_name += weight * match if tells else 0.0
    is_second = word.role == "light" and tally.by_name > _WEIGHTS["light"]
    tally.is_solid |= tells and (word.role != "light" or match == 1.0 or is_second)


def _add_near(
    tally: _Tally, word: Word, question: _Question, read: _Read, match: float
) -> None:
    gain = _WEIGHTS[word.role] * match * _nearness(word, read.fact, read.near)
    tally.gain += gain
    if word.role != "light" or question.wanted == "code":
        tally.nearest = max(tally.nearest, gain / _WEIGHTS[word.role])
    if not read.fact.label:
        tally.is_solid = True
        tally.by_name += gain if question.tells(word, read.fact) else 0.0


def _nearness(word: Word, fact: Fact, near: "_Side") -> float:
    if fact.label or fact.column:
        return 0.6
    return near.nearness(word, fact.value) * (0.7 if fact.how == "sentence" else 1.0)


def _is_near_enough(tally: _Tally, question: _Question, fact: Fact) -> bool:
    """Whether in running text a word of the question stands by, and by a number what it counts."""
    if fact.how in _IN_TEXT and question.wanted == "number":
        return _counts(fact, question)
    least = 0.8 if question.wanted in {"number", "text"} else 0.5
    return bool(fact.label or fact.column or question.by_type) or tally.nearest >= least


def _counts(fact: Fact, question: _Question) -> bool:
    """Whether what is counted stands right behind the number."""
    before, _, rest = fact.around.partition(fact.value)
    behind = words(rest)[:2]
    return not plausible.names_by_number(before) and any(
        says([each], word.text) or printed_by(each) & word.families
        for word in question.words
        if word.text in question.heads
        for each in behind
    )


def _add_kind(tally: _Tally, question: _Question, fact: Fact) -> None:
    """What a label tells by its kind alone, and by being the field that is asked for."""
    if tally.by_name + tally.implied < _NAMED and _is_of_the_kind(question, fact):
        tally.gain, tally.by_name = tally.gain + _KIND, _NAMED
    tally.gain, tally.by_name = tally.gain + tally.implied, tally.by_name + tally.implied
    key = question.ask.target.key
    by_key = lookup.label_quality(fact.label, key) if key and fact.label else 0.0
    least = 0.9 if key in _WHOLE else 0.75
    if (
        by_key > least
        and tally.by_name < 0.8
        and not (key in _WHOLE | lookup.VAGUE and tally.is_narrowed)
    ):
        tally.gain += 0.8 - tally.by_name
        tally.by_name, tally.is_solid = 0.8, True


def _is_of_the_kind(question: _Question, fact: Fact) -> bool:
    """`Time 14:42` where nothing asks for more than when it was."""
    strict = {"place"} if question.wanted == "place" else {"date", "time", "amount"}
    asks_for_more = any(
        each.kind in strict
        for word in question.words
        if word.role != "weak"
        for each in word.families
    )
    if fact.how == "at" and fact.column and question.ask.has(_TAKES_PLACE):
        return True
    if fact.how == "alone" and question.ask.has(_OF_A_YEAR) and fact.value.isdigit():
        return True
    names = _KINDS.get(question.wanted, frozenset())
    return (question.wanted == "number" or not asks_for_more) and _is_only(fact.label, names)


def _is_of_another_label(tally: _Tally, question: _Question, fact: Fact, excess: int) -> bool:
    """Whether the label says that it is another thing."""
    if excess and not tally.is_solid and not tally.implied:
        return True
    if question.by_type and excess and printed(words(fact.label)) and tally.by_name <= _BY_TYPE:
        return True
    return question.wanted == "phone" and bool(_OF_A_CODE.search(fold(fact.label)))


class _Side:
    """The words that stand at one side of a fact, and the families that they print."""

    def __init__(self, text: str, wanted: Wanted) -> None:
        self.wanted = wanted
        self.words = words(text)
        self.families = printed(self.words)
        self.all = frozenset(each for found in self.families.values() for each in found)

    def match(self, word: Word) -> float:
        """From 1, if it says the word, down to 0, if it says nothing like it."""
        is_shared = bool(word.families & self.all)
        if word.role == "implied":
            return 1.0 if is_shared or word.text in self.words else 0.0
        if says(self.words, word.text):
            return 1.0
        if word.is_nominal and any(begins_like_noun(word.text, each) for each in self.words):
            return 0.9
        if is_shared:
            return 0.85
        is_name = any(each.kind == "name" for each in word.families)
        return 0.9 if (is_name and self.words == ["name"]) or self._is_kin(word) else 0.0

    def _is_kin(self, word: Word) -> bool:
        is_done = word.role == "verb" and self.wanted in _DONE
        return is_done and any(are_kin(word.text, each) for each in self.words)

    def nearness(self, word: Word, value: str) -> float:
        """From 1 down to 0.4, the further the word stands from the value."""
        first = words(value)[:1]
        between = [each for each in self.words if each not in _BEING]
        ends = [place for place, each in enumerate(between) if each in first]
        places = [
            place
            for place, each in enumerate(between)
            if says([each], word.text) or printed_by(each) & word.families
        ]
        apart = min((abs(end - place) for end in ends for place in places), default=3)
        slope = 0.1 if self.wanted in _PRECISE else 0.05
        return max(0.4, 1.0 + slope - slope * apart)

    def unexplained(self, asking: list[Word], label: str) -> int:
        """How many words of the label the question says nothing of."""
        wanted = frozenset(each for word in asking for each in word.families)
        texts = [word.text for word in asking]
        return sum(
            word not in STOPWORDS | NEUTRAL | GENERIC
            and not word.isdigit()
            and not self.families.get(word, frozenset()) & wanted
            and not says(texts, word)
            for word in words(label)
        )
