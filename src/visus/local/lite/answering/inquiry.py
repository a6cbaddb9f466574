# ruff: noqa: E501, SIM905
# E501: patterns stay on one line.
# SIM905: word lists read best as running text.
"""The words of a question by what they do there: what is asked for, things, verbs, the rest.

What a turn of phrase asks for without a word for it (`bis wann`, `who is it for`) is added.
"""

import re
from typing import Final, Literal, NamedTuple, TypeAlias

from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.families import Family, asked
from visus.local.lite.answering.wanting import Wanted
from visus.local.lite.answering.wordings import OWNERS
from visus.local.lite.answering.words import GENERIC, STOPWORDS, Token, tokens

Role: TypeAlias = Literal["head", "noun", "verb", "light", "weak", "implied"]


class Word(NamedTuple):
    """A word of the question, what it does there, and the families that it asks for."""

    text: str
    role: Role
    families: frozenset[Family]
    is_nominal: bool = False
    """Whether it is a verb used as a noun: `das Parken`."""


_FITTING: Final[dict[Wanted, frozenset[str]]] = {
    "address": frozenset({"place"}),
    "amount": frozenset({"amount", "measure", "number"}),
    "duration": frozenset({"measure", "date", "number", "text"}),
    "email": frozenset({"identifier", "name", "text"}),
    "measure": frozenset({"measure", "amount", "number", "text"}),
    "number": frozenset({"number", "measure", "identifier"}),
    "often": frozenset({"text", "measure"}),
    "percent": frozenset({"amount", "measure", "number"}),
    "person": frozenset({"name"}),
    "phone": frozenset({"identifier", "name", "text", "date"}),
    "place": frozenset({"place"}),
    "price": frozenset({"amount", "measure", "number"}),
    "span": frozenset({"number", "measure", "date"}),
    "time": frozenset({"date", "time"}),
    "url": frozenset({"identifier", "name", "text"}),
    "when": frozenset({"date", "time"}),
}
"""Which families of labels may stand beside a value of the kind; for the others, any."""
_UNTIL: Final = "deadline closing_date due valid_until valid until till by bis gultig_bis gultig frist spatestens"
_IMPLIED: Final = (
    (r"\bwhere\b.*\b(?:begin|start|depart|leave|board)s?\b|\bwo\b.*\b(?:beginnt|startet|einsteig\w*|abfahrt)", "origin from von ab start departure"),
    (r"\bwhere\b.*\b(?:end|arrive|fly|travel|finish|get off)s?\b|\bwo\b.*\b(?:endet|ankunft|aussteig\w*)", "destination to nach ziel end arrival"),
    (r"\bhow soon\b|\binnerhalb\b|\bwithin\b", "within innerhalb binnen"),
    (r"\b(?:by|until|till) (?:when|what|which)\b|\bbis (?:wann|zu welche[mnr])|\blatest\b|\bspatestens|\bdeadline|\bwelche \w*frist\b|how long .*\bvalid|wie lange .*\bgultig", _UNTIL),
    (r"\brun(?:s)? out\b|\bexpir|lauft .*\b(?:ab|aus)\b", _UNTIL),
    (r"\b(?:from|since) (?:when|what)\b|\b(?:ab|seit) wann", "start valid_from since from ab seit eintritt beginn beginnt begins starts"),
    (r"\bwhere\b.*\bto\W*$|\bwohin\b|where .*\bgoing", "destination to nach ziel"),
    (r"\bwhere\b.*\bfrom\W*$|\bwoher\b|\bvon wo\b", "origin from von ab aus"),
    (r"\bwho\b.*\bfor\W*$|\bfor whom\b|\bfur wen\b", "recipient patient customer client fur for"),
    (r"\bwhose\b|\bwem gehor", "owner holder keeper name customer inhaber halter kunde"),
    (r"\b(?:to whom|an wen)\b|\bwho\b.*\bto\W*$", "recipient contact to an"),
)  # fmt: skip
_ASKING: Final = frozenset("which what welche welcher welches welchen welchem many much viel viele vielen wieviel wieviele".split())  # fmt: skip
_BEFORE_A_NAME: Final = frozenset("kind type sort art of von fur".split())
_IS_THE: Final = re.compile(
    r"(?:what(?:'s| is| was| are| were)|who(?:'s| is| was| are)|wer (?:ist|war|sind)|wie (?:hoch|lang|gross|schwer|teuer|weit|breit|tief|warm|heiss|lautet|lauten|heisst|heissen|viel)(?: (?:ist|sind|war|waren))?|was (?:ist|sind|war)|(?:name|nenne|give|gib)(?: mir| me)?)"
    r"\s+(?:the|der|die|das|den|its|his|her|their|sein\w*|ihr\w*)\s+(?:name (?:of|des|der|vom|von) (?:the |der |dem )?)?"
)
_WEAK: Final = frozenset(
    """
    time uhr uhrzeit day days tag tage tagen date datum long lange often oft haufig year jahr month monat week woche soon
    hour hours stunde stunden fee fees price prices gebuhr gebuhren preis preise kosten cost costs
    already bereits schon yet ever usually always again wieder together zusammen once apart still noch zahlt zahle run runs ran lauft laufen him her seit since dort there man new neu neue neuen neuer next nachste nachsten current aktuell
    aktuelle own bekommt bekommen erhalt get gets getting
    menu poster notice flyer list offer today speisekarte plakat aushang liste heute page form mittel goods ware waren
    document machine gerat product produkt fahrplan timetable schedule plan recipe rezept urkunde statement auszug
    abrechnung
    """.split()
)
"""What the question may say besides: when it is read, and what the page is."""
_ASPECTS: Final = frozenset(
    """
    final previous total lesson subject fach innerhalb frist deadline after before during back himself herself yourself
    selbst normal regular teilnahme participation company firm person business firma unternehmen now platz woran wofur
    womit worin worauf wovon wodurch wozu e mail email phone telephone telefon telefonnummer daily share hoch gross schwer
    lang teuer high big large heavy tall wide far weit breit tief temperature temperatur grad degrees hot heiss warm kalt
    cold expensive called name heisst number nummer value wert amount betrag much many type kind art percentage address
    adresse kilowattstunde kilowattstunden liter litre litres liters kubikmeter kilo kilos kilogramm gramm grams kilometer kilometers watt volt kwh euro
    euros prozent
    """.split()
)
"""Words for the kind of a value, or its side, and not for what has it."""
_PAST: Final = frozenset("saw took gave sold won wrote made paid sent came went found got ran sang built bought brought left".split())  # fmt: skip
_AUXILIARY: Final = r"(?:is|are|was|were|be|been|has|have|had|do|does|did|can|could|must|should|will|would|may|might|to)"
_MODALS: Final = frozenset("will would can could must should may might shall".split())
_BEING: Final = r"(?:is|are|was|were|be|been|has|have|had)"
_PARTICIPLE: Final = r"(?:ed|en|ght|ld|pt|wn)$"
_BEFORE_A_VERB: Final = frozenset("to who i you he she it we they one that".split())
_LEFT_BEHIND: Final = frozenset("to for from about with of at in".split())
_PLACED: Final = frozenset("in at on for to from with by the a an of and".split())
_PARTICLE: Final = re.compile(
    r"\b(ab|an|auf|aus|ein|los|statt|zu|vor|mit|her|hin|um|nach|zuruck)\W*$"
)
_SHORTEST_VERB: Final = 4


