# ruff: noqa: E501 - a list of words reads best as one row
"""Names, places, goods and sentences in English and German, to fill pages with."""

from decimal import Decimal
from typing import Final

from eval.dice import Dice

FIRST: Final = [
    "Anna",
    "Jörg",
    "Sabine",
    "Thomas",
    "Käthe",
    "Oliver",
    "Grace",
    "Peter",
    "Ines",
    "Björn",
    "Emily",
    "Harald",
    "Zoë",
    "Martin",
    "Ursula",
    "Henry",
    "Lukas",
    "Charlotte",
    "Günter",
    "Rosa",
    "Felix",
    "Marie",
    "Konrad",
    "Alice",
    "Jürgen",
    "Nina",
]
LAST: Final = [
    "Müller",
    "Hartmann",
    "Schröder",
    "Baker",
    "Weiß",
    "Fischer",
    "Turner",
    "Kowalski",
    "Bergmann",
    "O'Neill",
    "Krüger",
    "Lindner",
    "Whitfield",
    "Jäger",
    "Petersen",
    "Köhler",
    "Ashworth",
    "Vogel",
    "Novak",
    "Brandt",
    "Sommer",
    "Hughes",
    "Böhm",
    "Reuter",
]
STREETS: Final = {
    "en": "High Street|Mill Lane|Station Road|Church Walk|Victoria Avenue|Park Row|Quay Street",
    "de": "Hauptstraße|Mühlenweg|Bahnhofstraße|Kirchgasse|Lindenallee|Am Markt|Gartenweg",
}
CITIES: Final = {
    "en": "Bristol|Leeds|Cardiff|York|Dover|Oxford|Norwich|Exeter|Plymouth|Chester",
    "de": "Köln|München|Bremen|Görlitz|Jena|Lübeck|Würzburg|Kassel|Ulm|Münster|Hagen",
}
COMPANY_A: Final = {
    "en": "Northgate|Harbour|Silverline|Oakfield|Bluebird|Summit|Riverside|Copper|Westbrook|Ember",
    "de": "Nordlicht|Hansa|Alpenblick|Rheintal|Sonnenhof|Falken|Elbtal|Linden|Bergwerk|Havel",
}
COMPANY_B: Final = {
    "en": "Office Supplies|Garden Centre|Logistics|Bakery|Books|Electrics|Tools|Catering|Studio",
    "de": "Bürobedarf|Gartenbau|Spedition|Bäckerei|Buchhandel|Elektrotechnik|Werkzeuge|Medien",
}
LEGAL: Final = {"en": "Ltd|plc|LLP|& Sons|Inc.", "de": "GmbH|AG|KG|e. K.|OHG"}
GOODS: Final = {
    "en": (
        "Desk lamp|Ink cartridge|Paper tray|Garden hose|Copper kettle|Steel shelf|Door handle|"
        "USB cable|Wall clock|Oak table|Travel mug|Notebook|Wool blanket|Water filter|Torch|"
        "Screwdriver|Paint brush|Envelope box|Hand mixer|Picture frame|Monitor stand|Tape measure"
    ),
    "de": (
        "Schreibtischlampe|Tintenpatrone|Papierfach|Gartenschlauch|Kupferkessel|Stahlregal|"
        "Türgriff|Netzkabel|Wanduhr|Eichentisch|Reisebecher|Notizbuch|Wolldecke|Wasserfilter|"
        "Taschenlampe|Schraubenzieher|Pinselset|Briefumschläge|Handmixer|Bilderrahmen|Maßband"
    ),
}
FOODS: Final = {
    "en": (
        "Wholemeal bread|Butter|Orange juice|Ground coffee|Apples|Cheddar|Olive oil|Oat milk|"
        "Tomatoes|Honey|Rice|Green tea|Yoghurt|Dark chocolate|Salmon fillet|Pasta"
    ),
    "de": (
        "Vollkornbrot|Butter|Orangensaft|Röstkaffee|Äpfel|Bergkäse|Olivenöl|Hafermilch|Tomaten|"
        "Honig|Reis|Grüner Tee|Joghurt|Zartbitter|Lachsfilet|Nudeln|Möhren|Süßkartoffeln"
    ),
}
MONTHS: Final = {
    "en": "January|February|March|April|May|June|July|August|September|October|November|December",
    "de": "Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember",
}


