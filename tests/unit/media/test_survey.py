# ruff: noqa: PT017  (a property: refused in this way, or accepted)
import os
import random
import re
import struct
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st
from PIL import Image, ImageCms, ImageSequence
from sample_pictures import (
    ICC_MARK,
    SECRET,
    TYPES,
    animation,
    chunk,
    decode,
    encode,
    exif,
    halves,
    jpeg_with,
    noisy,
    picky_files,
    png,
    png_bomb,
    png_header,
    png_with,
    png_with_text,
    riff,
    riff_chunk,
    segment,
    sound_files,
    turned,
)

from visus.errors import ImageFormatRejected, MediaRejected
from visus.media.settings import MediaSettings
from visus.media.survey import Survey, check_head, survey
from visus.units import MIB

SETTINGS = MediaSettings()
SOUND = sound_files()
PICKY = picky_files()
ALL = SOUND | PICKY
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def look(data: bytes, **changes: object) -> Survey:
    return survey(data, MediaSettings(**changes) if changes else SETTINGS)


def rss_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


# --- What is accepted ------------------------------------------------------------------------


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_file_is_measured_and_left_as_it_is(name: str) -> None:
    found = look(SOUND[name])
    assert (found.width_px, found.height_px) == decode(SOUND[name]).size
    assert found.obstacle is None
    assert found.cleaned is None


@pytest.mark.parametrize("name", PICKY)
def test_a_file_that_no_model_should_see_is_known_as_one(name: str) -> None:
    wanted = {"cmyk": "cmyk", "turned": "orientation", "animated": "animation"}
    assert look(PICKY[name]).obstacle == wanted[name.split()[1]]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_orientation_is_read_from_exif(kind: str, orientation: int) -> None:
    obstacle = look(turned(orientation, kind)).obstacle
    assert obstacle == ("orientation" if orientation > 1 else None)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("block", "obstacle"),
    [
        ((8, 1, 0x0112, 3, 1, 6), "orientation"),
        ((8, 1, 0x0112, 3, 1, 9), None),
        ((8, 1, 0x0112, 3, 1, 0), None),
        ((8, 1, 0x0112, 4, 1, 6), None),
        ((8, 65535, 0x0110, 3, 1, 6), None),
        ((0xFFFFFFF0, 1, 0x0112, 3, 1, 6), None),
        ((0, 1, 0x0112, 3, 1, 6), None),
    ],
)
def test_a_strange_exif_block_leads_nowhere(
    order: str, block: tuple[int, ...], obstacle: str | None
) -> None:
    magic = b"II*\0" if order == "<" else b"MM\0*"
    body = b"Exif\0\0" + magic + struct.pack(f"{order}IHHHIHxx", *block)
    assert look(jpeg_with(segment(0xE1, body))).obstacle == obstacle


def test_bytes_from_anywhere_keep_the_first_type() -> None:
    assert look(encode(halves(), "JPEG") + b"%PDF-1.7").media_type == "image/jpeg"


# --- Limits, before any decoding -------------------------------------------------------------


def headers(width: int, height: int) -> dict[str, bytes]:
    """Heads of files of that size; nothing else in them is real."""
    frame = struct.pack(">BHHB", 8, height & 0xFFFF, width & 0xFFFF, 1) + b"\1\x11\0"
    extended = b"\0\0\0\0" + struct.pack("<I", (width - 1) & 0xFFFFFF)[:3]
    extended += struct.pack("<I", (height - 1) & 0xFFFFFF)[:3]
    return {
        "png": png(png_header(width, height)) + bytes(60),
        "gif": b"GIF89a" + struct.pack("<HH", width & 0xFFFF, height & 0xFFFF) + bytes(60),
        "jpeg": b"\xff\xd8" + segment(0xC0, frame) + bytes(60),
        "webp": riff(riff_chunk(b"VP8X", extended)) + bytes(60),
    }


@pytest.mark.parametrize("kind", ["png", "gif", "jpeg", "webp"])
@pytest.mark.parametrize(
    ("width", "height", "fits"),
    [
        (99, 10, True),
        (100, 10, True),
        (101, 10, False),
        (10, 101, False),
        (50, 39, True),
        (50, 40, True),
        (50, 41, False),
    ],
)
def test_the_head_alone_decides_on_side_and_pixels(
    kind: str, width: int, height: int, *, fits: bool
) -> None:
    bounds = MediaSettings(max_side_px=100, max_pixels=2000)
    head = headers(width, height)[kind]
    if fits:
        check_head(head, bounds)
    else:
        with pytest.raises(MediaRejected, match="pixels"):
            check_head(head, bounds)


