# ruff: noqa: E501, ISC004
# E501: patterns and phrases stay on one line.
# ISC004: long patterns go on in the next string.
"""Names of colours, shapes and things, in English and German."""

import re
from collections.abc import Iterable
from typing import Final

from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.words import alike, words
from visus.local.lite.evidence import Label, Shape

_UNSURE: Final = 0.5
_COLOURS: Final = {
    "black": "schwarz", "white": "weiß", "grey": "grau", "red": "rot", "orange": "orange",
    "yellow": "gelb", "green": "grün", "cyan": "cyan", "turquoise": "türkis", "blue": "blau",
    "purple": "lila", "violet": "violett", "pink": "rosa", "magenta": "magenta",
    "brown": "braun", "beige": "beige", "navy": "dunkelblau", "olive": "oliv", "teal": "petrol",
    "maroon": "weinrot", "gold": "gold", "silver": "silber", "lime": "hellgrün",
    "light blue": "hellblau", "dark blue": "dunkelblau", "light green": "hellgrün",
    "dark green": "dunkelgrün", "dark red": "dunkelrot", "light grey": "hellgrau",
    "dark grey": "dunkelgrau",
}  # fmt: skip
_SAID: Final = {
    "schwarz": "black", "weiss": "white", "gray": "grey", "grau": "grey", "rot": "red",
    "gelb": "yellow", "grun": "green", "blau": "blue", "lila": "purple", "violett": "purple",
    "violet": "purple", "rosa": "pink", "braun": "brown", "turkis": "turquoise", "tuerkis": "turquoise",
    "orangefarben": "orange", "orangen": "orange",
}  # fmt: skip
_SHAPES: Final = {
    "circle": ("circle", "Kreis"), "ellipse": ("ellipse", "Ellipse"),
    "triangle": ("triangle", "Dreieck"), "square": ("square", "Quadrat"),
    "rectangle": ("rectangle", "Rechteck"), "pentagon": ("pentagon", "Fünfeck"),
    "hexagon": ("hexagon", "Sechseck"), "star": ("star", "Stern"), "line": ("line", "Linie"),
    "other": ("shape", "Form"),
}  # fmt: skip
_SHAPE_WORDS: Final = {
    "circle": "circle", "circles": "circle", "disc": "circle", "discs": "circle", "disk": "circle",
    "dot": "circle", "dots": "circle", "kreis": "circle", "kreise": "circle", "kreisen": "circle",
    "kreises": "circle", "punkt": "circle", "punkte": "circle", "scheibe": "circle",
    "ellipse": "ellipse", "ellipses": "ellipse", "oval": "ellipse", "ovals": "ellipse", "ellipsen": "ellipse",
    "triangle": "triangle", "triangles": "triangle", "dreieck": "triangle", "dreiecke": "triangle",
    "dreiecken": "triangle", "dreiecks": "triangle", "square": "square", "squares": "square",
    "quadrat": "square", "quadrate": "square", "quadraten": "square", "quadrats": "square",
    "rectangle": "rectangle", "rectangles": "rectangle", "rechteck": "rectangle",
    "rechtecke": "rectangle", "rechtecken": "rectangle", "rechtecks": "rectangle",
    "pentagon": "pentagon", "pentagons": "pentagon", "funfeck": "pentagon", "funfecke": "pentagon",
    "hexagon": "hexagon", "hexagons": "hexagon", "sechseck": "hexagon", "sechsecke": "hexagon",
    "star": "star", "stars": "star", "stern": "star", "sterne": "star", "sternen": "star",
    "linie": "line", "linien": "line", "strich": "line", "striche": "line",
}  # fmt: skip

