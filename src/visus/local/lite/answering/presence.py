# ruff: noqa: E501, PLR2004
# E501: patterns and phrases stay on one line.
# PLR2004: lengths and shares are read best where they stand.
"""Is it there? Shapes, codes, words, fields, things: yes with the proof, or no."""

import re
from typing import Final

from visus.local.lite.answering import lookup, naming, reading, running_text, scene
from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.naming import colour_in, colour_name, coloured_shape
from visus.local.lite.answering.page import Page
from visus.local.lite.answering.replies import Reply, no, where, yes
from visus.local.lite.answering.values import date_in, find, number_in
from visus.local.lite.answering.vocabulary import spans
from visus.local.lite.answering.words import GENERIC, fold, holds, words

ASKED: Final = (
    r"^\W*(?:(?:and|und|also|please|can you (?:tell me|say) (?:if|whether)|sag mir,? ob|do you know if|is it true that)\s+)*"
    r"(?:is|are|was|were|does|do|did|has|have|can you (?:see|find|spot|read)|could you see|gibt|ist|sind|hat|haben|enthalt"
    r"|zeigt|steht|kommt|befinde\w*|siehst|erwahnt|nennt|beinhaltet|kannst du .*(?:sehen|erkennen|finden)|sieht man|werden|wird|wurden?|if|ob|whether)\b"
)  # fmt: skip
_TEXTUAL: Final = r"mention|say|contain|include|enthalt|erwahn|steht|word|wort|written|text|state|refer|list|genannt|vorkomm|kommt|document|invoice|letter|receipt|rechnung|brief|form\b|label"


def is_asked(ask: Ask) -> bool:
    """Whether it is a question for yes or no."""
    if ask.has(r"\b(?:or|oder)\b") or (ask.tongue == "de" and ask.has(r"^\W*(?:und\s+)?was\b")):
        return False
    return ask.has(ASKED)


def whether(ask: Ask, page: Page) -> Reply | None:
    """Yes or no, as far as the evidence says; None if it does not bear on the question."""
    for judge in (
        nature,
        _codes,
        _shapes,
        _quoted,
        _any_text,
        _stated_value,
        _field,
        _background,
        _said,
        _thing,
    ):
        found = judge(ask, page)
        if found is not None:
            return found
    return None


def nature(ask: Ask, page: Page) -> Reply | None:
    """Is this an invoice, a photo, a portrait format? None for anything else."""
    if not ask.has(
        r"^\W*(?:is|ist|handelt|are|sind)\s+(?:this|it|that|das|dies\w*|es|the (?:image|picture|document)|das (?:bild|dokument))\b"
    ):
        return None
    if ask.has(r"portrait|landscape|hochformat|querformat"):
        return _lies(ask, page)
    if ask.has(r"blur|sharp|scharf|dark|bright|dunkel|\bhell\b|verschwommen"):
        return _lit(ask, page)
    return _of_some_kind(ask, page)


def _of_some_kind(ask: Ask, page: Page) -> Reply | None:
    if ask.has(r"\b(?:photo|photograph|foto)\b\W*$"):
        word = ask.say("it looks like a photograph.", "es sieht wie ein Foto aus.")
        other = ask.say(
            "it does not look like a photograph.", "es sieht nicht wie ein Foto aus."
        )
        return yes(ask, word) if page.evidence.photo else no(ask, other)
    kind = reading.kind_of_document(page)
    if kind is not None and any(fold(name).split()[-1] in ask.words for name in kind):
        return yes(
            ask, ask.say(f"it looks like this: {kind[0]}.", f"es sieht aus wie: {kind[1]}.")
        )
    colour = colour_in(ask.words)
    if colour is not None and not [word for word in ask.content if colour_in([word]) is None]:
        return _mostly(ask, page, colour)
    return None


def _lies(ask: Ask, page: Page) -> Reply:
    wide = page.evidence.width_px > page.evidence.height_px
    right = wide == ask.has(r"landscape|querformat")
    lies = scene.orientation(ask, page.evidence)
    return yes(ask, f"{lies}.") if right else no(ask, f"{lies}.")


def _lit(ask: Ask, page: Page) -> Reply:
    if ask.has(r"blur|sharp|scharf|verschwommen"):
        return scene.light(ask, page.evidence)
    dark = ask.has(r"dark|dunkel")
    agree = page.evidence.brightness < 0.4 if dark else page.evidence.brightness > 0.6
    said = scene.light(ask, page.evidence).text
    said = said[0].lower() + said[1:] if ask.tongue == "en" else said
    return yes(ask, said) if agree else no(ask, said)


def _mostly(ask: Ask, page: Page, colour: str) -> Reply | None:
    if not page.evidence.colours:
        return None
    first = page.evidence.colours[0].name
    said = ask.say(
        f"it is mostly {colour_name(first, ask)}.",
        f"es ist überwiegend {colour_name(first, ask)}.",
    )
    return yes(ask, said) if first == colour else no(ask, said)


def _codes(ask: Ask, page: Page) -> Reply | None:
    if not ask.has(r"\bqr|\bbar ?codes?\b|\bstrichcodes?\b|\bdata ?matrix\b"):
        return None
    if scene.codes_asked(page.evidence, ask):
        code = page.evidence.codes[0]
        return yes(ask, f"{code.kind} {where(ask, code.box, page.evidence)}.")
    return no(
        ask, ask.say("I cannot find a readable one.", "einen lesbaren kann ich nicht finden.")
    )


