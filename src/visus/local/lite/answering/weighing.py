# ruff: noqa: E501, PLR2004, SIM905
# E501: patterns stay on one line.
# PLR2004: weights are read best where they stand.
# SIM905: word lists read best as running text.
"""Which fact of the page answers the question best, if one does so clearly.

Every word of the question that tells something must be accounted for: by the words that name
the value, by a family that both belong to, or by what the page as a whole is about. A value of
another kind than the question word wants is no answer, and two that are equally good are none.
"""

import re
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple, TypeAlias

from visus.local.lite.answering import lookup
from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.facts import Fact, How, facts
from visus.local.lite.answering.families import NEUTRAL, Family, asked, printed, printed_by
from visus.local.lite.answering.found import Found
from visus.local.lite.answering.page import Page, looks_like_a_label
from visus.local.lite.answering.values import PERSON, Kind, find
from visus.local.lite.answering.vocabulary import spans
from visus.local.lite.answering.words import (
    GENERIC,
    STOPWORDS,
    SUBJECTS,
    alike,
    fold,
    holds,
    tokens,
    words,
)

Wanted: TypeAlias = Literal[
    "amount", "code", "duration", "heat", "means", "price", "email", "number", "often", "percent", "phone", "person", "place",
    "span", "text", "time", "url", "when", "measure",
]  # fmt: skip
Role: TypeAlias = Literal["head", "noun", "verb", "light", "weak", "implied"]

