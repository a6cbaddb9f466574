"""Ids of tool calls that carry what has to travel back to the model that made the call.

Some servers sign what a model thought before it called a tool and want the signature back with
the next turn, in a field that OpenAI's clients do not know. What clients do know, and send back
unchanged, is the call's id: so the signature travels inside it. Other servers get the id's head
alone, which is as unique and short enough for all of them.

An id is `call_` and 24 hexadecimal digits. One that carries something goes on with `_` and, in
URL-safe base64 without padding, three fields, each behind its length in 3 bytes.
"""

import base64
import re
import secrets
from typing import Final, NamedTuple

_HEAD: Final = re.compile(r"call_[0-9a-f]{24}")
_LENGTH_BYTES: Final = 3
_IS_BASE64: Final = b"b"
_IS_TEXT: Final = b"t"
_FIELDS: Final = 3


class Carried(NamedTuple):
    """What a model's server wants back with a call, unchanged."""

    signature: str | None = None
    """Of the call itself."""
    text_signature: str | None = None
    """Of the text before the answer's first call."""
    own_id: str | None = None
    """The server's own id of the call."""


NOTHING: Final = Carried()


def made(carried: Carried = NOTHING) -> str:
    """A new id. A signature in base64 costs its own length; each field 4 bytes more."""
    head = f"call_{secrets.token_hex(12)}"
    if carried == NOTHING:
        return head
    packed = b"".join(map(_packed, carried))
    return f"{head}_{base64.urlsafe_b64encode(packed).rstrip(b'=').decode()}"


def head(call_id: str) -> str:
    """The id without what it carries; any other id as it is."""
    found = _HEAD.match(call_id)
    return found[0] if found and call_id[found.end() : found.end() + 1] == "_" else call_id


def carried(call_id: str) -> Carried:
    """What an id carries; of an id that `made` did not make: nothing.

    Raises:
        ValueError: it was changed on its way.
    """
    short = head(call_id)
    if short == call_id:
        return NOTHING
    text = call_id[len(short) + 1 :]
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return Carried(*_unpacked(packed))
    except ValueError as fault:
        raise ValueError("a tool call's id was changed") from fault


def _packed(field: str | None) -> bytes:
    if field is None:
        return bytes(_LENGTH_BYTES)
    value = _IS_TEXT + field.encode()
    try:
        raw = base64.b64decode(field, validate=True)
    except ValueError:
        pass
    else:
        if base64.b64encode(raw).decode() == field:
            value = _IS_BASE64 + raw
    return len(value).to_bytes(_LENGTH_BYTES) + value


def _unpacked(packed: bytes) -> list[str | None]:
    fields: list[str | None] = []
    at = 0
    while len(fields) < _FIELDS:
        start = at + _LENGTH_BYTES
        at = start + int.from_bytes(packed[start - _LENGTH_BYTES : start])
        if start > len(packed) or at > len(packed):
            raise ValueError("a tool call's id was cut short")
        kind, value = packed[start : start + 1], packed[start + 1 : at]
        match kind if at > start else None:
            case None:
                fields.append(None)
            case b"b":
                fields.append(base64.b64encode(value).decode())
            case b"t":
                fields.append(value.decode())
            case _:
                raise ValueError("a tool call's id was changed")
    if at != len(packed):
        raise ValueError("a tool call's id was changed")
    return fields
