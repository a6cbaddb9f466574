# ruff: noqa: PT017  (a property: refused in this way, or accepted)
import random
import re
import struct
import time
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from sample_formats import Entries, page, tiff, tiff_by, tiffs
from sample_pictures import encode, halves, turned

from visus.errors import ImageFormatRejected, MediaRejected
from visus.media import tiff as reader
from visus.media.settings import MediaSettings
from visus.media.survey import check_head, survey

SETTINGS = MediaSettings()
SOUND = tiffs()
PIXELS = bytes(64 * 48)


def pages(count: int, size: tuple[int, int] = (20, 10)) -> bytes:
    sheets = [Image.new("L", size, 40 + n) for n in range(count)]
    return encode(sheets[0], "TIFF", save_all=True, append_images=sheets[1:])


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_sound_directory_is_measured(order: str) -> None:
    data = tiff(page(64, 48), order=order, pixels=PIXELS)
    found = survey(data, SETTINGS)
    assert (found.width_px, found.height_px, found.frames) == (64, 48, 1)
    assert (found.obstacle, found.cleaned, found.is_paged) == ("format", None, True)


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_size_is_known_early_where_the_directory_comes_first(order: str) -> None:
    early = tiff(page(30_000, 30_000), order=order)
    assert reader.measure(early) == (30_000, 30_000)
    assert reader.measure(early[:60]) is None
    with pytest.raises(MediaRejected, match="pixels"):
        check_head(early, SETTINGS)


# --- Pages -----------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [5, 6, 7])
def test_pages_are_counted_up_to_their_limit(count: int) -> None:
    settings = MediaSettings(max_frames=6)
    if count <= 6:
        assert survey(pages(count), settings).frames == count
    else:
        with pytest.raises(MediaRejected, match="more than 6 pages"):
            survey(pages(count), settings)


def test_every_page_has_to_be_small_enough() -> None:
    big = page(200, 100, t273=("I", [8]), t279=("I", [20_000]))
    data = tiff(page(10, 10), big, pixels=bytes(20_000))
    assert survey(data, MediaSettings(max_pixels=20_000)).frames == 2
    with pytest.raises(MediaRejected, match="19999 pixels"):
        survey(data, MediaSettings(max_pixels=19_999))
    with pytest.raises(MediaRejected, match="199 pixels wide"):
        survey(data, MediaSettings(max_side_px=199))


def test_many_pages_of_a_letter_are_not_an_animation() -> None:
    data = pages(12, size=(200, 100))
    assert survey(data, MediaSettings(max_frames_pixels=20_000)).frames == 12


def test_thumbnails_are_no_pages() -> None:
    thumbnail = page(8, 8, t254=("I", [1]))
    layout = reader.read(tiff(thumbnail, page(64, 48), thumbnail, page(9, 9), pixels=PIXELS))
    assert [(p.place, p.width_px) for p in layout.pages] == [(1, 64), (3, 9)]
    with pytest.raises(ImageFormatRejected, match="thumbnails"):
        reader.read(tiff(thumbnail, pixels=PIXELS))


@pytest.mark.parametrize("orientation", range(10))
def test_the_orientation_is_read_where_it_makes_sense(orientation: int) -> None:
    data = tiff(page(64, 48, t274=("H", [orientation])), pixels=PIXELS)
    wanted = orientation if 1 <= orientation <= 8 else 1
    assert survey(data, SETTINGS).orientation == wanted
    if orientation == wanted:
        assert survey(turned(orientation, "TIFF"), SETTINGS).orientation == wanted


# --- Refusals --------------------------------------------------------------------------------

