"""The video format of a file, by its first bytes alone. Pure; nothing is decoded.

Four containers are taken. Everything else is refused here, before FFmpeg sees a byte of it:
above all playlists, which are texts that name other files.
"""

from typing import Final

from visus.errors import InvalidVideo
from visus.media.sampling import VideoType

_EBML: Final = b"\x1a\x45\xdf\xa3"
_HEAD_BYTES: Final = 4096
_QUICKTIME: Final = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
"""Boxes with which a QuickTime file of the time before `ftyp` begins."""
_PICTURES: Final = frozenset({b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1", b"heim"})


def video_type(data: bytes) -> VideoType:
    """The container.

    Raises:
        InvalidVideo: none that is taken here.
    """
    if data[:4] == _EBML:
        return "video/webm" if b"webm" in data[:_HEAD_BYTES] else "video/x-matroska"
    kind, brand = data[4:8], data[8:12]
    if kind == b"ftyp" and brand not in _PICTURES:
        return "video/quicktime" if brand == b"qt  " else "video/mp4"
    if kind in _QUICKTIME:
        return "video/quicktime"
    raise InvalidVideo("The file is no MP4, MOV, WebM or Matroska video.")
