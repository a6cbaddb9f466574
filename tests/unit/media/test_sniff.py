# ruff: noqa: PT017  (a property: refused in this way, or accepted)
import pytest
from hypothesis import given, strategies as st
from sample_pictures import TYPES, encode, halves

from visus.errors import ImageFormatRejected
from visus.media.sniff import sniff

FOREIGN = {
    b"II+\x00\x08\x00\x00\x00": "BigTIFF",
    b"MM\x00+\x00\x08\x00\x00": "BigTIFF",
    b"II*\x00\x10\x00\x00\x00CR\x02\x00": "CR2",
    b"\x00\x00\x00\x18ftypcrx \x00\x00\x00\x00": "CR3",
    b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1j2ki": "JPEG 2000",
    b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1miaf": "HEIF",
    b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00": "MP4",
    b"<svg xmlns='http://www.w3.org/2000/svg'>": "SVG",
    b"\xef\xbb\xbf\n  <?xml version='1.0'?><!DOCTYPE svg>": "SVG",
    b"<!DOCTYPE html><html>": "HTML",
    b"%PDF-1.7\n": "PDF",
    b"\x00\x00\x01\x00\x01\x00": "ICO",
    b"8BPS\x00\x01": "PSD",
    b"%!PS-Adobe-3.0 EPSF-3.0": "EPS",
    b"\xc5\xd0\xd3\xc6\x1e\x00": "EPS",
    b"\x00\x00\x00\x0cjP  \r\n\x87\n": "JPEG 2000",
    b"\xff\x0a\xfa\x7f": "JPEG XL",
    b"\xd7\xcd\xc6\x9a\x00\x00": "WMF",
    b"SIMPLE  =                    T": "FITS",
    b"RIFF\x00\x00\x00\x00AVI LIST": "AVI",
    b"PK\x03\x04\x14\x00": "ZIP",
    b"\x1aE\xdf\xa3\x01": "WebM",
    b"data:image/png;base64,AAAA": "data URL",
    b'{"error": "no"}': "JSON",
    b"#EXTM3U\n": "playlist",
}


@pytest.mark.parametrize("kind", TYPES)
def test_the_accepted_formats_are_recognised(kind: str) -> None:
    assert sniff(encode(halves(), kind)) == TYPES[kind]


BRANDS = {
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"hevc": "image/heic",
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"mif1mif1miafheic": "image/heic",
    b"msf1mif1avifmiaf": "image/avif",
}


@pytest.mark.parametrize("brands", BRANDS)
def test_the_brands_of_a_box_file_say_what_it_is(brands: bytes) -> None:
    body = b"ftyp" + brands[:4] + bytes(4) + brands[4:]
    head = (len(body) + 4).to_bytes(4) + body + b"\0\0\0\x30metaheicavif"
    assert sniff(head) == BRANDS[brands]


def test_brands_behind_the_end_of_their_box_do_not_count() -> None:
    with pytest.raises(ImageFormatRejected, match="HEIF of an unknown kind"):
        sniff(b"\0\0\0\x14ftypmif1\0\0\0\0miafheicavif")


@pytest.mark.parametrize("header_bytes", [0, 11, 13, 41, 2**32 - 1])
def test_two_letters_do_not_make_a_bitmap(header_bytes: int) -> None:
    with pytest.raises(ImageFormatRejected, match="not an image that we know"):
        sniff(b"BM" + bytes(12) + header_bytes.to_bytes(4, "little") + bytes(60))


@pytest.mark.parametrize(("head", "name"), FOREIGN.items(), ids=FOREIGN.values())
def test_a_known_format_is_refused_by_its_name(head: bytes, name: str) -> None:
    with pytest.raises(ImageFormatRejected) as caught:
        sniff(head)
    assert name in caught.value.message
    parts = {"PDF": "in a part of type 'file'", "MP4 video": "in a part of type 'video_url'"}
    parts["WebM or Matroska video"] = parts["MP4 video"]
    told = next((part for kind, part in parts.items() if kind in caught.value.message), None)
    what = told or "send JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC"
    assert what in caught.value.message


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"\xff\xd8", b"GIF88a", b"\x89PNG\n", b"RIFF\0\0\0\0", b"hello"]
)
def test_anything_else_is_refused_without_a_name(data: bytes) -> None:
    with pytest.raises(ImageFormatRejected):
        sniff(data)


@given(st.binary(max_size=100))
def test_any_bytes_are_either_accepted_or_refused(data: bytes) -> None:
    try:
        assert sniff(data) in TYPES.values()
    except ImageFormatRejected as refusal:
        assert "\\x" not in refusal.message
