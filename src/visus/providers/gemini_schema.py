"""Translates a JSON Schema into the subset that the Gemini API knows.

The API takes JSON Schema and passes over, without a word, the keywords that it does not know.
What can be said in other words is; what only informs is left out; what demands something that
the API cannot promise is refused with its place where the answer has to fit the schema, and
told to the model in the description where that is all a schema is for.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeGuard

import msgspec

from visus.errors import UnsupportedParameter

Json: TypeAlias = Any
Schema: TypeAlias = dict[str, Json]

_KNOWN: Final = frozenset(
    {
        "$anchor",
        "$id",
        "$ref",
        "description",
        "format",
        "maxItems",
        "maximum",
        "minItems",
        "minimum",
        "propertyOrdering",
        "required",
        "title",
        "type",
    }
)
"""Keywords whose value is passed on as it is."""
_INFORMS: Final = frozenset(
    {
        "$comment",
        "$schema",
        "$vocabulary",
        "contentEncoding",
        "contentMediaType",
        "default",
        "deprecated",
        "example",
        "examples",
        "readOnly",
        "writeOnly",
    }
)
"""Keywords that demand nothing."""
_MAPS: Final = frozenset({"properties", "$defs"})
_LISTS: Final = frozenset({"anyOf", "oneOf", "prefixItems"})
_ONE: Final = frozenset({"items", "additionalProperties"})
_BESIDE_REF: Final = frozenset({"description", "title"})
"""What may not stand beside `$ref` there, and can go without a loss."""


def converted(schema: bytes, param: str, *, is_strict: bool) -> Schema:
    """The schema for `responseJsonSchema` or `parametersJsonSchema`.

    Args:
        schema: a JSON object that was checked: of bounded depth, without foreign references.
        param: where it stands in the request.
        is_strict: whether what is written has to fit it.

    Raises:
        UnsupportedParameter: a keyword that the API does not know, with its place.
    """
    return _Conversion(is_strict).of(msgspec.json.decode(schema), param)


@dataclass(frozen=True, slots=True)
class _Conversion:
    is_strict: bool

    def of(self, schema: Json, param: str) -> Schema:
        """One schema and all inside it."""
        if schema is True:
            return {}
        if not _is_object(schema):
            raise UnsupportedParameter(
                "This model's server knows no schema that fits nothing.", param=param
            )
        found: Schema = {}
        unmet: Schema = {}
        for keyword, value in _respelt(schema).items():
            where = f"{param}.{keyword}"
            if keyword in _KNOWN:
                found[keyword] = value
            elif keyword in _MAPS and _is_object(value):
                found[keyword] = {
                    name: self.of(inner, f"{where}.{name}") for name, inner in value.items()
                }
            elif keyword in _LISTS and _is_list(value):
                found[keyword] = [
                    self.of(inner, f"{where}[{index}]") for index, inner in enumerate(value)
                ]
            elif keyword in _ONE:
                is_flag = isinstance(value, bool)
                found[keyword] = value if is_flag else self.of(value, where)
            elif keyword == "enum" and _are_words(value):
                found[keyword] = value
            elif keyword not in _INFORMS:
                self._refuse(keyword, where)
                unmet[keyword] = value
        return _beside_nothing(_described(found, unmet))

    def _refuse(self, keyword: str, where: str) -> None:
        if self.is_strict:
            message = f"This model's server cannot promise what {keyword!r} demands."
            raise UnsupportedParameter(message, param=where)


def _is_object(value: object) -> TypeGuard[Schema]:
    return isinstance(value, dict)


def _is_list(value: object) -> TypeGuard[list[Json]]:
    return isinstance(value, list)


def _are_words(values: Json) -> bool:
    """Whether an `enum` holds nothing but what the API lists: strings and numbers."""
    return _is_list(values) and all(map(_is_word, values))


def _is_word(value: object) -> TypeGuard[str | int | float]:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _respelt(schema: Schema) -> Schema:
    """The same demands, as far as possible in keywords that the API knows."""
    found = dict(schema)
    for keyword, respell in _RESPELLINGS.items():
        if keyword in found and (instead := respell(found)) is not None:
            del found[keyword]
            found |= instead
    return found


def _const(schema: Schema) -> Schema | None:
    value = schema["const"]
    if not _is_word(value) or "enum" in schema:
        return None
    return {"enum": [value], "type": schema.get("type", _type_of(value))}


def _type_of(value: float | str) -> str:
    match value:
        case str():
            return "string"
        case int():
            return "integer"
        case _:
            return "number"


def _nullable(schema: Schema) -> Schema | None:
    kind = schema.get("type")
    if schema["nullable"] is not True:
        return {}
    return {"type": [kind, "null"]} if isinstance(kind, str) else None


def _null_in_enum(schema: Schema) -> Schema | None:
    """`null` among the values is told by the type."""
    values, kind = schema["enum"], schema.get("type")
    if not _is_list(values) or None not in values:
        return {"enum": values}
    kinds = [kind] if isinstance(kind, str) else kind or ["string"]
    kinds = [*(one for one in kinds if one != "null"), "null"]
    return {"enum": [one for one in values if one is not None], "type": kinds}


def _exclusive(keyword: str, bound: str, step: int) -> Callable[[Schema], Schema | None]:
    def respell(schema: Schema) -> Schema | None:
        value = schema[keyword]
        is_whole = schema.get("type") == "integer" and isinstance(value, int)
        return {bound: value + step} if is_whole and bound not in schema else None

    return respell


def _only_one(schema: Schema) -> Schema | None:
    """`allOf` with one schema, whose keywords may as well stand outside."""
    inner = schema["allOf"]
    if not _is_list(inner) or len(inner) != 1 or not _is_object(inner[0]):
        return None
    return inner[0] if schema.keys().isdisjoint(inner[0].keys() - _BESIDE_REF) else None


def _definitions(schema: Schema) -> Schema | None:
    return None if "$defs" in schema else {"$defs": schema["definitions"]}


def _reference(schema: Schema) -> Schema:
    target = schema["$ref"]
    is_old = isinstance(target, str) and target.startswith("#/definitions/")
    return {"$ref": target.replace("/definitions/", "/$defs/", 1) if is_old else target}


_RESPELLINGS: Final[Mapping[str, Callable[[Schema], Schema | None]]] = {
    "allOf": _only_one,
    "const": _const,
    "enum": _null_in_enum,
    "nullable": _nullable,
    "exclusiveMinimum": _exclusive("exclusiveMinimum", "minimum", 1),
    "exclusiveMaximum": _exclusive("exclusiveMaximum", "maximum", -1),
    "definitions": _definitions,
    "$ref": _reference,
}
"""By keyword, what it says in others; None: nothing that the API knows."""


def _described(found: Schema, unmet: Schema) -> Schema:
    """The schema with its unknown keywords in its description, for the model to read."""
    if not unmet:
        return found
    words = "; ".join(_told(unmet))
    said = found.get("description")
    return {**found, "description": f"{said} ({words})" if said else words}


def _told(unmet: Schema) -> Iterator[str]:
    for keyword, value in unmet.items():
        yield f"{keyword}: {msgspec.json.encode(value).decode()}"


def _beside_nothing(schema: Schema) -> Schema:
    """Beside a reference the API takes nothing but keywords with a `$`."""
    if "$ref" not in schema:
        return schema
    return {name: value for name, value in schema.items() if name not in _BESIDE_REF}
