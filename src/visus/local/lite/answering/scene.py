# ruff: noqa: E501, PLR2004, RUF001
# E501: patterns stay on one line.
# PLR2004: lengths and shares are read best where they stand.
# RUF001: typographic signs are meant.
"""Questions about what a picture looks like: colours, shapes, codes, things, size, light."""

import re
from collections import Counter
from typing import Final

from visus.local.lite.answering import naming
from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.naming import (
    colour_in,
    colour_name,
    coloured_shape,
    kinds_in,
    shape_name,
    with_family,
)
from visus.local.lite.answering.replies import (
    Reply,
    counted,
    needs_a_model,
    no,
    not_found,
    where,
    yes,
)
from visus.local.lite.evidence import Evidence, Shape

NAMED_ABOVE: Final = 0.5
HEDGED_ABOVE: Final = 0.22
"""Below a half a name is hedged; below this nothing is said: measured on ten photographs, the
names that were wrong and nonsensical stayed under it."""
_SHARE: Final = 0.04
_PLAIN: Final = 0.98
_BLURRED: Final = 0.15
_GREYS: Final = r"\b(?:gr[ea]y[- ]?scale|monochrom\w*|black[- ](?:and|&)[- ]white|schwarz[- ]?(?:und )?weiss\w*|graustufen\w*)\b"
_COLOURED: Final = r"\bin (?:full )?colou?r\b|\ba colou?r (?:photo|picture|image|shot)\w*|\bcolou?red\b|\bin farbe\b|\bfarbig\w*|\bbunt\b|\bfarb(?:foto|bild|aufnahme)\w*"
TONES: Final = rf"{_GREYS}|{_COLOURED}"
"""Words that tell colour from greyscale."""
_PICTURES: Final = r"\b(?:photo\w*|picture|image|shot|foto\w*|bild|aufnahme)\b"
_NEUTRAL: Final = frozenset({"black", "grey", "white"})
_TINT: Final = 8
"""Steps of 255 between the channels that compression makes of a grey."""
_CLEAR: Final = 0.8


# --- Size and light --------------------------------------------------------------------------


def size(ask: Ask, evidence: Evidence) -> Reply:
    """Width, height and which way it lies."""
    width, height = evidence.width_px, evidence.height_px
    if ask.has(r"\bwidth|\bwide|\bbreit"):
        return Reply(ask.say(f"{width} pixels wide.", f"{width} Pixel breit."), str(width))
    if ask.has(r"\bheight|\btall|\bhigh\b|\bhoch\b(?!format)|\bhohe"):
        return Reply(ask.say(f"{height} pixels high.", f"{height} Pixel hoch."), str(height))
    lies = orientation(ask, evidence)
    if ask.has(
        r"portrait|landscape|orientation|hochformat|querformat|ausrichtung|square|quadrat"
    ):
        return Reply(
            ask.say(
                f"{lies} ({width} × {height} pixels).", f"{lies} ({width} × {height} Pixel)."
            ),
            lies,
        )
    pixels = f"{width} × {height}"
    return Reply(ask.say(f"{pixels} pixels ({lies}).", f"{pixels} Pixel ({lies})."), pixels)


def orientation(ask: Ask, evidence: Evidence) -> str:
    """Portrait, landscape or square."""
    if evidence.width_px == evidence.height_px:
        return ask.say("square", "quadratisch")
    if evidence.width_px > evidence.height_px:
        return ask.say("landscape", "Querformat")
    return ask.say("portrait", "Hochformat")


def light(ask: Ask, evidence: Evidence) -> Reply:
    """Bright or dark, crisp or blurred."""
    if ask.has(r"blur|sharp|crisp|unscharf|scharf|verschwommen"):
        blurred = evidence.sharpness < _BLURRED
        wanted = ask.has(r"blur|unscharf|verschwommen")
        state = ask.say(
            "the edges look soft" if blurred else "the edges look crisp",
            "die Kanten wirken weich" if blurred else "die Kanten wirken scharf",
        )
        return yes(ask, f"{state}.") if blurred == wanted else no(ask, f"{state}.")
    dark = evidence.brightness < 0.35
    bright = evidence.brightness > 0.65
    state = ask.say(
        "dark" if dark else "bright" if bright else "of medium brightness",
        "dunkel" if dark else "hell" if bright else "mittelhell",
    )
    return Reply(ask.say(f"The picture is {state}.", f"Das Bild ist {state}."), state)


