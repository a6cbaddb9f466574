# ruff: noqa: E501, PLR2004, SIM905
# E501: patterns and phrases stay on one line.
# PLR2004: lengths and shares are read best where they stand.
# SIM905: word lists read best as running text.
"""Words as they are compared: folded, split, stemmed, and forgiving of one misread letter.

Offsets into the original text are kept, so that whatever is quoted is quoted verbatim.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from posixpath import commonprefix
from typing import Final, NamedTuple

from visus.local.lite.answering.glossary import translations

_TOKEN: Final = re.compile(r"[^\W_]+|#")
_NUMBER_WORDS: Final = frozenset(
    {"number", "no", "nr", "num", "nummer", "#", "numero", "nbr", "nos", "nro"}
)
_ENDINGS: Final = frozenset(
    {"", "e", "em", "en", "er", "ern", "es", "ies", "innen", "n", "s", "se", "sen", "y"}
)
_LONGEST_ENDINGS: Final = tuple(sorted(_ENDINGS - {"", "y"}, key=len, reverse=True))
_LOOKALIKES: Final = str.maketrans({"0": "o", "1": "l", "i": "l", "|": "l", "5": "s", "8": "b"})

ENGLISH_STOPWORDS: Final = frozenset(
    """
    a an the this that these those it its is are was were be been being am do does did done
    has have had having of on in at to for from by with within into onto about as and or not
    if then there here what which who whom whose when where why how can could would should
    will shall may might must please tell me us my our your you i we he she they them their
    his her any some all also so up out just only give show find say says said mean means
    see seen know let per both each other same one ones s t re m ve ll d read exactly take
    takes taken took go goes went come comes came begin begins began beginning start starts
    live lives lived happen happens leave leaves left depart departs departed arrive arrives make makes made mention mentions
    mentioned write writes wrote send sends sent sign signs meet meets met serve serves get
    gets under own while during until because but than too very altogether another actually currently since
    anyway inside upon towards toward among someone somebody anyone anybody everyone everybody whoever
    already still yet ever again supposed roughly precisely kindly simply really probably apparently
    """.split()
)
GERMAN_STOPWORDS: Final = frozenset(
    """
    der die das den dem des jeden jedem ein eine einen einem einer eines ist sind war waren sein seid
    bin wird werden wurde wurden hat haben hatte hatten es er sie ihr ihre ihrem ihren mein
    dein unser unsere und oder nicht kein keine wenn dann dort hier da was welche welcher
    welches welchen welchem wer wen wem wessen wann wo wohin woher warum wieso wie kann
    koennen konnte konnten mochte bitte mir uns ich du wir im in am an auf aus bei beim bis
    fur mit nach von vom vor zu zum zur uber unter zwischen durch gegen ohne um als auch so
    noch nur genau gib zeige zeig finde sag sage nenne nenn lautet lauten heisst heissen
    steht stehen man diese dieser dieses diesem diesen jede jeder jedes alle allem beide
    beiden denn doch mal eigentlich sich dir ihm ihn ihnen wurdest geht ging gehen kommt kam
    beginnt begann endete macht ob sowie waehrend wahrend jene seine seinen ihres ihrer
    deren dessen davon dafur ab uberhaupt eigentlich etwa damit darauf darin drauf daraus sollte soll sollen muss mussen
    musste darf wohnt lebt schreibt schrieb
    womit wofur wozu wodurch worauf woran wovon wobei worin woraus worum weshalb weswegen wogegen
    daran dabei dazu dadurch darum bereits schon jetzt derzeit aktuell momentan zurzeit gerade immer wieder
    ungefahr circa innerhalb jemand jemanden jemandem offenbar vermutlich wahrscheinlich
    """.split()
)
STOPWORDS: Final = ENGLISH_STOPWORDS | GERMAN_STOPWORDS
"""Words that carry no content of their own, folded."""

ENGLISH_GENERIC: Final = frozenset(
    """
    first second third fourth fifth last payment payments reply replies respond response figure
    figures numbers percent percentage euro euros eur dollar dollars usd pounds cents sum money day
    figure figures number numbers reply replies respond response percent percentage euro euros eur dollar dollars usd pound pounds cents sum money day
    image images picture pictures photo photos photograph pic screenshot scan file page
    video videos film films movie clip clips frame frames
    document documents doc text bill invoice invoices receipt letter form label chart graph
    table diagram sheet paper card sign value values field entry written printed stated
    listed shown given mentioned displayed visible indicated specified noted contained
    appear appears appearing look looks looking like kind type sort total overall exact
    actual following above below left right top bottom belong belongs belonging correspond
    refer refers much many amount quantity content contents information info details detail
    section part line row column cell according concerning regarding item items product
    products article position positions cost costs costing price pay paid charged charge
    bought purchased ordered sold buy order get got set sent issued answer short briefly
    brief word words single person people man woman customer's purchase shopping name names
    called store shop company business applicant customer client sender recipient vendor
    supplier seller buyer patient holder passenger owner flight trip place takes letter's
    device appliance machine unit owe owed heavy expensive
    drink beverage food meal dish two three four five six seven eight nine ten
    writer author bar bars parcel parcels package packages packet till
    """.split()
)
GERMAN_GENERIC: Final = frozenset(
    """
    erste ersten erstes zweite zweiten zweites dritte dritten letzte letzten zahlung zahl zahlen
    nummer nummern antworten ruckmeldung prozent geldbetrag geldsumme summe tag
    erste ersten erstes zweite zweiten zweites dritte dritten letzte letzten zahlung zahl zahlen nummer nummern antworten ruckmeldung prozent geldbetrag geldsumme summe tag
    bild bilder foto fotos aufnahme screenshot scan datei seite dokument dokuments unterlage
    text texte rechnung rechnungen quittung kassenbon kassenzettel beleg bon brief briefs
    schreiben schreibens formular formulars etikett etiketts tabelle diagramm balkendiagramm
    blatt schild karte wert werte feld eintrag geschrieben gedruckt angegeben aufgefuhrt
    gezeigt genannt erwahnt abgebildet sichtbar enthalten angezeigt vermerkt notiert
    eingetragen art typ hoch gross viel viele wieviel wieviele betragt belauft kostet kosten
    kostete preis menge anzahl bezahlt gekauft bestellt verkauft zahlen gezahlt inhalt
    angabe angaben zeile spalte zelle laut gemass insgesamt gesamt folgende folgenden
    artikel produkt position positionen posten ausgestellt gesendet bekommen erhalten
    antwort antworte kurz wort worten steht person personen leute mann frau herr herrn
    einkauf kauf namen name heisst laden geschaft firma unternehmen antragsteller
    antragstellerin kunde kunden kundin absender absenders absenderin empfanger empfangers
    empfangerin lieferant verkaufer kaufer patient patientin inhaber passagier flug reise
    verfasser verfasserin autor balken saule worum erwahnen findet statt bon bons beleges belegs
    gerat gerats maschine briefes dokumentes formulares etikettes bildes kassenbons quittungen paket pakets paketes
    packung packchen sendung ware teuer schwer
    uhr getrank lebensmittel gericht zwei drei vier funf sechs sieben acht neun zehn
    """.split()
)
GENERIC: Final = ENGLISH_GENERIC | GERMAN_GENERIC
"""Words that name the medium, the asking or a role, not the thing asked for."""


SUBJECTS: Final = frozenset(
    """
    ticket tickets train bus coach journey concert event performance show medicine medication drug
    fahrkarte fahrkarten eintrittskarte karte zug fahrt konzert veranstaltung auffuhrung vorstellung
    medikament medikaments medikamentes arznei arzneimittel
    party wedding birthday feier fest hochzeit geburtstag
    plane planes aeroplane airplane aircraft flight flights car cars vehicle van
    flugzeug flug flieger auto wagen fahrzeug
    jar pack packet bottle tin glas dose packung flasche beutel schachtel
    delivery shipment parcel lieferung sendung paket
    salon studio conference raffle fair plant plants pflanze pflanzen
    office shop store salon restaurant cafe museum library bakery pharmacy surgery clinic hotel
    pub garage firm winery brewery farm market course buro laden geschaft bibliothek backerei
    apotheke praxis firma werkstatt friseur gasthof kino weingut brauerei hofladen markt kurs
    """.split()
)
"""What a ticket, a label or a sign is itself, and need not say: no running text about others."""


class Token(NamedTuple):
    """A folded word and where it stood."""

    text: str
    start: int
    end: int


@lru_cache(maxsize=4096)
def fold(text: str) -> str:
    """Lower case without accents, umlauts as plain vowels, sharp s as ss; lengths may change."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