def one(dice: Dice, table: dict[str, str], lang: str) -> str:
    """One of the words that a table holds for a language."""
    return dice.pick(table[lang].split("|"))


def several(dice: Dice, table: dict[str, str], lang: str, count: int) -> list[str]:
    """`count` different words."""
    return dice.some(table[lang].split("|"), count)


def person(dice: Dice) -> str:
    """A first and a last name."""
    return f"{dice.pick(FIRST)} {dice.pick(LAST)}"


def company(dice: Dice, lang: str) -> str:
    """A firm's name with its legal form."""
    return " ".join(one(dice, table, lang) for table in (COMPANY_A, COMPANY_B, LEGAL))


def street(dice: Dice, lang: str) -> str:
    """Street and number in the order of the country."""
    name, number = one(dice, STREETS, lang), dice.between(1, 180)
    return f"{name} {number}" if lang == "de" else f"{number} {name}"


def town(dice: Dice, lang: str) -> str:
    """Postcode and city."""
    city = one(dice, CITIES, lang)
    if lang == "de":
        return f"{dice.digits(5)} {city}"
    letters = "".join(dice.some("ABEGHKLNPRSTWY", 2))
    return f"{city} {letters}{dice.between(1, 29)} {dice.between(1, 9)}{letters[::-1]}"


def cities(lang: str) -> list[str]:
    """Every city that `town` may name."""
    return CITIES[lang].split("|")


def iban(dice: Dice) -> str:
    """An account number of the German form, in groups of four."""
    digits = f"{dice.between(10, 98)}{dice.digits(18)}"
    return "DE" + " ".join([digits[:2], *(digits[at : at + 4] for at in range(2, 20, 4))])


def phone(dice: Dice) -> str:
    """A telephone number in one of several notations."""
    area, line = dice.digits(dice.between(2, 4)), dice.digits(dice.between(6, 8))
    return dice.pick(
        [f"0{area} {line}", f"0{area}/{line}", f"+49 {area} {line}", f"0{area}-{line}"]
    )


