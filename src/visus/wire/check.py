"""The jobs and results of workers that check schemas: see `wire.conformity`."""

from typing import Final

import msgspec

SCHEMA_PARAM: Final = "response_format.json_schema.schema"


class Check(msgspec.Struct, frozen=True):
    """A text, and what it is to be like."""

    text: str | None
    """None: only the schema is looked at."""
    schema: bytes | None
    """None: any JSON object will do."""


class Fault(msgspec.Struct, frozen=True):
    """One thing that is wrong."""

    complaint: str
    """In words, for the model: it may quote the text."""
    kind: str
    """In a word, for a log: the keyword of the schema, or `json`."""
