# ruff: noqa: E501
# E501: patterns and phrases stay on one line.
"""What `visus-lite` says of itself, and what `it` and `they` point back to."""

import re
from typing import Final

from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.messages import asks_in
from visus.local.lite.answering.naming import colour_in, kinds_in
from visus.local.lite.answering.replies import Reply
from visus.local.lite.answering.words import words

_ASKED: Final = (
    r"\b(?:who|what) are you\b|what can you do|what do you do|your (?:name|capabilities|abilities)|how can you help"
    r"|\bwer bist du|\bwas bist du|was kannst du(?! (?:auf|im|in|hier|da|sehen|erkennen|lesen|uber))|was konnen sie (?:tun|alles)"
    r"|dein name|wie heisst du|which model are you|welches modell bist"
)  # fmt: skip
_PRONOUN: Final = re.compile(
    r"\b(?:it|its|they|them|that|this|one|es|sie|er|das|davon|dessen)\b"
)


def is_asked(ask: Ask) -> bool:
    """Whether the question is about the model itself."""
    return ask.has(_ASKED)


def myself(ask: Ask, *, has_pictures: bool) -> Reply:
    """What it is and can do, and what it needs."""
    english = (
        "I am visus-lite, a perception engine without a language model: I read text, tables and "
        "codes in pictures, name colours, simple shapes and some objects, and answer questions "
        "about them in English and German."
    )
    german = (
        "Ich bin visus-lite, eine Wahrnehmung ohne Sprachmodell: Ich lese Text, Tabellen und Codes "
        "in Bildern, benenne Farben, einfache Formen und manche Gegenstände und beantworte Fragen "
        "dazu auf Deutsch und Englisch."
    )
    if not has_pictures:
        english += " I cannot chat or answer from general knowledge; please send a picture."
        german += " Plaudern oder aus Allgemeinwissen antworten kann ich nicht; bitte schicke ein Bild."
    said = ask.say(english, german)
    return Reply(said, said, found=False)


def points_back(ask: Ask) -> bool:
    """Whether the question says `it` and nothing that `it` could be."""
    if ask.has(r"image|picture|photo|bild|foto|text|say|steht|read|lies"):
        return False
    telling = [word for word in ask.content if not re.match(r"colou?r|farb|much|cost", word)]
    shapes = kinds_in(ask.words)
    return not telling and not shapes and _PRONOUN.search(ask.folded) is not None


def topic_of(earlier: list[str]) -> str:
    """The thing that the latest earlier question was about; empty if it named none."""
    for text in reversed(earlier):
        asks = asks_in(text[:2000], tongue_before=None)
        named = [_thing_in(ask) for ask in asks]
        found = next((name for name in reversed(named) if name), "")
        if found:
            return found
    return ""


def _thing_in(ask: Ask) -> str:
    shapes = [word for word in ask.words if kinds_in([word])]
    if shapes:
        colours = [word for word in ask.words if colour_in([word])]
        return " ".join([*colours[:1], shapes[0]])
    things = [word for word in ask.content if not re.match(r"colou?r|farb|number|anzahl", word)]
    raw = {token.text: ask.text[token.start : token.end] for token in ask.tokens}
    return " ".join(raw[word] for word in things if word in words(ask.text))