_WANTED: Final[tuple[tuple[str, Wanted], ...]] = (
    (r"\bhow (?:often|many times|frequent\w*)|\bwie (?:oft|haufig)", "often"),
    (r"\bhow long\b|\bwie lange?\b|\bhow soon\b", "duration"),
    (r"(?:how many|wie ?viele) (?:minutes|hours|days|weeks|months|years|minuten|stunden|tage|wochen|monate|jahre)\b", "span"),
    (r"\b(?:what|which) time\b|\bwie ?viel uhr|\bwelche[rn]? (?:uhr)?zeit|\bwie spat|\buhrzeit", "time"),
    (r"\b(?:frist|deadline)\b", "when"),
    (r"\be-?mail", "email"),
    (r"\b(?:web ?site|homepage|web ?seite|internetseite|url)\b", "url"),
    (r"(?:number|nummer)\b.*\b(?:call|ring|phone|dial|reach|anrufe?n?|anzurufen|ruft|erreich\w*|telefon\w*)\b|\b(?:phone|telephone|telefon\w*|handynummer|fax\w*)\b", "phone"),
    (r"\b(?:temperature|temperatur|how (?:hot|warm|cold)|wie (?:heiss|warm|kalt)|degrees|grad)\b", "heat"),
    (r"\bwomit\b|\bhow (?:was|were|did|is)\b.*\b(?:paid|pay|settled|sent|delivered)\b|\bwie wurde\b.*\b(?:bezahlt|gezahlt|verschickt|geliefert)", "means"),
    (r"(?:what|which|wie lautet|welche[nrs]?)\b[^?]*\b(?:\w*nummer|numbers?|code|id|reference|kennzeichen|aktenzeichen)\b", "code"),
    (r"\b(?:when|wann|(?:what|which) (?:days?|dates?|months?|years?)|welche[mnrs]? (?:tag\w*|datum|monat|jahr|wochentag))\b|\bdatum\b", "when"),
    (r"\b(?:percent\w*|prozent\w*|share of|anteil)\b", "percent"),
    (r"\bhow (?:heavy|tall|wide|large|big|deep|high|far|hot|warm|cold|fast)\b|\bwie (?:schwer|lang|breit|gross|tief|weit|heiss|warm|kalt|schnell)\b", "measure"),
    (r"\b(?:how many|wie ?viele|number of(?! the| this)|anzahl)\b", "number"),
    (r"\b(?:wie teuer|how expensive|costs?|kosten?|kostete?t?|gekostet|price|preis|fee|gebuhr|pay|pays|verdient|earns?|zahlen|bezahlen)\b", "price"),
    (r"\b(?:how much|wie ?viel|wie hoch)\b", "amount"),
    (r"^\W*(?:and |und )?(?:(?:from|to|in|at|an|in|aus|bei|zu|auf) )?(?:where|wo|wohin|woher|welche[mrn] (?:stadt|ort|strasse|gebaude|raum)|(?:what|which) (?:city|town|street|place|room|building))\b", "place"),
    (r"^\W*(?:and |und )?(?:(?:to|for|with|by|from|bei|fur|an|mit|von|zu) )?(?:who|whom|whose|wer|wen|wem|wessen)\b|\b(?:what|which|welche[mnrs]?) (?:company|firm|person|shop|store|business|doctor|vet|bank|band|firma|unternehmen|betrieb|handler|arzt|arztin|arbeitgeber|verein)\b", "person"),
)  # fmt: skip
_LOOKS: Final[dict[Wanted, tuple[Kind, ...]]] = {
    "amount": ("amount", "measure", "percent"),
    "price": ("amount",),
    "email": ("email",),
    "measure": ("measure", "amount"),
    "percent": ("percent",),
    "phone": ("phone",),
    "time": ("time",),
    "url": ("url",),
}
_FITTING: Final[dict[Wanted, frozenset[str]]] = {
    "amount": frozenset({"amount", "measure", "number"}),
    "duration": frozenset({"measure", "date", "number", "text"}),
    "email": frozenset({"identifier", "name", "text"}),
    "measure": frozenset({"measure", "amount", "number"}),
    "number": frozenset({"number", "measure", "identifier"}),
    "often": frozenset({"text", "measure"}),
    "percent": frozenset({"amount", "measure", "number"}),
    "person": frozenset({"name"}),
    "price": frozenset({"amount", "measure", "number"}),
    "phone": frozenset({"identifier", "name", "text", "date"}),
    "place": frozenset({"place", "name", "date"}),
    "span": frozenset({"number", "measure", "date"}),
    "time": frozenset({"date", "time"}),
    "url": frozenset({"identifier", "name", "text"}),
    "when": frozenset({"date", "time", "text"}),
}
"""Which families of labels may stand beside a value of the kind; for `text`, any."""
_WEIGHTS: Final[dict[Role, float]] = {"head": 1.0, "noun": 1.0, "verb": 0.8, "light": 0.75, "weak": 0.4, "implied": 0.7}
_WEEKDAY: Final = r"(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:days?)?|(?:montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend|sonntag)s?"
_MOMENT: Final = re.compile(
    rf"\b(?:{_WEEKDAY})\b|\b(?:morgens|mittags|abends|nachts|vormittags|nachmittags|morning|noon|midday|evening|daily|taglich)\b|\b(?:januar|februar|marz|april|mai|juni|juli|august|september|oktober|november|dezember|january|february|march|may|june|july|october|december)\b|(?<![\d.])\d{{1,2}}\.\d{{1,2}}\.(?!\d)"
)
_DAY_AND_MONTH: Final = re.compile(r"\d{1,2}\.\s?\d{1,2}\.")
_HOUR: Final = re.compile(
    r"(?:^|\b(?:until|till|from|at|by|to|ab|bis|um|von|before|after|vor|nach)\s)(?P<hour>(?:[01]?\d|2[0-3])\.[0-5]\d)(?!\d|\.|\s?(?:€|EUR|£|g\b|kg|%|uhr|Uhr|[ap]\.?m))", re.IGNORECASE
)
_WITHIN: Final = re.compile(r"\b(?:within|innerhalb(?: von)?|binnen)\s\w+\s(?:minut|hour|stund|day|tag|week|woche|month|monat|year|jahr)\w*")
_NUMBERS: Final = r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|eine?r?|zwei|drei|vier|funf|sechs|sieben|acht|neun|zehn|elf|zwolf)"
_DURATION: Final = re.compile(
    rf"\b(?:\d+(?:[.,]\d+)?|{_NUMBERS})[\s-]?(?:minutes?|minuten|mins?|hours?|stunden?|std|hrs?|h|days?|tagen?|tage?|weeks?|wochen?|months?|monaten?|monate?|years?|jahren?|jahre?)\b"
)
_OFTEN: Final = re.compile(
    r"\b(?:once|twice|(?:one|two|three|four|\d)\s?(?:times|x)|every \w+(?: \w+)?|(?:ein|zwei|drei|vier|\d)[ -]?mal|alle \w+ \w+|\d ?x|jede[nsr]? \w+)(?:\s(?:a|per|each|every|am|pro|in der|im|die)\s\w+|\s(?:daily|taglich|wochentlich|weekly|monatlich|jahrlich))?|\b(?:daily|weekly|monthly|taglich|wochentlich|monatlich|jahrlich|annually|yearly)\b"
)
_QUESTION: Final = r"^\W*(?:and |und )?(?:[a-z]+ ){0,3}?(?:what|which|who|whom|whose|when|where|how|wer|wen|wem|wessen|was|welche\w*|wann|wo|wohin|woher|womit|wie|wieviele?)\b|^\W*(?:name|nenne|give|gib)\b"
_UNTIL: Final = "deadline closing_date due valid_until valid until till by bis gultig_bis gultig frist spatestens"
_IMPLIED: Final = (
    (r"\bwhere\b.*\b(?:begin|start|depart|leave|board)s?\b|\bwo\b.*\b(?:beginnt|startet|einsteig\w*|abfahrt)", "origin from von ab start departure"),
    (r"\bwhere\b.*\b(?:end|arrive|fly|travel|finish|get off)s?\b|\bwo\b.*\b(?:endet|ankunft|aussteig\w*)", "destination to nach ziel end arrival"),
    (r"\bhow soon\b|\binnerhalb\b|\bwithin\b", "within innerhalb binnen"),
    (r"\b(?:by|until|till) (?:when|what|which)\b|\bbis (?:wann|zu welche[mnr])|\blatest\b|\bspatestens|\bdeadline|\bwelche \w*frist\b|how long .*\bvalid|wie lange .*\bgultig", _UNTIL),
    (r"\brun(?:s)? out\b|\bexpir|lauft .*\b(?:ab|aus)\b", _UNTIL),
    (r"\b(?:from|since) (?:when|what)\b|\b(?:ab|seit) wann", "start valid_from since from ab seit eintritt beginn beginnt begins starts"),
    (r"\bwhere\b.*\bto\W*$|\bwohin\b|where .*\bgoing", "destination to nach ziel"),
    (r"\bwhere\b.*\bfrom\W*$|\bwoher\b|\bvon wo\b", "origin from von ab"),
    (r"\bwho\b.*\bfor\W*$|\bfor whom\b|\bfur wen\b", "recipient patient customer client fur for"),
    (r"\b(?:to whom|an wen)\b|\bwho\b.*\bto\W*$", "recipient contact to an"),
)
"""What a turn of phrase asks for without a word for it."""
_ASKING: Final = frozenset("which what welche welcher welches welchen welchem many much viel viele vielen wieviel wieviele".split())  # fmt: skip
_BEFORE_A_NAME: Final = frozenset("kind type sort art of von fur".split())
_IS_THE: Final = re.compile(
    r"(?:what(?:'s| is| was| are| were)|who(?:'s| is| was| are)|wer (?:ist|war|sind)|wie (?:hoch|lang|gross|schwer|teuer|weit|breit|tief|warm|heiss|lautet|lauten|heisst|heissen|viel)(?: (?:ist|sind|war|waren))?|was (?:ist|sind|war)|(?:name|nenne|give|gib)(?: mir| me)?)\s+(?:the|der|die|das|den|its|his|her|their|sein\w*|ihr\w*)\s+(?:name (?:of|des|der|vom|von) (?:the |der |dem )?)?"
)
_BEGINS: Final = r"\b(?:begin|start|end|finish|open|close|begins|starts|ends|beginnt|endet|startet|offnet|schliesst|anfangt|aufhort|los)\b"
_OF_TIME: Final = frozenset(
    "seit since dort there man new neu neue neuen neuer next nachste nachsten current aktuell aktuelle own bekommt bekommen erhalt get gets getting time uhr uhrzeit day days tag tage date datum long lange often oft haufig year jahr month monat week woche soon hour hours stunde stunden".split()
)
_ASPECTS: Final = frozenset(
    "hoch gross schwer lang teuer high big large heavy tall wide far weit breit tief temperature temperatur grad degrees hot heiss warm kalt cold expensive called name heisst final previous total lesson subject fach stunde innerhalb frist deadline after before during back himself herself yourself selbst normal regular teilnahme participation company firm person business firma unternehmen now platz woran wofur womit worin worauf wovon wodurch wozu e mail email phone telephone telefon telefonnummer daily share number nummer value wert amount betrag much many type kind art date percentage address adresse".split()
)
_PAST: Final = frozenset("saw took gave sold won wrote made paid sent came went found got ran sang built bought brought left".split())  # fmt: skip
_AUXILIARY: Final = r"(?:is|are|was|were|be|been|has|have|had|do|does|did|can|could|must|should|will|would|may|might|to)"
_BEING: Final = r"(?:is|are|was|were|be|been|has|have|had)"
_PARTICIPLE: Final = r"(?:ed|en|ght|ld|pt|nt|wn|ut|id|de)$"
_PLACED: Final = frozenset("in at on for to from with by the a an of and".split())
_VAGUE_ENDS: Final = ("werte", "wert", "zeit", "betrag", "nummer", "zahl", "tage", "tag", "preis", "kosten", "gebuhr", "datum", "name", "ort", "menge", "termin", "arbeit", "satz", "stand")  # fmt: skip
_SHORT: Final = 5
_ADJECTIVAL: Final = frozenset({"e", "en", "er", "es"})
_SEPARABLE: Final = re.compile(r"^(ab|an|auf|aus|bei|ein|mit|nach|um|vor|zu|zuruck)ge")
_MEDIUM: Final = frozenset("fahrplan timetable schedule plan recipe rezept urkunde statement auszug abrechnung menu poster notice flyer list offer week today speisekarte plakat aushang liste heute woche page form mittel goods ware waren document machine gerat product produkt".split())  # fmt: skip
_WHOLE: Final = frozenset({"total", "price", "amount_due"})
"""Fields of what everything comes to: no price of one thing."""
_STRICT: Final = frozenset[Wanted]({"when", "time", "person", "duration", "price"})
_TYPES: Final = frozenset[Wanted]({"phone", "email", "url", "heat"})
"""Kinds whose look says what they are: they need no label."""
_NAMED: Final = 0.6
_ENOUGH: Final = 0.75
_CLEAR: Final = 0.12
_TITLE: Final = 3
_FEW: Final = 4
_LONGEST: Final = 60


