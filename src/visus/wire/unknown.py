"""The fields of a body that a shape does not know: found, named and set aside.

The slow path of `wire.chat`, taken only by bodies that hold such fields (or errors).
"""

from collections.abc import Iterable
from typing import Any, Final, TypeAlias, TypeGuard

import msgspec
from msgspec import inspect

from visus.errors import InvalidJson

Json: TypeAlias = Any
"""An untrusted decoded JSON value."""

OUR_OBJECT: Final = "visus"
"""Our own options: an unknown one is an error, never ignored."""


MAX_DEPTH: Final = 64
"""Levels of nesting in a field that is ignored; the known ones have limits of their own."""


def set_aside(body: bytes | bytearray, shape: type[msgspec.Struct]) -> tuple[bytes, list[str]]:
    """The body without the fields that `shape` does not know, and their paths.

    Raises:
        msgspec.DecodeError: not JSON.
        RecursionError: nested too deep to be read.
        InvalidJson: a field that is not known is nested deeper than `MAX_DEPTH`.
    """
    value = msgspec.json.decode(body)
    ignored: list[str] = []
    _prune(value, inspect.type_info(shape), "", ignored)
    return msgspec.json.encode(value), ignored


def _prune(value: Json, kind: inspect.Type, path: str, ignored: list[str]) -> None:
    match kind:
        case inspect.UnionType(types=types):
            _prune_union(value, types, path, ignored)
        case inspect.ListType(item_type=item) if _is_list(value):
            for index, entry in enumerate(value):
                _prune(entry, item, f"{path}[{index}]", ignored)
        case inspect.StructType() if _is_object(value):
            _prune_struct(value, kind, path, ignored)
        case _:
            pass


def _prune_union(
    value: Json, types: tuple[inspect.Type, ...], path: str, ignored: list[str]
) -> None:
    structs = [kind for kind in types if isinstance(kind, inspect.StructType)]
    for kind in types:
        if isinstance(kind, inspect.ListType):
            _prune(value, kind, path, ignored)
    for kind in structs:
        if kind.tag_field is None or _tag_of(value, kind.tag_field) == kind.tag:
            _prune(value, kind, path, ignored)


def _check_depth(value: Json) -> None:
    level: list[Json] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in _inside(outer)
            if isinstance(inner, list | dict)
        ]
        if not level:
            return
    raise InvalidJson(f"The body is nested deeper than {MAX_DEPTH} levels.")


def _inside(value: Json) -> Iterable[Json]:
    if _is_object(value):
        return value.values()
    return value if _is_list(value) else ()


def _tag_of(value: Json, tag_field: str) -> Json:
    return value.get(tag_field) if _is_object(value) else None


def _is_list(value: Json) -> TypeGuard[list[Json]]:
    return isinstance(value, list)


def _is_object(value: Json) -> TypeGuard[dict[str, Json]]:
    return isinstance(value, dict)


def _prune_struct(
    value: dict[str, Json], kind: inspect.StructType, path: str, ignored: list[str]
) -> None:
    if path == OUR_OBJECT:
        return
    fields = {field.encode_name: field.type for field in kind.fields}
    for name in [name for name in value if name not in fields and name != kind.tag_field]:
        _check_depth(value.pop(name))
        ignored.append(f"{path}.{name}" if path else name)
    for name, field in fields.items():
        if name in value:
            _prune(value[name], field, f"{path}.{name}" if path else name, ignored)