def words_of(ask: Ask, wanted: Wanted) -> list[Word]:
    """The words that a fact must account for, as far as each of them matters."""
    families = asked(ask.words)
    heads = heads_of(ask)
    rejoined = _rejoined(ask, wanted)
    found: list[Word] = []
    for token in ask.tokens:
        own = _fitting(families.get(token.text, frozenset()), wanted)
        if any(word.role == "verb" and word.text.endswith(token.text) for word in rejoined):
            continue
        if token.text not in STOPWORDS:
            role = _role(ask, token, heads)
            # How long or how heavy it is, is all that such a question says of the value.
            role = "light" if role == "weak" and own and wanted == "measure" else role
            found.append(Word(token.text, role, own, _is_nominal(ask, token.text)))
        elif own and token.text not in _PLACED:
            found.append(Word(token.text, "light", own))
    return [*found, *rejoined, *_implied(ask, wanted)]


def _fitting(families: frozenset[Family], wanted: Wanted) -> frozenset[Family]:
    kinds = _FITTING.get(wanted)
    return frozenset(
        each
        for each in families
        if each.kind != "things" and (kinds is None or each.kind in kinds)
    )


def _is_nominal(ask: Ask, word: str) -> bool:
    return re.fullmatch(r"\w{4,}en", word) is not None and ask.has(rf"\bdas {word}\b")


def _implied(ask: Ask, wanted: Wanted) -> list[Word]:
    found: list[Word] = []
    for pattern, implied in _IMPLIED:
        if ask.has(pattern):
            named = implied.split()
            spelt = [part for each in named for part in each.split("_")]
            own = frozenset(each for it in asked(spelt).values() for each in it)
            found.extend(Word(each, "implied", _fitting(own, wanted)) for each in named)
    return found


