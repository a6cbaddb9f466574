# ruff: noqa: E501, PLR2004, SIM905
# E501: patterns and phrases stay on one line.
# PLR2004: lengths and shares are read best where they stand.
# SIM905: word lists read best as running text.
"""Which language is this? English or German for questions, a few more for texts in pictures."""

from typing import Final, Literal, NamedTuple, TypeAlias

from visus.local.lite.answering.words import (
    ENGLISH_GENERIC,
    ENGLISH_STOPWORDS,
    GERMAN_GENERIC,
    GERMAN_STOPWORDS,
    words,
)

Tongue: TypeAlias = Literal["en", "de"]

_IN_BOTH: Final = frozenset({"video", "videos", "film", "clip", "clips"})
"""Words that say nothing of the language."""
_ENGLISH: Final = (ENGLISH_STOPWORDS | ENGLISH_GENERIC) - _IN_BOTH - GERMAN_STOPWORDS - GERMAN_GENERIC | {
    "describe", "compare", "colour", "color", "count", "transcribe", "was",
}  # fmt: skip
_BEHIND_WAS: Final = frozenset("the it he she there this that any a an my our your".split())
"""What follows an English `was` that begins a question."""
_GERMAN: Final = (GERMAN_STOPWORDS | GERMAN_GENERIC) - ENGLISH_STOPWORDS - ENGLISH_GENERIC | {
    "was", "beschreibe", "vergleiche", "farbe", "farben", "zahle", "lies", "die", "an", "zeigt", "siehst",
}  # fmt: skip

_PROFILES: Final[dict[str, frozenset[str]]] = {
    "English": frozenset(
        """the of and to in is that for it with as was on be by this are or from your you we our
        at have not will please thank dear total date number invoice name amount""".split()
    ),
    "German": frozenset(
        """der die das und ist nicht mit von zu den dem des ein eine auf fur im wir sie ihr ihre
        ihren ihnen sich auch bei oder wird werden bitte geehrte grussen vielen dank datum nummer
        rechnung betrag menge strasse summe mwst wurde uber""".split()
    ),
    "French": frozenset(
        """le la les des et est une un du dans pour que qui avec sur vous nous votre au aux ce
        merci bonjour facture montant nom""".split()
    ),
    "Spanish": frozenset(
        """el la los las y es una un de del que en con para por su se gracias hola usted factura
        fecha nombre importe""".split()
    ),
    "Italian": frozenset(
        """il la lo gli e una un di del della che con per sono grazie buongiorno fattura data
        nome importo questo""".split()
    ),
    "Dutch": frozenset(
        """de het een en van is dat op te met voor niet zijn wij uw aan bij dank factuur datum
        naam bedrag deze""".split()
    ),
    "Polish": frozenset("i w z na do nie jest sie oraz dla przez faktura data kwota".split()),
    "Portuguese": frozenset(
        "o a os as e de do da dos das que em com para por nao obrigado fatura nome".split()
    ),
}
GERMAN_NAMES: Final = {
    "English": "Englisch",
    "German": "Deutsch",
    "French": "Französisch",
    "Spanish": "Spanisch",
    "Italian": "Italienisch",
    "Dutch": "Niederländisch",
    "Polish": "Polnisch",
    "Portuguese": "Portugiesisch",
}
ISO_CODES: Final = {
    "English": "en",
    "German": "de",
    "French": "fr",
    "Spanish": "es",
    "Italian": "it",
    "Dutch": "nl",
    "Polish": "pl",
    "Portuguese": "pt",
}


class TextLanguage(NamedTuple):
    """A text's language by English name, and how sure the count of common words is."""

    name: str
    sure: bool


def of_question(text: str) -> Tongue | None:
    """The language a question is put in; None where its words do not say."""
    found = words(text)
    english = sum(word in _ENGLISH for word in found)
    german = sum(word in _GERMAN for word in found) + sum(letter in "äöüß" for letter in text)
    if found[:1] == ["was"] and not {*found[1:2]} & _BEHIND_WAS:
        german += 1
    if english == german:
        return None
    return "de" if german > english else "en"


def of_text(text: str) -> TextLanguage | None:
    """The language of a text by its common words; None where there are too few."""
    found = words(text)
    scores = {
        name: sum(word in profile for word in found) for name, profile in _PROFILES.items()
    }
    if any(letter in "äöüß" for letter in text):
        scores["German"] += 2
    ranked = sorted(scores, key=lambda name: -scores[name])
    best, second = ranked[0], ranked[1]
    if scores[best] == 0 or scores[best] == scores[second]:
        return None
    return TextLanguage(best, sure=scores[best] >= 3 and scores[best] >= 2 * scores[second])
