import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw
from sample_formats import page, tiff, tiffs
from sample_pictures import RED, decode, encode, halves

from visus.errors import MediaRejected
from visus.media.fitting import Fit, Fitted
from visus.media.image import evenly, frames, normalise
from visus.media.settings import MediaSettings
from visus.media.survey import survey

PNG = ("image/png",)
ANIMATED = ["GIF", "WEBP", "PNG", "AVIF"]
SIZE = (64, 48)


def coloured(count: int) -> list[Image.Image]:
    return [Image.new("RGB", SIZE, (20 * n, 255 - 20 * n, 90)) for n in range(count)]


def film(kind: str, count: int = 12, duration: int | list[int] = 100) -> bytes:
    first, *rest = coloured(count)
    return encode(first, kind, save_all=True, append_images=rest, duration=duration, loop=0)


def taken(data: bytes, wanted: int, **changes: object) -> list[Fitted]:
    return frames(data, Fit(frames=wanted, formats=PNG, **changes))


def colour(fitted: Fitted) -> tuple[int, ...]:
    seen = decode(fitted.data).convert("RGB").getpixel((10, 10))
    assert isinstance(seen, tuple)
    return seen


def is_close(one: tuple[int, ...], other: tuple[int, ...], slack: int = 6) -> bool:
    return all(abs(a - b) <= slack for a, b in zip(one, other, strict=True))


# --- Which ones ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "wanted", "chosen"),
    [
        (1, 1, [0]),
        (1, 5, [0]),
        (5, 1, [0]),
        (5, 2, [0, 4]),
        (5, 3, [0, 2, 4]),
        (5, 5, [0, 1, 2, 3, 4]),
        (5, 9, [0, 1, 2, 3, 4]),
        (60, 4, [0, 19, 39, 59]),
    ],
)
def test_frames_are_evenly_chosen(count: int, wanted: int, chosen: list[int]) -> None:
    assert evenly(count, wanted) == chosen


@pytest.mark.parametrize("kind", ANIMATED)
@pytest.mark.parametrize("wanted", [1, 2, 4, 12, 30])
def test_the_chosen_frames_come_with_their_times(kind: str, wanted: int) -> None:
    got = taken(film(kind), wanted)
    places = evenly(12, wanted)
    assert len(got) == len(places)
    for fitted, place in zip(got, places, strict=True):
        assert is_close(colour(fitted), (20 * place, 255 - 20 * place, 90), 8)
        assert fitted.page is None
        if wanted > 1:
            assert fitted.time_s == pytest.approx(place / 10)
        else:
            assert fitted.time_s is None


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_frames_of_different_lengths_keep_their_times(kind: str) -> None:
    got = taken(film(kind, 4, duration=[50, 200, 1000, 70]), 4)
    assert [fitted.time_s for fitted in got] == pytest.approx([0.0, 0.05, 0.25, 1.25])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "AVIF", "HEIF"])
def test_a_still_has_one_frame_and_no_time(kind: str) -> None:
    (fitted,) = taken(encode(halves(), kind), 5)
    assert (fitted.time_s, fitted.page) == (None, None)


def test_the_still_of_an_animated_png_is_none_of_its_frames() -> None:
    still = Image.new("RGB", SIZE, RED)
    data = encode(
        still, "PNG", save_all=True, default_image=True, append_images=coloured(3), duration=100
    )
    assert is_close(colour(normalise(data, Fit(formats=PNG))), RED)
    got = taken(data, 9)
    assert [fitted.time_s for fitted in got] == pytest.approx([0.0, 0.1, 0.2])
    assert is_close(colour(got[0]), (0, 255, 90))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_the_survey_counts_what_is_decoded(kind: str) -> None:
    found = survey(film(kind, 7), MediaSettings())
    assert (found.frames, found.is_paged) == (7, False)
    assert len(taken(film(kind, 7), 60)) == found.frames


# --- How they are put together ---------------------------------------------------------------


def moving(kind: str, disposal: int) -> tuple[bytes, list[Image.Image]]:
    """A square that walks over transparent ground, each frame as small as it can be."""
    sheets: list[Image.Image] = []
    for step in range(5):
        sheet = Image.new("RGBA", SIZE, (0, 0, 0, 0))
        at = (10 * step, 8, 10 * step + 12, 20)
        ImageDraw.Draw(sheet).rectangle(at, fill=(250, 40 * step, 10, 255))
        sheets.append(sheet)
    options = {} if kind == "WEBP" else {"disposal": disposal}
    if kind == "PNG":
        options = {"disposal": disposal, "blend": 1}
    data = encode(
        sheets[0], kind, save_all=True, append_images=sheets[1:], duration=80, **options
    )
    return data, sheets