class _Word(NamedTuple):
    """A word of the question, what it does there, and the families that it asks for."""

    text: str
    role: Role
    families: frozenset[Family]
    nominal: bool = False
    """Whether it is a verb used as a noun: `das Parken`."""


class _Weighed(NamedTuple):
    score: float
    value: str
    fact: Fact


def told(ask: Ask, page: Page) -> Found | None:
    """The value that answers clearly better than any other; None for none."""
    if not ask.has(_QUESTION):
        return None
    wanted = wanted_by(ask)
    asking = _asking(ask, wanted)
    if not asking or not page.pieces:
        return None
    weighed = sorted(_weighed(ask, page, wanted, asking), key=lambda each: -each.score)
    if not weighed or weighed[0].score < _ENOUGH:
        return None
    best = weighed[0]
    rivals = [each for each in weighed[1:] if best.score - each.score < _CLEAR]
    if any(not _same(best.value, each.value) for each in rivals):
        ordered = _by_order(ask, [best, *rivals])
        if ordered is None:
            return None
        best = ordered
    text = f"{best.fact.label} {best.fact.value}" if best.fact.label else best.fact.around
    return Found(best.value, text, best.fact.piece)


def _by_order(ask: Ask, rivals: list[_Weighed]) -> _Weighed | None:
    """The first or the last of a row, where the question says which."""
    is_first = ask.has(r"\b(?:first|earliest|erste[nrsm]?|fruheste\w*)\b")
    is_last = ask.has(r"\b(?:last|latest|final|closing|letzte[nrsm]?|spateste\w*)\b")
    in_one_row = len({each.fact.label for each in rivals}) == 1
    in_one_column = len({each.fact.column for each in rivals}) == 1
    if is_first == is_last or in_one_row == in_one_column:
        return None
    box = (lambda each: each.fact.piece.box.left) if in_one_row else (lambda each: each.fact.piece.box.top)
    ordered = sorted(rivals, key=box)
    return ordered[0] if is_first else ordered[-1]


