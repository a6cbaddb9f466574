import struct

import pytest
from sample_formats import HEADERS, bitmaps, bmp

from visus.errors import ImageFormatRejected, MediaRejected
from visus.media import bmp as reader
from visus.media.settings import MediaSettings
from visus.media.survey import check_head, survey

SETTINGS = MediaSettings()
SOUND = bitmaps()


def changed(data: bytes, at: int, form: str, value: int) -> bytes:
    return data[:at] + struct.pack(form, value) + data[at + struct.calcsize(form) :]


@pytest.mark.parametrize("header", HEADERS)
def test_the_size_stands_in_the_first_bytes(header: int) -> None:
    assert reader.measure(bmp(header)[:64]) == (61, 7)
    assert reader.measure(bmp(header)[:26]) == ((61, 7) if header == 12 else None)


@pytest.mark.parametrize("name", SOUND)
@pytest.mark.parametrize("tenths", range(10))
def test_a_truncated_bitmap_is_refused(name: str, tenths: int) -> None:
    data = SOUND[name]
    with pytest.raises(MediaRejected):
        survey(data[: len(data) * tenths // 10], SETTINGS)


@pytest.mark.parametrize("name", SOUND)
def test_a_bitmap_that_lacks_its_last_byte_is_refused(name: str) -> None:
    with pytest.raises(MediaRejected, match="incomplete"):
        survey(SOUND[name][:-1], SETTINGS)


@pytest.mark.parametrize("name", SOUND)
def test_what_follows_the_pixels_is_dropped(name: str) -> None:
    assert survey(SOUND[name], SETTINGS).cleaned is None
    assert survey(SOUND[name] + b"PK\3\4zip", SETTINGS).cleaned == SOUND[name]


@pytest.mark.parametrize(
    ("at", "form", "value"),
    [
        (18, "<i", 30_000),
        (18, "<i", 2**31 - 1),
        (22, "<i", -30_000),
        (22, "<i", -(2**31)),
        (18, "<i", 0),
        (22, "<i", 0),
    ],
)
def test_a_bomb_is_refused_from_its_first_bytes(at: int, form: str, value: int) -> None:
    with pytest.raises(MediaRejected, match="pixels"):
        check_head(changed(bmp(), at, form, value)[:64], SETTINGS)


@pytest.mark.parametrize(
    ("at", "form", "value"),
    [
        (18, "<i", -5),
        (28, "<H", 2),
        (28, "<H", 48),
        (30, "<I", 1),
        (30, "<I", 4),
        (30, "<I", 5),
        (30, "<I", 11),
        (10, "<I", 0),
        (10, "<I", 53),
        (10, "<I", 2**32 - 1),
        (22, "<i", 8),
    ],
)
def test_a_header_that_makes_no_sense_is_refused(at: int, form: str, value: int) -> None:
    with pytest.raises(MediaRejected):
        survey(changed(bmp(), at, form, value), SETTINGS)


def test_run_lengths_without_end_are_refused() -> None:
    data = bmp(40, 8, run_lengths=True)
    with pytest.raises(MediaRejected, match="too large for one"):
        survey(data[:-2] + b"\0\0" * 1_100_000 + b"\0\1", SETTINGS)
    for height in (1000, 1001):
        tall = changed(changed(data, 18, "<i", 8000), 22, "<i", height)
        if height == 1000:
            assert survey(tall, SETTINGS).height_px == 1000
        else:
            with pytest.raises(MediaRejected, match="too large for one"):
                survey(tall, SETTINGS)
    with pytest.raises(MediaRejected, match="too early"):
        survey(data[:-2], SETTINGS)


def test_a_header_of_no_version_is_no_bitmap() -> None:
    with pytest.raises(ImageFormatRejected):
        survey(changed(bmp(), 14, "<I", 41), SETTINGS)
