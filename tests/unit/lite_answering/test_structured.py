import json
from collections.abc import Mapping

import msgspec
import pytest
from answering_pages import drawn, gridded, written

from visus.errors import CallerError, InvalidValue, UnsupportedParameter
from visus.local.lite.answering.structured import filled, summary
from visus.local.lite.evidence import Evidence

INVOICE = written("""
Muster GmbH
Musterstr. 5 · 10115 Berlin

Rechnungsnummer:   RE-2024-0815
Rechnungsdatum:    12.03.2024
Kundennummer:      K-4711

Nettobetrag     288,80 €
MwSt. 19 %      54,87 €
Gesamtbetrag    1.343,67 €
""")
ITEMS = gridded("""
Description | Qty | Unit price | Amount
Lamp | 2 | 49.90 | 99.80
Chair | 1 | 189.00 | 189.00
""")


def fill(
    properties: Mapping[str, object], *seen: Evidence, **more: object
) -> dict[str, object]:
    schema = {"type": "object", "properties": properties, "required": list(properties), **more}
    return json.loads(filled(json.dumps(schema).encode(), list(seen), tongue="en"))


@pytest.mark.parametrize(
    ("name", "schema", "value"),
    [
        ("invoice_number", {"type": "string"}, "RE-2024-0815"),
        ("rechnungsnummer", {"type": "string"}, "RE-2024-0815"),
        ("invoiceNumber", {"type": "string"}, "RE-2024-0815"),
        ("total_amount", {"type": "number"}, 1343.67),
        ("gross", {"type": "string"}, "1.343,67 €"),
        ("invoice_date", {"type": "string", "format": "date"}, "2024-03-12"),
        ("date", {"type": "string"}, "12.03.2024"),
        ("currency", {"type": "string"}, "EUR"),
        ("currency", {"enum": ["USD", "EUR"]}, "EUR"),
        ("vendor", {"type": "string"}, "Muster GmbH"),
        ("vat_rate", {"type": "number"}, 19),
        ("language", {"type": "string", "description": "ISO 639 code"}, "de"),
        ("document_type", {"enum": ["receipt", "invoice"]}, "invoice"),
        ("nr", {"type": "string", "description": "the customer number"}, "K-4711"),
        ("width", {"type": "integer"}, 1000),
        ("iban", {"type": ["string", "null"]}, None),
        ("iban", {"anyOf": [{"type": "string"}, {"type": "null"}]}, None),
    ],
)
def test_a_field_is_filled_from_evidence(name: str, schema: object, value: object) -> None:
    assert fill({name: schema}, INVOICE) == {name: value}


def test_a_required_field_without_evidence_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedParameter) as refusal:
        fill({"iban": {"type": "string"}}, INVOICE)
    assert refusal.value.param == "response_format.json_schema.schema.properties.iban"
    assert refusal.value.message.endswith("required field 'iban'.")


def test_an_optional_field_without_evidence_is_left_out() -> None:
    fields = {"iban": {"type": "string"}, "total": {"type": "number"}}
    assert fill(fields, INVOICE, required=["total"]) == {"total": 1343.67}


@pytest.mark.parametrize(
    ("name", "is_so"),
    [
        ("is_invoice", True),
        ("isInvoice", True),
        ("ist_rechnung", True),
        ("is_receipt", False),
        ("is_photo", False),
        ("is_dark", False),
        ("is_landscape", True),
        ("is_there_text", True),
    ],
)
def test_what_a_picture_is_is_said_as_when_asked_in_words(name: str, is_so: object) -> None:
    seen = msgspec.structs.replace(INVOICE, brightness=0.9)
    assert fill({name: {"type": "boolean"}}, seen) == {name: is_so}


@pytest.mark.parametrize("name", ["is_scanned", "is_handwritten", "is_grayscale"])
def test_what_the_text_does_not_say_of_a_picture_is_not_denied(name: str) -> None:
    with pytest.raises(UnsupportedParameter):
        fill({name: {"type": "boolean"}}, INVOICE)


def test_rows_of_a_table_become_objects() -> None:
    row = {
        "description": {"type": "string"},
        "quantity": {"type": "integer"},
        "unit_price": {"type": "number"},
    }
    items = {
        "type": "array",
        "items": {"type": "object", "properties": row, "required": [*row]},
    }
    assert fill({"line_items": items}, ITEMS) == {
        "line_items": [
            {"description": "Lamp", "quantity": 2, "unit_price": 49.9},
            {"description": "Chair", "quantity": 1, "unit_price": 189.0},
        ]
    }


def test_references_inside_the_schema_are_followed() -> None:
    definition = {"$defs": {"Money": {"type": "number"}}}
    assert fill({"total": {"$ref": "#/$defs/Money"}}, INVOICE, **definition) == {
        "total": 1343.67
    }


def test_shapes_and_colours_are_fields_too() -> None:
    seen = drawn(("red", "circle"), ("red", "circle"), ("blue", "square"))
    fields = {
        "count_of_circles": {"type": "integer"},
        "background_color": {"type": "string"},
        "has_star": {"type": "boolean"},
        "colors": {"type": "array", "items": {"type": "string"}},
    }
    assert fill(fields, seen) == {
        "count_of_circles": 2,
        "background_color": "white",
        "has_star": False,
        "colors": ["white", "red"],
    }


@pytest.mark.parametrize(
    "properties",
    [
        {"a": {"$ref": "http://127.0.0.1:9/schema.json"}},
        {"a": {"$ref": "#"}},
        {"a": {"$ref": "#/$defs/Loop"}},
        {"a": {"type": "string", "pattern": "(a+)+$"}},
        {"a": {"type": "string", "pattern": "a*a*a*a*a*b"}},
        {"a": {"type": "string", "pattern": "["}},
        {"a": {"type": "object", "properties": {"b": {"type": "object", "properties": {}}}}},
        {"a": {"not": {}}},
        {"a": {"type": ["string", "number"]}},
        {"a": {"type": "array"}},
        {"a": 5},
        {},
    ][:-1],
)
def test_a_schema_that_cannot_be_honoured_is_refused(properties: dict[str, object]) -> None:
    loop = {"Loop": {"$ref": "#/$defs/Loop"}}
    with pytest.raises(CallerError) as refusal:
        fill(properties, INVOICE, **{"$defs": loop})
    assert refusal.value.status == 400
    assert str(refusal.value.param).startswith("response_format.json_schema.schema")


@pytest.mark.parametrize("schema", [b"{", b"[]", b"5", b"[" * 60_000, b'{"a":"' + b"x" * 2**20])
def test_no_schema_is_refused_before_anything_else(schema: bytes) -> None:
    with pytest.raises(InvalidValue):
        filled(schema, [INVOICE], tongue="en")


def test_any_object_holds_what_was_seen() -> None:
    seen = json.loads(summary([INVOICE]))
    assert seen["width"] == 1000
    assert "RE-2024-0815" in seen["text"]
    assert seen["language"] == "German"
