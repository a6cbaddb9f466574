# ruff: noqa: PT017  (a property: refused in this way, or accepted)
import random
import re
import time

import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st
from PIL import Image
from sample_formats import (
    box,
    boxed,
    clap,
    full_box,
    heif,
    imir,
    irot,
    ispe,
    references,
    u16,
    u32,
)
from sample_pictures import encode, noisy

from visus.errors import ImageFormatRejected, MediaRejected
from visus.media import isobmff
from visus.media.settings import MediaSettings
from visus.media.survey import Survey, check_head, survey

SETTINGS = MediaSettings()
SOUND = boxed()


def look(data: bytes, **changes: int) -> Survey:
    return survey(data, MediaSettings(**changes) if changes else SETTINGS)


def iloc(*places: tuple[int, int, int]) -> bytes:
    """Items 1, 2 … each in one piece: method, start, length."""
    items = [
        u16(number, method, 0, 1) + u32(start, length)
        for number, (method, start, length) in enumerate(places, 1)
    ]
    return full_box(b"iloc", b"\x44\0", u16(len(items)), *items, version=1)


def grid(rows: int, columns: int, width: int, height: int) -> bytes:
    return bytes([0, 0, rows - 1, columns - 1]) + u16(width, height)


def tiled(
    rows: int, columns: int, tile: tuple[int, int], size: tuple[int, int], **changes: object
) -> bytes:
    """A picture in tiles; item 1 is the whole."""
    count = rows * columns
    own = grid(rows, columns, *size)
    options: dict[str, object] = {
        "iref": references((b"dimg", 1, range(2, 2 + count))),
        "own": own,
    }
    return heif(
        (b"grid", *[b"hvc1"] * count),
        ((ispe(*size),), *[(ispe(*tile),)] * count),
        **(options | changes),
    )


# --- What is measured ------------------------------------------------------------------------


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_file_is_measured(name: str) -> None:
    found = look(SOUND[name])
    size = {"heic tiles": (200, 150), "heic odd": (63, 47)}.get(name, (64, 48))
    assert (found.width_px, found.height_px) == size
    assert found.media_type == f"image/{name[:4]}"
    assert (found.obstacle, found.orientation, found.cleaned) == ("format", 1, None)
    assert found.frames == (3 if "animated" in name else 1)


@pytest.mark.parametrize("brand", [b"heic", b"avif"])
def test_hand_made_boxes_are_measured(brand: bytes) -> None:
    found = look(heif(brand=brand))
    assert (found.width_px, found.height_px, found.frames) == (64, 48, 1)


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("quarters", range(4))
def test_turns_and_mirrors_are_told_as_exif_would(quarters: int, axis: int | None) -> None:
    extra = [irot(quarters)] if axis is None else [irot(quarters), imir(axis)]
    orientation = look(heif(properties=((ispe(64, 48), *extra),))).orientation
    mark = Image.new("L", (2, 3))
    mark.putdata(range(6))
    wanted = mark.rotate(90 * quarters, expand=True)
    if axis is not None:
        flips = (Image.Transpose.FLIP_TOP_BOTTOM, Image.Transpose.FLIP_LEFT_RIGHT)
        wanted = wanted.transpose(flips[axis])
    undo = [None, None, 0, 3, 1, 5, 4, 6, 2][orientation]
    turned = mark if undo is None else mark.transpose(Image.Transpose(undo))
    assert turned.tobytes() == wanted.tobytes()


@pytest.mark.parametrize(
    ("cut", "size", "left"),
    [
        (clap(32, 24), (32, 24), 16),
        (clap(64, 48), (64, 48), 0),
        (clap(30, 48, -17), (30, 48), 0),
        (clap(29, 48, -35, over=2), (29, 48), 0),
    ],
)
def test_a_crop_is_what_remains(cut: bytes, size: tuple[int, int], left: int) -> None:
    data = heif(properties=((ispe(64, 48), cut),))
    found = look(data)
    assert (found.width_px, found.height_px) == size
    window = isobmff.crop(data)
    assert window is not None
    assert window.left == left


def test_frames_of_a_track_are_counted_up_to_their_limit() -> None:
    sheets = [Image.new("RGB", (64, 48), (40 * n, 0, 0)) for n in range(5)]
    data = encode(sheets[0], "AVIF", save_all=True, append_images=sheets[1:])
    assert look(data, max_frames=5).frames == 5
    with pytest.raises(MediaRejected, match="more than 4 frames"):
        look(data, max_frames=4)