@lru_cache(maxsize=4096)
def tokens(text: str) -> tuple[Token, ...]:
    """The words of `text`, folded, with offsets into `text` itself."""
    found = _TOKEN.finditer(text)
    return tuple(Token(fold(match.group()), match.start(), match.end()) for match in found)


def words(text: str) -> list[str]:
    """The folded words of `text`."""
    return [token.text for token in tokens(text)]


def canonical(word: str) -> str:
    """One spelling for `number`, `no.`, `Nr.`, `#`, alone or at the end of a compound."""
    if word in _NUMBER_WORDS:
        return "nr"
    for ending in ("nummer", "nummern", "number", "numbers"):
        if word.endswith(ending):
            return word[: -len(ending)] + "nr"
    return word


def compact(parts: Iterable[str]) -> str:
    """Words as one string, so that a lost space or a hyphen makes no difference."""
    return "".join(map(canonical, parts))


@lru_cache(maxsize=8192)
def stem(word: str) -> str:
    """The word without a common English or German ending; words with digits stay whole."""
    if len(word) < 5 or not word.isalpha():
        return word
    for ending in _LONGEST_ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


_TOO_NEAR: Final = frozenset({1, 2})
"""No word is a compound of one or two letters and another: `Skonto` is no kind of `Konto`."""
_TWO_THINGS: Final = ({"weight", "height"}, {"sender", "gender"}, {"heating", "seating"})
"""Words that differ in a letter and are no misreading of each other."""
_TWO_SIDES: Final = ({"ed", "er"}, {"er", "ee"})
"""Endings that tell who does a thing from what, or whom, it is done to."""