FOREIGN = {
    "old-style JPEG": page(64, 48, t259=("H", [6])),
    "LZMA": page(64, 48, t259=("H", [34925])),
    "Zstandard": page(64, 48, t259=("H", [50000])),
    "another kind of compression": page(64, 48, t259=("H", [9999])),
    "colour space": page(64, 48, t262=("H", [8])),
    "DNG": page(64, 48, t50706=("B", [1, 4, 0, 0])),
    "samples of this kind": page(64, 48, t258=("H", [32])),
    "floating": page(64, 48, t339=("H", [3])),
    "12 bits": page(64, 48, t258=("H", [12])),
    "many samples": page(64, 48, t277=("H", [7])),
    "fewer samples of colour": page(64, 48, t262=("H", [6])),
    "planes of 16 bits": page(64, 48, t258=("H", [16]), t284=("H", [2])),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_kinds_that_would_be_shown_wrongly_are_refused_by_name(name: str) -> None:
    with pytest.raises(ImageFormatRejected, match=r"^TIFF .* is not accepted") as caught:
        survey(tiff(FOREIGN[name], pixels=PIXELS), SETTINGS)
    if name not in {"floating", "12 bits"}:
        assert name in caught.value.message


def test_bigtiff_is_refused_by_name() -> None:
    data = tiff_by(np.asarray(halves()), bigtiff=True)
    with pytest.raises(ImageFormatRejected, match="BigTIFF"):
        survey(data, SETTINGS)


def without(entries: Entries, tag: int) -> Entries:
    return {key: value for key, value in entries.items() if key != tag}


BROKEN = {
    "no width": without(page(64, 48), 256),
    "no strips": without(page(64, 48), 273),
    "no sizes": without(page(64, 48), 279),
    "zero wide": page(0, 48),
    "zero high": page(64, 0),
    "30000 x 30000": page(30_000, 30_000),
    "2 ** 32 wide": page(2**32 - 1, 2**32 - 1),
    "strips outside": page(64, 48, t273=("I", [4000])),
    "strips far outside": page(64, 48, t273=("I", [2**32 - 1])),
    "strips too long": page(64, 48, t279=("I", [2**32 - 1])),
    "too few strips": page(64, 48, t278=("I", [1])),
    "huge tiles": page(64, 48, t322=("I", [65_536]), t323=("I", [65_536]), t324=("I", [8])),
    "empty tiles": page(64, 48, t322=("I", [0]), t323=("I", [16]), t324=("I", [8])),
    "too few tiles": page(
        64, 48, t322=("I", [16]), t323=("I", [16]), t324=("I", [8]), t325=("I", [9])
    ),
    "no tiles": page(64, 48, t322=("I", [16]), t323=("I", [16])),
}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("name", BROKEN)
def test_a_page_that_cannot_be_is_refused(name: str, order: str) -> None:
    with pytest.raises(MediaRejected):
        survey(tiff(BROKEN[name], order=order, pixels=PIXELS), SETTINGS)


def test_a_value_of_no_integer_type_is_refused() -> None:
    data = bytearray(tiff(page(64, 48), pixels=PIXELS))
    place = data.index(struct.pack("<HHI", 256, 4, 1))
    data[place + 2] = 5
    data[place + 8] = 0
    with pytest.raises(MediaRejected, match="damaged"):
        survey(bytes(data), SETTINGS)


@pytest.mark.parametrize("following", [8 + len(PIXELS), 8, 2**32 - 1])
def test_directories_that_lead_nowhere_are_refused(following: int) -> None:
    data = tiff(page(64, 48), pixels=PIXELS)
    with pytest.raises(MediaRejected):
        survey(data[:-4] + struct.pack("<I", following), SETTINGS)


@pytest.mark.parametrize(
    "data",
    [
        b"II*\0",
        b"II*\0\0\0\0\0",
        b"MM\0*\0\0\0\x08",
        b"II*\0\x08\0\0\0\xff\xff" + bytes(65_535 * 12),
        tiff(*[page(4, 4)] * 1001, pixels=PIXELS),
    ],
)
def test_what_is_hardly_there_is_refused(data: bytes) -> None:
    with pytest.raises(MediaRejected):
        survey(data, SETTINGS)


def test_values_that_lie_over_each_other_are_refused_soon() -> None:
    length = 500_000
    entries = {**page(64, 48), **{60_000 + n: ("I", [0]) for n in range(300)}}
    data = bytearray(tiff(entries, pixels=bytes(length)))
    for n in range(300):
        place = data.index(struct.pack("<HHI", 60_000 + n, 4, 1))
        data[place : place + 12] = struct.pack("<HHII", 60_000 + n, 1, length, 8)
    began_s = time.perf_counter()
    with pytest.raises(MediaRejected, match="damaged"):
        survey(bytes(data), SETTINGS)
    assert time.perf_counter() - began_s < 2


HOSTILE = {
    "entries": tiff(
        *[{**page(4, 4), **{60_000 + n: ("H", [0]) for n in range(500)}}] * 60, pixels=PIXELS
    ),
    "strips": tiff(
        *[page(4, 4, t273=("I", [8] * 20_000), t279=("I", [1] * 20_000))] * 60, pixels=PIXELS
    ),
    "directories": tiff(*[page(4, 4)] * 513, pixels=PIXELS),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_lists_without_end_are_refused_soon(name: str) -> None:
    began_s = time.perf_counter()
    with pytest.raises(MediaRejected, match=r"damaged|more than 60 pages"):
        survey(HOSTILE[name], SETTINGS)
    assert time.perf_counter() - began_s < 3


@pytest.mark.parametrize("name", SOUND)
@pytest.mark.parametrize("tenths", range(10))
def test_a_truncated_tiff_is_refused(name: str, tenths: int) -> None:
    data = SOUND[name]
    with pytest.raises(MediaRejected):
        survey(data[: len(data) * tenths // 10], SETTINGS)


@pytest.mark.parametrize("name", SOUND)
def test_a_mutated_tiff_is_measured_or_refused_and_nothing_else(name: str) -> None:
    dice = random.Random(name)  # noqa: S311 - reproducible, not secret
    for _ in range(40):
        data = bytearray(SOUND[name])
        for _ in range(dice.randint(1, 6)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        try:
            found = survey(bytes(data), SETTINGS)
        except MediaRejected as refusal:
            assert not re.search(r"0x[0-9a-f]{6}|<_|Error|bytearray", refusal.message)
        else:
            assert 0 < found.width_px * found.height_px <= SETTINGS.max_pixels


def test_pages_by_another_writer_are_found() -> None:
    sink = BytesIO(pages(3))
    with Image.open(sink) as opened:
        assert survey(sink.getvalue(), SETTINGS).frames == opened.n_frames == 3
