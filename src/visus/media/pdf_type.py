"""Whether a file is a PDF, by its first bytes alone. Pure; nothing is decoded."""

import contextlib
from typing import Final

from visus.errors import ImageFormatRejected, InvalidFile, InvalidVideo, UnsupportedFileType
from visus.media.sniff import sniff
from visus.media.video_type import video_type

_MAGIC: Final = b"%PDF-"
_MAGIC_WITHIN_BYTES: Final = 1024
"""Readers of PDF look so far for the magic, for files that begin with something else."""
_OTHERS: Final = (("a picture", "image_url", sniff), ("a video", "video_url", video_type))


def check_pdf(data: bytes) -> None:
    """Lets a PDF pass.

    Raises:
        InvalidFile: it is empty.
        UnsupportedFileType: it is something else.
    """
    if not data:
        raise InvalidFile("The file is empty.")
    head = data[:_MAGIC_WITHIN_BYTES]
    if head.startswith(b"PK\x03\x04"):
        raise UnsupportedFileType(
            "Office documents and archives are not taken: send a PDF, or pictures of the pages."
        )
    if head.lstrip()[:1] == b"<":
        raise UnsupportedFileType("HTML, XML and SVG are not taken: send a PDF.")
    if not is_pdf(data):
        raise UnsupportedFileType(_what_it_is(data))


def _what_it_is(data: bytes) -> str:
    """Says of a picture or a video in which part it should be sent."""
    for kind, part, check in _OTHERS:
        with contextlib.suppress(ImageFormatRejected, InvalidVideo):
            check(data)
            return f"The file is {kind}, not a PDF: send it in a part of type '{part}'."
    return "The file is not a PDF, which is the one type taken here."


def is_pdf(data: bytes) -> bool:
    """Whether its first bytes say so."""
    return _MAGIC in data[:_MAGIC_WITHIN_BYTES]