# --- Bombs and games -------------------------------------------------------------------------


@pytest.mark.parametrize("brand", [b"heic", b"avif"])
@pytest.mark.parametrize(
    ("width", "height"), [(0, 5), (5, 0), (30_000, 30_000), (2**32 - 1, 1), (16_385, 1)]
)
def test_absurd_sizes_are_refused(brand: bytes, width: int, height: int) -> None:
    with pytest.raises(MediaRejected, match="pixels"):
        look(heif(properties=((ispe(width, height),),), brand=brand))


def test_the_head_alone_refuses_nothing_that_may_be_sound() -> None:
    check_head(SOUND["heic"][:60], SETTINGS)


def test_tiles_are_taken_where_they_make_up_the_whole() -> None:
    found = look(tiled(2, 3, (64, 64), (180, 120)))
    assert (found.width_px, found.height_px) == (180, 120)
    assert look(tiled(16, 64, (64, 64), (4096, 1024))).width_px == 4096


@pytest.mark.parametrize(
    "data",
    [
        tiled(2, 3, (64, 64), (180, 120), own=grid(2, 2, 180, 120)),
        tiled(2, 3, (64, 64), (180, 120), own=grid(2, 3, 181, 120)),
        tiled(2, 3, (64, 64), (180, 120), own=b"\0\0"),
        tiled(2, 3, (64, 64), (180, 120), iref=b""),
        tiled(2, 3, (64, 64), (180, 120), iref=references((b"dimg", 1, [1] * 6))),
        tiled(2, 3, (64, 64), (180, 120), iref=references((b"dimg", 1, [99] * 6))),
        tiled(32, 33, (64, 64), (2112, 2048)),
        tiled(10, 10, (4000, 4000), (500, 500)),
        tiled(1, 1, (40_000, 40_000), (64, 48)),
    ],
    ids=[
        "too few",
        "another size",
        "no list",
        "made of nothing",
        "made of itself",
        "made of what is not there",
        "more than a thousand",
        "far larger than the whole",
        "one huge tile",
    ],
)
def test_tiles_that_cannot_be_are_refused(data: bytes) -> None:
    with pytest.raises(MediaRejected, match=r"damaged|too early"):
        look(data)


@pytest.mark.parametrize(("side", "is_taken"), [(2000, True), (2001, False)])
def test_at_most_three_pixels_are_decoded_for_each_that_is_seen(
    side: int, *, is_taken: bool
) -> None:
    """A thousand by a thousand, and seven million to decode: the picture and two alphas."""
    links = references((b"auxl", 2, [1]), (b"auxl", 3, [1]))
    sizes = ((ispe(1000, 1000),), (ispe(2000, side),), (ispe(1000, 2000),))
    data = heif((b"hvc1",) * 3, sizes, iref=links)
    if is_taken:
        assert look(data).width_px == 1000
    else:
        with pytest.raises(MediaRejected, match="damaged"):
            look(data)


def test_transparency_far_larger_than_its_picture_is_refused() -> None:
    alpha = references((b"auxl", 2, [1]))
    small = heif((b"hvc1", b"hvc1"), ((ispe(64, 48),), (ispe(64, 48),)), iref=alpha)
    huge = heif((b"hvc1", b"hvc1"), ((ispe(64, 48),), (ispe(9000, 9000),)), iref=alpha)
    assert look(small).width_px == 64
    with pytest.raises(MediaRejected, match="damaged"):
        look(huge)


HALF = 2**31
NO_BYTES = full_box(b"iloc", b"\0\0", u16(1), u16(1, 0, 0, 65_535), version=1)

