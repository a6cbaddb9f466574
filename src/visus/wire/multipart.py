"""`multipart/form-data`, read as it arrives: bytes in, parts and pieces of parts out.

Nothing is kept but the headers of the part under way. What the parts mean is their reader's
business.
"""

import logging
import re
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import unquote_to_bytes

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from visus.errors import InvalidValue, UnsupportedMediaType

MAX_PARTS: Final = 64
MAX_PART_HEADERS: Final = 8
MAX_PART_HEADER_BYTES: Final = 16 * 1024
"""Of one header line of a part; a file's name stands in one."""
MAX_BOUNDARY_CHARS: Final = 70
"""RFC 2046, 5.1.1."""

_QUOTED: Final = re.compile(r'"(?:\\.|[^"\\])*"')
_EXTENDED_NAME: Final = re.compile(
    r";\s*filename\*\s*=\s*([\w-]+)'[^';]*'([^\s;]*)", re.IGNORECASE
)
"""Character set and value of `filename*` (RFC 8187), which RFC 7578 forbids here and some
clients send alone for a name that is not ASCII."""
_CHARSETS: Final = frozenset({"utf-8", "iso-8859-1"})

_quiet: Final = logging.Logger("multipart", logging.CRITICAL + 1)  # noqa: LOG001 -- on purpose outside the tree that others configure
"""The parser reports every fault twice: to its log, and by an exception that is enough."""


@dataclass(frozen=True, slots=True)
class PartBegan:
    """The headers of a part."""

    name: str
    filename: str | None
    """None for a plain field. `filename*` counts where there is no `filename`."""
    content_type: str | None


@dataclass(frozen=True, slots=True)
class PartEnded:
    """The part under way is complete."""


FormEvent: TypeAlias = PartBegan | bytes | PartEnded
"""Bytes are a piece of the part under way."""


def boundary_of(content_type: bytes | None) -> bytes:
    """What separates the parts, by the request's `Content-Type`.

    Raises:
        UnsupportedMediaType: not `multipart/form-data`.
        InvalidValue: without a boundary that could be one.
    """
    kind, parameters = parse_options_header((content_type or b"").decode("latin-1"))
    if kind.strip() != b"multipart/form-data":
        raise UnsupportedMediaType("The body must be declared as 'multipart/form-data'.")
    boundary = parameters.get(b"boundary", b"")
    if not 0 < len(boundary) <= MAX_BOUNDARY_CHARS or not boundary.isascii():
        raise InvalidValue("The Content-Type has no valid boundary.")
    return boundary


class FormReader:
    """Reads one body."""

    def __init__(self, boundary: bytes) -> None:
        self._events: list[FormEvent] = []
        self._headers: dict[bytes, bytes] = {}
        self._name = self._value = b""
        self._parts = 0
        self._complete = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
            max_header_count=MAX_PART_HEADERS,
            max_header_size=MAX_PART_HEADER_BYTES,
        )
        self._parser.logger = _quiet

    def feed(self, data: bytes) -> list[FormEvent]:
        """What `data` adds.

        Raises:
            InvalidValue: not a form, or one of too many or too large parts' headers.
        """
        try:
            self._parser.write(data)
        except FormParserError as fault:
            raise _broken(str(fault)) from fault
        events, self._events = self._events, []
        return events

    def finish(self) -> None:
        """Says that nothing more comes.

        Raises:
            InvalidValue: the form is not complete.
        """
        if not self._complete:
            raise _broken("it ends early")

    # --- What the parser calls -------------------------------------------------------------

    def _on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise InvalidValue(f"The form has more than {MAX_PARTS} parts.")
        self._headers = {}

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def _on_headers_finished(self) -> None:
        # Latin-1 keeps every byte as it is until it is known what the bytes mean.
        disposition = self._headers.get(b"content-disposition", b"").decode("latin-1")
        kind, parameters = parse_options_header(disposition)
        if kind.strip() != b"form-data" or b"name" not in parameters:
            raise _broken("a part has no name")
        plain = parameters.get(b"filename")
        declared = self._headers.get(b"content-type")
        began = PartBegan(
            _text(parameters[b"name"]),
            _extended_name(disposition) if plain is None else _text(plain),
            None if declared is None else _text(declared),
        )
        self._events.append(began)

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(data[start:end])

    def _on_part_end(self) -> None:
        self._events.append(PartEnded())

    def _on_end(self) -> None:
        self._complete = True


def _broken(detail: str) -> InvalidValue:
    return InvalidValue("The body is not valid multipart/form-data.", detail=detail)


def _extended_name(disposition: str) -> str | None:
    """The file's name where it is given as `filename*` alone."""
    found = _EXTENDED_NAME.search(_QUOTED.sub('""', disposition))
    if found is None or found[1].lower() not in _CHARSETS:
        return None
    value = unquote_to_bytes(found[2].encode("latin-1"))
    return _text(value if found[1].lower() == "utf-8" else value.decode("latin-1").encode())


def _text(raw: bytes) -> str:
    """The text of a header; NUL, which no database has to take, is replaced like bad UTF-8."""
    return raw.decode("utf-8", "replace").replace("\0", "\ufffd")
