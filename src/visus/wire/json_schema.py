"""Is this JSON Schema safe to pass on to a model's server?

A schema is carried unread to the model's server; what is refused here is what could hurt a
reader of it: too much, too deep, references that leave the schema, lead nowhere or lead in a
circle, and patterns whose matching never ends. The walk knows where schemas stand and where
data does, follows nothing twice, and takes time in proportion to the schema.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, TypeGuard
from urllib.parse import unquote

import msgspec

from visus.errors import CallerError, InvalidValue
from visus.wire import patterns
from visus.wire.pattern_syntax import PatternRefused

Json: TypeAlias = Any
"""An untrusted decoded JSON value."""

_REFERENCES: Final = ("$ref", "$dynamicRef", "$recursiveRef")
_DEFINITIONS: Final = ("$defs", "definitions")
_MAPS: Final = frozenset(
    {"properties", "patternProperties", "dependentSchemas", "dependencies", *_DEFINITIONS}
)
"""Keywords whose value holds a schema under each name."""
_DATA: Final = frozenset({"const", "enum", "default", "example", "examples", "required"})
"""Keywords whose value is never a schema."""
_LONGEST_PARAM: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaCheck:
    """Checks the schemas of one request; what patterns may cost is shared by them all."""

    max_bytes: int
    max_depth: int
    allow_recursion: bool
    budget: patterns.Budget = field(default_factory=patterns.Budget)

    def check(self, schema: bytes, param: str) -> None:
        """Refuses what could hurt a reader.

        Raises:
            InvalidValue: with the place, below `param`, of what is wrong.
        """
        if schema[:1] != b"{":
            raise InvalidValue("A JSON Schema is an object.", param=param)
        if len(schema) > self.max_bytes:
            message = f"The schema is larger than {self.max_bytes} bytes."
            raise InvalidValue(message, param=param)
        try:
            root: Json = msgspec.json.decode(schema)
        except RecursionError as fault:
            raise self._too_deep(param) from fault
        except msgspec.DecodeError as fault:
            raise InvalidValue("The schema is not valid JSON.", param=param) from fault
        self._check_depth(root, param)
        document = _Document(root, param)
        for place in document.places:
            self._check_patterns(place)
        document.connect()
        if not self.allow_recursion:
            document.refuse_circles()

    def _too_deep(self, param: str) -> CallerError:
        message = f"The schema is nested deeper than {self.max_depth} levels."
        return InvalidValue(message, param=param)

    def _check_depth(self, root: Json, param: str) -> None:
        level: list[Json] = [root]
        for _ in range(self.max_depth):
            level = [inner for value in level for inner in _inside(value) if _holds(inner)]
            if not level:
                return
        raise self._too_deep(param)

    def _check_patterns(self, place: "_Place") -> None:
        pattern = place.schema.get("pattern")
        if isinstance(pattern, str):
            self._check_pattern(pattern, place, "pattern")
        named = place.schema.get("patternProperties")
        for name in named if _is_object(named) else ():
            self._check_pattern(name, place, "patternProperties")

    def _check_pattern(self, pattern: str, place: "_Place", keyword: str) -> None:
        try:
            patterns.check(pattern, self.budget)
        except PatternRefused as fault:
            param = place.param(keyword)
            raise InvalidValue(f"The pattern {fault}.", param=param) from fault


def _inside(value: Json) -> Sequence[Json]:
    if _is_object(value):
        return list(value.values())
    return value if _is_list(value) else ()


def _holds(value: Json) -> bool:
    return isinstance(value, dict | list)


def _is_object(value: object) -> TypeGuard[dict[str, Json]]:
    return isinstance(value, dict)


def _is_list(value: object) -> TypeGuard[list[Json]]:
    return isinstance(value, list)


# --- Where schemas stand, and where they refer to --------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """A schema inside the document. Its path is put together only when it is wanted."""

    schema: dict[str, Json]
    parent: "_Place | None"
    step: str
    is_applied: bool
    """Whether the schema around it makes use of it; a definition waits to be referred to."""

    def param(self, keyword: str) -> str:
        """Where `keyword` stands in the request."""
        steps = [keyword, self.step]
        place = self.parent
        while place is not None:
            steps.append(place.step)
            place = place.parent
        path = ".".join(step[:_LONGEST_PARAM] for step in reversed(steps))
        return path if len(path) <= _LONGEST_PARAM else f"{path[:_LONGEST_PARAM]}…"


class _Document:
    """Every schema of the document, and which leads to which."""

    def __init__(self, root: dict[str, Json], param: str) -> None:
        self._root = root
        self.places: list[_Place] = [_Place(root, None, param, is_applied=False)]
        self._by_identity: dict[int, _Place] = {}
        self._anchors: dict[str, _Place] = {}
        for place in self.places:  # it grows while it is walked
            self._by_identity[id(place.schema)] = place
            self._name(place)
            self.places.extend(_below(place))
        self._leads_to: dict[_Place, list[tuple[_Place, str]]] = {
            place: [] for place in self.places
        }

    def _name(self, place: _Place) -> None:
        for keyword in ("$anchor", "$dynamicAnchor"):
            name = place.schema.get(keyword)
            if isinstance(name, str):
                self._anchors[name] = place
        own = place.schema.get("$id")
        if isinstance(own, str) and place.parent is not None:
            if not own.startswith("#"):
                raise InvalidValue(
                    "A schema inside another may not have an '$id' of its own.",
                    param=place.param("$id"),
                )
            self._anchors[own[1:]] = place

    def connect(self) -> None:
        """Finds what each schema leads to.

        Raises:
            InvalidValue: a reference leaves the document, or points to nothing.
        """
        for place in self.places:
            if place.parent is not None and place.is_applied:
                self._leads_to[place.parent].append((place, place.step))
            for keyword in _REFERENCES:
                reference = place.schema.get(keyword)
                if isinstance(reference, str):
                    target = self._target(reference, place.param(keyword))
                    self._leads_to[place].append((target, keyword))

    def _target(self, reference: str, param: str) -> _Place:
        if not reference.startswith("#"):
            message = f"A reference may only point inside its own schema ({param})."
            raise InvalidValue(message, param=param)
        pointer = unquote(reference[1:])
        found = self._anchors.get(pointer)
        if found is None:
            found = self._by_identity.get(id(self._at(pointer)))
        if found is None:
            raise InvalidValue("This reference points to no schema.", param=param)
        return found

    def _at(self, pointer: str) -> Json:
        value: Json = self._root
        if pointer and not pointer.startswith("/"):
            return None
        for escaped in pointer.split("/")[1:]:
            step = escaped.replace("~1", "/").replace("~0", "~")
            if _is_object(value):
                value = value.get(step)
            elif _is_list(value) and step.isdecimal() and int(step[:9]) < len(value):
                value = value[int(step[:9])]
            else:
                return None
        return value

    def refuse_circles(self) -> None:
        """Refuses a schema that uses itself, directly or by way of others.

        Raises:
            InvalidValue: it does; the place is the reference that closes the circle.
        """
        done: set[_Place] = set()
        open_now: set[_Place] = set()
        for root in self.places:
            waiting = [] if root in done else [(root, iter(self._leads_to[root]))]
            open_now.update(place for place, _ in waiting)
            while waiting:
                place, following = waiting[-1]
                step = next((one for one in following if one[0] not in done), None)
                if step is None:
                    waiting.pop()
                    done.add(place)
                    open_now.discard(place)
                    continue
                target, keyword = step
                if target in open_now:
                    raise InvalidValue(
                        "The schema refers to itself, which is not taken here.",
                        param=place.param(keyword),
                    )
                open_now.add(target)
                waiting.append((target, iter(self._leads_to[target])))


def _below(place: _Place) -> Iterator[_Place]:
    """The schemas right inside one, in every keyword but those of data."""
    for keyword, value in place.schema.items():
        if keyword in _DATA:
            continue
        if keyword in _MAPS and _is_object(value):
            yield from _named(place, keyword, value)
        elif _is_object(value):
            yield _Place(value, place, keyword, is_applied=True)
        elif _is_list(value):
            for number, inner in enumerate(value):
                if _is_object(inner):
                    yield _Place(inner, place, f"{keyword}[{number}]", is_applied=True)


def _named(place: _Place, keyword: str, schemas: Mapping[str, Json]) -> Iterator[_Place]:
    is_applied = keyword not in _DEFINITIONS
    for name, inner in schemas.items():
        if _is_object(inner):
            yield _Place(inner, place, f"{keyword}.{name}", is_applied=is_applied)