@pytest.mark.parametrize(("width", "height"), [(0, 0), (0, 5), (5, 0)])
@pytest.mark.parametrize("kind", ["png", "gif", "jpeg"])
def test_a_picture_without_pixels_is_refused(kind: str, width: int, height: int) -> None:
    with pytest.raises(MediaRejected, match="no pixels"):
        check_head(headers(width, height)[kind], SETTINGS)


@pytest.mark.parametrize(
    ("width", "height"),
    [(2**31 - 1, 2**31 - 1), (2**32 - 1, 1), (1, 100_000), (30_000, 30_000), (16_385, 1)],
)
def test_absurd_sizes_are_refused_from_the_header(width: int, height: int) -> None:
    with pytest.raises(MediaRejected, match="pixels"):
        look(headers(width, height)["png"])


def test_a_bomb_costs_neither_time_nor_memory() -> None:
    bomb = png_bomb(30_000, 30_000)
    memory, started = rss_bytes(), time.perf_counter()
    with pytest.raises(MediaRejected, match="pixels"):
        look(bomb)
    assert time.perf_counter() - started < 2
    assert rss_bytes() - memory < 20 * MIB


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_frames_are_counted_up_to_their_limit(kind: str) -> None:
    assert look(animation(kind, frames=5), max_frames=6).obstacle == "animation"
    assert look(animation(kind, frames=6), max_frames=6).obstacle == "animation"
    with pytest.raises(MediaRejected, match="more than 6 frames"):
        look(animation(kind, frames=7), max_frames=6)


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_the_pixels_of_all_frames_together_are_limited(kind: str) -> None:
    data = animation(kind, frames=4, size=(20, 10))
    assert look(data, max_frames_pixels=801).obstacle == "animation"
    assert look(data, max_frames_pixels=800).obstacle == "animation"
    with pytest.raises(MediaRejected, match="799 pixels together"):
        look(data, max_frames_pixels=799)


@pytest.mark.parametrize(
    "data",
    [
        jpeg_with(segment(0xFE, b"") * 20_001),
        png_with(chunk(b"teXt", b"") * 20_001),
        animation("GIF")[:-1] + b"\x21\xfe\x00" * 20_001 + b";",
        animation("GIF")[:-1] + b"\x21\xfe" + b"\1x" * 200_001 + b"\0;",
        riff(*[riff_chunk(b"junk", b"")] * 20_001),
    ],
    ids=["jpeg", "png", "gif", "gif data", "webp"],
)
def test_endless_parts_are_refused_soon(data: bytes) -> None:
    started = time.perf_counter()
    with pytest.raises(MediaRejected):
        look(data)
    assert time.perf_counter() - started < 1


def test_endless_scans_are_refused() -> None:
    data = encode(halves(), "JPEG", progressive=True)
    scans = data.count(b"\xff\xda")
    last = data[data.rindex(b"\xff\xda") : -2]
    assert look(data[:-2] + last * (100 - scans) + b"\xff\xd9").cleaned is None
    with pytest.raises(MediaRejected):
        look(data[:-2] + last * (101 - scans) + b"\xff\xd9")


def test_fill_bytes_without_end_are_walked_in_one_step() -> None:
    data = encode(halves(), "JPEG", progressive=True)
    filled = data[:-2] + b"\xff" * (4 * MIB) + data[-2:]
    started = time.perf_counter()
    assert look(filled).cleaned == data
    assert time.perf_counter() - started < 1


# --- Incomplete and damaged files ------------------------------------------------------------