def _shapes(ask: Ask, page: Page) -> Reply | None:
    evidence = page.evidence
    found = scene.shapes_asked(ask, evidence)
    if found is None or not naming.kinds_in(ask.words):
        return None
    if found:
        said = "; ".join(
            f"{coloured_shape(shape, ask)} {where(ask, shape.box, evidence)}"
            for shape in found[:5]
        )
        return yes(ask, f"{said}.")
    return no(ask, ask.say("I cannot find one.", "das kann ich nicht finden."))


def _any_text(ask: Ask, page: Page) -> Reply | None:
    if not ask.has(
        r"\b(?:any |some |readable )?(?:text|writing|words|schrift|geschriebenes|worter)\b\W*(?:in|on|auf|im|visible|sichtbar|zu sehen|enthalten|$)"
    ):
        return None
    if page.pieces:
        first = page.pieces[0].text
        return yes(ask, ask.say(f"it begins “{first}”.", f"es beginnt mit „{first}“."))
    return no(ask, ask.say("I cannot read any text.", "ich kann keinen Text lesen."))


def _quoted(ask: Ask, page: Page) -> Reply | None:
    found = reading.mentions(ask, page)
    if found is not None:
        return found
    asked = ask.quoted is not None or ask.has(r"\b(?:word|wort)\s")
    return (
        no(
            ask,
            ask.say("I cannot find that in the text.", "das kann ich im Text nicht finden."),
        )
        if asked
        else None
    )


def _stated_value(ask: Ask, page: Page) -> Reply | None:
    """`Is the total 50 euros?`: the value that was read, against the one that is stated."""
    target = ask.target
    if target.key is None or target.kind not in {
        "amount",
        "date",
        "number",
        "percent",
        "identifier",
    }:
        return None
    stated = [each.text for each in find(target.kind, ask.text)] or [
        each.text for each in find("number", ask.text)
    ]
    found = lookup.look_up(page, target._replace(extra=())) if stated else None
    if found is None:
        return None
    said = ask.say(f"I read {found.value}.", f"ich lese {found.value}.")
    return yes(ask, said) if _same(stated[0], found.value) else no(ask, said)


def _same(one: str, other: str) -> bool:
    if fold(one) == fold(other) or words(one) == words(other):
        return True
    if date_in(one) is not None or date_in(other) is not None:
        return date_in(one) == date_in(other)
    return number_in(one) is not None and number_in(one) == number_in(other)


def _field(ask: Ask, page: Page) -> Reply | None:
    if (
        ask.target.key is None
        or not page.pieces
        or (page.evidence.photo and len(page.pieces) < 3)
    ):
        return None
    if not any(ask.target.key in span.keys for span in spans(ask.meant)):
        return None
    found = lookup.look_up(page, ask.target)
    if found is not None:
        return yes(ask, f"{found.value} ({where(ask, found.box, page.evidence)}).")
    if _line_with(ask, page) is not None:
        return None
    return no(
        ask, ask.say("I cannot find that in the picture.", "das kann ich im Bild nicht finden.")
    )


def _background(ask: Ask, page: Page) -> Reply | None:
    colour = colour_in(ask.words)
    if (
        colour is None
        or not ask.has(r"background|hintergrund")
        or not page.evidence.ground_colour
    ):
        return None
    said = colour_name(page.evidence.ground_colour, ask)
    return (
        yes(ask, f"{said}.") if page.evidence.ground_colour == colour else no(ask, f"{said}.")
    )


def _said(ask: Ask, page: Page) -> Reply | None:
    """Whether one line, or one paragraph, has all the words."""
    line = _line_with(ask, page)
    if line is not None and _NEGATED.search(line) and not _NEGATED.search(ask.text):
        return no(ask, ask.say(f"in the line “{line}”.", f"in der Zeile „{line}“."))
    if line is not None:
        return yes(ask, ask.say(f"in the line “{line}”.", f"in der Zeile „{line}“."))
    if page.pieces and ask.has(_TEXTUAL):
        return no(
            ask,
            ask.say("I cannot find that in the text.", "das kann ich im Text nicht finden."),
        )
    return None


_NEGATED: Final = re.compile(
    r"\b(?:not|no|nicht|keine?[rnms]?|ohne|without|excluded|nein)\b", re.IGNORECASE
)


def forbidding_line(ask: Ask, page: Page) -> str | None:
    """The short line that says no to a noun of the question."""
    nouns = [token.text for token in ask.meant if ask.matters(token) and token.start > 0]
    for piece in page.pieces:
        spoken = words(piece.text)
        if _FORBIDS.search(piece.text) and any(holds(spoken, noun) for noun in nouns):
            return piece.text
    return None


_FORBIDS: Final = re.compile(
    r"^\W*(?:no|keine?)\b|\b(?:not allowed|prohibited|forbidden|nicht erlaubt|verboten|nicht gestattet|untersagt)\b",
    re.IGNORECASE,
)


def _line_with(ask: Ask, page: Page) -> str | None:
    wanted = [word for word in ask.content if not re.fullmatch(_TEXTUAL, word)]
    for piece in page.pieces if wanted else ():
        if all(holds(words(piece.text), word) for word in wanted):
            return piece.text
    for row in page.rows if wanted else ():
        text = " ".join(piece.text for piece in row)
        if len(row) == 2 and all(holds(words(text), word) for word in wanted):
            return text
    for sentence in running_text.sentences(page) if wanted else ():
        if (
            all(holds(words(sentence.text), word) for word in wanted)
            and len(sentence.text) < 240
        ):
            return sentence.text
    return None


def _thing(ask: Ask, page: Page) -> Reply | None:
    wanted = [word for word in ask.content if word not in GENERIC and colour_in([word]) is None]
    return scene.is_there_thing(ask, page.evidence, wanted) if wanted else None
