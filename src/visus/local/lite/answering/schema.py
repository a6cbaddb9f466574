"""Which JSON schemas can be filled: flat objects, arrays of simple values or of flat objects.

References are followed only inside the schema and never in a circle; nothing is fetched. What
is not understood is refused by name, because a schema half obeyed is a promise broken.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec
from typing_extensions import TypeAliasType

from visus.errors import InvalidValue, UnsupportedParameter

Type: TypeAlias = Literal["string", "number", "integer", "boolean", "array", "object"]
Json = TypeAliasType("Json", "str | int | float | bool | list[Json] | dict[str, Json] | None")

PARAM: Final = "response_format.json_schema.schema"
_MOST_BYTES: Final = 64 * 1024
_MOST_FIELDS: Final = 100
_DEEPEST: Final = 12
_REFUSED: Final = (
    "not",
    "if",
    "then",
    "else",
    "patternProperties",
    "$dynamicRef",
    "dependentSchemas",
)
_MOST_REPEATS: Final = 3
_LONGEST_PATTERN: Final = 200
_KEPT: Final = ("title", "description")


class Property(NamedTuple):
    """One field that wants a value."""

    name: str
    param: str
    type: Type
    nullable: bool
    required: bool
    words: str
    """Its title and description."""
    format: str
    choices: tuple[Json, ...]
    limits: Mapping[str, Json]
    items: "Property | None"
    properties: "tuple[Property, ...]"


def parsed(schema: bytes) -> tuple[Property, ...]:
    """The fields of a schema for one flat object.

    Raises:
        InvalidValue: too large, no JSON, or no schema.
        UnsupportedParameter: a schema that cannot be filled, naming the part.
    """
    if len(schema) > _MOST_BYTES:
        raise InvalidValue(f"The schema is larger than {_MOST_BYTES} bytes.", param=PARAM)
    try:
        root: Json = msgspec.json.decode(schema)
    except (msgspec.DecodeError, RecursionError) as fault:
        raise InvalidValue("The schema is not valid JSON.", param=PARAM) from fault
    if not isinstance(root, dict):
        raise InvalidValue("The schema must be an object.", param=PARAM)
    reader = _Reader(root)
    top = reader.resolved(root, PARAM)
    if top.get("type") not in {"object", None} or not isinstance(top.get("properties"), dict):
        raise UnsupportedParameter(
            "visus-lite fills a schema whose root is an object with properties.", param=PARAM
        )
    return reader.fields(top, PARAM, depth=0)


class _Reader:
    def __init__(self, root: dict[str, Json]) -> None:
        self._root = root

    def fields(
        self, schema: dict[str, Json], param: str, *, depth: int
    ) -> tuple[Property, ...]:
        listed = schema.get("properties")
        if not isinstance(listed, dict) or depth > 1:
            raise UnsupportedParameter("Nested objects cannot be filled.", param=param)
        if len(listed) > _MOST_FIELDS:
            raise UnsupportedParameter(f"More than {_MOST_FIELDS} properties.", param=param)
        required = schema.get("required")
        names = required if isinstance(required, list) else []
        return tuple(
            self._field(
                name, part, f"{param}.properties.{name}", required=name in names, depth=depth
            )
            for name, part in listed.items()
        )

    def _field(
        self,
        name: str,
        part: Json,
        param: str,
        *,
        required: bool,
        depth: int,
    ) -> Property:
        if not isinstance(part, dict):
            raise InvalidValue("A property's schema must be an object.", param=param)
        schema, nullable = self._without_null(self.resolved(part, param), param)
        kind = _type_of(schema, param)
        _refuse_slow_patterns(schema, param)
        words = " ".join(
            str(each[key])
            for each in (part, schema)
            for key in _KEPT
            if isinstance(each.get(key), str)
        )
        return Property(
            name=name,
            param=param,
            type=kind,
            nullable=nullable,
            required=required,
            words=words,
            format=str(schema.get("format", "")),
            choices=_choices(schema),
            limits=schema,
            items=self._items(name, schema, param, depth=depth) if kind == "array" else None,
            properties=self.fields(schema, param, depth=depth + 1) if kind == "object" else (),
        )

    def _items(self, name: str, schema: dict[str, Json], param: str, *, depth: int) -> Property:
        items = schema.get("items")
        if not isinstance(items, dict):
            raise UnsupportedParameter("An array must say what its items are.", param=param)
        if depth > 0:
            raise UnsupportedParameter("Arrays inside arrays cannot be filled.", param=param)
        return self._field(name, items, f"{param}.items", required=True, depth=depth)

    def _without_null(
        self, schema: dict[str, Json], param: str
    ) -> tuple[dict[str, Json], bool]:
        for key in ("anyOf", "oneOf"):
            options = schema.get(key)
            if isinstance(options, list):
                kept = [
                    self.resolved(each, param) for each in options if isinstance(each, dict)
                ]
                real = [each for each in kept if each.get("type") != "null"]
                if len(real) != 1:
                    raise UnsupportedParameter(
                        f"{key} is understood for one type and null only.", param=param
                    )
                return {**schema, **real[0]}, len(real) < len(kept)
        kinds = schema.get("type")
        if not isinstance(kinds, list):
            return schema, False
        real_kinds = [each for each in kinds if each != "null"]
        if len(real_kinds) != 1:
            raise UnsupportedParameter("Several types for one field.", param=param)
        return {**schema, "type": real_kinds[0]}, "null" in kinds

    def resolved(self, schema: dict[str, Json], param: str) -> dict[str, Json]:
        """The schema itself, or the definition of this same document that it points to."""
        for _ in range(_DEEPEST):
            wrapped = schema.get("allOf")
            if isinstance(wrapped, list) and len(wrapped) == 1 and isinstance(wrapped[0], dict):
                schema = {**schema, **wrapped[0]}
                del schema["allOf"]
            _refuse_unknown(schema, param)
            reference = schema.get("$ref")
            if reference is None:
                return schema
            schema = self._definition(reference, param)
        raise UnsupportedParameter("References that lead in a circle.", param=param)

    def _definition(self, reference: Json, param: str) -> dict[str, Json]:
        match = re.fullmatch(r"#/(\$defs|definitions)/([^/]+)", str(reference))
        if match is None:
            raise UnsupportedParameter(
                "A $ref may only point to the $defs of its own schema; nothing is fetched.",
                param=param,
            )
        definitions = self._root.get(match.group(1))
        found = definitions.get(match.group(2)) if isinstance(definitions, dict) else None
        if not isinstance(found, dict):
            raise InvalidValue("A $ref that points to nothing.", param=param)
        return found


def _refuse_unknown(schema: dict[str, Json], param: str) -> None:
    for key in (*_REFUSED, "allOf"):
        if key in schema:
            raise UnsupportedParameter(
                f"The schema keyword {key} is not understood.", param=param
            )


def _type_of(schema: dict[str, Json], param: str) -> Type:
    match schema.get("type"):
        case "string" | "number" | "integer" | "boolean" | "array" | "object" as kind:
            return kind
        case None if _choices(schema):
            return "string"
        case _:
            raise UnsupportedParameter("A field needs one known type.", param=param)


def _choices(schema: dict[str, Json]) -> tuple[Json, ...]:
    if "const" in schema:
        return (schema["const"],)
    listed = schema.get("enum")
    return tuple(listed) if isinstance(listed, list) else ()


def _refuse_slow_patterns(schema: dict[str, Json], param: str) -> None:
    """No groups, few repeats: what is left runs in polynomial time on short values."""
    pattern = schema.get("pattern")
    if pattern is None:
        return
    bare = re.sub(r"\\.", "x", pattern) if isinstance(pattern, str) else "("
    repeats = len(re.findall(r"[*+]|\{\d*,", bare))
    if "(" in bare or repeats > _MOST_REPEATS or len(bare) > _LONGEST_PATTERN:
        raise UnsupportedParameter(
            "This pattern is not checked here: groups or too many repeats.", param=param
        )
    try:
        re.compile(str(pattern))
    except re.error as fault:
        raise InvalidValue("The pattern is no regular expression.", param=param) from fault


def keeps_limits(value: Json, wanted: Property) -> bool:
    """Whether a value is among the choices and inside the bounds of its field."""
    if wanted.choices and value not in wanted.choices:
        return False
    limits = wanted.limits
    if isinstance(value, str):
        pattern = limits.get("pattern")
        if isinstance(pattern, str) and not re.search(pattern, value[:_LONGEST_PATTERN]):
            return False
        return _between(len(value), limits, "minLength", "maxLength")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return True
    return _between(value, limits, "minimum", "maximum")


def _between(size: float, limits: Mapping[str, Json], least: str, most: str) -> bool:
    low, high = limits.get(least), limits.get(most)
    if isinstance(low, int | float) and size < low:
        return False
    return not (isinstance(high, int | float) and size > high)