def _same(one: str, other: str) -> bool:
    return fold(one) in fold(other) or fold(other) in fold(one)


def wanted_by(ask: Ask) -> Wanted:
    """What kind of value the question word asks for."""
    return next((kind for pattern, kind in _WANTED if ask.has(pattern)), "text")


# --- The question ----------------------------------------------------------------------------


def _asking(ask: Ask, wanted: Wanted) -> list[_Word]:
    families = asked(ask.words)
    heads = _heads(ask)
    found: list[_Word] = []
    for token in ask.tokens:
        own = frozenset(
            each for each in families.get(token.text, frozenset()) if _fits(each, wanted)
        )
        if token.text in STOPWORDS:
            if own and token.text not in _PLACED:
                found.append(_Word(token.text, "light", own))
            continue
        role = _role(ask, token.text, token.start, heads)
        is_light = role == "weak" and token.text not in _ASPECTS
        nominal = ask.has(rf"\bdas {token.text}\b") and re.fullmatch(r"\w{4,}en", token.text)
        found.append(_Word(token.text, "light" if is_light else role, own, bool(nominal)))
    found.extend(_rejoined(ask, wanted))
    for pattern, implied in _IMPLIED:
        if ask.has(pattern):
            named = implied.split()
            own = frozenset(each for it in asked(_spelt(named)).values() for each in it)
            fitting = frozenset(each for each in own if _fits(each, wanted))
            found.extend(_Word(each, "implied", fitting) for each in named)
    return found


_PARTICLE: Final = re.compile(r"\b(ab|an|auf|aus|ein|los|statt|zu|vor|mit|her|hin|um|nach|zuruck)\W*$")


def _rejoined(ask: Ask, wanted: Wanted) -> list[_Word]:
    """`Wann reiste der Gast an?` asks for the `Anreise`."""
    particle = _PARTICLE.search(ask.folded)
    if ask.tongue != "de" or particle is None:
        return []
    found: list[_Word] = []
    for token in ask.tokens:
        if ask.text[token.start].isupper() or len(token.text) < 4:
            continue
        verb = token.text
        forms = {verb, verb[:-1], verb[:-2], f"{verb}en", f"{verb[:-1]}en", f"{verb[:-1]}e", f"{verb[:-2]}en"}
        joined = [f"{particle[1]}{form}" for form in sorted(forms)]
        own = frozenset(
            each for it in asked(joined).values() for each in it if _fits(each, wanted)
        )
        if own:
            found.append(_Word(f"{particle[1]}{verb}", "light", own))
    return found


def _spelt(named: list[str]) -> list[str]:
    return [part for each in named for part in each.split("_")]


def _fits(family: Family, wanted: Wanted) -> bool:
    if family.kind == "things":
        return False
    return wanted not in _FITTING or family.kind in _FITTING[wanted]


def _role(ask: Ask, word: str, start: int, heads: set[int]) -> Role:
    if word in _ASPECTS or word in _OF_TIME or word in _MEDIUM:
        return "weak"
    if start in heads and word not in GENERIC:
        return "head"
    if word in GENERIC or word.isdigit():
        return "weak" if not word.isdigit() else "noun"
    token = next(each for each in ask.tokens if each.start == start)
    if word in _PAST or not ask.matters(token) or _is_verb(ask, start):
        return "verb"
    return "noun"


