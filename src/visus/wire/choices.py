"""Which words a shape takes at a place, to name them to who sent another one."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from msgspec import inspect

_STEP: Final = re.compile(r"\w+|\[[\d.]+\]")


class NotTaken(msgspec.Struct, frozen=True):
    """The base of a part that is read only to be refused: its tag is not offered."""


def choices_at(path: str, shape: type[msgspec.Struct]) -> Sequence[str]:
    """The words that `shape` takes at a path such as `messages[0].role`."""
    kinds = [inspect.type_info(shape)]
    for step in _STEP.findall(path):
        kinds = [found for kind in kinds for found in _inside(kind, step)]
    return [
        word
        for kind in kinds
        for one in _alternatives(kind)
        if isinstance(one, inspect.LiteralType)
        for word in one.values
        if isinstance(word, str)
    ]


def _alternatives(kind: inspect.Type) -> Sequence[inspect.Type]:
    return kind.types if isinstance(kind, inspect.UnionType) else (kind,)


def _inside(kind: inspect.Type, step: str) -> Iterator[inspect.Type]:
    """What stands one step inside `kind`: the items of a list, or a field."""
    for one in _alternatives(kind):
        match one:
            case inspect.ListType(item_type=item) if step.startswith("["):
                yield item
            case inspect.StructType(tag_field=name, tag=str(tag)) if name == step:
                if not issubclass(one.cls, NotTaken):
                    yield inspect.LiteralType((tag,))
            case inspect.StructType(fields=fields):
                yield from (field.type for field in fields if field.encode_name == step)
            case _:
                pass
