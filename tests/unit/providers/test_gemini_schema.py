"""JSON Schemas as the Gemini API gets them: what the scripted server refuses, never arrives."""

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st
from tests.support.gemini_upstream import Refused, check_schema

from visus.errors import UnsupportedParameter
from visus.providers.gemini_schema import converted

Json = dict[str, Any]


def strict(schema: Json) -> Json:
    return converted(json.dumps(schema).encode(), "schema", is_strict=True)


def lenient(schema: Json) -> Json:
    return converted(json.dumps(schema).encode(), "schema", is_strict=False)


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        ({"type": "string", "enum": ["a", 1, 2.5]}, {"type": "string", "enum": ["a", 1, 2.5]}),
        ({"const": "a"}, {"enum": ["a"], "type": "string"}),
        ({"const": 3}, {"enum": [3], "type": "integer"}),
        ({"const": 0.5, "type": "number"}, {"enum": [0.5], "type": "number"}),
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "nullable": False}, {"type": "string"}),
        ({"enum": ["a", None], "type": "string"}, {"enum": ["a"], "type": ["string", "null"]}),
        (
            {"enum": ["a", None], "type": ["null", "string"]},
            {"enum": ["a"], "type": ["string", "null"]},
        ),
        ({"type": "integer", "exclusiveMinimum": 2}, {"type": "integer", "minimum": 3}),
        ({"type": "integer", "exclusiveMaximum": 2}, {"type": "integer", "maximum": 1}),
        ({"allOf": [{"type": "string"}], "title": "T"}, {"type": "string", "title": "T"}),
        (
            {"$ref": "#/definitions/A", "definitions": {"A": {"type": "null"}}},
            {"$ref": "#/$defs/A", "$defs": {"A": {"type": "null"}}},
        ),
        ({"$ref": "#/$defs/A", "description": "x", "default": 1}, {"$ref": "#/$defs/A"}),
        ({"$schema": "x", "default": 1, "examples": [1], "$comment": "c"}, {}),
        (
            {"items": True, "additionalProperties": False},
            {"items": True, "additionalProperties": False},
        ),
        ({"anyOf": [{"const": "a"}, True]}, {"anyOf": [{"enum": ["a"], "type": "string"}, {}]}),
        ({"prefixItems": [{"const": 1}]}, {"prefixItems": [{"enum": [1], "type": "integer"}]}),
        (
            {"properties": {"pattern": {"type": "string"}, "const": {"const": "a"}}},
            {
                "properties": {
                    "pattern": {"type": "string"},
                    "const": {"enum": ["a"], "type": "string"},
                }
            },
        ),
    ],
)
def test_a_schema_says_the_same_in_known_keywords(schema: Json, wanted: Json) -> None:
    assert strict(schema) == lenient(schema) == wanted
    check_schema(wanted, "")


@pytest.mark.parametrize(
    ("schema", "where", "told"),
    [
        ({"type": "string", "pattern": "^a"}, "pattern", 'pattern: "^a"'),
        ({"minLength": 3}, "minLength", "minLength: 3"),
        ({"not": {"type": "null"}}, "not", 'not: {"type":"null"}'),
        ({"const": True}, "const", "const: true"),
        ({"enum": [True]}, "enum", "enum: [true]"),
        ({"type": "number", "exclusiveMinimum": 2}, "exclusiveMinimum", "exclusiveMinimum: 2"),
        (
            {"type": "integer", "exclusiveMinimum": 2, "minimum": 9},
            "exclusiveMinimum",
            "exclusiveMinimum: 2",
        ),
        (
            {"allOf": [{"type": "string"}, {"title": "x"}]},
            "allOf",
            'allOf: [{"type":"string"},{"title":"x"}]',
        ),
        ({"uniqueItems": True}, "uniqueItems", "uniqueItems: true"),
        ({"x-mine": 1}, "x-mine", "x-mine: 1"),
    ],
)
def test_what_cannot_be_promised_is_refused_by_its_place_or_told(
    schema: Json, where: str, told: str
) -> None:
    outer = {"properties": {"a": {"items": {**schema, "description": "It."}}}}
    with pytest.raises(UnsupportedParameter) as refused:
        strict(outer)
    assert refused.value.param == f"schema.properties.a.items.{where}"
    inner = lenient(outer)["properties"]["a"]["items"]
    assert inner["description"] == f"It. ({told})"
    check_schema(inner, "")


def test_a_schema_that_fits_nothing_is_refused() -> None:
    with pytest.raises(UnsupportedParameter) as refused:
        strict({"anyOf": [False]})
    assert refused.value.param == "schema.anyOf[0]"


KEYWORDS = st.sampled_from(
    ["type", "const", "enum", "anyOf", "oneOf", "allOf", "items", "properties", "$defs", "$ref",
     "nullable", "pattern", "minimum", "exclusiveMinimum", "description", "default", "format",
     "definitions", "prefixItems", "additionalProperties", "required", "not"]
)  # fmt: skip
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.sampled_from(["string", "#/$defs/a", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYWORDS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYWORDS, values, max_size=5))
def test_no_schema_brings_anything_down_and_none_goes_out_with_an_unknown_keyword(
    schema: Json,
) -> None:
    try:
        made = lenient(schema)
    except UnsupportedParameter:
        return
    try:
        check_schema(made, "")
    except Refused as refused:
        assert "Unknown name" not in str(refused)  # noqa: PT017 -- other refusals are its own
