"""JSON that is all right but for its text: bytes that are no UTF-8, and halves of characters.

Servers that cut their words by bytes or by UTF-16 units send such. Each of them becomes U+FFFD,
as browsers show it, so that one broken character does not cost the whole answer.
"""

import re
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

Read = TypeVar("Read")

_ESCAPE: Final = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a whole character
    rb"|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|\\.",
    re.DOTALL,
)


def read_or_mended(read: Callable[[bytes], Read], payload: bytes) -> Read:
    """What `read` makes of `payload`, or of `payload` with its text mended.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: it is wrong otherwise, too.
    """
    try:
        if not payload.isascii():
            str(payload, "utf-8")  # msgspec does not look into what it passes over, or carries
        return read(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        mended = _mended(payload)
        if mended == payload:
            raise
    return read(mended)


def _mended(payload: bytes) -> bytes:
    text = payload.decode("utf-8", "replace").encode()
    return _ESCAPE.sub(lambda found: b"\\ufffd" if found["half"] else found[0], text)