@pytest.mark.parametrize("tenths", range(10))
@pytest.mark.parametrize("name", ALL)
def test_a_truncated_file_is_refused(name: str, tenths: int) -> None:
    data = ALL[name]
    with pytest.raises(MediaRejected):
        look(data[: len(data) * tenths // 10])


FLAT = [
    (mode, options)
    for mode in ("L", "RGB", "CMYK")
    for options in (
        {},
        {"optimize": True},
        {"progressive": True},
        {"quality": 1},
        {"subsampling": "4:4:4"},
        {"subsampling": "4:1:1"},
        {"restart_marker_blocks": 1},
    )
]


@pytest.mark.parametrize(("mode", "options"), FLAT)
def test_a_jpeg_of_one_colour_holds_enough_and_one_that_claims_more_pixels_does_not(
    mode: str, options: dict[str, Any]
) -> None:
    flat = encode(Image.new(mode, (1001, 333)), "JPEG", **options)
    assert (look(flat).width_px, look(flat).height_px) == (1001, 333)
    frame = re.search(rb"\xff[\xc0-\xc2]..\x08", flat, re.DOTALL)
    assert frame is not None
    sizes = struct.pack(">HH", 6000, 8000)
    with pytest.raises(MediaRejected) as caught:
        look(flat[: frame.end()] + sizes + flat[frame.end() + 4 :])
    assert caught.value.detail == "less data than its size takes"


@pytest.mark.parametrize("name", ALL)
def test_a_file_that_lacks_its_last_byte_is_refused(name: str) -> None:
    data = ALL[name]
    with pytest.raises(MediaRejected):
        look(data[:-1])


@pytest.mark.parametrize("kind", [b"IHDR", b"PLTE", b"IDAT", b"IEND"])
def test_a_wrong_checksum_is_refused(kind: bytes) -> None:
    data = bytearray(SOUND["png palette"])
    at = data.index(kind)
    length = int.from_bytes(data[at - 4 : at])
    data[at + 4 + length] ^= 1
    with pytest.raises(MediaRejected, match="damaged"):
        look(bytes(data))


IDAT = chunk(b"IDAT", zlib.compress(bytes(4)))
IEND = chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "data",
    [
        png(png_header(1, 1), IEND),
        png(IDAT, IEND),
        png(png_header(1, 1), png_header(1, 1), IDAT, IEND),
        png(png_header(1, 1), IDAT, chunk(b"tEXt", b"a\0b"), chunk(b"PLTE", b"abc"), IEND),
        png(png_header(1, 1), IDAT, chunk(b"PLTE", b"abc"), IDAT, IEND),
        png(png_header(1, 1, 8, 3), IDAT, IEND),
        png(png_header(1, 1, 3, 0), IDAT, IEND),
        png(png_header(1, 1, 8, 5), IDAT, IEND),
        png(png_header(1, 1), chunk(b"ABCD", b""), IDAT, IEND),
        png(chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 1, 0, 0)), IDAT, IEND),
        png(chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 2)), IDAT, IEND),
        png(struct.pack(">I", 0xFFFFFFFF) + b"IHDR" + bytes(60)),
    ],
)
def test_a_png_that_breaks_the_rules_is_refused(data: bytes) -> None:
    with pytest.raises(MediaRejected):
        look(data)


def frame(*, bits: int = 8, components: int = 1) -> bytes:
    head = struct.pack(">BHHB", bits, 8, 8, components)
    return segment(0xC0, head + b"\1\x11\0" * components)


@pytest.mark.parametrize(
    "body",
    [
        segment(0xDA, b"\1\1\0\0\x3f\0") + b"abc",
        frame() + frame() + segment(0xDA, b"\1\1\0\0\x3f\0") + b"abc",
        frame(bits=12) + segment(0xDA, b"\1\1\0\0\x3f\0") + b"abc",
        frame(components=2) + segment(0xDA, b"\1\1\0\0\x3f\0") + b"abc",
        frame() + segment(0xDA, b"\1\1\0\0\x3f\0"),
        frame(),
        b"",
        b"\xff\xe0\0\1",
        b"junk",
        frame().replace(b"\xc0", b"\xc3", 1) + segment(0xDA, b"\1\1\0\0\x3f\0") + b"abc",
        frame().replace(b"\xc0", b"\xc9", 1) + segment(0xDA, b"\1\1\0\0\x3f\0") + b"abc",
        b"\xff\xd8",
    ],
)
def test_a_jpeg_that_breaks_the_rules_is_refused(body: bytes) -> None:
    with pytest.raises(MediaRejected):
        look(b"\xff\xd8" + body + b"\xff\xd9")


