"""What is a form, and what has one."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from visus.errors import InvalidValue
from visus.wire.check import Check
from visus.wire.conformity import faults, worker

INVOICE = {
    "type": "object",
    "properties": {"total": {"type": "number"}, "lines": {"type": "array"}},
    "required": ["total"],
    "additionalProperties": False,
}


def kinds(text: str, schema: Any | None = None) -> list[str]:
    raw = None if schema is None else json.dumps(schema).encode()
    return [one.kind for one in faults(Check(text, raw))]


@pytest.mark.parametrize(
    ("text", "schema", "wrong"),
    [
        ('{"total": 4.5}', INVOICE, []),
        ('{"total": "4.5"}', INVOICE, ["type"]),
        ("{}", INVOICE, ["required"]),
        ('{"total": 1, "x": 2}', INVOICE, ["additionalProperties"]),
        ("[]", INVOICE, ["type"]),
        ("", INVOICE, ["json"]),
        ("```json\n{}\n```", INVOICE, ["json"]),
        ('{"total": NaN}', INVOICE, ["json"]),
        ('{"total": 1} and more', INVOICE, ["json"]),
        ("[" * 100_000, INVOICE, ["json"]),
        ('{"total": ' + "9" * 4000 + "}", INVOICE, []),
        ('"ab"', {"pattern": "^(?=a)"}, []),
        ('"ba"', {"pattern": "^(?=a)"}, ["pattern"]),
        ('"1"', {"pattern": "^\\p{L}$"}, ["pattern"]),
        ('"no date"', {"type": "string", "format": "date"}, []),
        ("3", {"$schema": "http://127.0.0.1:9/mine", "type": "integer"}, []),
        ("3", {"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}, ["type"]),
    ],
)
def test_a_text_has_the_form_of_its_schema_or_not(
    text: str, schema: dict[str, Any], wrong: list[str]
) -> None:
    assert kinds(text, schema) == wrong


@pytest.mark.parametrize(("text", "wrong"), [("{}", []), ("[]", ["type"]), ("{", ["json"])])
def test_without_a_schema_any_object_will_do(text: str, wrong: list[str]) -> None:
    assert kinds(text) == wrong


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nothing"},
        {"pattern": "("},
        {"$ref": "http://127.0.0.1:9/elsewhere"},
        {"$ref": "#/nowhere"},
        {"required": 3},
    ],
)
def test_what_is_no_schema_is_refused_with_its_place(schema: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue) as refusal:
        faults(Check(None, json.dumps(schema).encode()))
    assert refusal.value.param == "response_format.json_schema.schema"


def test_complaints_are_few_and_short_and_kinds_quote_nothing() -> None:
    schema = {"items": {"type": "integer"}, "properties": {"SECRET": False}}
    many = faults(Check(json.dumps(["x" * 9000] * 100), json.dumps(schema).encode()))
    assert len(many) == 8
    assert all(len(one.complaint) <= 300 for one in many)
    assert many[0].complaint.startswith("At /0 (type): ")
    assert kinds('{"SECRET": 1}', schema) == ["falseSchema"]


def test_a_job_crosses_the_boundary_and_comes_back() -> None:
    job = msgspec.msgpack.encode(Check("[1]", b'{"type":"object"}'))
    assert msgspec.msgpack.decode(worker()(job))[0]["kind"] == "type"


KEYWORDS = st.sampled_from(
    ["type", "properties", "required", "items", "enum", "const", "anyOf", "oneOf", "allOf",
     "not", "pattern", "minimum", "maxLength", "multipleOf", "$ref", "$defs",
     "additionalProperties", "$schema", "$id", "if", "then", "prefixItems",
     "contains", "uniqueItems", "format", "patternProperties",
     "unevaluatedProperties", "dependentSchemas", "$anchor", "a"]
)  # fmt: skip
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=6),
    st.sampled_from(["string", "integer", "object", "#", "#/$defs/a", "(a|b)*", "date", "["]),
)  # fmt: skip
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYWORDS, inner, max_size=4),
    max_leaves=12,
)


@given(schema=st.dictionaries(KEYWORDS, JSON, max_size=5), value=JSON)
def test_any_schema_and_any_text_end_in_faults_or_a_refusal(
    schema: dict[str, Any], value: Any
) -> None:
    try:
        found = faults(Check(json.dumps(value), json.dumps(schema).encode()))
    except InvalidValue:
        return
    assert all(one.complaint and one.kind for one in found)