def _rejoined(ask: Ask, wanted: Wanted) -> list[Word]:
    """`Wann reiste der Gast an?` asks for the `Anreise`."""
    particle = _PARTICLE.search(ask.folded)
    if ask.tongue != "de" or particle is None:
        return []
    found: list[Word] = []
    for token in ask.tokens:
        verb = token.text
        if ask.text[token.start].isupper() or len(verb) < _SHORTEST_VERB:
            continue
        stems = {verb, verb[:-1], verb[:-2]}
        forms = sorted({*stems, *(f"{each}{end}" for each in stems for end in ("e", "en"))})
        named = asked([f"{particle[1]}{form}" for form in forms]).values()
        own = _fitting(frozenset(each for it in named for each in it), wanted)
        if own or len(verb) > _SHORTEST_VERB:
            found.append(Word(f"{particle[1]}{verb}", "light" if own else "verb", own))
    return found


# --- What a word does ------------------------------------------------------------------------


def _role(ask: Ask, token: Token, heads: set[int]) -> Role:
    word = token.text
    if word in _WEAK or (word in GENERIC and word not in _ASPECTS):
        return "light"
    is_child = word == "kind" and token.start > 0 and ask.text[token.start].isupper()
    if word in _ASPECTS and not is_child:
        return "weak"
    if token.start in heads:
        return "head"
    is_verb = word in _PAST or not ask.matters(token) or _is_verb(ask, token)
    return "verb" if is_verb and not word.isdigit() else "noun"


def _is_verb(ask: Ask, token: Token) -> bool:
    """Whether an English word stands where verbs do: behind `to`, `who`, or what it is done to."""
    place = ask.tokens.index(token)
    if ask.tongue == "de" or place == 0:
        return False
    before = [each.text for each in ask.tokens[:place]]
    after = [each.text for each in ask.tokens[place + 1 :]]
    is_told = ask.tokens[place - 1].start in heads_of(ask) and _ends_as_verb(token.text)
    if is_told or before[-1] in _BEFORE_A_VERB:
        return True
    if before[-1] in _MODALS:
        return True
    is_being = any(re.fullmatch(_BEING, each) for each in before)
    if is_being and not re.search(_PARTICIPLE, token.text):
        return False
    ends = not after or after[0] in STOPWORDS
    is_led = any(re.fullmatch(_AUXILIARY, each) for each in before)
    return ends and is_led and before[-1] not in STOPWORDS


def _ends_as_verb(word: str) -> bool:
    """`Which band plays?`, `which firm delivered it?`."""
    return re.search(r"(?:s|ed)$", word) is not None or word in _PAST


def heads_of(ask: Ask) -> set[int]:
    """Where the words begin that name what is asked for: `which soup`, `how many days`."""
    for place, token in enumerate(ask.tokens):
        run = _run(ask, place + 1) if token.text in _ASKING else set[int]()
        if run:
            return run
    match = _IS_THE.search(ask.folded)
    if match is None:
        return set()
    named = _owned(ask, _run(ask, len(tokens(ask.folded[: match.end()]))))
    behind = [token.text for token in ask.tokens if named and token.start > max(named)]
    # `What is the child allergic to?` asks for no allergic child.
    return set() if len(behind) == 1 and behind[0] in _LEFT_BEHIND else named


def _owned(ask: Ask, named: set[int]) -> set[int]:
    """Of `the shopper's points balance` what is owned."""
    places = [place for place, token in enumerate(ask.tokens) if token.start in named]
    after = places[-1] + 1 if places else len(ask.tokens)
    is_role = any(re.search(pattern, ask.folded) for pattern, _ in OWNERS)
    if (
        ask.tongue == "en"
        and not is_role
        and after < len(ask.tokens)
        and ask.tokens[after].text == "s"
    ):
        return _run(ask, after + 1) or named
    return named


def _run(ask: Ask, first: int) -> set[int]:
    """A German name is the nouns that follow, an English one ends before the next small word."""
    run: list[Token] = []
    for token in ask.tokens[first:]:
        is_small = ask.tongue == "de" and ask.text[token.start].islower()
        if token.text in _BEFORE_A_NAME and not run:
            continue
        if token.text in STOPWORDS or (is_small and run):
            break
        if not is_small:
            run.append(token)
    return {token.start for token in (_without_its_verb(ask, run) if len(run) > 1 else run)}


def _without_its_verb(ask: Ask, run: list[Token]) -> list[Token]:
    if ask.tongue == "de":
        return run
    past = next((place for place, each in enumerate(run) if each.text in _PAST), len(run))
    if past < len(run):
        return run[:past]
    is_led = ask.has(rf"\b{_AUXILIARY}\b")
    return run[:-1] if not is_led and _ends_as_verb(run[-1].text) else run
