# ruff: noqa: E501, RUF001
# E501: patterns stay on one line.
# RUF001: typographic signs are meant.
"""What kind of value a question wants, and what in a text is of that kind.

Finer than the kinds of `values`: a duration, a person, a code, how often, by what means.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

from visus.local.lite.answering import plausible
from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.page import looks_like_a_label
from visus.local.lite.answering.values import PERSON, Kind, find
from visus.local.lite.answering.words import fold

Wanted: TypeAlias = Literal[
    "address", "amount", "code", "duration", "email", "heat", "means", "measure", "number", "often",
    "percent", "person", "phone", "place", "price", "span", "text", "time", "url", "when",
]  # fmt: skip

AGE: Final = r"\bhow old\b|\bwie alt\b"
"""Asks for an age."""
_WANTED: Final[tuple[tuple[str, Wanted], ...]] = (
    (r"^\W*(?:was|what|(?:which|welche\w*) \w+) (?:kostete?n?|costs?)\W+(?:[€£$]\s?)?\d+[.,]\d\d", "text"),
    (r"\bhow (?:often|many times|frequent\w*)|\bwie (?:oft|haufig)", "often"),
    (r"\bhow long\b|\bwie lange\b|\bwie lang\b(?! (?:ist|sind|war)\b(?!.*(?:frist|dauer|zeit)))|\bhow soon\b", "duration"),
    (r"(?:how many|wie ?viele) (?:minutes|hours|days|weeks|months|years|minuten|stunden|tage|wochen|monate|jahre)\b", "span"),
    (r"\b(?:what|which) time\b|\bwie ?viel uhr|\bwelche[rn]? (?:uhr)?zeit|\bwie spat|\buhrzeit", "time"),
    (r"\b(?:frist|deadline)\b", "when"),
    (r"\be-?mail", "email"),
    (r"\b(?:web ?site|homepage|web ?seite|internetseite|url)\b", "url"),
    (r"(?:number|nummer)\b.*\b(?:call|ring|phone|dial|reach|anrufe?n?|anzurufen|ruft|erreich\w*|telefon\w*)\b|\b(?:phone|telephone|telefon\w*|handynummer|fax\w*)\b", "phone"),
    (r"\b(?:temperature|temperatur|how (?:hot|warm|cold)|wie (?:heiss|warm|kalt)|degrees|grad)\b", "heat"),
    (r"\bwomit\b|\bhow (?:was|were|did|is)\b.*\b(?:paid|pay|settled|sent|delivered)\b|\bwie wurde\b.*\b(?:bezahlt|gezahlt|verschickt|geliefert)", "means"),
    (r"(?:what|which|wie lautet|welche[nrs]?)\b[^?]*\b(?:\w*nummer|numbers?|code|id|reference|kennzeichen|aktenzeichen)\b", "code"),
    (r"\b(?:address|adresse|anschrift)\b", "address"),
    (AGE, "number"),
    (r"^(?:\W*\w+){0,2}\W*\b(?:when|wann)\b|\b(?:(?:what|which) (?:days?|dates?|months?|years?(?! group))|welche[mnrs]? (?:tag\w*|datum|monat|jahr|wochentag))\b|\bdatum\b", "when"),
    (r"\b(?:percent\w*|prozent\w*|share of|anteil)\b", "percent"),
    (r"\bhow (?:heavy|tall|wide|large|big|deep|high|far|fast)\b|\bwie (?:schwer|lang|breit|gross|tief|weit|schnell)\b|\bwie ?viel wiegt", "measure"),
    (r"\b(?:how many|wie ?viele|number of(?! the| this)|anzahl)\b", "number"),
    (r"\b(?:wie teuer|how expensive|costs?|kosten?|kostete?t?|gekostet|charged|price|preis|fee|gebuhr|pay|pays|zahlt|verdient|earns?|zahlen|bezahlen)\b", "price"),
    (r"\bhow much (?:(?:is|was|are|were|do|does|did|must|will) (?:it|this|that|i|you|we|they|one)|for)\b", "price"),
    (r"\b(?:how much|wie ?viel|wie hoch)\b", "amount"),
    (r"^\W*(?:and |und )?(?:(?:from|to|in|at|an|in|aus|bei|zu|auf) )?(?:where|wo|wohin|woher|welche[mrn]? (?:stadt|ort|strasse|gebaude|raum)|(?:what|which) (?:city|town|street|place|room|building))\b", "place"),
    (r"^\W*(?:and |und )?(?:(?:to|for|with|by|from|bei|fur|an|mit|von|zu) )?(?:who|whom|whose|wer|wen|wem|wessen)\b|\b(?:what|which|welche[mnrs]?) (?:company|firm|person|shop|store|business|doctor|vet|bank|band|firma|unternehmen|betrieb|handler|arzt|arztin|arbeitgeber|verein)\b", "person"),
)  # fmt: skip
_LOOKS: Final[Mapping[Wanted, tuple[Kind, ...]]] = {
    "amount": ("amount", "measure", "percent"),
    "email": ("email",),
    "measure": ("measure", "amount"),
    "percent": ("percent",),
    "phone": ("phone",),
    "price": ("amount",),
    "time": ("time",),
    "url": ("url",),
}
_BY_LOOK: Final = 0.2
"""What it adds to the weight of a fact that its value looks just as it should."""
_LESS_BY_LOOK: Final = 0.15
_HINT: Final = 0.1
_WEEKDAY: Final = r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?|(?:montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend|sonntag)s?"
_MOMENT: Final = re.compile(
    rf"\b(?:{_WEEKDAY})\b|\b(?:morgens|mittags|abends|nachts|vormittags|nachmittags|morning|noon|midday|evening|daily|taglich)\b"
    r"|^(?:mon|tues?|wed|thurs?|thu|fri|sat|sun|mo|di|mi|do|fr|sa|so)\b(?=[.,]?\s*(?:\d|[-–]|$))"
    r"|\b(?:januar|februar|marz|april|mai|juni|juli|august|september|oktober|november|dezember|january|february|march|may|june|july|october|december)\b"
    r"|\b(?:spring|summer|autumn|winter|fruhjahr|fruhling|sommer|herbst)\s(?:19|20)\d\d\b"
    r"|(?<![\d.])\d{1,2}\.\d{1,2}\.(?!\d)"
)
_YEAR: Final = re.compile(r"(?:19|20)\d\d")
_DAY_AND_MONTH: Final = re.compile(r"\d{1,2}\.\s?\d{1,2}\.")
_HOUR: Final = re.compile(
    r"(?:^|\b(?:until|till|from|at|by|to|ab|bis|um|von|before|after|vor|nach)\s)(?P<hour>(?:[01]?\d|2[0-3])\.[0-5]\d)(?!\d|\.|\s?(?:€|EUR|£|g\b|kg|%|uhr|[ap]\.?m))",
    re.IGNORECASE,
)
"""An hour with a point, where something says that it is one, or nothing else stands there."""
_WITHIN: Final = re.compile(
    r"\b(?:within|innerhalb(?: von)?|binnen)\s\w+\s(?:minut|hour|stund|day|tag|week|woche|month|monat|year|jahr)\w*"
)
_NUMBERS: Final = r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|eine?r?|zwei|drei|vier|funf|sechs|sieben|acht|neun|zehn|elf|zwolf)"
_DURATION: Final = re.compile(
    r"\b\d+\s?(?:h|hrs?|hours?|std\.?|stunden?)\s?\d+\s?(?:min\w*|m)\b"
    rf"|\b(?:\d+(?:[.,]\d+)?|{_NUMBERS})[\s-]?(?:minutes?|minuten|mins?|hours?|stunden?|std|hrs?|h|days?|tagen?|tage?|weeks?|wochen?|months?|monaten?|monate?|years?|jahren?|jahre?)\b"
)
_OFTEN: Final = re.compile(
    r"\b(?:once|twice|(?:one|two|three|four|\d)\s?(?:times|x)|every \w+(?: \w+)?|(?:ein|zwei|drei|vier|\d)[ -]?mal|alle \w+ \w+|\d ?x|jede[nsr]? \w+)"
    r"(?:\s(?:a|per|each|every|am|pro|in der|im|die)\s\w+|\s(?:daily|taglich|wochentlich|weekly|monatlich|jahrlich))?"
    r"|\b(?:daily|weekly|monthly|taglich|wochentlich|monatlich|jahrlich|annually|yearly)\b"
)
_HEAT: Final = re.compile(
    r"[-–]?\d[\d.,]*(?:\s?[-–]\s?\d+)?\s?(?:°\s?[CF]?|Grad|degrees?)", re.IGNORECASE
)
_BARE: Final = re.compile(r"[-–+]?\d[\d.,]*")
_PRICE: Final = re.compile(r"[-–+]?\d[\d.,]*[.,]\d\d")
_ADDRESS: Final = re.compile(
    r"(?:str(?:\.|aße|asse)|weg|platz|gasse|allee|ring|damm|ufer|anger|markt)\s\d+|\d{5} [A-ZÄÖÜ]|[A-Z]{1,2}\d\w? \d[A-Z]{2}"
    r"|\d+\w? .*\b(?:street|st|road|rd|lane|avenue|ave|way|close|drive|place|square|court|row|hill|terrace|gardens|view|rise|crescent)\b",
    re.IGNORECASE,
)
_SMALL: Final = re.compile(
    r"(?<![\w.,])\d{1,3}p\b|(?<![\w.,])\d[\d.,]*\s?(?:ct|cents?)\b(?:/\w+)?|^(?:free(?: of charge)?|kostenlos|kostenfrei|frei|gratis|umsonst)$",
    re.IGNORECASE,
)
"""Pence, and what costs nothing."""
_MONEY: Final = re.compile(r"[€$£]|\bEUR\b")
_NO_COUNT: Final = re.compile(
    r"[€$£§]|\b(?:[Ee]uros?|EUR|pounds?|dollars?)\b|\d[.,]\d\d$|\d[a-z]\b|\b(?:times|mal)\b|\d\s?(?:[mµμ]?g|mcg|kg|m?l|[cmk]?m)\b|\d\s?(?:m²|m³|qm|%)"
)
_IN_A_CODE: Final = re.compile(r"\b[A-Z]{1,3}[- ][A-Z]{0,2}\s?\d|,\s.*\d")
_LETTERS: Final = re.compile(r"[A-Za-zÄÖÜäöüß]{2}")
_CODE_OF_A_PLACE: Final = re.compile(r"[A-Z]{1,5}[-/ ]?\d[\w/-]*")
_NO_PHONE: Final = re.compile(r"[\w/]-?$|\b[A-Z]{2,3}\s$")
"""What stands before a number that is part of a code."""
_LONGEST: Final = 60
_LONGEST_MOMENT: Final = 40
_LONGEST_PLACE: Final = 3


class Value(NamedTuple):
    """A value, and what its look adds to the weight of its fact."""

    text: str
    bonus: float


def wanted_by(ask: Ask) -> Wanted:
    """What kind of value the question word asks for."""
    for pattern, kind in _WANTED:
        if ask.has(pattern):
            return kind
    return "text"


def value_of(text: str, wanted: Wanted) -> Value | None:
    """What in the text is of the wanted kind; None for nothing."""
    text = text.strip(" :;|")
    if not text:
        return None
    finder = _FINDERS.get(wanted)
    if finder is not None:
        return finder(text)
    return _looking(text, wanted) if wanted in _LOOKS else _free(text)


def is_unlike(ask: Ask, text: str) -> bool:
    """Whether an address, a number to ring or the like is asked for, and the text has none."""
    wanted = wanted_by(ask)
    return wanted in _CONTACTS and value_of(text, wanted) is None


_CONTACTS: Final = frozenset[Wanted]({"address", "email", "phone", "url"})


def is_by_look(wanted: Wanted) -> bool:
    """Whether values of the kind have a look of their own, as amounts and addresses do."""
    return wanted in _LOOKS


def is_figure(text: str) -> bool:
    """Whether it begins with a date, an amount or the like."""
    kinds: tuple[Kind, ...] = (
        "date",
        "time",
        "amount",
        "phone",
        "percent",
        "measure",
        "email",
    )
    return any(found.start == 0 for kind in kinds for found in find(kind, text))


def is_moment(text: str) -> bool:
    """Whether it names a day, a month or an hour."""
    kinds: tuple[Kind, ...] = ("date", "time")
    return any(any(find(kind, text)) for kind in kinds) or bool(_MOMENT.search(fold(text)))


def _heat(text: str) -> Value | None:
    heat = _HEAT.search(text)
    if heat is not None:
        return Value(heat.group(), _BY_LOOK)
    return Value(text, 0.0) if _BARE.fullmatch(text) else None


def _time(text: str) -> Value | None:
    hour = _HOUR.search(text)
    return Value(hour.group("hour"), 0.05) if hour else _looking(text, "time")


def _moment(text: str) -> Value | None:
    hour, within = _HOUR.search(text), _WITHIN.search(fold(text))
    if hour is not None:
        return Value(hour.group("hour"), 0.05)
    if within is not None:
        return Value(text[within.start() : within.end()], _BY_LOOK)
    if _YEAR.fullmatch(text):
        return Value(text, 0.0)
    if not is_moment(text):
        return None
    text = ", ".join(filter(is_moment, text.split(", "))) or text
    if len(text) <= _LONGEST_MOMENT:
        return Value(text, _BY_LOOK)
    kinds: tuple[Kind, ...] = ("date", "time")
    first = next((found.text for kind in kinds for found in find(kind, text)), None)
    return Value(first, _BY_LOOK) if first else None


def _duration(text: str) -> Value | None:
    return _matched(_DURATION, text)


def _often(text: str) -> Value | None:
    return _matched(_OFTEN, text)


def _span(text: str) -> Value | None:
    counted = _number(text)
    return _duration(text) or (Value(counted.text, 0.0) if counted else None)


def _matched(looks: re.Pattern[str], text: str) -> Value | None:
    folded = fold(text)
    match = looks.search(folded)
    if match is None:
        return None
    same = len(folded) == len(text)
    return Value(text[match.start() : match.end()] if same else text, _BY_LOOK)


def _number(text: str) -> Value | None:
    kinds: tuple[Kind, ...] = ("date", "time", "phone")
    if any(any(find(kind, text)) for kind in kinds) or _NO_COUNT.search(text):
        return None
    if _IN_A_CODE.search(text):
        return None
    found = next(iter(find("number", text)), None) or next(iter(find("measure", text)), None)
    if found is not None:
        return None if _YEAR.fullmatch(found.text) else Value(found.text, _HINT)
    spelt = _matched(re.compile(rf"\b{_NUMBERS}\b"), text)
    return Value(spelt.text, _HINT) if spelt else None


def _code(text: str) -> Value | None:
    kinds: tuple[Kind, ...] = ("date", "time", "email", "url", "percent")
    has_digit = any(map(str.isdigit, text)) and len(text) <= _LONGEST_MOMENT
    is_other = _MONEY.search(text) or any(any(find(kind, text)) for kind in kinds)
    return Value(text, _HINT) if has_digit and not is_other else None


def _address(text: str) -> Value | None:
    is_one = _ADDRESS.search(text) is not None and not is_figure(text)
    return Value(text, _BY_LOOK) if is_one and _is_short(text) else None


def _person(text: str) -> Value | None:
    text = _without_figures(text)
    is_person = PERSON.search(text) is not None
    if not _is_name(text) or (not is_person and any(map(str.isdigit, text))):
        return None
    return Value(text, _HINT * is_person)


def _place(text: str) -> Value | None:
    """`13:00, Deck 2` is at `Deck 2`."""
    text = _without_figures(text)
    is_word = re.search(rf"[A-Za-zÄÖÜäöüß]{{{_LONGEST_PLACE}}}", text) is not None
    is_code = _CODE_OF_A_PLACE.fullmatch(text) is not None
    return Value(text, 0.0) if is_word and not is_code and _is_name(text) else None


def _without_figures(text: str) -> str:
    """`Hull Station, 7 May 2026` without the day, `13:00, Deck 2` without the hour."""
    parts = text.split(", ")
    kept = [part for part in parts if not is_figure(part) and not is_moment(part)]
    return ", ".join(kept) or text


def _is_name(text: str) -> bool:
    is_word = _LETTERS.search(text) is not None and not is_figure(text) and _is_short(text)
    return is_word and plausible.is_no_greeting(text) and not _MOMENT.search(fold(text))


def _is_short(text: str) -> bool:
    return len(text) <= _LONGEST and not (looks_like_a_label(text) and text.endswith(":"))


def _free(text: str) -> Value | None:
    return Value(text, 0.0) if _is_short(text) and plausible.is_no_greeting(text) else None


def _looking(text: str, wanted: Wanted) -> Value | None:
    """A value of one of the looks, the first of them rather than the next."""
    if _DAY_AND_MONTH.fullmatch(text):
        return None
    text = _without_moments(text, wanted)
    for place, kind in enumerate(_LOOKS[wanted]):
        found = next(iter(find(kind, text)), None)
        if found is not None and not (
            kind == "phone" and _NO_PHONE.search(text[: found.start])
        ):
            return Value(found.text, _BY_LOOK - _LESS_BY_LOOK * place)
    if wanted not in {"amount", "measure", "price"}:
        return None
    small = _SMALL.search(text) if wanted != "measure" else None
    if small is not None:
        return Value(small.group(), _HINT)
    bare = _PRICE if wanted == "price" else _BARE
    return Value(text, 0.0) if bare.fullmatch(text) else None


def _without_moments(text: str, wanted: Wanted) -> str:
    kinds: tuple[Kind, ...] = ("date",) if wanted == "time" else ("date", "time")
    for kind in kinds:
        for taken in find(kind, text):
            text = text.replace(taken.text, " ")
    return text


_FINDERS: Final[Mapping[Wanted, Callable[[str], Value | None]]] = {
    "address": _address,
    "code": _code,
    "duration": _duration,
    "heat": _heat,
    "number": _number,
    "often": _often,
    "person": _person,
    "place": _place,
    "span": _span,
    "time": _time,
    "when": _moment,
}
