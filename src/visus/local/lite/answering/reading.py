# ruff: noqa: E501, PLR2004, RUF001
# E501: patterns and phrases stay on one line.
# PLR2004: lengths and shares are read best where they stand.
# RUF001: typographic signs are meant.
"""Questions about the whole: all the text, one line of it, its language, what is shown."""

import re
from typing import Final

from visus.local.lite.answering import scene, tongue
from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.naming import colour_name, coloured_shape
from visus.local.lite.answering.page import Page, Piece
from visus.local.lite.answering.replies import (
    Reply,
    needs_a_model,
    not_found,
    nothing_read,
    yes,
)
from visus.local.lite.answering.words import fold, tokens, words
from visus.local.lite.evidence import Cell, Evidence, Table

_ORDINALS: Final = (
    (0, r"first|1st|erste[nmrs]?|top|oberste[nmrs]?|opening"),
    (1, r"second|2nd|zweite[nmrs]?"),
    (2, r"third|3rd|dritte[nmrs]?"),
    (3, r"fourth|4th|vierte[nmrs]?"),
    (4, r"fifth|5th|funfte[nmrs]?"),
    (-2, r"second[- ]to[- ]last|penultimate|vorletzte[nmrs]?"),
    (-1, r"last|final|letzte[nmrs]?|bottom|unterste[nmrs]?"),
)
_AS_TALL: Final = 6 / 7
"""Lines of one font are measured with heights that differ by as much: some have descenders."""
_KINDS: Final = (
    ("invoice", "Rechnung", r"\binvoice\b|\brechnung(?:snummer|sdatum|sbetrag|s-?nr)?\b"),
    ("receipt", "Kassenbon", r"\breceipt\b|\bquittung|kassenbon|ruckgeld|\bbon\b|cashier|kassierer|change due|subtotal[\s\S]*(?:visa|mastercard|cash|card|tip|service)|es bediente|gegeben bar"),
    ("ticket", "Fahrkarte oder Eintrittskarte (Ticket)", r"\bticket\b|fahrkarte|fahrschein|eintrittskarte|\bgleis\b.*\bwagen\b|\bseat\b.*\brow\b|\brow\b.*\bseat\b"),
    ("delivery note", "Lieferschein", r"\blieferschein|delivery note|packing slip"),
    ("boarding pass", "Bordkarte", r"boarding pass|bordkarte"),
    ("form", "Formular", r"\bform(?:ular)?\b|\bantrag|date of birth|geburtsdatum|first name|vorname|application"),
    ("letter", "Brief", r"\bdear\b|sehr geehrte|sincerely|mit freundlichen gr|kind regards|best regards"),
    ("label", "Etikett", r"best before|net weight|nettogewicht|mindestens haltbar|\blot\b|\bcharge\b|ingredients|zutaten"),
)  # fmt: skip
_QUOTED_LINES: Final = 3
_MOST_SHAPES: Final = 20
"""More are specks or letters, and nobody counts them."""


VERBATIM: Final = (
    r"\btranscri|\bverbatim\b|word for word|\bwortlich|\bwort fur wort|\bocr\b"
    r"|\b(?:all|whole|entire|full|complete|every) (?:of )?(?:the |this |its )?(?:printed |visible |written )?(?:text|word)"
    r"|\b(?:gesamte[nrs]?|ganze[nrs]?|komplette[nrs]?|vollstandige[nrs]?|alle[nrs]?) (?:text|worte|worter|lesbare)"
    r"|\b(?:read|extract|copy|type|write) (?:out |down |off |me )?(?:all |everything|the text|this text|the page|this page)"
    r"|\b(?:lies|lese|extrahiere|transkribiere|schreib\w*|tippe) (?:mir |bitte )?(?:den|das|alles|allen) (?:text|geschriebene|bild|vor|ab)?"
    r"|\bconvert\b.*\b(?:in)?to (?:markdown|plain text|text|html)\b|plain text (?:representation|version)|(?:in|nach) markdown (?:um|umwandeln|konvertieren)"
    r"|everything (?:that is )?(?:written|printed)|alles,? was .*(?:steht|geschrieben|gedruckt)"
)  # fmt: skip
"""Asks for all the text as it stands, whatever else the words of the question name."""
CAPTIONED: Final = (
    r"^\W*(?:please |bitte )?(?:write|generate|create|give|provide|suggest|add|produce|make|schreib\w*|erstelle|generiere|gib|formuliere)\b"
    r".*\b(?:caption|alt(?:ernative)?[- ]?text|alternativtext|bildunterschrift|bildbeschreibung)\b"
    r"|^\W*(?:please )?(?:caption|analy[sz]e) (?:this|the|my) (?:image|picture|photo)\b"
    r"|\b(?:give|write|provide)\b.*\b(?:summary|description) (?:of|for) (?:this|the) (?:image|picture|photo|document|page)\W*$"
    r"|\bdescribe (?:this|the) (?:image|picture|photo) in (?:\d+|an?|one|two|three|few) (?:sentences?|words|paragraphs?)\W*$"
)  # fmt: skip
"""Asks for a description, as programs word it that have pictures captioned."""


