"""Request bodies with media in them: JSON around base64 that is neither copied nor escaped.

A mark stands for each medium until the JSON around them is written; then the media are put
between the pieces, as the views that they are.
"""

import secrets
from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

from visus.providers.transport import Body

Pieces: TypeAlias = Sequence[bytes | memoryview]
"""What stands in a JSON string, piece by piece; nothing in it needs escaping."""

_encode: Final = msgspec.json.Encoder().encode


def new_mark() -> str:
    """A mark: random, and never outside this process, so that no caller can write it."""
    return secrets.token_hex(16)


def spliced(request: object, mark: str, media: Sequence[Pieces]) -> Body:
    """`request` as JSON, with the pieces of each medium where `mark` stands for it."""
    frame = _encode(request).split(mark.encode())
    body: list[bytes | memoryview] = [frame[0]]
    for pieces, rest in zip(media, frame[1:], strict=True):
        body += pieces
        body.append(rest)
    return body