# --- Codes -----------------------------------------------------------------------------------


def codes(ask: Ask, evidence: Evidence) -> Reply:
    """What the QR and bar codes say."""
    wanted = [code for code in evidence.codes if _is_asked(ask, code.kind)]
    if not wanted:
        return not_found(ask, ask.say("a readable code", "einen lesbaren Code"))
    said = "\n".join(
        f"{code.text} ({code.kind}, {where(ask, code.box, evidence)})" for code in wanted
    )
    return Reply(said, "\n".join(code.text for code in wanted))


def _is_asked(ask: Ask, kind: str) -> bool:
    square = re.sub(r"\W", "", kind.casefold()) in {
        "qrcode",
        "microqrcode",
        "datamatrix",
        "aztec",
    }
    if ask.has(r"\bqr"):
        return "qr" in kind.casefold()
    if ask.has(r"bar ?code|strichcode"):
        return not square
    return True


def codes_asked(evidence: Evidence, ask: Ask) -> int:
    """How many codes of the kind that the question names there are."""
    return sum(_is_asked(ask, code.kind) for code in evidence.codes)


# --- Colours ---------------------------------------------------------------------------------


def colours(ask: Ask, evidence: Evidence) -> Reply:
    """The colour of the thing that is named, else of the picture."""
    if ask.has(r"background|ground|hintergrund|untergrund"):
        return _ground(ask, evidence)
    kinds = kinds_in(ask.words)
    if kinds and not evidence.shapes and _is_one_colour(evidence):
        return _colours_of_picture(ask, evidence)
    if kinds or ask.has(r"\b(?:shapes?|figures?|form(?:en)?|figur(?:en)?|objects?|objekte?)\b"):
        return _colours_of_shapes(ask, evidence, kinds)
    bar = _bar_colour(ask, evidence)
    if bar is not None:
        return bar
    thing = [word for word in ask.content if not _is_about_colour(word)]
    if thing:
        return _colour_of_thing(ask, evidence, thing)
    return _colours_of_picture(ask, evidence)


def either(ask: Ask, evidence: Evidence) -> Reply | None:
    """`Is it red or blue?`: the one of the named colours that fills more; None without two."""
    named = {colour for word in ask.words if (colour := colour_in([word]))}
    if len(named) < 2 or not ask.has(r"\b(?:or|oder)\b"):
        return None
    kinds = kinds_in(ask.words)
    seen = (
        [shape.colour for shape in evidence.shapes if shape.kind in kinds]
        if kinds and evidence.shapes
        else [colour.name for colour in evidence.colours]
    )
    found = next((name for name in seen if name in named), None)
    things = [word for word in ask.content if colour_in([word]) is None]
    if found is None or (things and not kinds and not _is_one_colour(evidence)):
        return None
    said = colour_name(found, ask)
    return Reply(f"{said}.", said)


def asks_for_tones(ask: Ask) -> bool:
    """Whether it asks for colour or greyscale of the picture as a whole."""
    rest = re.sub(rf"{TONES}|{_PICTURES}", " ", ask.folded)
    left = set(re.findall(r"[a-z]{3,}", rest))
    return not left & set(ask.content)


def in_colour(ask: Ask, evidence: Evidence) -> Reply | None:
    """Whether it holds other tones than black, grey and white; None if no colour was measured."""
    if not evidence.colours:
        return None
    grey = all(
        colour.name in _NEUTRAL and max(colour.rgb) - min(colour.rgb) <= _TINT
        for colour in evidence.colours
    )
    said = (
        ask.say(
            "only black, grey and white are in it.", "es enthält nur Schwarz, Grau und Weiß."
        )
        if grey
        else ask.say("it is in colour.", "es ist farbig.")
    )
    for_grey, for_colour = ask.has(_GREYS), ask.has(_COLOURED)
    if for_grey == for_colour:
        return Reply(said[0].upper() + said[1:], said)
    return yes(ask, said) if for_grey == grey else no(ask, said)


def _is_one_colour(evidence: Evidence) -> bool:
    return bool(evidence.colours) and evidence.colours[0].share > _PLAIN


def _ground(ask: Ask, evidence: Evidence) -> Reply:
    name = evidence.ground_colour
    if not name and evidence.colours and not evidence.photo:
        name = evidence.colours[0].name
    if not name:
        return needs_a_model(ask)
    said = colour_name(name, ask)
    return Reply(ask.say(f"{said} (background).", f"{said} (Hintergrund)."), said)


