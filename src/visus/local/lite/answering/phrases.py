# ruff: noqa: ARG001, E501
# ARG001: every finder has the same signature.
# E501: patterns stay on one line.
"""Phrases of everyday papers: from A to B, from two to five, please bring, ask for, paid in cash."""

import re
from collections.abc import Callable, Iterator
from typing import Final

from visus.local.lite.answering import running_text
from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.found import Found, unsaid
from visus.local.lite.answering.page import Page, Piece
from visus.local.lite.answering.values import PERSON, find
from visus.local.lite.answering.words import STOPWORDS, alike, fold, words

_CAPITAL: Final = r"[A-ZÄÖÜ][\w.äöüß-]*"
_STATION: Final = rf"{_CAPITAL}(?:\s{_CAPITAL}|\s?\([^)]*\))*"
_ROUTE: Final = re.compile(
    rf"^(?:\w+\s\d+\s+)?(?P<start>{_STATION})\s+(?:-|–|—|→|>|nach|to)\s+(?P<end>{_STATION})$"  # noqa: RUF001
)
_CLOCK: Final = r"\d{1,2}(?:[:.]\d\d)?\s?(?:uhr|[ap]\.?m\.?)?"
_SPAN: Final = re.compile(
    rf"(?<![\d.,])(?P<start>{_CLOCK})\s*(?:-|–|bis|to|until)\s*(?P<end>\d{{1,2}}(?:[:.]\d\d)?\s?(?:uhr\b|[ap]\.?m\b\.?))",  # noqa: RUF001
    re.IGNORECASE,
)
_TURN_TO: Final = re.compile(
    r"(?:wenden sie sich (?:bitte )?an|(?:richten|senden|schicken) sie (?:bitte )?an|melden sie sich (?:bitte )?bei|(?:an)?meldung(?:en)? (?:bis [^,]{3,20} )?bei|fragen (?:an|beantwortet(?: ihnen)?)|"
    r"contact|ask for|speak to|rsvp to|reply to|questions to|please (?:call|ring))\s+",
    re.IGNORECASE,
)
_FIRST_NAME: Final = re.compile(rf"(?:(?:Herrn?|Frau|Familie|Mrs?|Ms)\.?\s)?{_CAPITAL}")
_PAID: Final = re.compile(
    r"\b(?:paid|bezahlt|gezahlt|payment)\s+(?:in|by|with|per|mit|via)\s+(?P<means>(?:[a-z]+\s)?(?:card|cash|cheque|check|transfer|karte|bar|lastschrift|visa|paypal))|\b(?P<bar>bar) (?:bezahlt|gezahlt)",
    re.IGNORECASE,
)
_AGE: Final = re.compile(
    r"\b(?:turns|turning|wird|aged?|alter|age)\b:?\s+(?P<turned>\d{1,3})\b|\b(?P<years>\d{1,3})\s+(?:years? old|jahre alt)",
    re.IGNORECASE,
)
_AT: Final = re.compile(
    rf"^(?:am|an der|im|in der|in|auf dem|auf der|at|at the|in the|bei)\s+{_CAPITAL}.*$"
)
_ENDS: Final = r"\b(?:ends?|finish\w*|over|close|endet|aus|vorbei|schluss|zu ende)\b"
_BEGINS: Final = r"\b(?:starts?|begins?|beginnt|startet|los|fangt)\b"
_OBJECT: Final = re.compile(
    r"^\W*what (?:should|must|do|does|did|can|shall|may|are|is)\b.*?\b(?P<verb>[a-z]{4,})\W*$"
)
_VERBS: Final = re.compile(r"ends?|finish\w*|starts?|begins?|told|tell|paid|pay|over")
_LONGEST: Final = 70
_TOP: Final = 6
_SPARE: Final = 1


def told(ask: Ask, page: Page) -> Found | None:
    """What the phrase says that the question fits; None where the page says it twice otherwise."""
    strange = [word for word in unsaid(ask, page) if not _VERBS.fullmatch(word)]
    for pattern, finder in _FINDERS if len(strange) <= _SPARE else ():
        if ask.has(pattern):
            found = list(finder(ask, page))
            if found:
                return found[0] if len({each.value for each in found}) == 1 else None
    return None


def _texts(page: Page) -> Iterator[tuple[str, Piece]]:
    for sentence in running_text.sentences(page):
        yield sentence.text, sentence.piece


def _route(ask: Ask, page: Page) -> Iterator[Found]:
    to = ask.has(
        r"wohin|where\b.*\b(?:to|go|goes|going|travel\w*|arriv\w*)\b|destination|ziel|nach welche"
    )
    for piece in page.pieces[:_TOP]:
        match = _ROUTE.match(piece.text.strip())
        if match:
            yield Found(match.group("end" if to else "start"), piece.text, piece)


def _hours(ask: Ask, page: Page) -> Iterator[Found]:
    side = "end" if ask.has(_ENDS) else "start"
    for piece in page.pieces:
        for match in _SPAN.finditer(piece.text):
            yield Found(match.group(side).strip(), piece.text, piece)


