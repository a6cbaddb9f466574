"""Files, links and standard input, as commands get them."""

import base64
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from visus.core.question import (
    Document,
    ImageReference,
    InlineImage,
    LinkedImage,
    MediaReference,
    Video,
)
from visus.errors import InvalidValue, InvalidVideo
from visus.media.pdf_type import is_pdf
from visus.media.video_type import video_type

_VIDEOS: Final = frozenset({".mp4", ".m4v", ".mov", ".webm", ".mkv"})
_Kind: TypeAlias = type[Video] | type[Document] | None
"""None for a picture."""


def _is_link(word: str) -> bool:
    return word.startswith(("http://", "https://"))


def is_medium(word: str) -> bool:
    """Whether it names a file, a link or standard input."""
    return word == "-" or _is_link(word) or (len(word) < 4096 and Path(word).is_file())  # noqa: PLR2004 -- PATH_MAX


def are_there(words: Sequence[str], *, command: str) -> bool:
    """Whether every word names a medium; the first that names none is told to the user."""
    absent = next((word for word in words if not is_medium(word)), None)
    if absent is not None:
        print(f"visus {command}: there is no file {absent!r}", file=sys.stderr)
    return absent is None


def reference(word: str) -> MediaReference:
    """The picture, video or document that a word names; its bytes say which.

    Raises:
        InvalidValue: the file cannot be read.
    """
    if _is_link(word):
        return _as(_ending(urlsplit(word).path), LinkedImage(word, word))
    try:
        file = sys.stdin.buffer.read() if word == "-" else Path(word).read_bytes()
    except OSError as fault:
        raise InvalidValue(f"{word}: {fault.strerror}") from fault
    # What it is, is for the bytes to say: this label claims nothing.
    url = b"data:application/octet-stream;base64," + base64.b64encode(file)
    return _as(_kind(file), InlineImage(memoryview(url), word))


def _kind(file: bytes) -> _Kind:
    if is_pdf(file):
        return Document
    try:
        video_type(file)
    except InvalidVideo:
        return None
    return Video


def _ending(path: str) -> _Kind:
    """What a link promises, which is all that there is to go by."""
    ending = Path(path).suffix.lower()
    if ending == ".pdf":
        return Document
    return Video if ending in _VIDEOS else None


def _as(kind: _Kind, source: ImageReference) -> MediaReference:
    return source if kind is None else kind(source)