def _colours_of_shapes(ask: Ask, evidence: Evidence, kinds: frozenset[str]) -> Reply:
    found = [shape for shape in evidence.shapes if not kinds or shape.kind in kinds]
    if not found:
        return not_found(ask)
    names = list(dict.fromkeys(colour_name(shape.colour, ask) for shape in found))
    said = ask.say(" and ", " und ").join(
        [", ".join(names[:-1]), names[-1]] if names[1:] else names
    )
    what = shape_name(found[0].kind, ask) if len(found) == 1 else ask.say("shapes", "Formen")
    return Reply(f"{said} ({what}).", said)


def _bar_colour(ask: Ask, evidence: Evidence) -> Reply | None:
    for bar in evidence.bars:
        if bar.label and all(word in ask.folded for word in bar.label.casefold().split()):
            said = colour_name(bar.colour, ask)
            return Reply(
                ask.say(f"{said} (bar {bar.label}).", f"{said} (Balken {bar.label})."), said
            )
    return None


def _is_about_colour(word: str) -> bool:
    return bool(
        re.match(
            r"colou?r|farb|main|domina|domini|haupt|vorherrsch|most|common|primary|meist|uberwieg|prevail|single|solid|plain|einzig"
            r"|uniform|einfarbig|einheitlich|entire|whole|ganze|gesamte|overall|fill|(?:aus)?(?:ge)?full|seh|sieh|gesehen|visible"
            r"|erkenn|perceiv|recogni|observ|displayed|depict|dargestellt|zeig(?!er)|flache|area|surface|canvas|name\b|nenn|tell|sag|called",
            word,
        )
    )


def _colour_of_thing(ask: Ask, evidence: Evidence, thing: list[str]) -> Reply:
    named = [
        label
        for label in evidence.labels
        if label.probability >= HEDGED_ABOVE and any(naming.is_a(label, word) for word in thing)
    ]
    shown = [colour for colour in evidence.colours if colour.name != evidence.ground_colour]
    if not named or not shown or not (evidence.ground_colour or evidence.plain_ground):
        return needs_a_model(ask)
    said = colour_name(shown[0].name, ask)
    return Reply(
        ask.say(
            f"Possibly {said}: that is the main colour apart from the background.",
            f"Möglicherweise {said}: das ist die Hauptfarbe neben dem Hintergrund.",
        ),
        said,
    )


def _colours_of_picture(ask: Ask, evidence: Evidence) -> Reply:
    shown = [colour for colour in evidence.colours if colour.share >= _SHARE]
    if not shown:
        return needs_a_model(ask)
    names = list(dict.fromkeys(colour_name(colour.name, ask) for colour in shown))
    if ask.has(r"\bcolou?rs\b|\bfarben\b") and not ask.has(r"main|dominant|haupt|vorherrsch"):
        said = ", ".join(names)
        return Reply(ask.say(f"{said} (largest share first).", f"{said} (nach Anteil)."), said)
    if len(names) == 1:
        return Reply(f"{names[0]}.", names[0])
    rest = ", ".join(names[1:4])
    return Reply(
        ask.say(
            f"Mostly {names[0]}; also {rest}.", f"Überwiegend {names[0]}; außerdem {rest}."
        ),
        names[0],
    )


# --- Shapes ----------------------------------------------------------------------------------


def shapes_asked(ask: Ask, evidence: Evidence) -> list[Shape] | None:
    """The shapes of the kinds and colours that the question names; None if it names neither."""
    kinds = kinds_in(ask.words)
    colour = colour_in(ask.words)
    anything = ask.has(
        r"\b(?:shapes?|figures?|form(?:en)?|figur(?:en)?|geometric\w*|objects?|objekte?|things?|dinge)\b"
    )
    if not kinds and not anything:
        return None
    found = [shape for shape in evidence.shapes if not kinds or shape.kind in kinds]
    return [shape for shape in found if colour is None or shape.colour == colour]