# --- Reading ---------------------------------------------------------------------------------


def everything(ask: Ask, page: Page) -> Reply:
    """The text in reading order, line for line; a table's row is one line."""
    if not page.pieces:
        if page.evidence.codes:
            return scene.codes(ask, page.evidence)
        return nothing_read(ask)
    said = transcript(page)
    return Reply(said, said)


def transcript(page: Page) -> str:
    """Every line of the page; pieces of a table's row share a line."""
    rows: list[str] = []
    told: set[int] = set()
    tables = list(page.evidence.tables)
    for piece in page.printed:
        inside = next((table for table in tables if _inside(piece, table)), None)
        if inside is None:
            rows.append(piece.text)
        elif id(inside) not in told:
            told.add(id(inside))
            rows.extend(_row_text(row) for row in inside.rows)
    return "\n".join(rows)


def _inside(piece: Piece, table: Table) -> bool:
    across = (piece.box.left + piece.box.right) / 2
    return (
        table.box.left <= across <= table.box.right
        and table.box.top <= piece.middle <= table.box.bottom
        and any(
            piece.text == cell.text or piece.text in cell.text
            for row in table.rows
            for cell in row
        )
    )


def _row_text(row: list[Cell]) -> str:
    return " ".join(cell.text for cell in row if cell.text)


def one_line(ask: Ask, page: Page) -> Reply | None:
    """The title, or the first, last or so-manieth line; None if the question asks for none."""
    if ask.has(r"\b(?:title|heading|headline|header|uberschrift|titel|schlagzeile)\b"):
        return title(ask, page)
    if not ask.has(
        r"\blines?\b|\bzeilen?\b|\bwords?\b|\bwort\w*|written at the (?:top|bottom)|(?:oben|unten) (?:steht|geschrieben)|steht (?:ganz )?(?:oben|unten)"
    ):
        return None
    place = next((place for place, words in _ORDINALS if ask.has(rf"\b(?:{words})\b")), None)
    if place is None:
        place = 0 if ask.has(r"\boben\b") else -1 if ask.has(r"\bunten\b") else None
    if place is None or not page.pieces:
        return None
    return _by_place(ask, page, place)


def _by_place(ask: Ask, page: Page, place: int) -> Reply:
    lines = transcript(page).splitlines()
    units = page.text.split() if ask.has(r"\bwords?\b|\bwort") else lines
    if not -len(units) <= place < len(units):
        return not_found(ask)
    return Reply(units[place], units[place])


def title(ask: Ask, page: Page) -> Reply | None:
    """The tallest line of the upper half; the first of those that are about as tall."""
    upper = [
        piece for piece in page.pieces if piece.box.top < 0.5 * page.evidence.height_px
    ] or list(page.pieces)
    if not upper:
        return nothing_read(ask)
    tabled = page.evidence.tables
    upper = [
        piece for piece in upper if not any(_inside(piece, each) for each in tabled)
    ] or upper
    tall = _AS_TALL * max(piece.height for piece in upper)
    first = min([piece for piece in upper if piece.height >= tall], key=_from_the_top)
    return Reply(first.text, first.text)


def _from_the_top(piece: Piece) -> float:
    return piece.box.top


def language(ask: Ask, page: Page) -> Reply:
    """The language of the text."""
    if not page.pieces:
        return nothing_read(ask)
    found = tongue.of_text(page.text)
    if found is None:
        return Reply(
            ask.say(
                "I cannot tell: too few words that give a language away.",
                "Das kann ich nicht sagen: zu wenige Wörter, die die Sprache verraten.",
            ),
            ask.say("I cannot tell", "Das kann ich nicht sagen"),
            found=False,
        )
    name = ask.say(found.name, tongue.GERMAN_NAMES[found.name])
    if found.sure:
        return Reply(
            ask.say(f"{name} (by its common words).", f"{name} (an häufigen Wörtern erkannt)."),
            name,
        )
    return Reply(ask.say(f"Probably {name}.", f"Wahrscheinlich {name}."), name)