def _is_verb(ask: Ask, start: int) -> bool:
    """Whether an English word stands where verbs do: behind `to`, `who`, or what it is done to."""
    if ask.tongue == "de":
        return False
    place = next(place for place, each in enumerate(ask.tokens) if each.start == start)
    before = [each.text for each in ask.tokens[:place]]
    after = [each.text for each in ask.tokens[place + 1 :]]
    if not before:
        return False
    if ask.tokens[place - 1].start in _heads(ask) and re.search(r"(?:s|ed)$", ask.tokens[place].text):
        return True  # `Which band plays?`
    if before[-1] in {"to", "who", "i", "you", "he", "she", "it", "we", "they", "one", "that"}:
        return True
    ends = not after or after[0] in STOPWORDS
    word = ask.tokens[place].text
    if any(re.fullmatch(_BEING, each) for each in before) and not re.search(_PARTICIPLE, word):
        return False
    has_auxiliary = any(re.fullmatch(_AUXILIARY, each) for each in before)
    return ends and has_auxiliary and before[-1] not in STOPWORDS


def _heads(ask: Ask) -> set[int]:
    """Where the words stand that name what is asked for: `which soup`, `how many days`."""
    for place, token in enumerate(ask.tokens):
        if token.text in _ASKING:
            return _run(ask, place + 1)
    match = _IS_THE.search(ask.folded)
    if match is None:
        return set()
    count = len(tokens(match.group())) + len(tokens(ask.folded[: match.start()]))
    return _run(ask, count)


def _run(ask: Ask, first: int) -> set[int]:
    found: set[int] = set()
    for token in ask.tokens[first:]:
        raw = ask.text[token.start : token.end]
        if token.text in _BEFORE_A_NAME and not found:
            continue
        if token.text in STOPWORDS or (ask.tongue == "de" and raw.islower() and found):
            break
        if ask.tongue == "de" and raw.islower():
            continue
        found.add(token.start)
    verbs = {each.start for each in ask.tokens if each.text in _PAST}
    if ask.tongue == "en" and len(found) > 1 and found & verbs:
        found -= {start for start in found if start >= min(found & verbs)}
    if ask.tongue == "en" and len(found) > 1 and not ask.has(rf"\b{_AUXILIARY}\b|\b(?:is|are|was|were)\b"):
        last = next(each for each in ask.tokens if each.start == max(found))
        if re.search(r"(?:s|ed)$", last.text) or last.text in _PAST:
            found.discard(last.start)
    return found


# --- The facts -------------------------------------------------------------------------------


def _weighed(
    ask: Ask, page: Page, wanted: Wanted, asking: list[_Word]
) -> Iterator[_Weighed]:
    context = _Context(ask, page, wanted)
    for fact in facts(page):
        if not _is_of_the_place(fact.how, wanted):
            continue
        told = value_of(fact.value, wanted)
        score = None if told is None else _score(asking, fact, context)
        if told is None or score is None:
            continue
        value, exact = told
        if fact.how in {"clause", "sentence"} and (
            (wanted == "text" and _is_common(value)) or (wanted in _LOOKS and exact == 0.0)
        ):
            continue
        if wanted == "text" and _is_named_thing(asking, fact):
            value = fact.label
        if not _repeats(ask, value):
            yield _Weighed(score + exact, value, fact)


def _is_of_the_place(how: How, wanted: Wanted) -> bool:
    """Whether what was found by its preposition, or beside none, may be what is wanted."""
    if how == "at":
        return wanted == "place"
    if how == "by":
        return wanted in {"person", "means"}
    return how not in {"clause", "sentence"} or wanted not in {"person", "place"}


def _is_common(value: str) -> bool:
    """Whether it is of a kind that has a question word of its own."""
    kinds: tuple[Kind, ...] = ("email", "url", "phone", "amount", "date", "time")
    return any(any(find(kind, value)) for kind in kinds) or PERSON.fullmatch(value) is not None


def _is_named_thing(asking: list[_Word], fact: Fact) -> bool:
    """`Which soup?` beside `Pumpkin soup 6.20`: the name is asked for, not the figure."""
    heads = [word for word in asking if word.role == "head"]
    label = words(fact.label)
    if len(heads) != 1 or not _is_figure(fact.value) or heads[0].text in label:
        return False
    kinds = frozenset(
        each for each in asked([heads[0].text]).get(heads[0].text, ()) if each.kind == "things"
    )
    return any(
        lookup.ends_in(each, heads[0].text) or printed_by(each) & kinds for each in label
    )


def _repeats(ask: Ask, value: str) -> bool:
    """Whether the question says it all itself, or the name that it asks about."""
    said = [word for word in words(value) if word not in STOPWORDS]
    names = {token.text for token in ask.meant if ask.text[token.start].isupper() and token.start}
    is_about = ask.tongue == "en" and any(word in names for word in said)
    return not said or all(word in ask.words for word in said) or is_about