_FAMILIES: Final[tuple[tuple[str, str, str], ...]] = (
    ("cat", "Katze", r"\bcats?\b|tabby|kitten|katze|kater"),
    ("dog", "Hund", r"terrier|retriever|hound|spaniel|poodle|shepherd dog|sheepdog|collie|corgi|husky|malamute"
     r"|chihuahua|pug\b|mastiff|bulldog|setter|pointer|schnauzer|dachshund|beagle|rottweiler|doberman|dalmatian"
     r"|samoyed|pomeranian|chow\b|great dane|boxer|saint bernard|whippet|basset|weimaraner|vizsla|pinscher|papillon"
     r"|pekinese|shih|griffon|keeshond|newfoundland|leonberg|kuvasz|komondor|german shepherd|\bdogs?\b|\bhund"),
    ("bird", "Vogel", r"bird|finch|robin\b|jay\b|magpie|eagle|owl\b|vulture|parrot|macaw|cockatoo|lorikeet|hummingbird"
     r"|duck|goose|swan|stork|heron|flamingo|pelican|penguin|albatross|rooster|\bhen\b|ostrich|toucan|hornbill|peacock"
     r"|partridge|quail|grouse|crane\b|bustard|vogel"),
    ("car", "Auto", r"\bcar\b|convertible|limousine|minivan|jeep|sports car|taxi|\bcab\b|station wagon|beach wagon|racer|model t\b|auto\b"),
    ("motorcycle", "Motorrad", r"moped|scooter|motor ?cycle|motorbike|crash helmet motorrad|motorrad"),
    ("bicycle", "Fahrrad", r"mountain bike|bicycle|tandem|fahrrad"),
    ("boat", "Boot", r"boat|canoe|gondola|yawl|catamaran|trimaran|schooner|speedboat|\bship\b|liner|boot\b|schiff"),
    ("plane", "Flugzeug", r"airliner|airplane|aircraft|warplane|\bplane\b|flugzeug"),
    ("fish", "Fisch", r"\bfish\b|tench|goldfish|shark|\bray\b|eel\b|coho|sturgeon|gar\b|fisch"),
    ("snake", "Schlange", r"snake|cobra|viper|python|mamba|boa\b|schlange"),
    ("horse", "Pferd", r"horse|sorrel|zebra|pony|pferd"),
    ("coffee", "Kaffee", r"espresso|coffee|cup\b|kaffee|tasse"),
    ("cup", "Tasse", r"espresso|coffee mug|cup\b|tasse|becher"),
    ("building", "Gebäude", r"palace|church|mosque|monastery|castle|barn|house|library|dome|stupa|temple|gebaude|bell cote|bell tower"),
    ("temple", "Tempel", r"palace|stupa|monastery|temple|tempel"),
    ("flower", "Blume", r"daisy|lady's slipper|flower|rose\b|sunflower|blume|blute"),
    ("animal", "Tier", r"cat\b|tabby|terrier|retriever|hound|spaniel|dog\b|fox\b|wolf|bear|bird|finch|monkey|ape\b|lion"
     r"|tiger|leopard|elephant|horse|zebra|cow\b|sheep|snake|lizard|turtle|frog|fish|shark|rabbit|hare|squirrel|tier\b"),
    ("camera", "Kamera", r"camera|tripod|kamera"),
    ("rocket", "Rakete", r"missile|projectile|rocket|space shuttle|rakete"),
    ("computer", "Computer", r"computer|laptop|notebook|desktop|screen|monitor"),
    ("food", "Essen", r"pizza|burger|hotdog|espresso|ice cream|bagel|pretzel|plate\b|soup|guacamole|burrito|meat loaf|essen"),
    ("person", "Person", r"groom|scuba diver|ballplayer|person"),
)  # fmt: skip


def colour_name(english: str, ask: Ask) -> str:
    """A colour in the question's language."""
    return ask.say(english, _COLOURS.get(english, english))


def colour_in(parts: Iterable[str]) -> str | None:
    """The English name of the colour that is said, whatever its German ending."""
    for word in parts:
        for said, english in (*_SAID.items(), *((name, name) for name in _COLOURS)):
            if re.fullmatch(rf"{re.escape(said)}(?:e[nmrs]?|s|farben\w*)?", word):
                return english
    return None


def kinds_in(parts: Iterable[str]) -> frozenset[str]:
    """The kinds of shape that are said."""
    return frozenset(_SHAPE_WORDS[word] for word in parts if word in _SHAPE_WORDS)


def shape_name(kind: str, ask: Ask) -> str:
    """A shape in the question's language."""
    return ask.say(*_SHAPES[kind])


def coloured_shape(shape: Shape, ask: Ask) -> str:
    """`red circle`, `Kreis (rot)`: German adjectives would need the noun's gender."""
    colour, name = colour_name(shape.colour, ask), shape_name(shape.kind, ask)
    return ask.say(f"{colour} {name}", f"{name} ({colour})")


def with_family(label: Label, ask: Ask) -> str:
    """A thing's name, and what kind of thing that is if the name does not say."""
    name = ask.say(label.name_en, label.name_de)
    for english, german, pattern in _FAMILIES:
        if re.search(pattern, _both(label)):
            family = ask.say(english, german)
            return name if family.casefold() in name.casefold() else f"{name} ({family})"
    return name


def grouped(labels: list[Label]) -> list[Label]:
    """Labels with the probabilities of one family added up, if the family's first leads.

    A cat that is a tabby or an Egyptian cat with .3 each is a cat with .6.
    """
    if not labels:
        return []
    first = labels[0]
    for english, german, pattern in _FAMILIES:
        kin = [label for label in labels if re.search(pattern, _both(label))]
        if first in kin and len(kin) > 1:
            together = min(sum(label.probability for label in kin), 1.0)
            if first.probability < _UNSURE:
                return [Label(english, german, together), *labels]
    return labels


def is_a(label: Label, word: str) -> bool:
    """Whether the folded word names the label or the family that it belongs to."""
    if any(alike(part, word) for part in (*words(label.name_en), *words(label.name_de))):
        return True
    for english, german, pattern in _FAMILIES:
        is_family = alike(english, word) or alike(words(german)[0], word)
        if is_family and re.search(pattern, _both(label)):
            return True
    return False


def _both(label: Label) -> str:
    return " ".join((*words(label.name_en), *words(label.name_de)))
