"""What the front asks of the worker that fits pictures, and what it gets back.

Known to both sides of the process boundary; the decoder itself is known to the worker alone.
"""

import struct
from typing import Final

import msgspec

from visus.core.prompt import ImageType

_HEADER: Final = struct.Struct("<I")


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """What the result must be like."""

    formats: tuple[ImageType, ...] = ("image/jpeg", "image/png")
    """Media types that may come out, of JPEG and PNG."""
    max_pixels: int | None = None
    max_side_px: int | None = None
    max_bytes: int | None = None
    orientation: int = 1
    """How the source lies, as Exif numbers it; whatever the file itself says is not read."""
    source_max_pixels: int = 50_000_000
    """A file whose decoder finds more than this is refused."""


class Fitted(msgspec.Struct, frozen=True):
    """A picture as a model gets it; `data` is a whole file without metadata."""

    media_type: ImageType
    width_px: int
    height_px: int
    data: bytes


def pack_job(data: bytes, fit: Fit) -> bytes:
    """A job for `worker`'s handler."""
    header = msgspec.json.encode(fit)
    return b"".join((_HEADER.pack(len(header)), header, data))


def unpack_fitted(result: bytes) -> Fitted:
    """What the handler returned."""
    return msgspec.msgpack.decode(result, type=Fitted)


def unpack_job(job: bytes) -> tuple[bytes, Fit]:
    """The file, and what is to become of it."""
    (size,) = _HEADER.unpack_from(job)
    start = _HEADER.size + size
    return job[start:], msgspec.json.decode(job[_HEADER.size : start], type=Fit)


def pack_fitted(fitted: Fitted) -> bytes:
    """The handler's result."""
    return msgspec.msgpack.encode(fitted)
