# ruff: noqa: E501, PLR2004, RUF001
# E501: patterns and phrases stay on one line.
# PLR2004: lengths and shares are read best where they stand.
# RUF001: typographic signs are meant.
"""One question in a message: its words, its language, and what kind of value would answer it."""

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, NamedTuple

from visus.local.lite.answering.tongue import Tongue
from visus.local.lite.answering.values import Kind
from visus.local.lite.answering.vocabulary import BY_KEY, Span, keys_of, spans
from visus.local.lite.answering.wordings import ASKED, KINDS, NAMED, OWNERS, Owner
from visus.local.lite.answering.words import GENERIC, STOPWORDS, Token, compact, fold, tokens

_QUOTED: Final = re.compile(r"[\"“”„«»'‘’]([^\"“”„«»]{1,80}?)[\"“”«»'‘’](?!\w)")


class Target(NamedTuple):
    """What a question asks a document for."""

    key: str | None
    kind: Kind
    named: tuple[str, ...]
    """The folded words that name the thing, stop words left out."""
    extra: tuple[str, ...]
    """Words that narrow it down and that the picture must account for."""
    verbs: tuple[str, ...] = ()
    """Words that may narrow it down: a running text that has them is the place to look."""
    said: tuple[str, ...] = ()
    """All its words but for stop words."""
    owner: Owner | None = None
    """Whose it is, where a page has one of each: the sender's address, the customer's."""


@dataclass(frozen=True)
class Ask:
    """One question."""

    text: str
    tongue: Tongue
    bare: bool = False
    """Whether the caller wants the value and nothing else."""

    @cached_property
    def folded(self) -> str:
        """The question in folded letters, punctuation kept, apostrophes straight."""
        return fold(self.text).replace("’", "'")

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        """Its words."""
        return tokens(self.text)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Its folded words."""
        return tuple(token.text for token in self.tokens)

    @cached_property
    def meant(self) -> tuple[Token, ...]:
        """Its words but for stop words."""
        return tuple(token for token in self.tokens if token.text not in STOPWORDS)

    @cached_property
    def content(self) -> tuple[str, ...]:
        """Its words that name a thing."""
        return tuple(token.text for token in self.meant if token.text not in GENERIC)

    @cached_property
    def quoted(self) -> str | None:
        """What stands in quotation marks."""
        match = _QUOTED.search(self.text)
        return match.group(1).strip() if match else None

    @cached_property
    def target(self) -> Target:
        """The field, kind and words that it asks for."""
        head, covered = _head(self)
        asked = self._asked_key(head)
        if head is None or asked not in head.keys:
            covered = set[int]()
        named = tuple(self.meant[place].text for place in sorted(covered))
        left = [token for place, token in enumerate(self.meant) if place not in covered]
        extra = tuple(
            token.text
            for token in left
            if self.matters(token) and not _is_name_of(token.text, asked, loosely=not covered)
        )
        kind = BY_KEY[asked].kind if asked else self._kind()
        telling = tuple(token.text for token in self.meant if self.matters(token))
        verbs = tuple(
            token.text
            for token in left
            if token.text not in GENERIC and token.text not in extra and token.start > 0
        )
        owner: Owner | None = None
        for pattern, each in OWNERS:
            owner = each if owner is None and self.has(pattern) else owner
        said = tuple(token.text for token in self.meant)
        return Target(asked, kind, named or telling or self.content, extra, verbs, said, owner)

    def has(self, pattern: str) -> bool:
        """Whether the folded question matches."""
        return re.search(pattern, self.folded) is not None

    def alternatives(self) -> list["Ask"]:
        """`member or insurance number` as two questions; otherwise the question alone."""
        whole = re.sub(
            r"(\w{3,})-? (or|oder|/) (\w*?)(nummer|datum|name|adresse)\b",
            r"\1\4 \2 \3\4",
            self.text,
        )
        whole = re.sub(
            r"(\w+) (or) (\w+) (number|date|name|address|id|code)\b", r"\1 \4 \2 \3 \4", whole
        )
        halves = re.split(r"\s(?:or|oder|/)\s", whole)
        if len(halves) < 2 or not all(names_a_field(half) for half in halves):
            return [self]
        return [replace(self, text=half) for half in halves]

    def named_things(self) -> list[str]:
        """What the question is about, if it is about more than the picture as a whole."""
        if self.target.key is not None:
            return list(self.target.named) or [self.target.key]
        return [word for word in self.content if word not in _OF_LOOKING]

    def content_is_more(self) -> bool:
        """Whether it names something besides the picture and its measures."""
        return any(word not in _OF_MEASURING for word in self.content)

    def say(self, english: str, german: str) -> str:
        """The one of the two sentences that is in the question's language."""
        return german if self.tongue == "de" else english

    def _asked_key(self, head: Span | None) -> str | None:
        named = next((key for pattern, key in NAMED if self.has(pattern)), None)
        if named is not None:
            return named
        kind = self._kind()
        if kind in _FIGURES and head is not None and _is_no_figure(head):
            head = None
        if kind == "number" and head is not None and _is_code(head):
            head = None
        if kind == "text" and head is not None and _is_moment(head) and self.has(_OF_A_THING):
            head = None
        if head is not None and not any(_fits(BY_KEY[key].kind, kind) for key in head.keys):
            head = head if kind not in _STRICT else None
        if head is not None and len(head.name) >= 9:
            return self._best_key(head)
        for pattern, key in ASKED:
            if self.has(pattern) and (key != "name" or head is None):
                return key
        if head is None:
            # `How much is one meal?` names nothing but the price itself.
            return "price" if kind == "amount" and not self.content else None
        return self._best_key(head)

    def _best_key(self, head: Span) -> str:
        fitting = [key for key in sorted(head.keys) if _fits(BY_KEY[key].kind, self._kind())]
        ranked = sorted(fitting or sorted(head.keys), key=list(BY_KEY).index)
        return ranked[0]

    @property
    def kind(self) -> Kind:
        """What its question word wants, whatever thing it names."""
        return self._kind()

    def _kind(self) -> Kind:
        for pattern, kind in KINDS:
            if self.has(pattern):
                return kind
        return "text"

    def matters(self, token: Token) -> bool:
        """Whether the word tells what is meant: nouns and names do, verbs do not."""
        if token.text in GENERIC:
            return False
        raw = self.text[token.start : token.end]
        if re.search(
            rf"\b(?:do|does|did) (?:he|she|it|they|we|you|i|one) {token.text}\b", self.folded
        ):
            return False
        if self.tongue == "de" and raw.isalpha() and (raw.islower() or token.start == 0):
            return False
        return not re.fullmatch(
            r"[a-z]{3,}(?:ed|ing)|appl(?:y|ies)|good|valid|used|wants?|still|going|doing|hands?|over|belongs?|differs?|needs?|works?|reach|reaches|contact|wrote|write"
            r"|home|long|off|out|runs?|big|large|high|enters?|exits?|leaves?|stays?|drives?|mrs?|ms",
            token.text,
        )


