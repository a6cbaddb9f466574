# ruff: noqa: PT017  (a property: refused in this way, or accepted)
import base64
import time

import pytest
from hypothesis import given, strategies as st

from visus.errors import Base64Rejected, ImageFormatRejected, InvalidValue, MediaRejected
from visus.media.data_url import MAX_HEADER_BYTES, decode, payload, peek

PIXELS = bytes(range(256)) * 3
TEXT = base64.b64encode(PIXELS)


def read(url: bytes, max_bytes: int = 10_000) -> bytes:
    return decode(payload(memoryview(url))[0], max_bytes=max_bytes).data


@pytest.mark.parametrize(
    "header",
    [
        b"data:image/png;base64,",
        b"DATA:IMAGE/PNG;BASE64,",
        b"Data:image/jpeg;Base64,",
        b"data:image/png;charset=utf-8;base64,",
        b"data:image/png;name=a.png;x=1;base64,",
        b"data:application/octet-stream;base64,",
        b"data:image/whatever;base64,",
    ],
)
def test_a_data_url_in_base64_is_read_whatever_image_its_label_claims(header: bytes) -> None:
    assert read(header + TEXT) == PIXELS


def test_the_payload_is_a_view_and_never_a_copy() -> None:
    url = memoryview(b"data:image/png;base64," + TEXT)
    file = decode(payload(url)[0], max_bytes=10_000)
    assert file.base64.obj is url.obj
    assert file.base64 == TEXT


@pytest.mark.parametrize(
    "url",
    [
        b"data:,hello",
        b"data:image/png,%89PNG",
        b"data:;base64," + TEXT,
        b"data:image/png;base64",
        b"data:image/png;base64;" + TEXT,
        b"data:image/png;base64=1," + TEXT,
        b"data:base64," + TEXT,
        b"data:",
        b"data",
        b"",
        b"image/png;base64," + TEXT,
        b"data%3Aimage/png;base64," + TEXT,
    ],
)
def test_what_is_no_data_url_in_base64_is_an_invalid_value(url: bytes) -> None:
    with pytest.raises(InvalidValue):
        read(url)


@pytest.mark.parametrize(
    "label", [b"text/html", b"text/html;charset=utf-8", b"application/pdf", b"video/mp4"]
)
def test_a_label_that_is_no_image_is_refused(label: bytes) -> None:
    with pytest.raises(ImageFormatRejected):
        read(b"data:" + label + b";base64," + TEXT)


@pytest.mark.parametrize(
    "text",
    [
        b"@@@",
        b"QQ",
        b"QQ=",
        b"A===",
        b"=",
        b"QQ==QQ==",
        b"QUJD-_-_",
        b"QUJD%3D",
        b"QUJ\x00",
        b"QUJ\xc3\xa9",
        b"data:image/png;base64,QUJD",
    ],
)
def test_what_is_not_base64_is_refused_as_that(text: bytes) -> None:
    with pytest.raises(Base64Rejected):
        read(b"data:image/png;base64," + text)


def test_white_space_inside_the_payload_is_skipped_and_not_handed_on() -> None:
    url = b"data:image/png;base64," + b"\r\n ".join(TEXT[i : i + 76] for i in range(0, 999, 76))
    file = decode(payload(memoryview(url))[0], max_bytes=10_000)
    assert file.data == PIXELS
    assert file.base64 == TEXT


@pytest.mark.parametrize("text", [b"", b"\n \t"])
def test_an_empty_payload_is_refused(text: bytes) -> None:
    with pytest.raises(MediaRejected, match="empty"):
        read(b"data:image/png;base64," + text)


@pytest.mark.parametrize("size", [999, 1000])
def test_a_file_up_to_the_limit_is_read(size: int) -> None:
    assert len(read(b"data:image/png;base64," + base64.b64encode(bytes(size)), 1000)) == size


@pytest.mark.parametrize("size", [1001, 1002, 1003, 5000])
@pytest.mark.parametrize("space", [b"", b"\n", b"\n" * 4000])
def test_a_file_over_the_limit_is_refused(size: int, space: bytes) -> None:
    with pytest.raises(MediaRejected, match="1000 bytes"):
        read(b"data:image/png;base64," + space + base64.b64encode(bytes(size)), 1000)


@pytest.mark.parametrize("short_by", [1, 0])
def test_a_header_up_to_the_limit_is_read(short_by: int) -> None:
    header = b"data:image/png;x="
    header = header.ljust(MAX_HEADER_BYTES - 8 - short_by, b"y") + b";base64,"
    assert read(header + TEXT) == PIXELS


@pytest.mark.parametrize(
    "header",
    [
        b"data:image/png;x=".ljust(MAX_HEADER_BYTES - 7, b"y") + b";base64,",
        b"data:image/png" + b";a=b" * 1000 + b";base64,",
        b"data:" + b";" * 1_000_000 + b"base64,",
        b"data:" + b"image/png;base64" * 65_536 + b",",
        b"data:" + b" " * 1_000_000,
    ],
    ids=["one too long", "parameters", "semicolons", "repeated", "spaces"],
)
def test_an_endless_header_costs_nothing(header: bytes) -> None:
    before = time.perf_counter()
    with pytest.raises(InvalidValue):
        read(header + TEXT)
    assert time.perf_counter() - before < 2


def test_peeking_gives_the_first_bytes_or_nothing() -> None:
    assert peek(memoryview(TEXT), 30) == PIXELS[:30]
    assert peek(memoryview(TEXT), 3000) == PIXELS
    assert peek(memoryview(b"@@@@"), 30) == b""


@given(st.binary(min_size=1, max_size=200))
def test_every_payload_comes_back(data: bytes) -> None:
    assert read(b"data:image/png;base64," + base64.b64encode(data)) == data


@given(st.binary(max_size=80), st.sampled_from([b"", b"data:", b"data:image/png;base64,"]))
def test_any_bytes_are_read_or_refused(noise: bytes, start: bytes) -> None:
    try:
        read(start + noise)
    except (InvalidValue, MediaRejected) as refusal:
        assert refusal.status == 400
