# ruff: noqa: E501 -- a schema is read best on one line
"""Schemas that may be carried to a model's server, and those that could hurt it."""

import time
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from visus.errors import InvalidValue
from visus.wire.json_schema import SchemaCheck

Schema = dict[str, Any]


def check(schema: Schema | bytes, **changes: Any) -> None:
    bounds = {"max_bytes": 300_000, "max_depth": 64, "allow_recursion": False} | changes
    data = schema if isinstance(schema, bytes) else msgspec.json.encode(schema)
    SchemaCheck(**bounds).check(data, "here")


def refusal(data: bytes) -> str | None:
    """Where a fault is said to be, if one is."""
    try:
        check(data, max_bytes=10**6)
    except InvalidValue as refused:
        return refused.param
    return None


def place_of(schema: Schema) -> str | None:
    """Where the fault is said to be."""
    with pytest.raises(InvalidValue) as caught:
        check(schema)
    return caught.value.param


NODE = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
CIRCLES: list[tuple[Schema, str]] = [
    ({"$ref": "#"}, "here.$ref"),
    ({"properties": {"a": {"$ref": "#"}}}, "here.properties.a.$ref"),
    (
        {"$ref": "#/$defs/Node", "$defs": {"Node": NODE}},
        "here.$defs.Node.properties.next.$ref",
    ),
    (
        {
            "properties": {"x": {"$ref": "#/$defs/A"}},
            "$defs": {
                "A": {"items": {"$ref": "#/$defs/B"}},
                "B": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/A"}]},
            },
        },
        "here.$defs.B.anyOf[1].$ref",
    ),
    ({"definitions": {"a": {"not": {"$ref": "#/definitions/a"}}}}, "here.definitions.a.not.$ref"),
    ({"items": {"$ref": "#/items"}}, "here.items.$ref"),
    ({"allOf": [{"$ref": "#/allOf/0"}]}, "here.allOf[0].$ref"),
    ({"$anchor": "top", "items": {"$ref": "#top"}}, "here.items.$ref"),
    ({"$dynamicAnchor": "n", "items": {"$dynamicRef": "#n"}}, "here.items.$dynamicRef"),
    ({"items": {"$recursiveRef": "#"}}, "here.items.$recursiveRef"),
    ({"$defs": {"a b/c~": {"items": {"$ref": "#/$defs/a%20b~1c~0"}}}}, "here.$defs.a b/c~.items.$ref"),
    ({"$defs": {"x": {"$id": "#x", "items": {"$ref": "#x"}}}}, "here.$defs.x.items.$ref"),
    ({"x-own": {"items": {"$ref": "#/x-own"}}}, "here.x-own.items.$ref"),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "place"), CIRCLES, ids=lambda one: str(one)[:40])
def test_a_schema_that_refers_to_itself_is_refused_where_the_circle_closes(
    schema: Schema, place: str
) -> None:
    assert place_of(schema) == place