BROKEN = {
    "no meta": box(b"ftyp", b"heic", u32(0)) + box(b"mdat", bytes(99)),
    "empty meta": box(b"ftyp", b"heic", u32(0)) + full_box(b"meta"),
    "no primary": heif(primary=7),
    "no size": heif(properties=((irot(1),),)),
    "a property that is not there": heif().replace(b"\x01\x80\x01", b"\x01\x80\x02"),
    "an item outside": heif(iloc=iloc((0, 10_000, 5))),
    "an item far outside": heif(iloc=iloc((0, HALF, HALF))),
    "an item outside its box": heif(iloc=iloc((1, 8, 9))),
    "an item by another item": heif(iloc=iloc((2, 0, 4))),
    "an item in another file": heif(
        iloc=full_box(b"iloc", b"\x44\0", u16(1), u16(1, 1, 1, 1), u32(0, 4), version=1)
    ),
    "pieces without bytes": heif(iloc=NO_BYTES),
    "items over each other": heif(
        (b"hvc1",) * 60, ((ispe(64, 48),),) * 60, iloc=iloc(*[(0, 0, 3_000)] * 60)
    ),
    "too many items": heif(
        iloc=full_box(b"iloc", b"\x44\0", u16(60_000), bytes(60_000 * 16), version=1)
    ),
    "a crop outside": heif(properties=((ispe(64, 48), clap(65, 48)),)),
    "a crop beside": heif(properties=((ispe(64, 48), clap(32, 48, 40)),)),
    "a crop of nothing": heif(properties=((ispe(64, 48), clap(0, 48)),)),
    "a crop over nothing": heif(properties=((ispe(64, 48), clap(32, 48, 1, over=0)),)),
    "a box too short": heif().replace((20).to_bytes(4) + b"ispe", (4).to_bytes(4) + b"ispe"),
    "a box too long": heif().replace((20).to_bytes(4) + b"ispe", u32(9999) + b"ispe"),
    "pieces without end": heif(
        iloc=full_box(
            b"iloc",
            b"\x11\0",
            u16(2_000),
            *[u16(n, 1, 0, 64) + b"\1\1" * 64 for n in range(1, 2_001)],
            version=1,
        )
    ),
    "properties without end": heif(
        (b"hvc1",) * 200, ((*[ispe(64, 48)] * 250,),) * 200, iloc=iloc((0, 0, 4))
    ),
    "references without end": heif(
        iref=references(*[(b"dimg", n, range(1, 1_025)) for n in range(1, 21)])
    ),
    "boxes without end": heif(iref=full_box(b"iref", box(b"dimg", bytes(4)) * 5_000)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_boxes_that_make_no_sense_are_refused_soon(name: str) -> None:
    began_s = time.perf_counter()
    with pytest.raises(MediaRejected):
        look(BROKEN[name])
    assert time.perf_counter() - began_s < 2


@pytest.mark.parametrize("kind", [b"jpeg", b"j2k1", b"mime", b"uri ", b"unci"])
def test_other_codings_inside_are_refused(kind: bytes) -> None:
    with pytest.raises(ImageFormatRejected):
        look(heif((kind,)))


# --- Incomplete, polyglot, mutated -----------------------------------------------------------


@pytest.mark.parametrize("name", SOUND)
@pytest.mark.parametrize("tenths", range(10))
def test_a_truncated_file_is_refused(name: str, tenths: int) -> None:
    data = SOUND[name]
    with pytest.raises(MediaRejected):
        look(data[: len(data) * tenths // 10])


@pytest.mark.parametrize("name", SOUND)
def test_a_file_that_lacks_its_last_byte_is_refused(name: str) -> None:
    with pytest.raises(MediaRejected, match="too early"):
        look(SOUND[name][:-1])


@pytest.mark.parametrize("name", SOUND)
@pytest.mark.parametrize(
    "tail", [b"<script>alert(1)</script>", b"PK\x03\x04zip", b"%PDF-1.7", b"\0"]
)
def test_what_follows_the_last_box_is_dropped(name: str, tail: bytes) -> None:
    assert look(SOUND[name] + tail).cleaned == SOUND[name]


@pytest.mark.parametrize("name", SOUND)
def test_a_mutated_file_is_measured_or_refused_and_nothing_else(name: str) -> None:
    dice = random.Random(name)  # noqa: S311 - reproducible, not secret
    for _ in range(200):
        data = bytearray(SOUND[name])
        for _ in range(dice.randint(1, 6)):
            data[dice.randrange(min(len(data), 700))] = dice.randrange(256)
        check(bytes(data))


@hypothesis_settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 300))
def test_any_bytes_inside_are_measured_or_refused(noise: bytes, at: int) -> None:
    data = heif()
    check(data[:at] + noise + data[at + len(noise) :])


def check(data: bytes) -> None:
    try:
        found = look(data)
    except MediaRejected as refusal:
        assert not re.search(r"0x[0-9a-f]{6}|<_|Error|bytearray", refusal.message)
    else:
        assert 0 < found.width_px * found.height_px <= SETTINGS.max_pixels


def test_a_large_real_file_is_walked_quickly() -> None:
    data = encode(noisy(640, 640), "HEIF", tile_size=64)
    began_s = time.perf_counter()
    assert look(data).width_px == 640
    assert time.perf_counter() - began_s < 2
