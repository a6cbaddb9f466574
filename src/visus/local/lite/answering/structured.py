# ruff: noqa: ARG001, E501
# ARG001: every teller has the same signature.
# E501: patterns and phrases stay on one line.
"""An answer as a JSON object: every field from evidence, by its name, title and description.

A field without evidence is left out if it may be, null if that is allowed, and otherwise the
reason why the whole request is refused: nothing is made up to please a schema.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Final

import msgspec

from visus.errors import UnsupportedParameter
from visus.local.lite.answering import lookup, presence, reading, scene, tables, tongue
from visus.local.lite.answering.ask import Ask, Target
from visus.local.lite.answering.page import Page
from visus.local.lite.answering.schema import Json, Property, keeps_limits, parsed
from visus.local.lite.answering.tongue import Tongue
from visus.local.lite.answering.values import Kind, currency_in, date_in, find, number_in
from visus.local.lite.answering.vocabulary import spans
from visus.local.lite.answering.words import content, fold, holds, tokens, words
from visus.local.lite.evidence import Cell, Evidence


class _Missing:
    """No evidence for this field."""


MISSING: Final = _Missing()


@dataclass(frozen=True)
class _Source:
    """The pictures that an object is filled from, the first that knows wins."""

    pages: tuple[Page, ...]
    tongue: Tongue

    @cached_property
    def month_first(self) -> bool:
        """Whether 03/04 is the fourth of March here: where dollars are paid."""
        text = " ".join(page.text for page in self.pages)
        return re.search(r"\$|\bUSD\b", text) is not None


def filled(schema: bytes, seen: list[Evidence], *, tongue: Tongue) -> str:
    """The JSON text of an object that fits the schema.

    Raises:
        CallerError: a schema that cannot be filled, or a required field without evidence.
    """
    wanted = parsed(schema)
    source = _Source(tuple(Page(each) for each in seen), tongue)
    return msgspec.json.encode(_object(wanted, source)).decode()


def summary(seen: list[Evidence]) -> str:
    """What was seen, as a small JSON object, for callers that want any object."""
    said = [_seen(Page(each)) for each in seen]
    whole: Json = said[0] if len(said) == 1 else {"pictures": list(said)}
    if not said:
        whole = {"error": "There is no picture to look at."}
    return msgspec.json.encode(whole).decode()


def _seen(page: Page) -> dict[str, Json]:
    evidence = page.evidence
    language = tongue.of_text(page.text)
    found: dict[str, Json] = {
        "width": evidence.width_px,
        "height": evidence.height_px,
        "text": reading.transcript(page),
        "language": language.name if language else None,
        "colors": [colour.name for colour in evidence.colours],
        "objects": _objects(page),
        "shapes": [f"{shape.colour} {shape.kind}" for shape in evidence.shapes],
        "codes": [code.text for code in evidence.codes],
    }
    return {name: value for name, value in found.items() if value not in ([], "", None)}


def _object(wanted: tuple[Property, ...], source: _Source) -> dict[str, Json]:
    whole: dict[str, Json] = {}
    for each in wanted:
        value = _value(each, source)
        if not isinstance(value, _Missing):
            whole[each.name] = value
        elif each.required and each.nullable:
            whole[each.name] = None
        elif each.required:
            raise UnsupportedParameter(
                f"The pictures hold nothing for the required field '{each.name}'.",
                param=each.param,
            )
    return whole


def _value(wanted: Property, source: _Source) -> Json | _Missing:
    for page in source.pages:
        found = _on_page(wanted, page, source)
        if not isinstance(found, _Missing) and keeps_limits(found, wanted):
            return found
    return MISSING


def _on_page(wanted: Property, page: Page, source: _Source) -> Json | _Missing:
    match wanted.type:
        case "array":
            return _array(wanted, page, source)
        case "boolean":
            return _boolean(wanted, page, source)
        case "object":
            return _object(wanted.properties, _Source((page,), source.tongue))
        case _:
            return _scalar(wanted, page, source)


# --- Single values ---------------------------------------------------------------------------


def _scalar(wanted: Property, page: Page, source: _Source) -> Json | _Missing:
    named = " ".join(_words_of(wanted.name))
    for pattern, tell in _TOLD:
        if re.fullmatch(pattern, named):
            told = tell(wanted, page)
            return MISSING if told is None else _fitted(told, wanted, source)
    counted = _count(wanted, page, named)
    if counted is not None:
        return counted
    found = _looked_up(wanted, page, source)
    return MISSING if found is None else _fitted(found, wanted, source)


def _words_of(name: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-zäöü0-9])(?=[A-ZÄÖÜ])|[_\-.]+", " ", name)
    return words(spaced)


def _looked_up(wanted: Property, page: Page, source: _Source) -> str | None:
    for text in (" ".join(_words_of(wanted.name)), wanted.words):
        ask = Ask(text, source.tongue)
        if text.strip() and (ask.content or ask.target.key):
            found = lookup.look_up(page, _target(ask, wanted))
            if found is not None:
                return found.value
    return None


def _target(ask: Ask, wanted: Property) -> Target:
    target = ask.target
    free = target.key is None or target.kind in {"text", "name", "place"}
    kind: Kind = target.kind
    if wanted.format in {"date", "date-time"}:
        kind = "date"
    elif wanted.format == "email":
        kind = "email"
    elif wanted.type in {"number", "integer"} and free:
        kind = "number"
    return target._replace(kind=kind, extra=() if target.key else target.extra)


def _fitted(found: str, wanted: Property, source: _Source) -> Json | _Missing:
    if wanted.type in {"number", "integer"}:
        return _number(found, whole=wanted.type == "integer")
    if wanted.format in {"date", "date-time"} or _wants_iso_date(wanted):
        day = date_in(found, month_first=source.month_first)
        return MISSING if day is None else day.isoformat()
    if wanted.choices:
        return _choice(found, wanted)
    return found


def _wants_iso_date(wanted: Property) -> bool:
    iso = re.search(r"iso.?8601|yyyy-mm-dd", fold(wanted.words)) is not None
    return iso and "dat" in fold(wanted.name + wanted.words)


def _number(found: str, *, whole: bool) -> Json | _Missing:
    value = number_in(found)
    if value is None:
        return MISSING
    if value == value.to_integral_value() and (whole or abs(value) < Decimal(10) ** 15):
        return int(value) if whole else float(value)
    return MISSING if whole else float(value)


def _choice(found: str, wanted: Property) -> Json | _Missing:
    for choice in wanted.choices:
        if isinstance(choice, str) and fold(choice) == fold(found):
            return choice
    for choice in wanted.choices:
        if isinstance(choice, str) and set(words(choice)) & set(words(found)):
            return choice
    return MISSING


def _count(wanted: Property, page: Page, named: str) -> int | None:
    if wanted.type not in {"integer", "number"}:
        return None
    match = re.fullmatch(
        r"(?:(?:count|number|num|nr|amount|anzahl)(?: of)? (.+)|(.+?) (?:count|anzahl))", named
    )
    if match is None:
        return None
    return _number_of(match.group(1) or match.group(2), page)


def _number_of(thing: str, page: Page) -> int | None:
    ask = Ask(f"How many {thing}?", "en")
    if re.search(r"lines?$|zeilen$", thing) and not page.evidence.shapes:
        return len(page.rows)
    if re.search(r"codes?$", thing):
        return scene.codes_asked(page.evidence, ask)
    if re.search(r"words?$|worter$", thing):
        return reading.length(page)
    if re.search(r"items?$|rows?$|positionen$|artikel$", thing) and page.tables:
        return len(tables.rows_of(page))
    shapes = scene.shapes_asked(ask, page.evidence)
    return None if shapes is None or not page.evidence.plain_ground else len(shapes)


def _boolean(wanted: Property, page: Page, source: _Source) -> Json | _Missing:
    spoken = _words_of(wanted.name)
    if len(spoken) > 1 and spoken[0] in {"is", "ist"} and spoken[1] != "there":
        return _is_so(" ".join(spoken[1:]), page)
    named = [word for word in spoken if word not in {"has", "is", "contains"}]
    for text in (" ".join(named), wanted.words):
        ask = Ask(f"Is there {text}?", "en")
        reply = presence.whether(ask, page) if text.strip() else None
        if reply is not None and reply.value in {"Yes", "No"}:
            return reply.value == "Yes"
    return MISSING


def _is_so(thing: str, page: Page) -> Json | _Missing:
    """Whether the picture is `thing`. That a text does not say so proves nothing."""
    ask = Ask(f"Is this {thing}?", "en")
    reply = presence.whether(ask, page)
    if reply is None or reply.value not in {"Yes", "No"}:
        return MISSING
    is_seen = page.evidence.photo or reading.is_kind_of_document(thing)
    if reply.value == "Yes" or is_seen or presence.nature(ask, page) is not None:
        return reply.value == "Yes"
    return MISSING


# --- What is seen rather than labelled -------------------------------------------------------


def _width(wanted: Property, page: Page) -> str:
    return str(page.evidence.width_px)


def _height(wanted: Property, page: Page) -> str:
    return str(page.evidence.height_px)


def _text(wanted: Property, page: Page) -> str | None:
    return reading.transcript(page) or None


def _colour(wanted: Property, page: Page) -> str | None:
    return page.evidence.colours[0].name if page.evidence.colours else None


def _ground(wanted: Property, page: Page) -> str | None:
    return page.evidence.ground_colour or _colour(wanted, page)


def _language(wanted: Property, page: Page) -> str | None:
    found = tongue.of_text(page.text)
    if found is None:
        return None
    code = tongue.ISO_CODES[found.name]
    coded = code in wanted.choices or re.search(
        r"\biso\b|\bcode\b|639", fold(wanted.words + wanted.name)
    )
    return code if coded else found.name


def _code(wanted: Property, page: Page) -> str | None:
    ask = Ask(" ".join(_words_of(wanted.name)), "en")
    fitting = [
        code.text for code in page.evidence.codes if scene.codes_asked(page.evidence, ask)
    ]
    return fitting[0] if fitting else None


def _currency(wanted: Property, page: Page) -> str | None:
    return currency_in(page.text)


def _orientation(wanted: Property, page: Page) -> str:
    return scene.orientation(Ask("", "en"), page.evidence)


def _kind(wanted: Property, page: Page) -> str | None:
    kind = reading.kind_of_document(page)
    if kind is None:
        return None
    german = any(
        isinstance(each, str) and fold(each) == fold(kind[1]) for each in wanted.choices
    )
    return kind[1] if german else kind[0]


def _title(wanted: Property, page: Page) -> str | None:
    reply = reading.one_line(Ask("What is the title?", "en"), page)
    return reply.value if reply is not None and reply.found else None


def _description(wanted: Property, page: Page) -> str | None:
    reply = reading.description(Ask("", "en"), page)
    return reply.text if reply.found else None


def _object_name(wanted: Property, page: Page) -> str | None:
    found = _objects(page)
    return str(found[0]) if found else None


def _objects(page: Page) -> list[Json]:
    labels = page.evidence.labels
    return [each.name_en for each in labels if each.probability >= scene.NAMED_ABOVE]


_TOLD: Final[tuple[tuple[str, Callable[[Property, Page], str | None]], ...]] = (
    (r"(?:image |picture |bild )?(?:width|breite)(?: px| pixels?)?", _width),
    (r"(?:image |picture |bild )?(?:height|hohe)(?: px| pixels?)?", _height),
    (r"(?:full |raw |ocr |all |visible |extracted )?(?:text|content|transcription|transcript|inhalt|volltext)(?: content)?", _text),
    (r"(?:dominant |main |primary )?(?:colou?r|farbe)|haupt ?farbe|hauptfarbe|dominante farbe", _colour),
    (r"(?:background|hintergrund) ?(?:colou?r|farbe)?|hintergrundfarbe", _ground),
    (r"(?:text |document )?(?:language|lang|sprache)(?: code)?", _language),
    (r"(?:qr|bar|qr bar)? ?codes?(?: text| value| content| data)?|qrcode|barcode|barcode value|strichcode|qr", _code),
    (r"currency(?: code)?|wahrung", _currency),
    (r"orientation|ausrichtung", _orientation),
    (r"(?:document |doc |image )?(?:type|kind|category)|doctype|dokument ?(?:typ|art)|dokumenttyp|dokumentart|category", _kind),
    (r"title|heading|headline|uberschrift|titel", _title),
    (r"(?:image )?(?:description|caption|summary)|beschreibung", _description),
    (r"(?:main )?(?:object|subject of image|label|class|thing)|objekt|gegenstand", _object_name),
)  # fmt: skip


# --- Arrays ----------------------------------------------------------------------------------


def _array(wanted: Property, page: Page, source: _Source) -> Json | _Missing:
    items = wanted.items
    if items is None:
        return MISSING
    if items.type == "object":
        return _rows(items, page, source) or (MISSING if wanted.required else [])
    found = _listed(wanted, page)
    fitted = [_fitted(each, items, source) for each in found]
    kept: list[Json] = [each for each in fitted if not isinstance(each, _Missing)]
    return kept or MISSING


def _listed(wanted: Property, page: Page) -> list[str]:
    named = " ".join(_words_of(wanted.name))
    evidence = page.evidence
    simple: tuple[tuple[str, list[str]], ...] = (
        (r"colou?rs?|farben?", [each.name for each in evidence.colours]),
        (r"objects?|labels?|tags?|things?|objekte|classes", [str(each) for each in _objects(page)]),
        (r"codes?|barcodes?|qr", [each.text for each in evidence.codes]),
        (r"shapes?|formen", [f"{each.colour} {each.kind}" for each in evidence.shapes]),
        (r"lines?|zeilen|texts?", reading.transcript(page).splitlines()),
        (r"items?|products?|articles?|positionen|artikel|produkte", [row[0].text for row in _items(page)]),
        (r"values?|bars?|werte", [bar.printed for bar in evidence.bars if bar.printed]),
        (r"categories|bar labels|kategorien", [bar.label for bar in evidence.bars if bar.label]),
    )  # fmt: skip
    for pattern, values in simple:
        if re.search(rf"\b(?:{pattern})$", named) and values:
            return values
    target = Ask(named, "en").target
    if target.key is None or target.kind in {"text", "name", "place", "identifier"}:
        return []
    return [each.text for piece in page.pieces for each in find(target.kind, piece.text)]


def _rows(items: Property, page: Page, source: _Source) -> list[Json]:
    if page.evidence.bars and not page.tables:
        return _bar_rows(items, page, source)
    header, body = _header(page), _items(page)
    columns = {each.name: _column_for(each, header, body) for each in items.properties}
    rows: list[Json] = []
    for cells in body:
        row: dict[str, Json] = {}
        for each in items.properties:
            place = columns[each.name]
            text = cells[place].text.strip() if place is not None and place < len(cells) else ""
            value = _fitted(text, each, source) if text else MISSING
            if not isinstance(value, _Missing) and keeps_limits(value, each):
                row[each.name] = value
            elif each.required and each.nullable:
                row[each.name] = None
            elif each.required:
                raise UnsupportedParameter(
                    f"A row holds nothing for the required field '{each.name}'.",
                    param=each.param,
                )
        rows.append(row)
    return rows


def _bar_rows(items: Property, page: Page, source: _Source) -> list[Json]:
    rows: list[Json] = []
    for bar in page.evidence.bars:
        row: dict[str, Json] = {}
        for each in items.properties:
            named = " ".join(_words_of(each.name))
            text = (
                bar.label
                if each.type == "string" and not re.search("value|wert", named)
                else bar.printed
            )
            value = _fitted(text, each, source) if text else MISSING
            if isinstance(value, _Missing) and each.required and not each.nullable:
                raise UnsupportedParameter(
                    f"A bar holds nothing for {each.name}.", param=each.param
                )
            row[each.name] = None if isinstance(value, _Missing) else value
        rows.append(row)
    return rows


def _header(page: Page) -> list[str]:
    found = tables.largest(page)
    return [cell.text for cell in found.header] if found else []


def _items(page: Page) -> list[list[Cell]]:
    """The rows of the table, else the lines of a receipt as name and amount."""
    if page.tables:
        return tables.rows_of(page)
    rows: list[list[Cell]] = []
    for row in page.rows:
        text = " ".join(piece.text for piece in row)
        amounts = list(find("amount", text))
        name = text[: amounts[-1].start].strip(" .:") if amounts else ""
        if name and any(map(str.isalpha, name)) and not spans(tokens(name)):
            box = row[0].box
            rows.append([Cell(name, box), Cell(amounts[-1].text, row[-1].box)])
    return rows


def _column_for(wanted: Property, header: list[str], body: list[list[Cell]]) -> int | None:
    named = " ".join(_words_of(wanted.name))
    ask = Ask(named, "en")
    for place, title in enumerate(header):
        if words(title) and any(holds(words(title), word) for word in content(words(named))):
            return place
    key = ask.target.key
    for place, title in enumerate(header):
        if key is not None and lookup.label_quality(title, key) > 0:
            return place
    if not body:
        return None
    numeric = [place for place in range(len(body[0])) if tables.is_figures(body, place)]
    if wanted.type == "string" and re.search(
        r"name|description|item|product|artikel|bezeichnung|label", named
    ):
        texts = [place for place in range(len(body[0])) if place not in numeric]
        return texts[0] if texts else None
    if wanted.type in {"number", "string"} and re.search(
        r"price|total|amount|preis|betrag|cost", named
    ):
        return numeric[-1] if numeric else None
    return None
