"""JPEG files with metadata where it does not belong, and colour profiles without end."""

import pytest
from sample_pictures import encode, halves, jpeg_with, segment

from visus.errors import MediaRejected
from visus.media import jpeg
from visus.media.layout import MAX_PROFILE_BYTES

SECRET = b"48 degrees north"
END = b"\xff\xd9"


def kept(data: bytes) -> bytes:
    cleaned = jpeg.read(data).kept.cut(data)
    return data if cleaned is None else cleaned


@pytest.mark.parametrize("marker", [0xE1, 0xED, 0xFE])
@pytest.mark.parametrize("coding", ["baseline", "progressive"])
def test_metadata_between_the_scan_and_the_end_marker_is_cut(marker: int, coding: str) -> None:
    plain = encode(halves(), "JPEG", progressive=coding == "progressive")
    hidden = plain.removesuffix(END) + segment(marker, b"Exif\0\0" + SECRET + END) + END
    assert SECRET in hidden
    assert kept(hidden) == kept(plain)


@pytest.mark.parametrize("coding", ["baseline", "progressive"])
def test_a_second_picture_behind_the_end_marker_is_cut(coding: str) -> None:
    plain = encode(halves(), "JPEG", progressive=coding == "progressive")
    assert kept(plain + encode(halves(), "JPEG")) == kept(plain)


@pytest.mark.parametrize("coding", ["baseline", "progressive"])
def test_a_scan_without_an_end_marker_is_refused(coding: str) -> None:
    plain = encode(halves(), "JPEG", progressive=coding == "progressive")
    with pytest.raises(MediaRejected, match="too early"):
        jpeg.read(plain.removesuffix(END))


def profile_of(size: int) -> list[bytes]:
    """A colour profile in segments that hold `size` bytes with their headers."""
    sizes = [60_000] * (size // 60_000)
    sizes.append(size - sum(sizes))
    return [segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(n - 16)) for n in sizes]


def test_a_colour_profile_within_the_limit_stays_whole() -> None:
    # Each segment's marker is not counted, its length and its name are.
    file = jpeg_with(*profile_of(MAX_PROFILE_BYTES))
    assert kept(file) == file


def test_a_longer_colour_profile_is_cut_to_the_last_byte() -> None:
    cleaned = kept(jpeg_with(*profile_of(MAX_PROFILE_BYTES + 1)))
    assert b"ICC_PROFILE" not in cleaned
    assert cleaned == kept(jpeg_with())
