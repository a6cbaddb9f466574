# ruff: noqa: E501
# E501: patterns stay on one line.
"""Which of several pictures is it: the yellow one, the one with more figures, the larger one?"""

import re
from collections.abc import Callable
from typing import Final

from visus.local.lite.answering import reading
from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.naming import colour_in, kinds_in
from visus.local.lite.answering.pictures import Seen
from visus.local.lite.answering.replies import Reply, not_found
from visus.local.lite.answering.words import holds, words

_PICTURE: Final = r"(?:pictures?|images?|photos?|pages?|one|documents?|bild\w*|fotos?|seiten?|dokumente?n?|beiden)"
ASKED: Final = rf"\b(?:which|welche[srmn]?) (?:of (?:the|these) (?:two |three |four )?|(?:von |der |dieser )*(?:beiden |zwei |drei )?)?{_PICTURE}\b|\b(?:in|on|auf|in) (?:which|welche[mr]) (?:of the )?(?:two )?{_PICTURE}\b"
_MORE: Final = r"\b(?:more|most|mehr|meisten)\b"
_FEWER: Final = r"\b(?:fewer|fewest|less|least|weniger|wenigsten)\b"
_SHAPES: Final = r"\b(?:shapes?|figures?|objects?|forms?|formen|figuren|objekte|dinge|things)\b"
_SIZED: Final = r"\b(?:bigger|larger|largest|biggest|smaller|smallest|gross(?:er|te)\w*|klein(?:er|ste)\w*)\b"
_SMALL: Final = 0.01

Measure = Callable[[Seen], float]


def chosen(ask: Ask, seen: list[Seen]) -> Reply | None:
    """The picture that the question describes; None where it describes by something unknown."""
    measure = _measure(ask, seen)
    if measure is None:
        return None
    values = [measure(each) for each in seen]
    lowest = ask.has(
        rf"{_FEWER}|\b(?:smaller|smallest|darker|kleiner\w*|kleinste\w*|dunkler\w*)\b"
    )
    best = min(values) if lowest else max(values)
    named = [each for each, value in zip(seen, values, strict=True) if value == best]
    if len(named) != 1 or (not lowest and best <= 0):
        return not_found(ask)
    ordinals = ask.say(
        "first second third fourth fifth", "ersten zweiten dritten vierten fünften"
    ).split()
    number = named[0].number
    place = ordinals[number - 1] if number <= len(ordinals) else str(number)
    said = ask.say(f"Picture {number}", f"Bild {number}")
    more = ask.say(f"the {place}", f"auf dem {place}")
    return Reply(f"{said} ({more}).", said)


def _measure(ask: Ask, seen: list[Seen]) -> Measure | None:
    """What the pictures are compared by."""
    return _by_look(ask) or _by_kind(ask, seen) or _by_words(ask, seen)


def _by_look(ask: Ask) -> Measure | None:
    """By figures, colour, size, light, or how much is written."""
    kinds, colour = kinds_in(ask.words), colour_in(ask.words)
    counts = ask.has(f"{_MORE}|{_FEWER}")
    if kinds or (counts and ask.has(_SHAPES)):
        return lambda each: float(_shapes(each, kinds, colour))
    if colour is not None:
        ground = ask.has(r"background|hintergrund|ground\b")
        return lambda each: _share(each, colour, ground=ground)
    if counts and ask.has(r"\b(?:text|words?|lines?|worter|zeilen|schrift)\b"):
        return lambda each: float(len(each.page.pieces))
    if ask.has(_SIZED):
        return lambda each: float(each.page.evidence.width_px * each.page.evidence.height_px)
    if ask.has(r"\b(?:brighter|darker|heller\w*|dunkler\w*)\b"):
        return lambda each: each.page.evidence.brightness
    return None


def _by_kind(ask: Ask, seen: list[Seen]) -> Measure | None:
    """By the kind of paper: which one is the invoice?"""
    kinds = {each.number: reading.kind_of_document(each.page) or () for each in seen}
    if not any(_is_called(ask, names) for names in kinds.values()):
        return None
    return lambda each: float(_is_called(ask, kinds[each.number]))


def _is_called(ask: Ask, names: tuple[str, ...]) -> bool:
    return any(word in ask.words for name in names for word in words(name))


def _shapes(seen: Seen, kinds: frozenset[str], colour: str | None) -> int:
    return sum(
        (not kinds or shape.kind in kinds) and (colour is None or shape.colour == colour)
        for shape in seen.page.evidence.shapes
    )


def _share(seen: Seen, colour: str, *, ground: bool) -> float:
    evidence = seen.page.evidence
    if ground:
        return float(
            (evidence.ground_colour or evidence.colours[0].name if evidence.colours else "")
            == colour
        )
    share = sum(each.share for each in evidence.colours if each.name == colour)
    return share if share > _SMALL else 0.0


def _by_words(ask: Ask, seen: list[Seen]) -> Measure | None:
    """By what is written, where every word of the question is on one picture and not on others."""
    wanted = [word for word in ask.content if not re.fullmatch(_PICTURE, word)]
    said = {each.number: [token.text for token in each.page.tokens] for each in seen}
    if not wanted or not any(
        all(holds(said[each.number], word) for word in wanted) for each in seen
    ):
        return None
    return lambda each: float(all(holds(said[each.number], word) for word in wanted))
