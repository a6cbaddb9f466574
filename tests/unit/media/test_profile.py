import struct
import time
import zlib
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from PIL import Image, ImageCms
from sample_pictures import chunk, decode, encode, halves, jpeg_with, png_with, segment

from visus.media import jpeg, profile
from visus.media.fitting import Fit
from visus.media.image import normalise
from visus.media.settings import MediaSettings
from visus.media.survey import Survey, survey

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
KINDS = ["JPEG", "PNG", "WEBP"]


def s15(value: float) -> bytes:
    return struct.pack(">i", round(value * 65_536))


def xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(s15, values))


def para(kind: int, *numbers: float) -> bytes:
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + b"".join(map(s15, numbers))


def curv(*values: int) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(f">I{len(values)}H", len(values), *values)


SRGB_NUMBERS = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
SRGB_TABLE = [
    round(65_535 * (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4))
    for x in (n / 1023 for n in range(1024))
]
CURVES = {
    "sRGB by formula": para(3, *SRGB_NUMBERS),
    "sRGB by formula with lifts": para(4, *SRGB_NUMBERS, 0.0, 0.0),
    "sRGB by table": curv(*SRGB_TABLE),
    "gamma 2.2": curv(round(2.2 * 256)),
    "gamma 2.2 by formula": para(0, 2.2),
}
OTHER_CURVES = {
    "linear": curv(),
    "gamma 1.8": curv(round(1.8 * 256)),
    "gamma 2.6": para(0, 2.6),
    "a table of two": curv(0, 65_535),
    "a lifted formula": para(4, *SRGB_NUMBERS, 0.1, 0.0),
    "unknown": b"abcd" + bytes(20),
    "a short formula": para(3, 2.4),
    "a formula of no kind": para(9, 2.4),
    "a short table": curv(0, 65_535)[:12],
}
PRIMARIES = {
    b"rXYZ": (0.4360, 0.2225, 0.0139),
    b"gXYZ": (0.3851, 0.7169, 0.0971),
    b"bXYZ": (0.1431, 0.0606, 0.7141),
}
DISPLAY_P3 = {
    b"rXYZ": (0.5151, 0.2412, -0.0011),
    b"gXYZ": (0.2919, 0.6922, 0.0419),
    b"bXYZ": (0.1572, 0.0666, 0.7841),
}


def icc(
    primaries: dict[bytes, tuple[float, ...]] = PRIMARIES,
    curve: bytes = CURVES["sRGB by formula"],
    *,
    space: bytes = b"RGB ",
    more: dict[bytes, bytes] | None = None,
) -> bytes:
    """A whole profile, version 4."""
    tags = {name: xyz(*values) for name, values in primaries.items()}
    names = (b"kTRC",) if space == b"GRAY" else (b"rTRC", b"gTRC", b"bTRC")
    tags |= dict.fromkeys(names, curve)
    tags |= {b"wtpt": xyz(0.9642, 1.0, 0.8249), b"desc": b"sRGB, it says"} | (more or {})
    table, body = b"", b""
    start = 132 + 12 * len(tags)
    for name, value in tags.items():
        padded = value + bytes(-len(value) % 4)
        table += name + struct.pack(">II", start + len(body), len(value))
        body += padded
    size = start + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"test", 0x04200000, b"mntr", space, b"XYZ ")
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp")
    head = head.ljust(68, b"\0") + s15(0.9642) + s15(1.0) + s15(0.8249)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def chained(links: int) -> bytes:
    """A profile whose colours go through so many matrices that change nothing."""
    matrix = b"matf" + bytes(4) + struct.pack(">HH", 3, 3)
    matrix += struct.pack(">12f", 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0)
    place = struct.pack(">II", 16 + 8 * links, len(matrix))
    chain = b"mpet" + bytes(4) + struct.pack(">HHI", 3, 3, links) + place * links + matrix
    whole = icc(more={b"D2B0": chain, b"B2D0": chain})
    return whole[:8] + struct.pack(">I", 0x04300000) + whole[12:]


def look(data: bytes) -> Survey:
    return survey(data, MediaSettings())


@pytest.mark.parametrize("name", CURVES)
def test_srgb_is_known_however_its_curve_is_written(name: str) -> None:
    assert profile.is_srgb(icc(curve=CURVES[name]))
    assert profile.is_srgb(icc({}, CURVES[name], space=b"GRAY"))


@pytest.mark.parametrize("name", OTHER_CURVES)
def test_another_curve_is_not_srgb(name: str) -> None:
    assert not profile.is_srgb(icc(curve=OTHER_CURVES[name]))


@pytest.mark.parametrize(
    "other",
    [
        icc(DISPLAY_P3),
        icc(PRIMARIES | {b"gXYZ": (0.3851, 0.7200, 0.0971)}),
        icc({name: PRIMARIES[name] for name in (b"rXYZ", b"gXYZ")}),
        icc(more={b"A2B0": bytes(40)}),
        icc(space=b"CMYK"),
        icc().replace(b"acsp", b"abcd"),
        icc().replace(b"RGB XYZ ", b"RGB Lab "),
        icc(more={b"prtd": bytes(17_000)}),
        icc()[:200],
        icc()[:128],
        b"",
    ],
)
def test_what_calls_itself_srgb_without_being_it_is_not(other: bytes) -> None:
    assert not profile.is_srgb(other)


