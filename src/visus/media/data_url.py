"""Data URLs, read strictly and without copying their payload.

`data:[type][;parameter]...;base64,payload`, scheme and `base64` in any case. The header has at
most 1,024 bytes. ASCII white space inside the payload is skipped, as browsers do; padding is
required and the URL-safe alphabet is refused. The label is a claim: among image types (and
`application/octet-stream`) the bytes decide; any other label is refused, for its sender meant
something else.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

import pybase64

from visus.errors import (
    Base64Rejected,
    ImageFormatRejected,
    InvalidValue,
    MediaRejected,
    MediaTooLarge,
    ServiceError,
)

MAX_HEADER_BYTES: Final = 1024
_SCHEME: Final = b"data:"
_MARK: Final = b";base64"
_WHITE_SPACE: Final = b" \t\n\r\f"
_NEUTRAL_LABEL: Final = b"application/octet-stream"


class InlineFile(NamedTuple):
    """A decoded payload, and the base64 that it came from."""

    data: bytes
    base64: memoryview
    """A view of the data URL itself, or of a copy without its white space."""


def payload(
    data_url: memoryview,
    label: bytes = b"image/",
    *,
    wrong: Callable[[], ServiceError] | None = None,
) -> tuple[memoryview, str]:
    """The base64 text behind the header, a view, and the media type that the header claims.

    Args:
        data_url: as it stands in the request.
        label: how the media type has to begin, `image/`, or all of it, `application/pdf`.
        wrong: makes the error for another one; None for that of an image.

    Raises:
        InvalidValue: not a data URL in base64.
        ImageFormatRejected: the label names something that is no image, or what `wrong` makes.
    """
    header, comma, _ = bytes(data_url[:MAX_HEADER_BYTES]).partition(b",")
    media_type, told = _claimed(header if comma else b"", label)
    if not media_type.startswith(label) and media_type != _NEUTRAL_LABEL:
        if wrong is not None:
            raise wrong()
        raise ImageFormatRejected("The data URL is labelled as something that is no image.")
    return data_url[len(header) + 1 :], told


@lru_cache(maxsize=256)
def _claimed(header: bytes, label: bytes) -> tuple[bytes, str]:
    """The media type in a header, in lower case and as it stands there."""
    claimed = header.lower()
    if not claimed.startswith(_SCHEME):
        raise _not_of_the_form("The URL is not a data URL of the form", label)
    if not claimed.endswith(_MARK):
        raise _not_of_the_form("The data URL must be base64-encoded:", label)
    media_type = claimed[len(_SCHEME) :].partition(b";")[0].strip()
    if not media_type:
        raise _not_of_the_form("The data URL must name its type:", label)
    told = header[len(_SCHEME) :].partition(b";")[0]
    return media_type, told.decode("ascii", "replace")[:100]


def _not_of_the_form(what: str, label: bytes) -> InvalidValue:
    media_type = label.decode() + ("..." if label.endswith(b"/") else "")
    return InvalidValue(f"{what} data:{media_type};base64,...")


def peek(base64: memoryview, size: int) -> bytes:
    """About the first `size` bytes of the payload, cheaply; empty if that is not possible."""
    try:
        return pybase64.b64decode(base64[: size // 3 * 4], validate=True)
    except ValueError:
        return b""


def decode(base64: memoryview, *, max_bytes: int) -> InlineFile:
    """Decode a payload of at most `max_bytes` bytes.

    Raises:
        Base64Rejected: not base64.
        MediaTooLarge: larger than `max_bytes`.
        MediaRejected: empty.
    """
    try:
        if len(base64) <= _encoded_bytes(max_bytes):
            return _checked(pybase64.b64decode(base64, validate=True), base64, max_bytes)
    except ValueError:
        pass  # perhaps only white space is in the way
    return _decode_sparse(base64, max_bytes)


def _encoded_bytes(size: int) -> int:
    return (size + 2) // 3 * 4


def _decode_sparse(base64: memoryview, max_bytes: int) -> InlineFile:
    if len(base64) > 2 * _encoded_bytes(max_bytes):
        raise _too_large(max_bytes)
    dense = memoryview(bytes(base64).translate(None, _WHITE_SPACE))
    if len(dense) > _encoded_bytes(max_bytes):
        raise _too_large(max_bytes)
    try:
        return _checked(pybase64.b64decode(dense, validate=True), dense, max_bytes)
    except ValueError as fault:
        raise Base64Rejected("The data is not valid base64.") from fault


def _checked(data: bytes, base64: memoryview, max_bytes: int) -> InlineFile:
    if not data:
        raise MediaRejected("The file is empty.")
    if len(data) > max_bytes:
        raise _too_large(max_bytes)
    return InlineFile(data, base64)


def _too_large(max_bytes: int) -> MediaTooLarge:
    return MediaTooLarge(f"The file is larger than {max_bytes} bytes.")