_FIGURES: Final = frozenset[Kind]({"amount", "measure"})
"""Kinds that no date and no name can be."""
_STRICT: Final = frozenset[Kind]({"date", "name", "percent", "place", "time"})
"""Kinds that the question word demands: an answer to `where` is no date."""


def _fits(kind: Kind, wanted: Kind) -> bool:
    if wanted in {"text", kind}:
        return True
    if wanted == "name":
        return kind in {"name", "place", "text"}
    if wanted == "place":
        return kind in {"place", "text", "postcode"}
    return wanted == "date" and kind in {"time", "text"}


def _is_no_figure(head: Span) -> bool:
    kinds = {BY_KEY[key].kind for key in head.keys}
    return kinds <= {"date", "time", "name", "place", "identifier"}


_OF_A_THING: Final = (
    r"^\W*(?:which|what|welche[nrs]?|was fur (?:ein\w*)?)\s+(?:(?:kind|type|sort|art) (?:of |von )?)?"
    r"(?!(?:is|are|was|were|does|do|did|has|have|ist|sind|war|hat)\b)[a-z]{3,}\s+(?:\w+\s+){0,3}?"
    r"(?:is|are|was|were|has|have|does|did|do|ist|sind|wurde|wurden|war|hat|haben)\b"
)
"""It asks which thing it was of which something was done, and not when: `what fuel was bought`."""


def _is_moment(head: Span) -> bool:
    return {BY_KEY[key].kind for key in head.keys} <= {"date", "time"} and head.first > 0