class _Context:
    """What the page says besides the fact: its title, its values, all of its words."""

    def __init__(self, ask: Ask, page: Page, wanted: Wanted) -> None:
        self.key = ask.target.key
        self.wanted = wanted
        self.by_type = 0.7 if wanted in _TYPES else 0.0
        self.everywhere = [token.text for token in page.tokens]
        self.title = [word for piece in page.pieces[:_TITLE] for word in words(piece.text)]
        self.values = [
            word
            for pair in page.pairs
            if pair.how in {"colon", "right"} and not pair.rest
            for word in words(pair.value)
        ]
        top = {piece.text for piece in page.pieces[:_TITLE]}
        self.named = [
            word
            for pair in page.pairs
            if pair.how in {"colon", "right"} and pair.label not in top
            for word in words(pair.label)
        ]
        self.labels = frozenset(each for it in printed(self.named).values() for each in it)
        self.headings = [
            word
            for row in page.rows
            if len(row) == 1 and len(words(row[0].text)) <= _FEW
            for word in words(row[0].text)
        ]
        starts = _heads(ask)
        self.is_begun = ask.has(_BEGINS)
        self.heads = {token.text for token in ask.tokens if token.start in starts}

    def is_of_kind(self, word: _Word, fact: Fact) -> bool:
        """Whether the value is, by its look, of the kind that the head names: a street, a town."""
        if word.text in {"strasse", "street", "road"}:
            return lookup.is_street(fact.value)
        return False

    def tells(self, word: _Word, how: How) -> bool:
        """Whether the word may name who or where: what is owned is not who owns it."""
        if self.wanted == "person" and word.role == "noun":
            return bool(word.families)
        if self.wanted == "place" and word.role == "noun":
            return any(each.kind == "place" for each in word.families) or how in {"at", "alone"}
        return True

    def accounts(self, word: _Word) -> float | None:
        """What it costs that the fact does not say the word; None where it may not be missing."""
        if word.role == "weak":
            return 0.0
        if _says(self.named, word.text):
            return 0.1
        if word.families & self.labels:
            return 0.15 if word.role == "light" else 0.4  # Another label says it.
        if word.role == "light" and word.text in self.heads and word.text not in NEUTRAL:
            return 0.5
        if word.role == "light" or word.text in GENERIC | SUBJECTS:
            return 0.0
        if not self.by_type and any(family.kind == "name" for family in asked([word.text]).get(word.text, ())):
            return 0.05
        if _says(self.title, word.text) or _says(self.values, word.text):
            return 0.05
        kinds = asked([word.text]).get(word.text, frozenset())
        if any(printed_by(each) & kinds for each in self.everywhere):
            return 0.1
        if word.role == "verb":
            return 0.35 if word.families and self.wanted in _STRICT else 0.15
        return 0.5 if _says(self.everywhere, word.text) else None


def _score(asking: list[_Word], fact: Fact, context: _Context) -> float | None:
    named = _Side(f"{fact.label} {fact.column}", context.wanted)
    near = _Side(fact.around, context.wanted)
    gain, by_name, cost, implied = context.by_type, context.by_type, 0.0, 0.0
    nearest, narrowed = 0.0, False
    is_count = context.wanted == "number" and _is_only(fact.label, _COUNTS)
    for word in asking:
        weight = _WEIGHTS[word.role]
        match = named.match(word)
        if word.role == "implied":
            if not match and not fact.label and near.match(word):
                match = near.nearness(word, fact.value)
                nearest = max(nearest, match)
            implied = max(implied, weight * match)
            continue
        if match > 0 and context.tells(word, fact.how):
            by_name += weight * match
            gain += weight * match
            continue
        if match > 0:
            gain += 0.3 * match
            continue
        match = near.match(word)
        if match > 0:
            nearness = 0.6 if fact.label or fact.column else near.nearness(word, fact.value)
            nearness *= 0.7 if fact.how == "sentence" else 1.0
            nearest = max(nearest, nearness if word.role != "light" else 0.0)
            gain += weight * match * nearness
            by_name += weight * match * nearness if not fact.label and context.tells(word, fact.how) else 0.0
            continue
        is_spared = word.role != "head" or is_count or _says(context.headings, word.text)
        is_spared = is_spared or context.is_of_kind(word, fact)
        missing = context.accounts(word) if is_spared else None
        narrowed = narrowed or (word.role == "noun" and bool(missing) and missing >= 0.1)
        if missing is None:
            return None
        cost += missing
    if fact.how == "alone" and context.is_begun and not any(find("time", fact.value)):
        return None
    if context.wanted == "number" and fact.how in {"clause", "sentence"} and not _counts(fact, asking, context):
        return None
    if any(word.role == "implied" for word in asking) and not implied:
        cost += 0.25
    least = 0.8 if context.wanted in {"number", "text"} else 0.5
    if not fact.label and not fact.column and nearest < least and not context.by_type:
        return None
    if by_name + implied == 0 and _is_of_the_kind(asking, fact, context):
        gain, by_name = gain + _NAMED, _NAMED
    gain, by_name = gain + implied, by_name + implied
    by_key = lookup.label_quality(fact.label, context.key) if context.key and fact.label else 0.0
    is_narrowed = context.key in _WHOLE and narrowed
    if by_key > 0.8 and by_name < 0.8 and not is_narrowed:
        gain += 0.8 - by_name
        by_name = 0.8
    if by_name < _NAMED:
        return None
    excess = named.unexplained(asking, fact.label)
    if context.by_type and excess and named.all and not by_name > context.by_type:
        return None  # The label says that it is another thing.
    return gain - cost - min(0.15 * excess, 0.45) + 0.2 * fact.sure


_COUNTS: Final = frozenset("quantity qty anzahl menge stuck stk count number".split())
_KINDS: Final[dict[Wanted, frozenset[str]]] = {
    "number": _COUNTS,
    "when": frozenset("date datum tag day when wann am zeit time uhrzeit".split()),
    "time": frozenset("time zeit uhrzeit um".split()),
    "price": frozenset("price preis betrag amount kosten cost".split()),
    "place": frozenset("place ort where wo location".split()),
}
"""Labels that name no more than a kind of value."""


