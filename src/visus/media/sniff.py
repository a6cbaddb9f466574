"""What the bytes are, whatever they claim.

The first bytes decide, never a label: four formats are accepted, the rest is refused by name
where it has one, so that the caller knows what to convert. Pure; a few dozen bytes are enough.
"""

from typing import Final

from visus.core.prompt import ImageType
from visus.errors import ImageFormatRejected

HEAD_BYTES: Final = 64
"""As many of a file's first bytes as are ever looked at."""

_FOREIGN: Final[tuple[tuple[bytes, str], ...]] = (
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"BM", "BMP"),
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
_BRANDS: Final = {
    b"avif": "AVIF",
    b"avis": "AVIF",
    b"crx ": "Canon raw (CR3)",
    b"heic": "HEIC",
    b"heim": "HEIC",
    b"heis": "HEIC",
    b"heix": "HEIC",
    b"hevc": "HEIC",
    b"hevx": "HEIC",
    b"mif1": "HEIF",
    b"msf1": "HEIF",
    b"qt  ": "QuickTime video",
}
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
_WANTED: Final = "send JPEG, PNG, WebP or GIF"


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
    name = _foreign_name(data[:HEAD_BYTES])
    if name is None:
        raise ImageFormatRejected(f"The data is not an image that we know; {_WANTED}.")
    raise ImageFormatRejected(f"The data is {name}, which is not accepted; {_WANTED}.")


def _foreign_name(head: bytes) -> str | None:
    for magic, name in _FOREIGN:
        if head.startswith(magic):
            return name
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "MP4 video")
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return next((name for magic, name in _MARKUP if text.startswith(magic)), None)
