"""What a model gets of a picture: nothing that it throws away, all that it can use."""

import pytest
from hypothesis import assume, example, given, strategies as st

from visus.core.question import Detail
from visus.core.tokens import Size
from visus.errors import MediaRejected, UnsupportedParameter
from visus.media.fit import Fitting, Picture, fit
from visus.models.catalogue import Vision, shipped
from visus.models.counting import (
    FixedRow,
    GeminiTilesRow,
    OpenAIPatchesRow,
    QwenPixelsRow,
)

SHIPPED = {row.id: row.vision for row in shipped().models}
LITE, QWEN, GEMINI, GPT = (
    SHIPPED[name]
    for name in ("visus-lite", "Qwen3-VL-30B-A3B-Instruct-FP8", "gemini-2.5-flash", "gpt-4.1")
)
MODELS = {
    **SHIPPED,
    "mini": Vision(tokens=OpenAIPatchesRow(percent=162)),
    "qwen-2.5": Vision(
        tokens=QwenPixelsRow(side_px=28, min_tokens=4, max_tokens=1280), max_aspect=200
    ),
    "gemini-3": Vision(tokens=FixedRow(high=1120, low=280)),
    "two limits": Vision(tokens=GeminiTilesRow(), max_pixels=1_000_000),
    "pixels only": Vision(max_pixels=1_000_000, max_bytes=100_000),
    "anything": Vision(),
}


def jpeg(width_px: int, height_px: int, size_bytes: int = 5_000) -> Picture:
    return Picture("image/jpeg", width_px, height_px, size_bytes)


def fitted(picture: Picture, sees: Vision, detail: Detail = "auto") -> Fitting:
    return fit(picture, sees, detail=detail)


def sent(fitting: Fitting, picture: Picture) -> Picture:
    """What the model's server receives."""
    if fitting.as_it_is:
        return picture
    size_bytes = min(picture.size_bytes, fitting.max_bytes or picture.size_bytes)
    return Picture(fitting.formats[0], fitting.width_px, fitting.height_px, size_bytes)


def size(fitting: Fitting) -> tuple[int, int]:
    return fitting.width_px, fitting.height_px


# --- Single cases ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "detail", "before", "after"),
    [
        ("gpt-4.1", "high", (3024, 4032), (768, 1024)),
        ("gpt-4.1", "auto", (3024, 4032), (768, 1024)),
        ("gpt-4.1", "low", (3024, 4032), (384, 512)),
        ("gpt-4.1", "high", (4096, 1000), (2048, 500)),
        ("gpt-4.1", "high", (768, 2048), (768, 2048)),
        ("gpt-4.1", "high", (769, 2048), (768, 2046)),
        ("gpt-4.1", "high", (768, 2049), (768, 2048)),
        ("gpt-4.1", "low", (512, 100), (512, 100)),
        ("gpt-4.1", "low", (513, 100), (512, 100)),
        ("mini", "high", (1800, 2400), (1056, 1408)),
        ("mini", "high", (1024, 1536), (1024, 1536)),
        ("Qwen3-VL-30B-A3B-Instruct-FP8", "high", (3024, 4032), (3024, 4032)),
        ("Qwen3-VL-30B-A3B-Instruct-FP8", "high", (8000, 6000), (4704, 3520)),
        ("Qwen3-VL-30B-A3B-Instruct-FP8", "high", (4096, 4096), (4096, 4096)),
        ("Qwen3-VL-30B-A3B-Instruct-FP8", "low", (3024, 4032), (444, 592)),
        ("gemini-2.5-flash", "high", (8000, 6000), (8000, 6000)),
        ("gemini-2.5-flash", "low", (8000, 6000), (384, 288)),
        ("visus-lite", "high", (4000, 3000), (4000, 3000)),
        ("visus-lite", "high", (5000, 4000), (3968, 3174)),
        ("pixels only", "high", (1001, 1000), (1000, 999)),
        ("pixels only", "high", (1000, 1000), (1000, 1000)),
    ],
)
def test_the_size_that_a_model_gets(
    model: str, detail: Detail, before: tuple[int, int], after: tuple[int, int]
) -> None:
    found = fitted(jpeg(*before), MODELS[model], detail)
    assert size(found) == after
    assert found.as_it_is is (before == after)