def _is_code(head: Span) -> bool:
    """Whether it names numbers that nobody counts: `how many members` asks for no member number."""
    return {BY_KEY[key].kind for key in head.keys} == {"identifier"}


def _is_name_of(word: str, key: str | None, *, loosely: bool) -> bool:
    """Whether a word only repeats the field; where a phrase told the field, any name may."""
    if key is None:
        return False
    named = keys_of(compact([word]))
    return bool(named) if loosely else bool({key, *BY_KEY[key].also} & named)


def _head(ask: Ask) -> tuple[Span | None, set[int]]:
    """The name of the thing asked for, and the places of its words in `ask.meant`."""
    found = [span for span in spans(ask.meant) if not _is_noise(span, ask)]
    if not found:
        return None, set()
    head = found[0]
    for span in found[1:]:
        gap = ask.text[ask.meant[head.last].end : ask.meant[span.first].start]
        joined = gap.strip() in {"", "'s", "’s", "-", "s"}
        exact = head.keys & _VAGUE and fold(gap.strip()) in _OF and _is_more_exact(head, span)
        if not joined and not exact:
            break
        head = span
    return head, set(range(head.first, head.last + 1))


_VAGUE: Final = frozenset({"name", "document_number", "total", "price", "line_total"})
_OF: Final = frozenset({
    "of", "of the", "for", "for the", "for this", "des", "der", "vom", "von", "von der", "fur",
    "fur den", "fur die", "fur das",
})  # fmt: skip


def _is_more_exact(head: Span, span: Span) -> bool:
    """`The name of the contact` asks for the contact, `the amount of the discount` for that."""
    kinds = {BY_KEY[key].kind for key in head.keys}
    return any(BY_KEY[key].kind in kinds for key in span.keys) and not span.keys & head.keys


def _is_noise(span: Span, ask: Ask) -> bool:
    parts = ask.meant[span.first : span.last + 1]
    if parts[0].text == "uhr" and re.search(r"\d\s*uhr\b", ask.folded):
        return True  # It says a time and does not ask for one.
    german_big = ask.tongue == "de" and parts[0].text == "gross"
    return len(parts) == 1 and (parts[0].text in _NOT_ALONE or german_big)


def names_a_field(part: str) -> bool:
    """Whether part of a question names one, and does not ask to choose."""
    asked = Ask(part, "en")
    head, _ = _head(asked)
    return head is not None and not asked.has(r"\b(?:between|zwischen|oder|or)\b")


_NOT_ALONE: Final = frozenset(
    """
    table page number card receipt order ordered issued packed contains open call class team
    where start end begin lange artikel hour bill sold produced maker born shipped nummer
    seite tisch karte bon beleg brief id issue code position zeile paid keep
    """.split()  # noqa: SIM905 - word lists read best as running text
)
"""Names of fields that, alone in a question, usually mean something else."""
_OF_LOOKING: Final = frozenset(
    """
    describe description sentence sentences brief briefly short shortly paragraph satz satze
    satzen knapp stichworten describes detail details depict depicted depicts happening going
    scene looking summary summarise summarize caption explain contains contain everything
    anything something transcribe transcription transcript ocr extract aloud verbatim line
    lines full complete entire whole output print return list beschreibe beschreib
    beschreibung beschreiben zeigt sehen siehst sieht erkennen erkennst lies lese vorlesen vor
    lesen abschreiben genau wortlaut transkribiere extrahiere ganzen ganze gesamten gesamte
    kompletten vollstandigen alles etwas dargestellt darauf drauf darin drin geschieht
    passiert zusammenfassung fasse zusammen erklare bildinhalt worum geht kurz says plain
    exact markdown order reading speak visible detailed concise precise accurate analyze
    analyse analysiere analysieren ausfuhrlich ausfuhrliche detailliert detaillierte
    """.split()  # noqa: SIM905 - word lists read best as running text
)
_OF_MEASURING: Final = frozenset(
    """
    big large wide tall high width height dimension dimensions size resolution pixel pixels
    portrait landscape orientation oriented format hochformat querformat auflosung gross breit
    hoch breite hohe grosse abmessung abmessungen ausrichtung square quadratisch
    """.split()  # noqa: SIM905 - word lists read best as running text
)
