"""The format of a file, by its bytes.

The first bytes decide, never a label: eight formats are accepted, the rest is refused by name
where it has one, so that the caller knows what to convert. Pure; a few dozen bytes are enough.
"""

from collections.abc import Mapping
from typing import Final

from visus.core.prompt import ImageType
from visus.errors import ImageFormatRejected

HEAD_BYTES: Final = 64
"""As many of a file's first bytes as are ever looked at."""

_FOREIGN: Final[tuple[tuple[bytes, str], ...]] = (
    (b"II+\x00", "BigTIFF"),
    (b"MM\x00+", "BigTIFF"),
    (b"%PDF-", "PDF"),
    (b"8BPS", "Photoshop (PSD)"),
    (b"%!PS", "PostScript (EPS)"),
    (b"\xc5\xd0\xd3\xc6", "PostScript (EPS)"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x00\x00\x01\x00", "Windows icon (ICO)"),
    (b"\x00\x00\x02\x00", "Windows cursor (CUR)"),
    (b"\xd7\xcd\xc6\x9a", "Windows metafile (WMF)"),
    (b"\x01\x00\x00\x00", "Windows metafile (EMF)"),
    (b"SIMPLE  =", "FITS"),
    (b"qoif", "QOI"),
    (b"v/1\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"DDS ", "DDS"),
    (b"gimp xcf", "GIMP (XCF)"),
    (b"\x8aMNG", "MNG"),
    (b"AT&TFORM", "DjVu"),
    (b"\x1aE\xdf\xa3", "WebM or Matroska video"),
    (b"OggS", "Ogg"),
    (b"FLV", "Flash video"),
    (b"ID3", "MP3 audio"),
    (b"PK\x03\x04", "ZIP (or an Office document)"),
    (b"Rar!", "RAR"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"\x1f\x8b", "gzip"),
    (b"#EXTM3U", "HTTP Live Streaming playlist"),
    (b"{\\rtf", "RTF"),
)
_BRANDS: Final[Mapping[bytes, ImageType]] = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heim": "image/heic",
    b"heis": "image/heic",
    b"heix": "image/heic",
    b"hevc": "image/heic",
    b"hevx": "image/heic",
}
_ANY_CODEC: Final = frozenset({b"mif1", b"mif2", b"miaf", b"msf1"})
"""Brands of a container that does not say what is in it; the compatible brands then do."""
_FOREIGN_BRANDS: Final = {
    b"crx ": "Canon raw (CR3)",
    b"jpeg": "HEIF with JPEG inside",
    b"j2ki": "HEIF with JPEG 2000 inside",
    b"qt  ": "QuickTime video",
}
_TIFF: Final = (b"II*\x00", b"MM\x00*")
_CANON_RAW: Final = b"CR\x02"
_BMP_HEADERS: Final = frozenset({12, 40, 52, 56, 64, 108, 124})
"""How long the header of each version of BMP is."""
_MARKUP: Final = (
    (b"<svg", "SVG"),
    (b"<!doctype svg", "SVG"),
    (b"<!doctype html", "HTML"),
    (b"<html", "HTML"),
    (b"<head", "HTML"),
    (b"<?xml", "XML (or SVG)"),
    (b"data:", "a data URL inside a data URL"),
    (b"<", "HTML or XML"),
    (b"{", "JSON"),
)
_RIFF: Final = {b"AVI ": "AVI video", b"WAVE": "WAV audio"}
_OTHER_PARTS: Final = {
    "PDF": "file",
    "MP4 video": "video_url",
    "QuickTime video": "video_url",
    "WebM or Matroska video": "video_url",
}
"""The content parts for files that are no pictures."""
_WANTED: Final = "send JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC"


def sniff(data: bytes) -> ImageType:
    """The accepted format that `data` begins as.

    Raises:
        ImageFormatRejected: any other; the message names it if it is known.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    head = data[:HEAD_BYTES]
    found = _rarer(head)
    if found is not None:
        return found
    name = _foreign_name(head)
    if name is None:
        raise ImageFormatRejected(f"The data is not an image that we know; {_WANTED}.")
    part = _OTHER_PARTS.get(name)
    instead = _WANTED if part is None else f"send it in a part of type '{part}'"
    raise ImageFormatRejected(f"The data is {name}, which is not accepted; {instead}.")


def _rarer(head: bytes) -> ImageType | None:
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "image/bmp"
    if head.startswith(_TIFF) and head[8:11] != _CANON_RAW:
        return "image/tiff"
    if head[4:8] == b"ftyp":
        return next(map(_BRANDS.get, filter(_BRANDS.__contains__, _brands(head))), None)
    return None


def _brands(head: bytes) -> list[bytes]:
    """The major brand, and behind one that says nothing also the compatible ones."""
    if head[8:12] not in _ANY_CODEC:
        return [head[8:12]]
    end = min(int.from_bytes(head[:4]), len(head))
    return [head[8:12], *(head[start : start + 4] for start in range(16, end, 4))]


def _foreign_name(head: bytes) -> str | None:
    if head.startswith(_TIFF):
        return "Canon raw (CR2)"
    for magic, name in _FOREIGN:
        if head.startswith(magic):
            return name
    if head[4:8] == b"ftyp":
        return _foreign_brand(_brands(head))
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return next((name for magic, name in _MARKUP if text.startswith(magic)), None)


def _foreign_brand(brands: list[bytes]) -> str:
    known = [_FOREIGN_BRANDS[brand] for brand in brands if brand in _FOREIGN_BRANDS]
    fallback = "HEIF of an unknown kind" if brands[0] in _ANY_CODEC else "MP4 video"
    return known[0] if known else fallback
