"""Does this text match a JSON Schema? Blocking: runs in a worker.

The schema is a stranger's and the text a model's. What a schema may cost is bounded by the
worker's deadline, not here: a schema without a circle can still take for ever. Nothing is ever
fetched: a reference that leaves the schema is a fault of the schema.
"""

import json
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final, NoReturn

import jsonschema_rs
import msgspec

from visus.errors import InvalidValue
from visus.wire.check import SCHEMA_PARAM, Check, Fault

_LONGEST_FAULT: Final = 300
"""Characters of one complaint; it may quote the text."""
_MOST_FAULTS: Final = 8
_PATTERNS: Final = jsonschema_rs.FancyRegexOptions(backtrack_limit=100_000)
"""Takes what ECMA-262 has, looking ahead included; whoever takes more steps does not match."""


def faults(check: Check) -> list[Fault]:
    """What is wrong with the text, the first few things; nothing where it is as it should be.

    Formats (`format`) are notes, as the standard has it, and are not checked.

    Raises:
        InvalidValue: the schema is none.
    """
    validator = None if check.schema is None else _validator(check.schema)
    if check.text is None:
        return []
    try:
        value: Any = json.loads(check.text, parse_constant=_no_number)
    except (ValueError, RecursionError) as fault:
        return [Fault(f"It is not JSON: {fault}"[:_LONGEST_FAULT], "json")]
    if validator is not None:
        return list(islice(_complaints(validator, value), _MOST_FAULTS))
    return [] if isinstance(value, dict) else [Fault("It is not a JSON object.", "type")]


def _validator(schema: bytes) -> jsonschema_rs.Validator:
    try:
        root: Any = json.loads(schema)
        # What it calls itself makes no difference: OpenAI reads all schemas alike.
        root.pop("$schema", None)
        return jsonschema_rs.Draft202012Validator(root, offline=True, pattern_options=_PATTERNS)
    except (ValueError, RecursionError, jsonschema_rs.ReferencingError) as fault:
        message = "This is no JSON Schema that answers could be checked against."
        raise InvalidValue(message, param=SCHEMA_PARAM) from fault


def _complaints(validator: jsonschema_rs.Validator, value: object) -> Iterator[Fault]:
    for error in validator.iter_errors(value):
        place = "".join(f"/{step}" for step in error.instance_path) or "/"
        said = f"At {place} ({error.kind.name}): {error.message}"
        yield Fault(said[:_LONGEST_FAULT], error.kind.name)


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def worker() -> Callable[[bytes], bytes]:
    """The entry for `workers.pool`: from a packed `Check` to a packed list of faults."""
    return lambda job: msgspec.msgpack.encode(faults(msgspec.msgpack.decode(job, type=Check)))