def _is_only(label: str, names: frozenset[str]) -> bool:
    said = words(label)
    return bool(said) and all(word in names for word in said)


def _is_of_the_kind(asking: list[_Word], fact: Fact, context: _Context) -> bool:
    """`Time 14:42` where nothing asks for more than when it was."""
    strict = {"place"} if context.wanted == "place" else {"date", "time", "amount"}
    asks_for_more = any(
        each.kind in strict for word in asking if word.role != "weak" for each in word.families
    )
    if context.wanted == "number":
        asks_for_more = not _is_only(fact.label, _COUNTS)
    names = _KINDS.get(context.wanted, frozenset())
    return not asks_for_more and _is_only(fact.label, names)


def _counts(fact: Fact, asking: list[_Word], context: _Context) -> bool:
    """Whether what is counted stands right behind the number."""
    things = [word for word in asking if word.text in context.heads or word.role == "head"]
    behind = words(fact.around.partition(fact.value)[2])[:2]
    return any(_says([each], word.text) or printed_by(each) & word.families for each in behind for word in things)


class _Side:
    """The words that stand at one side of a fact, and the families that they print."""

    def __init__(self, text: str, wanted: Wanted) -> None:
        self.wanted = wanted
        self.words = words(text)
        self.families = printed(self.words)
        self.all = frozenset(
            each for found in self.families.values() for each in found
        )

    def match(self, word: _Word) -> float:
        if word.role == "implied":
            return 1.0 if word.text in self.words or word.families & self.all else 0.0
        if _says(self.words, word.text):
            return 1.0
        if word.nominal and any(each.startswith(word.text[:-2]) for each in self.words):
            return 0.9
        if word.families & self.all:
            return 0.85
        if any(each.kind == "name" for each in word.families) and self.words == ["name"]:
            return 0.8
        is_done = word.role == "verb" and self.wanted in {"person", "amount", "when"}
        return 0.8 if is_done and any(_are_kin(word.text, each) for each in self.words) else 0.0

    def nearness(self, word: _Word, value: str) -> float:
        """From 1 down to 0.4, the further the word stands from the value."""
        figures = words(value)
        ends = [place for place, each in enumerate(self.words) if each in figures[:1]]
        places = [
            place
            for place, each in enumerate(self.words)
            if _says([each], word.text) or printed_by(each) & word.families
        ]
        apart = min((abs(end - place) for end in ends for place in places), default=3)
        slope = 0.1 if self.wanted in {"amount", "number", "price", "text"} else 0.05
        return max(0.4, 1.0 + slope - slope * apart)

    def unexplained(self, asking: list[_Word], label: str) -> int:
        wanted = frozenset(each for word in asking for each in word.families)
        texts = [word.text for word in asking]
        return sum(
            word not in STOPWORDS
            and word not in NEUTRAL
            and not word.isdigit()
            and not self.families.get(word, frozenset()) & wanted
            and not _says(texts, word)
            for word in words(label)
        )


def _says(said: list[str], word: str) -> bool:
    """Whether the word is there, with a vague end less, or as parts of compounds."""
    if holds(said, word) or any(lookup.ends_in(each, word) for each in said):
        return True
    if len(word) > _SHORT and word.endswith("ly") and holds(said, word[:-2]):
        return True
    if len(word) <= _SHORT and any(word.startswith(each) and word[len(each) :] in _ADJECTIVAL for each in said if len(each) == 3):
        return True
    if any(each == f"re{word}" for each in said):
        return True
    for end in _VAGUE_ENDS:
        rest = word.removesuffix(end)
        if rest != word and len(rest) >= 4:
            parts = (rest, rest.removesuffix("s"))
            return any(alike(each, part) or each.startswith(part) for each in said for part in parts)
    return False


def _are_kin(verb: str, other: str) -> bool:
    """`analysed` and `analyst`, `ausgezahlt` and `Auszahlung`, `bezeugt` and `Zeuge`."""
    for one in (verb, _SEPARABLE.sub(r"\1", verb), re.sub(r"^(?:ge|be|ver)(?=.{4})", "", verb)):
        same = 0
        for left, right in zip(one, other, strict=False):
            if left != right:
                break
            same += 1
        least = min(len(one), len(other))
        if same >= max(4 if least <= 6 else 5, least - 3):
            return True
    return False


# --- Its value -------------------------------------------------------------------------------