def test_a_file_over_the_servers_bytes_is_made_anew_at_the_same_size() -> None:
    sees = MODELS["pixels only"]
    assert fitted(jpeg(800, 600, 100_000), sees).as_it_is
    found = fitted(jpeg(800, 600, 100_001), sees)
    assert not found.as_it_is
    assert size(found) == (800, 600)
    assert found.max_bytes == 100_000


def test_a_format_that_the_server_does_not_read_is_made_anew() -> None:
    gif = Picture("image/gif", 300, 200, 900)
    assert fitted(gif, GPT).as_it_is
    found = fitted(gif, GEMINI)
    assert not found.as_it_is
    assert found.formats == ("image/jpeg", "image/png")
    assert fitted(Picture("image/heic", 300, 200, 900), GEMINI).as_it_is


def test_a_server_that_reads_nothing_made_here_takes_only_what_fits() -> None:
    sees = Vision(formats=("image/webp",))
    assert fitted(Picture("image/webp", 300, 200, 900), sees).as_it_is
    with pytest.raises(MediaRejected, match="cannot take"):
        fitted(jpeg(300, 200), sees)


def test_a_shape_is_refused_beyond_the_models_aspect() -> None:
    assert fitted(jpeg(2000, 10), QWEN).as_it_is
    assert fitted(jpeg(10, 2000), QWEN).as_it_is
    for picture in (jpeg(2001, 10), jpeg(10, 2001)):
        with pytest.raises(MediaRejected, match="200 times"):
            fitted(picture, QWEN)
    assert fitted(jpeg(16_000, 2), GEMINI).as_it_is


def test_the_stricter_of_two_bounds_on_tokens_holds() -> None:
    sees = Vision(tokens=QwenPixelsRow(), max_tokens_per_image=1000)
    phone = jpeg(3024, 4032)
    for bound, most in ((None, 1000), (500, 500), (2000, 1000)):
        found = fit(phone, sees, detail="auto", max_tokens_per_image=bound)
        assert found.tokens is not None
        assert most * 0.9 < found.tokens <= most


def test_low_detail_is_the_way_out_where_no_size_is_cheap_enough() -> None:
    found = fit(jpeg(3024, 4032), GPT, detail="high", max_tokens_per_image=254)
    assert (found.detail, found.tokens, size(found)) == ("low", 85, (384, 512))
    found = fit(jpeg(300, 300), MODELS["gemini-3"], detail="auto", max_tokens_per_image=1119)
    assert (found.detail, found.tokens, found.as_it_is) == ("low", 280, True)


@pytest.mark.parametrize(("model", "bound"), [("gpt-4.1", 84), ("gemini-2.5-flash", 257)])
def test_a_picture_that_no_size_makes_cheap_enough_is_refused(model: str, bound: int) -> None:
    fit(jpeg(3024, 4032), MODELS[model], detail="auto", max_tokens_per_image=bound + 1)
    with pytest.raises(MediaRejected, match=f"{bound} tokens"):
        fit(jpeg(3024, 4032), MODELS[model], detail="auto", max_tokens_per_image=bound)


def test_a_bound_on_tokens_needs_a_formula() -> None:
    with pytest.raises(UnsupportedParameter):
        fit(jpeg(10, 10), MODELS["anything"], detail="auto", max_tokens_per_image=100)
    assert fitted(jpeg(10, 10), MODELS["anything"]).tokens is None
    with pytest.raises(ValueError, match="needs tokens"):
        Vision(max_tokens_per_image=100)


# --- What must hold --------------------------------------------------------------------------

sides = st.integers(1, 16_384)
models = st.sampled_from(sorted(MODELS))
details: st.SearchStrategy[Detail] = st.sampled_from(("auto", "low", "high"))
pictures = st.builds(
    Picture,
    st.sampled_from(("image/jpeg", "image/png", "image/gif", "image/heic", "image/tiff")),
    sides,
    sides,
    st.integers(1, 90_000_000),
)


