"""Whether a file is a PDF, by its first bytes alone. Pure; nothing is decoded."""

from typing import Final

from visus.errors import InvalidFile, UnsupportedFileType

_MAGIC: Final = b"%PDF-"
_MAGIC_WITHIN_BYTES: Final = 1024
"""Readers of PDF look so far for the magic, for files that begin with something else."""


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
        raise UnsupportedFileType("The file is not a PDF, which is the one type taken here.")


def is_pdf(data: bytes) -> bool:
    """Whether its first bytes say so."""
    return _MAGIC in data[:_MAGIC_WITHIN_BYTES]