@pytest.mark.parametrize("schema", [one for one, _ in CIRCLES], ids=lambda one: str(one)[:40])
def test_it_is_taken_where_the_operator_says_so(schema: Schema) -> None:
    check(schema, allow_recursion=True)


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"properties": {"$ref": {"type": "string"}, "pattern": {"type": "string"}}},
        {"properties": {"a": {"$ref": "#/$defs/M"}, "b": {"$ref": "#/$defs/M"}}, "$defs": {"M": {}}},
        {"$ref": "#/definitions/A", "definitions": {"A": {"items": {"$ref": "#/definitions/B"}}, "B": {}}},
        {"$defs": {"A": {"properties": {"root": {"$ref": "#"}}}}},
        {"const": {"$ref": "http://x"}, "enum": [{"$ref": "#"}], "default": {"pattern": "(a+)+"}},
        {"$id": "https://x.test/s", "$schema": "https://json-schema.org/draft/2020-12/schema"},
        {"properties": {"code": {"type": "string", "pattern": "^[A-Z]{2}[0-9]+$"}}},
        {"items": [{"type": "string"}, {"$ref": "#/items/0"}]},
        {"$ref": 5, "pattern": ["(a+)+"], "properties": 3, "items": None},
    ],
    ids=lambda schema: str(schema)[:40],
)  # fmt: skip
def test_an_ordinary_schema_is_taken(schema: Schema) -> None:
    check(schema)


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"pattern": "(a+)+$"}, "here.pattern"),
        ({"properties": {"p": {"items": {"pattern": "a*a*"}}}}, "here.properties.p.items.pattern"),
        ({"patternProperties": {"(x|x)*": {}}}, "here.patternProperties"),
        ({"$defs": {"Unused": {"pattern": "(a|a)*"}}}, "here.$defs.Unused.pattern"),
        ({"pattern": "("}, "here.pattern"),
        ({"items": {"$ref": "http://127.0.0.1/x"}}, "here.items.$ref"),
        ({"items": {"$ref": "other.json#/a"}}, "here.items.$ref"),
        ({"items": {"$ref": ""}}, "here.items.$ref"),
        ({"items": {"$ref": "#/$defs/Nobody"}}, "here.items.$ref"),
        ({"items": {"$ref": "#nobody"}}, "here.items.$ref"),
        ({"items": {"$ref": "#/required/7"}, "required": ["a"]}, "here.items.$ref"),
        ({"items": {"$id": "https://x.test/other"}}, "here.items.$id"),
        ({"properties": {"n" * 400: {"pattern": "("}}}, "here.properties." + "n" * 284 + "…"),
    ],
    ids=lambda one: str(one)[:40],
)  # fmt: skip
def test_what_could_hurt_is_refused_with_its_place(schema: Schema, place: str) -> None:
    assert place_of(schema) == place


def test_a_key_spelt_with_escapes_is_the_same_key() -> None:
    with pytest.raises(InvalidValue):
        check(b'{"items": {"\\u0024ref": "http://127.0.0.1/x"}}')


def _nested(depth: int) -> bytes:
    return b'{"not":' * (depth - 1) + b"{}" + b"}" * (depth - 1)


@pytest.mark.parametrize(
    ("depth", "taken"), [(9, True), (10, True), (11, False), (50_000, False)]
)
def test_a_schema_may_be_as_deep_as_the_limit(depth: int, taken: bool) -> None:  # noqa: FBT001 -- the expected outcome
    if taken:
        check(_nested(depth), max_depth=10, max_bytes=10**6)
        return
    with pytest.raises(InvalidValue, match="nested deeper than 10"):
        check(_nested(depth), max_depth=10, max_bytes=10**6)


@pytest.mark.parametrize(("size", "taken"), [(999, True), (1000, True), (1001, False)])
def test_a_schema_may_be_as_large_as_the_limit(size: int, taken: bool) -> None:  # noqa: FBT001 -- the expected outcome
    schema = b"{" + b" " * (size - 2) + b"}"
    if taken:
        check(schema, max_bytes=1000)
        return
    with pytest.raises(InvalidValue, match="larger than 1000"):
        check(schema, max_bytes=1000)


@pytest.mark.parametrize(
    "schema",
    [
        {"allOf": [{"$ref": "#/$defs/a"}] * 10_000, "$defs": {"a": {}}},
        {"$defs": {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(8000)} | {"d8000": {}}},
        {"items": {"$ref": "#/" + "a/" * 100_000}},
        {"properties": {f"p{n}": {"pattern": "(a|b)*[0-9]{1,9}c?"} for n in range(5000)}},
        {"properties": {"n" * 200_000: {"allOf": [{}] * 20_000}}},
        {"$defs": {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(3000)} | {"d3000": {}}},
    ],
    ids=lambda schema: str(schema)[:40],
)  # fmt: skip
def test_no_schema_keeps_the_check_busy(schema: Schema) -> None:
    data = msgspec.json.encode(schema)
    began_s = time.process_time()
    assert len(refusal(data) or "") <= 301
    assert time.process_time() - began_s < 10  # what runs away takes minutes


KEYS = st.sampled_from(["$ref", "$defs", "properties", "items", "allOf", "$anchor", "$id", "a"])
VALUES = st.recursive(
    st.sampled_from(["#", "#/$defs/a", "#a", "a", "#/items", "#/allOf/0", 1, None, True]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_any_object_is_a_schema_or_refused_at_a_place(schema: Schema) -> None:
    assert (refusal(msgspec.json.encode(schema)) or "here").startswith("here")
