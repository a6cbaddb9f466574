# ruff: noqa: E501, RUF001, SIM905
# E501: patterns stay on one line.
# RUF001: typographic signs are meant.
# SIM905: word lists read best as running text.
"""Who is the head teacher, what is the engineer called, whose card is it?

A person's name stands beside the words of the role: on the line above or below, before or
behind a comma, behind a colon, or in the sentence that says both.
"""

import re
from collections.abc import Iterator
from typing import Final

from visus.local.lite.answering import lookup, running_text
from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.found import Found
from visus.local.lite.answering.page import Page, Pair, Piece, looks_like_a_label
from visus.local.lite.answering.values import PERSON
from visus.local.lite.answering.words import STOPWORDS, alike, fold, holds, words

_ASKED: Final = (
    r"^\W*(?:and |und )?(?:who(?:'s| is| was| are)|wer (?:ist|war|sind)|wie heisst|wie (?:ist|lautet) der name (?:der|des|von)"
    r"|what(?:'s| is| was) the (?:full )?name of|what(?:'s| is) (?:the |his |her )?[\w' ]{3,40}?(?:'s name\b|\bcalled\b)|name of the|name de[rs])"
)
_NOT_ROLES: Final = frozenset(
    "name names called heisst full vollstandige vollstandiger herr frau mr mrs person".split()
)
_JOIN: Final = re.compile(
    r"\W*(?:(?:is|ist|war|was|fur|for|of|your|ihre?|our|unsere?|the|der|die|das|namens|named|called)\b\W*|[a-zäöüß]+\W+){0,6}"
)
_NAME_IN_FORMS: Final = r"(?:(?:full |vollstandiger )?name|vor und nachname)"


def role_in(ask: Ask) -> list[str]:
    """The words of the role that the question asks for; none where it asks for something else."""
    if not ask.has(_ASKED):
        return []
    role = [token.text for token in ask.meant if token.text not in _NOT_ROLES]
    return [] if any(word.endswith("ing") for word in role) else role


def holder(ask: Ask, page: Page) -> Found | None:
    """The person, or the thing, that has the role; None where the page names none or several."""
    role = role_in(ask)
    if not role:
        return None
    for search in (_labelled, _in_brackets, _beside, _in_sentence):
        found = list({each.value: each for each in search(page, role)}.values())
        if found:
            return found[0] if len(found) == 1 else None
    return None


def _labelled(page: Page, role: list[str]) -> Iterator[Found]:
    """`Name des Kindes: Mattis`, `Head teacher: Ellen Moray`."""
    for pair in page.pairs:
        label = [word for word in words(pair.label) if word not in STOPWORDS]
        named = [word for word in label if not re.fullmatch(_NAME_IN_FORMS, word)]
        same = len(named) == len(role) and all(holds(role, word) for word in named)
        is_value = not looks_like_a_label(pair.value) and any(map(str.isalpha, pair.value))
        if same and is_value and (pair.how == "colon" or _is_beside(pair, named, label)):
            yield Found(pair.value, f"{pair.label} {pair.value}", _piece_of(page, pair))


def _is_beside(pair: Pair, named: list[str], label: list[str]) -> bool:
    """Without a colon, the label must say that it is a name, or the value be a person's."""
    is_name = PERSON.fullmatch(pair.value.strip()) is not None
    if pair.how == "below":
        return is_name and len(named) < len(label)
    return pair.how == "right" and (is_name or len(named) < len(label))


def _piece_of(page: Page, pair: Pair) -> Piece:
    return next(piece for piece in page.pieces if piece.box == pair.box)


def _in_brackets(page: Page, role: list[str]) -> Iterator[Found]:
    """`Herrn Cem Yildiz (Mieter)`; and the other way round, `Biscuit (cat, 4 years)`."""
    for sentence in running_text.sentences(page):
        for match in _BRACKETED.finditer(sentence.text):
            inside = words(match.group("role").partition(",")[0])
            if _is_role(inside, role):
                yield Found(match.group("name"), match.group(), sentence.piece)


_BRACKETED: Final = re.compile(
    r"(?P<name>(?:(?:Herrn?|Frau|Mrs?|Ms|Dr)\.?\s)?[A-ZÄÖÜ][\w'’-]+(?:\s[A-ZÄÖÜ][\w'’-]+)*)\s*\((?P<role>[^()]{3,40})\)"
)


def _beside(page: Page, role: list[str]) -> Iterator[Found]:
    for piece in page.pieces:
        before, _, after = piece.text.partition(",")
        if _is_role(words(after), role) and PERSON.fullmatch(before.strip()):
            yield Found(before.strip(), piece.text, piece)
        if not _is_role(words(piece.text), role):
            continue
        above = [other for other in page.pieces if piece in page.below(other, lines=1)]
        for other in (*above, *page.right_of(piece)):
            if PERSON.fullmatch(other.text.strip()):
                yield Found(other.text.strip(), f"{other.text.strip()}, {piece.text}", other)
                break


def _is_role(spoken: list[str], role: list[str]) -> bool:
    told = [word for word in spoken if word not in STOPWORDS]
    return len(told) == len(role) and all(
        any(alike(word, other) for other in told) for word in role
    )


def _in_sentence(page: Page, role: list[str]) -> Iterator[Found]:
    """`Our engineer, Ms Petra Lindqvist, will ...`; `Ansprechpartnerin ist Frau Roloff`."""
    for sentence in running_text.sentences(page):
        spoken = words(sentence.text)
        if not all(any(alike(word, other) for other in spoken) for word in role):
            continue
        ends = [
            match.end()
            for match in re.finditer(r"[\wäöüß-]+", sentence.text)
            if any(alike(fold(match.group()), word) for word in role)
        ]
        join = _JOIN.match(sentence.text, max(ends, default=0))
        name = PERSON.match(sentence.text, join.end()) if join else None
        if name is None and _KIN & {*role}:
            name = _FIRST_NAME.match(sentence.text, max(ends, default=0))
            yield from [Found(name["name"], sentence.text, sentence.piece)] if name else []
            continue
        if name is not None:
            yield Found(name.group(), sentence.text, sentence.piece)


_KIN: Final = frozenset(
    "daughter son child dog cat horse tochter sohn kind hund katze pferd hundin kater".split()
)
"""Who is called by a first name alone, right behind the word."""
_FIRST_NAME: Final = re.compile(r",?\s+(?P<name>[A-ZÄÖÜ][a-zäöüß'’-]{1,20})\b")


def whole_name(page: Page) -> Found | None:
    """The given name and the surname of a form that asks for each once."""
    first = _once(page, "first_name")
    last = _once(page, "last_name")
    if first is None or last is None:
        return None
    text = f"{first.value} {last.value}"
    return Found(text, text, _piece_of(page, first))


def _once(page: Page, key: str) -> Pair | None:
    """The value of the only label of its kind."""
    found = {
        pair.label: pair
        for pair in reversed(page.pairs)
        if lookup.label_quality(pair.label, key) == 1.0
        and not looks_like_a_label(pair.value)
        and not any(map(str.isdigit, pair.value))
    }
    return next(iter(found.values())) if len(found) == 1 else None