def count_shapes(ask: Ask, evidence: Evidence) -> Reply | None:
    """How many; None if the question is not about shapes."""
    found = shapes_asked(ask, evidence)
    if found is None:
        return None
    if not evidence.plain_ground and not evidence.shapes:
        return (
            needs_a_model(ask)
            if evidence.photo or not _is_plain(evidence)
            else counted(ask, 0, ask.say("shapes", "Formen"))
        )
    tally = Counter(f"{coloured_shape(shape, ask)}" for shape in found)
    what = ", ".join(f"{name}" for name in tally) or ask.say(
        "nothing of that kind", "nichts davon"
    )
    return counted(ask, len(found), what)


def _is_plain(evidence: Evidence) -> bool:
    return bool(evidence.colours) and evidence.colours[0].share > 0.5


def what_shape(ask: Ask, evidence: Evidence) -> Reply:
    """The kinds of shape, of the colour that is named if one is."""
    colour = colour_in(ask.words)
    found = [shape for shape in evidence.shapes if colour is None or shape.colour == colour]
    if not found:
        return not_found(ask)
    names = list(dict.fromkeys(shape_name(shape.kind, ask) for shape in found))
    said = ", ".join(names)
    return Reply(f"{said}.", said)


def place_of_shape(ask: Ask, evidence: Evidence) -> Reply | None:
    """Where the named shapes are."""
    found = shapes_asked(ask, evidence)
    if not found:
        return None
    said = "; ".join(
        f"{coloured_shape(shape, ask)} {where(ask, shape.box, evidence)}"
        for shape in found[:10]
    )
    return Reply(f"{said}.", said)


def extreme_shape(ask: Ask, evidence: Evidence, *, largest: bool) -> Reply | None:
    """The largest or smallest shape."""
    found = shapes_asked(ask, evidence) or []
    if not found:
        return None
    pick = max if largest else min
    shape = pick(found, key=_area)
    said = f"{coloured_shape(shape, ask)}"
    return Reply(f"{said} ({where(ask, shape.box, evidence)}).", said)


def _area(shape: Shape) -> float:
    box = shape.box
    return (box.right - box.left) * (box.bottom - box.top)


# --- Things ----------------------------------------------------------------------------------


def _sureness(ask: Ask, probability: float) -> str:
    """A recogniser spreads its probability over kin, so that .8 is as sure as it gets."""
    if probability >= _CLEAR:
        return ask.say("high confidence", "hohe Sicherheit")
    return ask.say("fair confidence", "mittlere Sicherheit")


def thing(ask: Ask, evidence: Evidence) -> Reply | None:
    """What the recogniser calls the main thing; None if it is not sure enough to say."""
    if not evidence.labels:
        return None
    best = naming.grouped(evidence.labels)[0]
    if best.probability < HEDGED_ABOVE:
        return None
    name = with_family(best, ask)
    if best.probability < NAMED_ABOVE:
        return Reply(
            ask.say(
                f"Possibly {name} (recognised with low confidence).",
                f"Möglicherweise {name} (nur mit geringer Sicherheit erkannt).",
            ),
            name,
        )
    sure = _sureness(ask, best.probability)
    return Reply(ask.say(f"{name} (recognised, {sure}).", f"{name} (erkannt, {sure})."), name)


def is_there_thing(ask: Ask, evidence: Evidence, wanted: list[str]) -> Reply:
    """Whether the recogniser saw such a thing; an honest doubt, if it saw nothing surely."""
    for label in naming.grouped(evidence.labels):
        if any(naming.is_a(label, word) for word in wanted):
            name = ask.say(label.name_en, label.name_de)
            if label.probability >= NAMED_ABOVE:
                sure = _sureness(ask, label.probability)
                return yes(
                    ask,
                    ask.say(f"I recognise: {name} ({sure}).", f"ich erkenne: {name} ({sure})."),
                )
            if label.probability >= HEDGED_ABOVE:
                return Reply(
                    ask.say(
                        f"Possibly: {name} (low confidence).",
                        f"Möglicherweise: {name} (geringe Sicherheit).",
                    ),
                    ask.say("possibly", "möglicherweise"),
                )
    seen = thing(ask, evidence) if evidence.photo else None
    rest = (
        ""
        if seen is None
        else ask.say(
            f" The main thing seems to be: {seen.text}", f" Hauptsächlich zu sehen: {seen.text}"
        )
    )
    return no(
        ask,
        ask.say(
            "I cannot find that in the picture (only a main object is recognised).",
            "das kann ich im Bild nicht finden (erkannt wird nur ein Hauptgegenstand).",
        )
        + rest,
    )