def any_fit(picture: Picture, model: str, detail: Detail, bound: int | None) -> Fitting:
    sees = MODELS[model]
    assume(sees.tokens is not None or bound is None)
    try:
        return fit(picture, sees, detail=detail, max_tokens_per_image=bound)
    except MediaRejected:
        cheap_shape = max(picture[1:3]) <= (sees.max_aspect or 10**6) * min(picture[1:3])
        assert bound is not None or not cheap_shape
        assume(False)


@given(pictures, models, details, st.none() | st.integers(1, 20_000))
@example(Picture("image/jpeg", 36, 7183, 1), "qwen-2.5", "low", None)
@example(Picture("image/jpeg", 80, 15_920, 1), "qwen-2.5", "high", None)
@example(Picture("image/jpeg", 80, 15_920, 1), "qwen-2.5", "high", 500)
def test_fitting_what_was_fitted_changes_nothing(
    picture: Picture, model: str, detail: Detail, bound: int | None
) -> None:
    once = any_fit(picture, model, detail, bound)
    received = sent(once, picture)
    twice = fit(received, MODELS[model], detail=once.detail, max_tokens_per_image=bound)
    assert twice.as_it_is
    assert (size(twice), twice.tokens, twice.detail) == (size(once), once.tokens, once.detail)


@given(pictures, models, details, st.none() | st.integers(1, 20_000))
@example(Picture("image/jpeg", 30_833, 529, 9), "Qwen3-VL-30B-A3B-Instruct-FP8", "high", None)
def test_a_picture_never_grows_and_keeps_its_shape(
    picture: Picture, model: str, detail: Detail, bound: int | None
) -> None:
    found = any_fit(picture, model, detail, bound)
    assert 1 <= found.width_px <= picture.width_px
    assert 1 <= found.height_px <= picture.height_px
    rows = MODELS[model].tokens
    unit = rows.side_px if isinstance(rows, QwenPixelsRow) else 1
    scales = [
        ((after - 2 * unit) / before, (after + 2 * unit) / before)
        for before, after in zip(picture[1:3], size(found), strict=True)
    ]
    least, most = (max(low for low, _ in scales), min(high for _, high in scales))
    assert least < most, "no one scale brings both sides to within two units of the result"


@given(pictures, models, details)
@example(Picture("image/jpeg", 80, 15_920, 1), "qwen-2.5", "high")
@example(Picture("image/jpeg", 30_833, 529, 1), "Qwen3-VL-30B-A3B-Instruct-FP8", "high")
def test_cutting_only_waste_costs_as_many_tokens_as_before(
    picture: Picture, model: str, detail: Detail
) -> None:
    found = any_fit(picture, model, detail, None)
    sees = MODELS[model]
    if sees.tokens is None or (detail == "low" and max(picture[1:3]) > 100 * min(picture[1:3])):
        return
    if sees.max_pixels is None or picture.width_px * picture.height_px <= sees.max_pixels:
        before = sees.tokens.rule.count(Size(picture.width_px, picture.height_px), detail)
        assert found.tokens == before


@given(pictures, models, details, st.integers(1, 20_000))
def test_no_picture_costs_more_than_its_bound(
    picture: Picture, model: str, detail: Detail, bound: int
) -> None:
    found = any_fit(picture, model, detail, bound)
    assert found.tokens is not None
    assert found.tokens <= bound


@given(pictures, models, details)
def test_what_is_sent_is_within_every_limit_of_the_server(
    picture: Picture, model: str, detail: Detail
) -> None:
    sees = MODELS[model]
    received = sent(any_fit(picture, model, detail, None), picture)
    assert received.media_type in sees.formats
    assert sees.max_bytes is None or received.size_bytes <= sees.max_bytes
    if sees.max_pixels is not None:
        assert received.width_px * received.height_px <= sees.max_pixels