def _person(ask: Ask, page: Page) -> Iterator[Found]:
    for text, piece in _texts(page):
        for match in _TURN_TO.finditer(text):
            name = PERSON.match(text, match.end()) or _FIRST_NAME.match(text, match.end())
            if name:
                yield Found(name.group(), text, piece)


def _means(ask: Ask, page: Page) -> Iterator[Found]:
    for text, piece in _texts(page):
        for match in _PAID.finditer(text):
            yield Found(match.group("means") or match.group("bar"), text, piece)


def _age(ask: Ask, page: Page) -> Iterator[Found]:
    for piece in page.pieces:
        for match in _AGE.finditer(piece.text):
            yield Found(match.group("turned") or match.group("years"), piece.text, piece)


def _object(ask: Ask, page: Page) -> Iterator[Found]:
    """`What should they bring?` of `Please bring socks`: what follows the verb."""
    asked = _OBJECT.match(ask.folded)
    verb = asked.group("verb") if asked else ""
    if not verb or verb in STOPWORDS:
        return
    follows = re.compile(rf"\b{verb}\s+(?P<rest>[^.!?;:]{{3,{_LONGEST}}})", re.IGNORECASE)
    lines = ((piece.text, piece) for piece in page.pieces)
    for text, piece in _texts(page) if page.is_prose else lines:
        match = follows.search(text)
        if match:
            yield Found(match.group("rest").strip(), text, piece)


def _brought(ask: Ask, page: Page) -> Iterator[Found]:
    """`Bitte bringen Sie das Heft mit`, `Mitzubringen sind: feste Schuhe`."""
    for text, piece in _texts(page):
        match = _BROUGHT.search(text)
        if match:
            yield Found((match["object"] or match["listed"]).strip(), text, piece)


_BROUGHT: Final = re.compile(
    r"\b(?:bringen|nehmen|bringt|nehmt) (?:Sie |ihr )?(?:bitte )?(?P<object>[^.!?;:]{3,70}?) mit\b"
    r"|\bmitzubringen (?:ist|sind|sei)\b:?\s*(?P<listed>[^.!?;]{3,120})",
    re.IGNORECASE,
)


def _place(ask: Ask, page: Page) -> Iterator[Found]:
    """On a poster about the very thing: its line that says where."""
    heading = [word for piece in page.pieces[:2] for word in words(piece.text)]
    things = [word for word in ask.content if ask_names(ask, word)]
    if page.is_prose or not all(any(alike(word, each) for each in heading) for word in things):
        return
    for piece in page.pieces[:_TOP]:
        text = piece.text.strip()
        if _AT.match(fold(text)[:1] + text[1:]) and not any(find("date", text)):
            yield Found(text, text, piece)


def ask_names(ask: Ask, word: str) -> bool:
    """Whether the word tells what is meant."""
    return any(token.text == word and ask.matters(token) for token in ask.meant)


def position(ask: Ask, page: Page) -> Found | None:
    """`We offer you the position of Junior Test Engineer`; None where it is not asked for."""
    if not ask.has(
        r"\b(?:what|which) (?:job|position|role|post)\b|\bwelche (?:stelle|position)\b"
    ):
        return None
    for text, piece in _texts(page):
        match = _POST.search(text)
        if match is not None:
            return Found(match["post"].strip(" ."), text, piece)
    return None


_POST: Final = re.compile(
    rf"\b(?:position|job|role|post|Stelle|Position|Ausbildungsplatz)\s+(?:of|as|als|eine[sr])\s+(?:an?\s+|the\s+)?(?P<post>{_CAPITAL}(?:\s{_CAPITAL}){{0,4}})"
)


def _in_brackets(ask: Ask, page: Page) -> Iterator[Found]:
    """`Kassenbericht (Ilse Granzow)`: whose it is."""
    for piece in page.pieces:
        for match in re.finditer(
            r"(?P<thing>[^\W\d_]{4,})\s\((?P<who>[^()]{4,40})\)", piece.text
        ):
            is_named = any(alike(fold(match["thing"]), word) for word in ask.content)
            if is_named and PERSON.fullmatch(match["who"]):
                yield Found(match["who"], piece.text, piece)


_FINDERS: Final[tuple[tuple[str, Callable[[Ask, Page], Iterator[Found]]], ...]] = (
    (r"wohin|woher|where\b.*\b(?:to|from|go|goes|going|travel\w*|arriv\w*|leav\w*|depart\w*)\b|destination|\bziel\b", _route),
    (rf"(?:when|what time|wann|um wie ?viel uhr)\b.*(?:{_ENDS}|{_BEGINS})", _hours),
    (r"(?:wen|wem|whom?)\b.*(?:schick|send|richt|wend|anruf|meld|frag|contact|call|ring|ask|told|tell|reply|speak|rsvp)", _person),
    (r"how\b.*\b(?:paid|pay)\b|\bwie\b.*\b(?:bezahlt|gezahlt)\b", _means),
    (r"how old|wie alt", _age),
    (r"^\W*(?:who|wer)\b", _in_brackets),
    (r"^\W*(?:where|wo)\b", _place),
    (r"^\W*was\b.*\b(?:mitbringen|mitzubringen|mitnehmen|mitgebracht)\b", _brought),
    (r"^\W*what (?:should|must|do|does|did|can|shall|may)\b", _object),
)  # fmt: skip
