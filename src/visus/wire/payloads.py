"""Takes long data URLs out of a body before its JSON is read.

A JSON reader looks at every byte of a string for quotes and escapes; for a picture of 4 MB that
is most of the work on a request. Its end is found much faster by searching for the next quote.
Only strings that can be nothing else are taken: they begin with `data:` behind a quote that is
not escaped, and hold no backslash. What takes their place cannot be guessed by a caller.
"""

import secrets
from typing import Final

MIN_BYTES: Final = 4096
"""Of a payload; shorter ones are read with the rest of the body."""
MAX_HEADER_BYTES: Final = 1024
"""Between `data:` and the payload; see `media.data_url`."""

_PAYLOAD: Final = b";base64,"
_MARK: Final = secrets.token_hex(16).encode()
_MARK_BYTES: Final = len(_MARK)


class SetAside:
    """The data URLs that were taken out of one body. Each is given out once."""

    __slots__ = ("_taken", "_urls")

    def __init__(self, urls: list[memoryview]) -> None:
        self._urls = urls
        self._taken = 0

    def __len__(self) -> int:
        return len(self._urls)

    def find(self, text: memoryview) -> memoryview | None:
        """The URL that `text`, a string of the shortened body, stands for; None: for itself."""
        if not self._urls or text[:_MARK_BYTES].tobytes() != _MARK:
            return None
        self._taken += 1
        return self._urls[int(text[_MARK_BYTES:])]

    @property
    def is_empty(self) -> bool:
        """Whether every one was found, so that none stood where no media belong."""
        return self._taken == len(self._urls)


def set_aside(body: bytes | bytearray) -> tuple[bytes | bytearray, SetAside]:
    """The body with a mark in the place of each long data URL, and views of those."""
    pieces: list[bytes | bytearray] = []
    urls: list[memoryview] = []
    view = memoryview(body)
    copied = position = 0
    while (header_end := body.find(_PAYLOAD, position)) >= 0:
        begin = header_end + len(_PAYLOAD)
        position = body.find(b'"', begin)
        if position < 0:
            break
        if position - begin < MIN_BYTES:
            continue
        start = _start_of_url(body, header_end)
        if start and body.find(b"\\", begin, position) < 0:
            pieces += [body[copied:start], b"%b%d" % (_MARK, len(urls))]
            urls.append(view[start:position])
            copied = position
    if not urls:
        return body, SetAside([])
    pieces.append(body[copied:])
    return b"".join(pieces), SetAside(urls)


def _start_of_url(body: bytes | bytearray, header_end: int) -> int:
    """Where the string begins whose header ends there, if it is a data URL; else 0."""
    quote = body.rfind(b'"', max(0, header_end - MAX_HEADER_BYTES), header_end)
    if quote < 1 or body[quote - 1 : quote] == b"\\":
        return 0
    header = body[quote + 1 : header_end]
    return quote + 1 if header[:5].lower() == b"data:" and b"\\" not in header else 0