@pytest.mark.parametrize(
    ("kind", "disposal"),
    [("GIF", 0), ("GIF", 1), ("GIF", 2), ("GIF", 3), ("PNG", 0), ("PNG", 1), ("WEBP", 0)],
)
def test_frames_are_composed_as_a_second_decoder_composes_them(
    kind: str, disposal: int
) -> None:
    data, _ = moving(kind, disposal)
    ok, other = cv2.imdecodeanimation(np.frombuffer(data, np.uint8))
    assert ok
    got = taken(data, 60)
    assert len(got) == len(other.frames)
    for fitted, frame in zip(got, other.frames, strict=True):
        seen = np.asarray(decode(fitted.data).convert("RGB")).astype(int)
        blue, green, red, alpha = (frame[..., n].astype(int) for n in range(4))
        drawn = np.stack([red, green, blue], axis=-1)
        wanted = np.where(alpha[..., None] > 127, drawn, 255)
        assert np.abs(seen - wanted).mean() < 2


def test_a_real_animation_is_composed_as_a_second_decoder_composes_it(pictures: Path) -> None:
    data = (pictures / "no_time_for_that_tiny.gif").read_bytes()
    ok, other = cv2.imdecodeanimation(np.frombuffer(data, np.uint8))
    assert ok
    got = taken(data, 60)
    assert len(got) == len(other.frames) == survey(data, MediaSettings()).frames
    for fitted, frame in zip(got, other.frames, strict=True):
        seen = np.asarray(decode(fitted.data).convert("RGB")).astype(int)
        assert np.abs(seen - frame[..., 2::-1]).mean() < 2


# --- Pages -----------------------------------------------------------------------------------


def test_pages_come_with_their_numbers_and_sizes() -> None:
    sheets = [Image.new("RGB", (60 + n, 40), (20 * n, 0, 90)) for n in range(7)]
    data = encode(sheets[0], "TIFF", save_all=True, append_images=sheets[1:])
    got = taken(data, 3)
    assert [fitted.page for fitted in got] == [1, 4, 7]
    assert [fitted.width_px for fitted in got] == [60, 63, 66]
    assert [colour(fitted) for fitted in got] == [(0, 0, 90), (60, 0, 90), (120, 0, 90)]
    assert all(fitted.time_s is None for fitted in got)
    assert taken(data, 1)[0].page == 1


def test_one_page_needs_no_number() -> None:
    assert taken(tiffs()["tiff RGB None"], 3)[0].page is None


def test_thumbnails_are_stepped_over() -> None:
    thumbnail = page(8, 8, t254=("I", [1]))
    data = tiff(thumbnail, page(64, 48), thumbnail, page(20, 10), pixels=bytes(range(256)) * 12)
    assert [(fitted.width_px, fitted.page) for fitted in taken(data, 9)] == [(64, 1), (20, 2)]
    assert normalise(data, Fit()).width_px == 64


def test_each_page_is_turned_by_itself() -> None:
    pixels = bytes(range(256)) * 12
    turns = [1, 6, 3, 8]
    data = tiff(*[page(64, 48, t274=("H", [turn])) for turn in turns], pixels=pixels)
    flat = Image.frombytes("L", SIZE, pixels)
    for fitted, degrees in zip(taken(data, 4), (0, 270, 180, 90), strict=True):
        wanted = flat.rotate(degrees, expand=True)
        assert decode(fitted.data).tobytes() == wanted.tobytes()


# --- Limits ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ANIMATED)
@pytest.mark.parametrize("limit", [11, 12])
def test_too_many_frames_are_refused_before_they_are_decoded(kind: str, limit: int) -> None:
    if limit == 12:
        assert len(taken(film(kind), 2, source_max_frames=limit)) == 2
    else:
        with pytest.raises(MediaRejected, match="more than 11 frames"):
            taken(film(kind), 2, source_max_frames=limit)


@pytest.mark.parametrize("spare", [-1, 0])
def test_only_what_leads_to_a_wanted_frame_counts_as_work(spare: int) -> None:
    needed = 12 * 64 * 48 + spare
    if spare:
        with pytest.raises(MediaRejected, match="pixels together"):
            taken(film("GIF"), 2, source_max_frames_pixels=needed)
    else:
        assert len(taken(film("GIF"), 2, source_max_frames_pixels=needed)) == 2
    assert len(taken(film("GIF"), 1, source_max_frames_pixels=1)) == 1


def test_only_wanted_pages_count_as_work() -> None:
    sheets = [Image.new("L", (10, 10)) for _ in range(5)]
    data = encode(sheets[0], "TIFF", save_all=True, append_images=sheets[1:])
    assert len(taken(data, 2, source_max_frames_pixels=200)) == 2
    with pytest.raises(MediaRejected, match="pixels together"):
        taken(data, 2, source_max_frames_pixels=199)


def test_frames_are_fitted_like_any_picture() -> None:
    got = frames(film("GIF"), Fit(frames=3, max_side_px=32, formats=("image/jpeg",)))
    assert [(f.media_type, f.width_px, f.height_px) for f in got] == [
        ("image/jpeg", 32, 24)
    ] * 3


def test_sixty_frames_take_a_moment_only() -> None:
    first, *rest = (Image.effect_noise((300, 200), 60) for _ in range(60))
    data = encode(first, "GIF", save_all=True, append_images=rest)
    began_s = time.perf_counter()
    assert len(taken(data, 60)) == 60
    assert time.perf_counter() - began_s < 5