LOSSY = SOUND["webp lossy"][12:]
LOSSLESS = SOUND["webp lossless"][12:]


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [LOSSY, LOSSY],
        [LOSSY, LOSSLESS],
        [LOSSY, riff_chunk(b"VP8X", bytes(10))],
        [LOSSY, riff_chunk(b"VP8X", bytes(4) + b"\x3f\0\0\x2f\0\0")],
        [riff_chunk(b"VP8X", bytes(10)), LOSSY],
        [riff_chunk(b"VP8 ", b"abc")],
        [riff_chunk(b"VP8L", b"\x2e" + bytes(9))],
        [riff_chunk(b"VP8 ", bytes(20))],
        [riff_chunk(b"VP8 ", b"\xf0\xff\xff\x9d\x01\x2a\x08\0\x08\0")],
        [riff_chunk(b"VP8X", bytes(10)), riff_chunk(b"ANMF", b"\1" + bytes(15))],
        [riff_chunk(b"VP8X", bytes(10)), riff_chunk(b"ANMF", bytes(3))],
        [LOSSY[:4] + b"\xff\xff\xff\xff" + LOSSY[8:]],
    ],
)
def test_a_webp_that_breaks_the_rules_is_refused(chunks: list[bytes]) -> None:
    with pytest.raises(MediaRejected):
        look(riff(*chunks))


GIF = SOUND["gif"]


@pytest.mark.parametrize(
    "data",
    [
        GIF[:-1] + b"\x99;",
        GIF.replace(struct.pack("<HHHH", 0, 0, 64, 48), struct.pack("<HHHH", 1, 0, 64, 48)),
        GIF.replace(struct.pack("<HHHH", 0, 0, 64, 48), struct.pack("<HHHH", 0, 0, 64, 0)),
        b"GIF89a\1\0\1\0\0\0\0;",
        b"GIF89a\1\0\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\0;",
    ],
)
def test_a_gif_that_breaks_the_rules_is_refused(data: bytes) -> None:
    with pytest.raises(MediaRejected):
        look(data)


# --- What is cut out -------------------------------------------------------------------------


def xmp(size: int = 0) -> bytes:
    return b"http://ns.adobe.com/xap/1.0/\0" + SECRET + bytes(size)


def with_metadata() -> dict[str, bytes]:
    jfif = b"JFIF\0\1\1\0\0\1\0\1\2\2" + SECRET[:12]
    gif = encode(halves(mode="P"), "GIF", comment=SECRET)
    return {
        "jpeg exif": encode(halves(), "JPEG", exif=exif()),
        "jpeg xmp": jpeg_with(segment(0xE1, xmp())),
        "jpeg iptc": jpeg_with(segment(0xED, b"Photoshop 3.0\0" + SECRET)),
        "jpeg long adobe": jpeg_with(segment(0xEE, b"Adobe\0\x64" + bytes(5) + SECRET)),
        "jpeg comment": jpeg_with(segment(0xFE, SECRET)),
        "jpeg thumbnail": jpeg_with(segment(0xE0, jfif + SECRET)),
        "jpeg fake profile": jpeg_with(segment(0xE2, b"FPXR\0" + SECRET)),
        "png text": png_with_text(),
        "png time": png_with(chunk(b"tIME", bytes(7)), chunk(b"prIv", SECRET)),
        "png animation": png_with(chunk(b"acTL", struct.pack(">II", 1, 0))),
        "webp exif": encode(halves(), "WEBP", exif=exif()),
        "webp xmp": encode(halves(), "WEBP", xmp=SECRET),
        "webp junk": riff(LOSSY, riff_chunk(b"junk", SECRET)),
        "gif comment": gif,
        "gif application": GIF[:-1] + b"\x21\xff\x0bXMP DataXMP" + b"\x13" + SECRET + b"\0;",
    }


METADATA = with_metadata()