def test_the_profiles_of_others_are_known_for_what_they_are() -> None:
    assert profile.is_srgb(SRGB)
    assert not profile.is_srgb(
        ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    )


@given(st.binary(max_size=60), st.integers(0, 700))
def test_no_bytes_at_all_upset_the_reader(noise: bytes, at: int) -> None:
    sound = icc()
    assert profile.is_srgb(sound[:at] + noise + sound[at + len(noise) :]) in {True, False}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("used", "obstacle"),
    [(SRGB, None), (icc(), None), (icc(DISPLAY_P3), "profile"), (b"nonsense", "profile")],
)
def test_a_picture_with_other_colours_does_not_fit(
    kind: str, used: bytes, obstacle: str | None
) -> None:
    assert look(encode(halves(), kind, icc_profile=used)).obstacle == obstacle


@pytest.mark.parametrize("kind", [*KINDS, "TIFF", "AVIF", "HEIF"])
def test_wide_colours_are_brought_to_srgb(kind: str) -> None:
    red = Image.new("RGB", (64, 48), (200, 60, 60))
    options = {} if kind in {"PNG", "TIFF"} else {"quality": 95}
    data = encode(red, kind, icc_profile=icc(DISPLAY_P3), **options)
    fitted = normalise(data, Fit(formats=("image/png",)))
    assert "icc_profile" not in decode(fitted.data).info
    seen = decode(fitted.data).getpixel((30, 20))
    assert isinstance(seen, tuple)
    wanted = ImageCms.profileToProfile(
        red, ImageCms.getOpenProfile(as_file(icc(DISPLAY_P3))), ImageCms.createProfile("sRGB")
    )
    assert wanted is not None
    pixel = wanted.getpixel((30, 20))
    assert isinstance(pixel, tuple)
    assert all(abs(a - b) <= 6 for a, b in zip(seen, pixel, strict=True))
    assert seen[0] > 208


@pytest.mark.parametrize(
    ("used", "is_affordable"),
    [
        (SRGB, True),
        (icc(DISPLAY_P3), True),
        (b"nonsense", True),
        (chained(32), True),
        (chained(33), False),
        (icc(more={b"D2B0": b"mpet" + bytes(16 * 1024 - 4)}), True),
        (icc(more={b"D2B0": b"mpet" + bytes(16 * 1024 - 3)}), False),
        (icc(more={b"%04d" % number: b"x" for number in range(200)}), False),
        (icc()[:140], False),
        (icc().ljust(1024 * 1024, b"\0"), True),
        (icc().ljust(1024 * 1024 + 1, b"\0"), False),
    ],
)
def test_a_profile_that_takes_too_long_is_passed_over(
    used: bytes, *, is_affordable: bool
) -> None:
    assert profile.is_affordable(used) == is_affordable


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "AVIF", "HEIF"])
def test_a_chain_of_sixty_thousand_links_costs_nothing(kind: str) -> None:
    data = encode(halves(), kind, icc_profile=chained(60_000))
    began_s = time.monotonic()
    normalise(data, Fit(formats=("image/png",)))
    assert time.monotonic() - began_s < 1


def as_file(data: bytes) -> object:
    from io import BytesIO  # noqa: PLC0415 - one use

    return BytesIO(data)


def test_a_profile_in_a_text_chunk_that_inflates_without_end_is_no_srgb() -> None:
    bomb = zlib.compress(icc() + bytes(20_000_000), 9)
    found = look(png_with(chunk(b"iCCP", b"k\0\0" + bomb)))
    assert found.obstacle == "profile"
    assert profile.of_png(b"k\0\0" + bomb) == b""
    assert profile.of_png(b"k\0\0" + b"not deflated") == b""
    assert profile.of_png(b"k\0\0" + zlib.compress(icc())) == icc()


def test_a_jpeg_profile_is_found_behind_other_segments() -> None:
    part = segment(0xE2, b"ICC_PROFILE\0\1\1" + icc(DISPLAY_P3))
    other = segment(0xE1, b"Exif\0\0" + bytes(60_000))
    assert jpeg.read(jpeg_with(other, part)).profile == icc(DISPLAY_P3)
    filled = jpeg_with(b"\xff" * 50_000 + other, part)
    assert jpeg.read(filled).profile == icc(DISPLAY_P3)
    assert jpeg.read(jpeg_with(other)).profile is None
    halved = [segment(0xE2, b"ICC_PROFILE\0" + bytes([n, 2]) + SRGB) for n in (1, 2)]
    assert look(jpeg_with(*halved)).obstacle == "profile"


def test_real_photographs_with_srgb_profiles_pass(pictures: Path) -> None:
    data = (pictures / "rocket.jpg").read_bytes()
    found = jpeg.read(data).profile
    assert (found is None or profile.is_srgb(found)) == (look(data).obstacle is None)