def ascii_of(name: str) -> str:
    """A name as it stands in an address."""
    table = str.maketrans(
        {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ë": "e", "'": "", "&": ""}
    )
    return "".join(name.casefold().translate(table).split()).replace(".", "")


def day(dice: Dice, years: tuple[int, int] = (2019, 2026)) -> tuple[int, int, int]:
    """Year, month, day."""
    return dice.between(*years), dice.between(1, 12), dice.between(1, 28)


def written_day(date: tuple[int, int, int], style: str, lang: str) -> str:
    """A date in one of `date_styles`."""
    year, month, number = date
    name = MONTHS[lang].split("|")[month - 1]
    return {
        "dots": f"{number:02d}.{month:02d}.{year}",
        "short": f"{number}.{month}.{year}",
        "iso": f"{year}-{month:02d}-{number:02d}",
        "slashes": f"{number:02d}/{month:02d}/{year}",
        "long": f"{number}. {name} {year}" if lang == "de" else f"{number} {name} {year}",
        "us": f"{name} {number}, {year}",
        "abbreviated": f"{number} {name[:3]} {year}",
    }[style]


def date_styles(lang: str) -> list[str]:
    """Notations that are usual in a language."""
    if lang == "de":
        return ["dots", "dots", "short", "iso", "long"]
    return ["slashes", "iso", "long", "us", "abbreviated"]


def money(amount: Decimal, style: str) -> str:
    """An amount in a notation such as `1.234,56 €`, `$1,234.56` or `CHF 1'234.56`."""
    plain = f"{amount:,.2f}"
    continental = plain.replace(",", "_").replace(".", ",").replace("_", ".")
    return {
        "€": f"{continental} €",
        "EUR": f"{continental} EUR",
        "EUR-": f"EUR {continental}",
        "bare": continental,
        "£": f"£{plain}",
        "$": f"${plain}",
        "USD": f"{plain} USD",
        "point": plain,
        "CHF": "CHF " + plain.replace(",", "'"),
    }[style]


def money_styles(lang: str) -> list[str]:
    """Notations that are usual in a language."""
    return (
        ["€", "EUR", "EUR-", "bare", "€", "CHF"] if lang == "de" else ["£", "$", "USD", "point"]
    )


_EN_WHO: Final = (
    "The harbour office|Our new partner|A small committee|The library|Mrs Turner|The older crew|"
    "Every second visitor|The repair shop|A group of students|The town council"
)
_EN_DID: Final = (
    "opened the western gate|counted the delivered boxes|moved the archive to the upper floor|"
    "asked for a second quotation|measured the depth of the river|painted the long fence|"
    "published the annual report|found the missing ledger|repaired the clock in the hall|"
    "compared both offers carefully|planted apple trees along the road|checked the locks twice"
)
_EN_WHEN: Final = (
    "before the summer holidays|after a long discussion|early on Tuesday|without any delay|"
    "in spite of the heavy rain|for the third time this year|shortly before midnight|"
    "at a cost of about {n} pounds|within {m} days|on {d}"
)
_EN_TAIL: Final = (
    "and nobody objected|because the budget allowed it|which surprised the neighbours|"
    "so the work could go on|although the weather was poor|as section {m} requires|"
    "while the phone kept ringing|and {n} copies were sent out"
)
_DE_WHO: Final = (
    "Die Hafenbehörde|Unser neuer Partner|Ein kleiner Ausschuss|Die Bücherei|Frau Schröder|"
    "Die ältere Mannschaft|Jeder zweite Gast|Die Werkstatt|Eine Schülergruppe|Der Stadtrat"
)
_DE_DID: Final = (
    "öffnete das westliche Tor|zählte die gelieferten Kisten|verlegte das Archiv nach oben|"
    "bat um ein zweites Angebot|maß die Tiefe des Flusses|strich den langen Zaun|"
    "veröffentlichte den Jahresbericht|fand das vermisste Kassenbuch|reparierte die Uhr im Flur|"
    "verglich beide Angebote gründlich|pflanzte Apfelbäume an der Straße|prüfte die Schlösser"
)
_DE_WHEN: Final = (
    "vor den Sommerferien|nach langer Aussprache|am frühen Dienstag|ohne jede Verzögerung|"
    "trotz des heftigen Regens|zum dritten Mal in diesem Jahr|kurz vor Mitternacht|"
    "für rund {n} Euro|innerhalb von {m} Tagen|am {d}"
)
_DE_TAIL: Final = (
    "und niemand widersprach|weil der Haushalt es erlaubte|was die Nachbarn überraschte|"
    "sodass es weitergehen konnte|obwohl das Wetter schlecht war|wie es § {m} verlangt|"
    "während das Telefon klingelte|und {n} Abzüge wurden verschickt"
)
_SPEECH: Final = {
    "en": (_EN_WHO, _EN_DID, _EN_WHEN, _EN_TAIL),
    "de": (_DE_WHO, _DE_DID, _DE_WHEN, _DE_TAIL),
}


def sentence(dice: Dice, lang: str) -> str:
    """A sentence with now and then a number or a date in it."""
    who, did, when, tail = (dice.pick(table.split("|")) for table in _SPEECH[lang])
    middle = " " if lang == "en" and not tail.startswith(("which", "and", "so ")) else ", "
    text = f"{who} {did} {when}{middle}{tail}."
    style = dice.pick(date_styles(lang))
    return text.format(
        n=dice.between(12, 980), m=dice.between(2, 48), d=written_day(day(dice), style, lang)
    )


def paragraph(dice: Dice, lang: str, sentences: int) -> str:
    """Several sentences."""
    return " ".join(sentence(dice, lang) for _ in range(sentences))


JOBS: Final = {
    "en": "Carpenter|Teacher|Nurse|Engineer|Gardener|Librarian|Electrician|Baker",
    "de": "Tischlerin|Lehrer|Krankenpfleger|Ingenieurin|Gärtner|Bibliothekarin|Bäcker",
}
ORIGINS: Final = {
    "en": "Spain|Italy|Germany|Portugal|Greece|Denmark|Poland",
    "de": "Spanien|Italien|Deutschland|Portugal|Österreich|Dänemark|Polen",
}