def value_of(text: str, wanted: Wanted) -> tuple[str, float] | None:
    """What in the text is of the wanted kind, and a bonus for its look; None for nothing."""
    text = text.strip(" :;|")
    if not text:
        return None
    folded = fold(text)
    if wanted == "heat":
        heat = re.search(r"[-–]?\d[\d.,]*(?:\s?[-–]\s?\d+)?\s?(?:°\s?[CF]?|Grad|degrees?)", text, re.IGNORECASE)  # noqa: RUF001
        is_bare = re.fullmatch(r"[-–]?\d[\d.,]*", text)  # noqa: RUF001
        return (heat.group(), 0.2) if heat else (text, 0.0) if is_bare else None
    if wanted in _LOOKS:
        return _looking(text, wanted)
    if wanted in {"time", "when"} and (hour := _HOUR.search(text)) is not None:
        return hour.group("hour"), 0.05
    if wanted == "when" and (term := _WITHIN.search(folded)) is not None:
        return text[term.start() : term.end()], 0.2
    if wanted == "when":
        if re.fullmatch(r"(?:19|20)\d\d", text):
            return text, 0.0
        if not any(find("date", text)) and not any(find("time", text)) and not _MOMENT.search(folded):
            return None
        if len(text) <= 40:
            return text, 0.2
        first = _first(text, ("date", "time"))
        return (first, 0.2) if first else None
    if wanted in {"duration", "often", "span"}:
        match = (_OFTEN if wanted == "often" else _DURATION).search(folded)
        if match is not None:
            return (text[match.start() : match.end()] if len(folded) == len(text) else text), 0.2
        counted = _counted(text, folded) if wanted == "span" else None
        return (counted, 0.0) if counted else None
    if wanted == "code":
        return (text, 0.1) if _is_code(text) else None
    if wanted == "number":
        counted = _counted(text, folded)
        return (counted, 0.1) if counted else None
    if len(text) > _LONGEST or (looks_like_a_label(text) and text.endswith(":")):
        return None
    if wanted in {"person", "place"}:
        return _called(text, wanted)
    return (text, 0.0) if lookup.is_no_greeting(text) else None


def _called(text: str, wanted: Wanted) -> tuple[str, float] | None:
    """A name of a person, a firm or a place."""
    parts = text.split(", ")
    if wanted == "place" and len(parts) > 1 and _is_figure(parts[0]):
        text = ", ".join(parts[1:])
    is_person = wanted == "person" and PERSON.search(text) is not None
    is_word = re.search(r"[A-Za-zÄÖÜäöüß]{2}", text) is not None and not _is_figure(text)
    if wanted == "place" and not re.search(r"[A-Za-zÄÖÜäöüß]{3}", text):
        return None
    if wanted == "place" and re.fullmatch(r"[A-Z]{1,5}[-/ ]?\d[\w/-]*", text):
        return None
    is_code = wanted == "person" and not is_person and any(map(str.isdigit, text))
    if not is_word or is_code or not lookup.is_no_greeting(text):
        return None
    return None if _MOMENT.search(fold(text)) else (text, 0.1 * is_person)


def _looking(text: str, wanted: Wanted) -> tuple[str, float] | None:
    if _DAY_AND_MONTH.fullmatch(text):
        return None
    kinds: tuple[Kind, ...] = ("date",) if wanted == "time" else ("date", "time")
    for kind in kinds:
        for taken in find(kind, text):
            text = text.replace(taken.text, " ")
    for place, kind in enumerate(_LOOKS[wanted]):
        found = next(iter(find(kind, text)), None)
        if found is not None and not (kind == "phone" and re.search(r"[\w/]-?$", text[: found.start])):
            return found.text, 0.2 - 0.15 * place
    if wanted in {"amount", "price"}:
        small = re.search(r"(?<![\w.,])\d{1,3}p\b|^(?:free(?: of charge)?|kostenlos|kostenfrei|frei|gratis|umsonst)$", text, re.IGNORECASE)
        if small is not None:
            return small.group(), 0.1
    is_bare = wanted in {"amount", "measure", "price"} and re.fullmatch(r"[-–+]?\d[\d.,]*", text)  # noqa: RUF001
    return (text, 0.0) if is_bare else None


def _is_code(text: str) -> bool:
    kinds: tuple[Kind, ...] = ("date", "time", "email", "url", "percent")
    has_digit = any(map(str.isdigit, text)) and len(text) <= 40
    is_money = re.search(r"[€$£]|\bEUR\b", text) is not None
    return has_digit and not is_money and not any(any(find(kind, text)) for kind in kinds)


def _first(text: str, kinds: tuple[Kind, ...]) -> str | None:
    return next((found.text for kind in kinds for found in find(kind, text)), None)


def _counted(text: str, folded: str) -> str | None:
    kinds: tuple[Kind, ...] = ("date", "time", "phone")
    if any(any(find(kind, text)) for kind in kinds) or re.search(r"[€$£§]|\d[.,]\d\d$|\d[a-z]\b|\b(?:times|mal)\b", text):
        return None
    found = next(iter(find("number", text)), None) or next(iter(find("measure", text)), None)
    if re.search(r"\d\s?(?:m?g|kg|m?l|[cmk]?m|%)\b|\d\s?(?:m²|m³|qm|%)", text):
        return None
    if found is not None:
        return None if re.fullmatch(r"(?:19|20)\d\d", found.text) else found.text
    match = re.search(rf"\b{_NUMBERS}\b", folded)
    return text[match.start() : match.end()] if match and len(folded) == len(text) else None


def _is_figure(text: str) -> bool:
    kinds: tuple[Kind, ...] = ("date", "time", "amount", "phone", "percent", "measure", "email")
    return any(found.start == 0 for kind in kinds for found in find(kind, text))