def mentions(ask: Ask, page: Page) -> Reply | None:
    """Whether the text holds what stands in quotation marks, or the words that are asked for."""
    wanted = ask.quoted
    if wanted is None:
        match = re.search(
            r"\b(?:word|name|text|wort|begriff|namen)\s+([\wÄÖÜäöüß-]+)", ask.text
        )
        wanted = match.group(1) if match else None
    if wanted is None:
        return None
    for piece in page.pieces:
        if fold(wanted) in fold(piece.text):
            return yes(
                ask, ask.say(f"in the line “{piece.text}”.", f"in der Zeile „{piece.text}“.")
            )
    return None


# --- What it shows ---------------------------------------------------------------------------


def kind_of_document(page: Page) -> tuple[str, str] | None:
    """What kind of paper it looks like, in English and German."""
    text = fold(page.text)
    if page.evidence.bars:
        return "bar chart", "Balkendiagramm"
    for english, german, pattern in _KINDS:
        if re.search(pattern, text):
            return english, german
    return ("table", "Tabelle") if page.evidence.tables else None


def is_kind_of_document(name: str) -> bool:
    """Whether it is one of the kinds that `kind_of_document` tells apart."""
    said = words(name)
    return any(fold(one).split()[-1] in said for kind in _KINDS for one in kind[:2])


def description(ask: Ask, page: Page) -> Reply:
    """What was seen, in a few sentences: things, shapes, codes, text, colours."""
    facts = [
        fact
        for say in (_shown, _shapes, _codes, _text, _bars, _colours)
        for fact in [say(ask, page)]
        if fact
    ]
    if not facts:
        return needs_a_model(ask)
    return Reply(" ".join(facts), facts[0])


def _shown(ask: Ask, page: Page) -> str:
    kind = kind_of_document(page) if len(page.pieces) >= 3 or page.evidence.bars else None
    if kind is not None and not page.evidence.photo:
        return ask.say(f"It looks like this: {kind[0]}.", f"Es sieht aus wie: {kind[1]}.")
    if page.evidence.shapes and page.evidence.plain_ground:
        return ""
    found = scene.thing(ask, page.evidence) if _may_show_things(page) else None
    if found is not None:
        return ask.say(f"It shows: {found.text}", f"Zu sehen: {found.text}")
    if page.evidence.photo and not page.pieces:
        return ask.say("I cannot tell what it shows.", "Was es zeigt, kann ich nicht sagen.")
    return ""


def _may_show_things(page: Page) -> bool:
    evidence = page.evidence
    return evidence.photo or (len(page.pieces) < 4 and not _is_flat(evidence))


def _is_flat(evidence: Evidence) -> bool:
    return bool(evidence.colours) and evidence.colours[0].share > 0.9


def _shapes(ask: Ask, page: Page) -> str:
    shapes = page.evidence.shapes if page.evidence.plain_ground else []
    if not shapes or len(page.pieces) > 8 or len(shapes) > _MOST_SHAPES or page.evidence.bars:
        return ""
    tally: dict[str, int] = {}
    for shape in shapes:
        name = coloured_shape(shape, ask)
        tally[name] = tally.get(name, 0) + 1
    said = ", ".join(f"{number} × {name}" for name, number in tally.items())
    return ask.say(f"Shapes: {said}.", f"Formen: {said}.")


def _codes(ask: Ask, page: Page) -> str:
    said = "; ".join(f"{code.kind}: {code.text}" for code in page.evidence.codes)
    return ask.say(f"Codes: {said}.", f"Codes: {said}.") if said else ""


def _text(ask: Ask, page: Page) -> str:
    told = worth_telling(page)
    if not told:
        return ""
    quoted = " / ".join(f"“{text}”" for text in told[:_QUOTED_LINES])
    more = "" if len(told) <= _QUOTED_LINES else " …"
    return ask.say(
        f"Text: {quoted}{more}.",
        f"Text: {quoted}{more}.",
    )


def worth_telling(page: Page) -> list[str]:
    """The lines of a picture that nobody asked for by name: in a photo two letters are a whim."""
    least = 3 if page.evidence.photo else 1
    return [piece.text for piece in page.pieces if sum(map(str.isalnum, piece.text)) >= least]


def _bars(ask: Ask, page: Page) -> str:
    if not page.evidence.bars:
        return ""
    said = ", ".join(f"{bar.label or '?'}: {bar.printed or '?'}" for bar in page.evidence.bars)
    return ask.say(f"Bars: {said}.", f"Balken: {said}.")


def _colours(ask: Ask, page: Page) -> str:
    shown = [colour for colour in page.evidence.colours if colour.share >= 0.05][:3]
    said = ", ".join(colour_name(colour.name, ask) for colour in shown)
    return ask.say(f"Main colours: {said}.", f"Hauptfarben: {said}.") if said else ""


def length(page: Page) -> int:
    """How many words the text has."""
    return len([token for token in tokens(page.text) if any(map(str.isalpha, token.text))])