@pytest.mark.parametrize("name", METADATA)
def test_metadata_is_cut_out_and_the_pixels_stay(name: str) -> None:
    data = METADATA[name]
    assert SECRET[:12] in data or name in {"png text", "png time", "png animation"}
    cleaned = look(data).cleaned
    assert cleaned is not None
    assert SECRET[:12] not in cleaned
    assert decode(cleaned).convert("RGB").tobytes() == decode(data).convert("RGB").tobytes()
    info = decode(cleaned).info
    assert not {"exif", "xmp", "comment", "Comment", "XML:com.adobe.xmp"} & set(info)
    assert look(cleaned).cleaned is None


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    "tail", [b"<script>alert(1)</script>", b"PK\x03\x04zip", b"<?php ?>", b"\0"]
)
def test_whatever_follows_the_end_marker_is_dropped(name: str, tail: bytes) -> None:
    data = ALL[name]
    cleaned = look(data + tail).cleaned
    assert cleaned == (look(data).cleaned or data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_colour_profile_stays(kind: str) -> None:
    data = encode(halves(), kind, icc_profile=PROFILE, exif=exif())
    cleaned = look(data).cleaned
    assert cleaned is not None
    assert decode(cleaned).info["icc_profile"] == PROFILE
    assert SECRET not in cleaned


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_colour_profile_of_megabytes_is_cut_out(kind: str) -> None:
    huge = PROFILE + os.urandom(5_000_000)
    cleaned = look(encode(halves(), kind, icc_profile=huge)).cleaned
    assert cleaned is not None
    assert len(cleaned) < 1_100_000
    assert (ICC_MARK not in cleaned) or kind == "JPEG"
    assert decode(cleaned).size == (64, 48)


def test_a_webp_header_does_not_promise_what_was_cut_out() -> None:
    huge = PROFILE + os.urandom(2_000_000)
    with_exif = look(encode(halves(), "WEBP", exif=exif(), icc_profile=PROFILE)).cleaned
    with_profile = look(encode(halves(), "WEBP", exif=exif(), icc_profile=huge)).cleaned
    assert with_exif is not None
    assert with_profile is not None
    assert with_exif[20] == 0x20
    assert with_profile[20] == 0


def test_compressed_text_and_profiles_are_never_inflated() -> None:
    bomb = zlib.compress(bytes(300 * MIB), 9)
    data = png_with(
        chunk(b"zTXt", b"k\0\0" + bomb),
        chunk(b"iTXt", b"k\0\1\0\0\0" + bomb),
        chunk(b"iCCP", b"k\0\0" + bomb),
    )
    memory = rss_bytes()
    assert look(data).cleaned == encode(halves(), "PNG")
    assert rss_bytes() - memory < 20 * MIB


def test_the_loop_of_an_animation_stays() -> None:
    data = animation("GIF")
    assert b"NETSCAPE2.0" in data
    cleaned = look(data + b"tail").cleaned
    assert cleaned == data
    assert len(list(ImageSequence.Iterator(decode(cleaned)))) == 3


def test_a_jpeg_of_many_scans_with_tables_between_is_walked_whole() -> None:
    data = encode(noisy(200, 150), "JPEG", progressive=True, quality=95)
    assert data.count(b"\xff\xda") > 5
    marked = data[:-2] + segment(0xFE, SECRET + b"\xff\xd9") + b"\xff\xd9"
    assert look(marked).cleaned == data


# --- Anything at all -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_a_mutated_file_is_measured_or_refused_and_nothing_else(name: str) -> None:
    random_bytes = random.Random(name)  # noqa: S311 - reproducible, not secret
    for _ in range(150):
        data = bytearray(ALL[name])
        for _ in range(random_bytes.randint(1, 6)):
            at = random_bytes.randrange(len(data))
            match random_bytes.randrange(3):
                case 0:
                    data[at] = random_bytes.randrange(256)
                case 1:
                    del data[at : at + random_bytes.randrange(1, 9)]
                case _:
                    data[at:at] = random_bytes.randbytes(random_bytes.randrange(1, 9))
            if not data:
                break
        check(bytes(data))


@hypothesis_settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\x40\0\0\0WEBP"]),
    st.binary(max_size=120),
)
def test_any_bytes_behind_a_magic_are_measured_or_refused(magic: bytes, rest: bytes) -> None:
    check(magic + rest)


def check(data: bytes) -> None:
    """The invariants of `survey`, whatever it is given."""
    try:
        found = look(data)
    except MediaRejected as refusal:
        assert not re.search(r"0x[0-9a-f]{6}|<_|Error|bytearray", refusal.message)
        return
    assert found.media_type in TYPES.values()
    assert 0 < found.width_px * found.height_px <= SETTINGS.max_pixels
    if found.cleaned is not None:
        assert len(found.cleaned) < len(data)
        assert look(found.cleaned).cleaned is None


def test_the_same_bytes_in_two_shapes_stay_two_pictures() -> None:
    flat = Image.frombytes("L", (30, 100), bytes(range(250)) * 12)
    tall = Image.frombytes("L", (100, 30), bytes(range(250)) * 12)
    sizes = [look(encode(picture, "PNG")) for picture in (flat, tall)]
    assert [(s.width_px, s.height_px) for s in sizes] == [(30, 100), (100, 30)]


def test_what_is_no_picture_is_refused_by_type() -> None:
    with pytest.raises(ImageFormatRejected):
        look(b"%PDF-1.7" + encode(halves(), "JPEG"))