@lru_cache(maxsize=16384)
def alike(one: str, other: str) -> bool:
    """Whether two folded words mean the same but for an ending, a language or a misread letter."""
    if one == other or _translated(one, other):
        return True
    if any(map(str.isdigit, one + other)):
        return _mixed(one) and _mixed(other) and _skeleton(one) == _skeleton(other)
    return _same_but_for_ending(one, other) or _misread(one, other)


def _translated(one: str, other: str) -> bool:
    meanings = translations(one) or translations(singular(one))
    return other in meanings or singular(other) in meanings


def _misread(one: str, other: str) -> bool:
    if {one, other} in _TWO_THINGS:
        return False
    if {one[-2:], other[-2:]} in _TWO_SIDES:
        return False  # Who borrowed it, and what was borrowed, are two things.
    if one[0] != other[0] and len(one) != len(other):
        return False  # `Skonto` is no misread `Konto`.
    shorter = min(len(one), len(other))
    if shorter >= 4 and _skeleton(one) == _skeleton(other):
        return True
    return shorter >= 6 and distance_is_at_most_one(one, other)


def _same_but_for_ending(one: str, other: str) -> bool:
    same = len(commonprefix([one, other]))
    rests = {one[same:], other[same:]}
    if same >= 4:
        return rests <= _ENDINGS
    return same == 3 and rests <= {"", "s", "es"}


def _mixed(word: str) -> bool:
    return any(map(str.isalpha, word))


def _skeleton(word: str) -> str:
    return word.translate(_LOOKALIKES).replace("rn", "m").replace("vv", "w")


def distance_is_at_most_one(one: str, other: str) -> bool:
    """Whether one insertion, deletion or substitution turns `one` into `other`."""
    if abs(len(one) - len(other)) > 1:
        return False
    same = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        same += 1
    rest, others = one[same:], other[same:]
    return rest[1:] == others[1:] or rest[1:] == others or rest == others[1:]


def content(parts: Iterable[str]) -> list[str]:
    """The words that are neither stop words nor about the medium."""
    return [word for word in parts if word not in STOPWORDS and word not in GENERIC]


def singular(word: str) -> str:
    """The likely singular; only good for looking a word up."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    for ending in ("es", "en", "s", "n", "e"):
        rest = word[: -len(ending)]
        if word.endswith(ending) and len(rest) >= 3 and translations(rest):
            return rest
    return word


def holds(haystack: Sequence[str], needle: str) -> bool:
    """Whether a word like `needle` is there, alone, inside a compound, or as its two halves."""
    if any(alike(word, needle) for word in haystack):
        return True
    if any(
        len(other) >= 4 and other in word for other in translations(needle) for word in haystack
    ):
        return True
    root = _verb_root(needle) or stem(needle)
    # Who borrowed it, the borrower, is not what was borrowed.
    others = [(sides - {needle[-2:]}).pop() for sides in _TWO_SIDES if needle[-2:] in sides]
    if len(root) == 4 and root in haystack:
        return True
    if (
        (len(root) >= 5 or root == needle)
        and len(root) >= 4
        and any(
            root in word
            and word.find(root) not in _TOO_NEAR
            and not any(word in {f"{root}{other}", f"{needle[:-2]}{other}"} for other in others)
            for word in haystack
        )
    ):
        return True
    return len(needle) >= 9 and _is_made_of(needle, haystack)


def _verb_root(word: str) -> str:
    """What `gekündigt` and `delivered` share with the other forms; empty for other words."""
    if word.startswith("ge") and len(word) >= 7 and word.endswith(("t", "en")):
        return word[2:-1] if word.endswith("t") else word[2:-2]
    if word.endswith("ing") and len(word) >= 7:
        return word[:-3]
    if word.endswith("t") and len(word) >= 9:
        return word[:-1]
    return word[:-2] if word.endswith("ed") and len(word) >= 7 else ""


def _is_made_of(compound: str, haystack: Sequence[str]) -> bool:
    """`Schlüsselübergabe` is made of `Schlüssel` and `Übergabe`."""
    long = [word for word in haystack if len(word) >= 4]
    heads = [stem(word) for word in long if compound.startswith(stem(word))]
    return any(
        compound.endswith(word) and len(head) + len(word) >= len(compound) - 2
        for word in long
        for head in heads
    )
