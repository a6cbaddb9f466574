# ruff: noqa: E501
# E501: patterns and phrases stay on one line.
"""What an answer to one question is, and the phrases that all kinds of answer share.

Confidence is said in words and places are named, so that no figure stands in an answer that
was not read in the picture or counted in it.
"""

from typing import Final, NamedTuple

from visus.local.lite.answering.ask import Ask
from visus.local.lite.evidence import Box, Evidence

SURE: Final = 0.9
FAIR: Final = 0.75


class Reply(NamedTuple):
    """An answer. `value` is what a caller gets who wants the value alone."""

    text: str
    value: str
    found: bool = True


def where(ask: Ask, box: Box, evidence: Evidence) -> str:
    """The ninth of the picture that the middle of the box lies in, in words."""
    across = (box.left + box.right) / 2 / max(evidence.width_px, 1)
    down = (box.top + box.bottom) / 2 / max(evidence.height_px, 1)
    column = min(int(max(across, 0) * 3), 2)
    row = min(int(max(down, 0) * 3), 2)
    english = (
        ("upper left", "top", "upper right"),
        ("left", "centre", "right"),
        ("lower left", "bottom", "lower right"),
    )
    german = (
        ("oben links", "oben", "oben rechts"),
        ("links", "in der Mitte", "rechts"),
        ("unten links", "unten", "unten rechts"),
    )
    name = english[row][column]
    in_english = name if name in {"left", "right"} else f"the {name}"
    return ask.say(
        f"at {in_english}" if name not in {"left", "right"} else f"on the {name}",
        german[row][column],
    )


def sureness(ask: Ask, confidence: float) -> str:
    """A confidence in words."""
    if confidence >= SURE:
        return ask.say("high confidence", "hohe Sicherheit")
    if confidence >= FAIR:
        return ask.say("fair confidence", "mittlere Sicherheit")
    return ask.say("low confidence, please check", "geringe Sicherheit, bitte prüfen")


def quoted(ask: Ask, evidence: Evidence, value: str, told: tuple[str, Box]) -> Reply:
    """A value, and the text that tells it with its place."""
    text, box = told
    place = where(ask, box, evidence)
    remark = ask.say(f"read {place}: “{text}”", f"gelesen {place}: „{text}“")
    return Reply(f"{value} ({remark}).", value)


def counted(ask: Ask, number: int, what: str) -> Reply:
    """A number of things."""
    return Reply(
        ask.say(f"{number} (counted: {what}).", f"{number} (gezählt: {what})."), str(number)
    )


def yes(ask: Ask, because: str) -> Reply:
    """It is so, and why."""
    word = ask.say("Yes", "Ja")
    return Reply(f"{word}, {because}", word)


def no(ask: Ask, because: str) -> Reply:
    """It is not so, and why."""
    word = ask.say("No", "Nein")
    return Reply(f"{word}, {because}", word)


def not_found(ask: Ask, what: str = "") -> Reply:
    """The picture does not hold it. No value of the picture stands in here."""
    named = f" ({what})" if what else ""
    return Reply(
        ask.say(
            f"Not found: I cannot find that{named} in the picture.",
            f"Nicht gefunden: Das{named} kann ich im Bild nicht finden.",
        ),
        ask.say("Not found", "Nicht gefunden"),
        found=False,
    )


def nothing_read(ask: Ask) -> Reply:
    """There is no text to look in."""
    return Reply(
        ask.say(
            "Not found: I cannot read any text in the picture, so I cannot answer that.",
            "Nicht gefunden: Im Bild kann ich keinen Text lesen und das daher nicht beantworten.",
        ),
        ask.say("Not found", "Nicht gefunden"),
        found=False,
    )


def needs_a_model(ask: Ask) -> Reply:
    """Perception alone cannot know."""
    return Reply(
        ask.say(
            "I cannot tell: visus-lite reads text, codes, colours and simple shapes and names "
            "some objects; this question needs a real vision-language model.",
            "Das kann ich nicht sagen: visus-lite liest Text, Codes, Farben und einfache Formen "
            "und benennt manche Gegenstände; diese Frage braucht ein echtes "
            "Bild-Sprach-Modell.",
        ),
        ask.say("I cannot tell", "Das kann ich nicht sagen"),
        found=False,
    )
