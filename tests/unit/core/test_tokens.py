"""The formulas against a second reading of them, the printed figures, and what must hold."""

import math
import random
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, localcontext

import pytest
from hypothesis import example, given, strategies as st

from visus.core.question import Detail
from visus.core.tokens import (
    BoxedPatches,
    FixedTokens,
    GeminiTiles,
    ImageRule,
    OpenAIPatches,
    OpenAITiles,
    QwenPixels,
    Size,
    at_most,
)

GPT_4_1 = OpenAITiles(
    base=85, per_tile=170, tile_px=512, box_px=2048, short_side_px=768, low_side_px=512
)
PATCHES = OpenAIPatches(patch_px=32, max_patches=1536, percent=100, low_side_px=512)
MINI = OpenAIPatches(patch_px=32, max_patches=1536, percent=162, low_side_px=512)
NANO = OpenAIPatches(patch_px=32, max_patches=1536, percent=246, low_side_px=512)
GEMINI_2_5 = GeminiTiles(per_tile=258, whole_side_px=384, min_tile_px=256, max_tile_px=768)
GEMINI_3 = FixedTokens(high=1120, low=280)
QWEN_3 = QwenPixels(side_px=32, min_tokens=64, max_tokens=16_384, low_tokens=256)
QWEN_2_5 = QwenPixels(side_px=28, min_tokens=4, max_tokens=1_280, low_tokens=256)
SMALL_QWEN = QwenPixels(side_px=32, min_tokens=4, max_tokens=1_280, low_tokens=256)
LITE = BoxedPatches(patch_px=32, box_px=1024)
RULES: dict[str, ImageRule] = {
    "gpt-4.1": GPT_4_1, "patches": PATCHES, "mini": MINI, "nano": NANO,
    "gemini-2.5": GEMINI_2_5, "gemini-3": GEMINI_3, "qwen-3": QWEN_3,
    "qwen-2.5": QWEN_2_5, "lite": LITE,
}  # fmt: skip


# --- A second reading, with decimals of sixty digits -----------------------------------------


def ceiling(number: Decimal) -> int:
    return int(number.quantize(Decimal("1e-40")).to_integral_value(ROUND_CEILING))


def floor(number: Decimal) -> int:
    return int(number.quantize(Decimal("1e-40")).to_integral_value(ROUND_FLOOR))


def tiles_again(width: Decimal, height: Decimal) -> int:
    longest = max(width, height)
    if longest > 2048:
        width, height = width * 2048 / longest, height * 2048 / longest
    shortest = min(width, height)
    if shortest > 768:
        width, height = width * 768 / shortest, height * 768 / shortest
    return 85 + 170 * ceiling(width / 512) * ceiling(height / 512)


def patches_again(width: Decimal, height: Decimal) -> int:
    patches = ceiling(width / 32) * ceiling(height / 32)
    if patches <= 1536:
        return patches
    ratio = (1536 * 32 * 32 / (width * height)).sqrt()
    across, down = width * ratio / 32, height * ratio / 32
    ratio = ratio * min(floor(across) / across, floor(down) / down)
    return ceiling(width * ratio / 32) * ceiling(height * ratio / 32)


def gemini_again(width: Decimal, height: Decimal) -> int:
    if width <= 384 and height <= 384:
        return 258
    side = floor(min(width, height) / Decimal("1.5"))
    side = 256 if side < 256 else min(side, 768)
    return 258 * ceiling(width / side) * ceiling(height / side)


def qwen_again(width: Decimal, height: Decimal, unit: int, least: int, most: int) -> int:
    def whole(length: Decimal) -> int:
        return unit * int((length / unit).to_integral_value(ROUND_HALF_EVEN))

    least_px, most_px = least * unit * unit, most * unit * unit
    across, down = whole(width), whole(height)
    if across * down > most_px:
        b = (height * width / most_px).sqrt()
        across = max(1, floor(width / b / unit)) * unit
        down = max(1, floor(height / b / unit)) * unit
    elif across * down < least_px:
        b = (least_px / (height * width)).sqrt()
        across, down = ceiling(width * b / unit) * unit, ceiling(height * b / unit) * unit
    return across * down // unit // unit


def lite_again(width: Decimal, height: Decimal) -> int:
    scale = min(Decimal(1), 1024 / max(width, height))
    return ceiling(width * scale / 32) * ceiling(height * scale / 32)


AGAIN: dict[str, Callable[[Decimal, Decimal], int]] = {
    "gpt-4.1": tiles_again,
    "patches": patches_again,
    "mini": lambda width, height: math.ceil(patches_again(width, height) * 162 / 100),
    "nano": lambda width, height: math.ceil(patches_again(width, height) * 246 / 100),
    "gemini-2.5": gemini_again,
    "gemini-3": lambda _width, _height: 1120,
    "qwen-3": lambda width, height: qwen_again(width, height, 32, 64, 16_384),
    "qwen-2.5": lambda width, height: qwen_again(width, height, 28, 4, 1_280),
    "lite": lite_again,
}


def two_hundred() -> list[Size]:
    """Well-known sizes, both sides of every border of a formula, and sizes by chance."""
    known = [
        (512, 512), (1024, 1024), (1920, 1080), (3024, 4032), (2048, 4096), (960, 540),
        (1800, 2400), (640, 480), (1280, 720), (2480, 3508), (4000, 6000), (8000, 6000),
        (7, 1400), (16_384, 90), (82, 16_384), (300, 5000), (1250, 1250), (1241, 1266),
        (1, 1), (400, 2), (9000, 50), (721, 541), (2402, 1601), (980, 392),
    ]  # fmt: skip
    borders = [
        (side + step, side + more)
        for side in (32, 256, 384, 512, 768, 1152, 2048, 4096)
        for step, more in ((-1, 0), (0, 0), (1, 0), (1, 1), (0, 37), (16, 48), (-1, 700))
    ]
    dice = random.Random(3)  # noqa: S311 -- sizes, not secrets
    chance = [
        (int(2 ** dice.uniform(0, 13.5)), int(2 ** dice.uniform(3, 13.5))) for _ in range(200)
    ]
    fine = [(w, h) for w, h in (*known, *borders, *chance) if max(w, h) <= 200 * min(w, h)]
    return [Size(*each) for each in dict.fromkeys(fine)][:200]


@pytest.mark.parametrize("name", RULES)
def test_two_hundred_sizes_cost_what_a_second_reading_of_the_formula_says(name: str) -> None:
    sizes = two_hundred()
    assert len(sizes) == 200
    with localcontext() as context:
        context.prec = 60
        wanted = {size: AGAIN[name](Decimal(size[0]), Decimal(size[1])) for size in sizes}
    assert {size: RULES[name].count(size, "auto") for size in sizes} == wanted


# --- What is printed -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "tiles", "patches", "gemini", "qwen"),
    [
        ((512, 512), 255, 256, 1032, 256),
        ((1024, 1024), 765, 1024, 1032, 1024),
        ((1920, 1080), 1105, 1508, 1548, 2040),
        ((3024, 4032), 765, 1452, 6192, 11_844),
    ],
)
def test_the_published_table(
    size: tuple[int, int], tiles: int, patches: int, gemini: int, qwen: int
) -> None:
    found = [rule.count(Size(*size), "high") for rule in (GPT_4_1, PATCHES, GEMINI_2_5, QWEN_3)]
    assert found == [tiles, patches, gemini, qwen]


def test_the_published_single_examples() -> None:
    assert GPT_4_1.count(Size(2048, 4096), "high") == 1105
    assert GPT_4_1.count(Size(4096, 8192), "low") == 85
    assert PATCHES.count(Size(1800, 2400), "high") == 1452
    assert MINI.count(Size(1800, 2400), "high") == 2353  # 2352.24 begun
    assert GEMINI_2_5.count(Size(960, 540), "high") == 1548
    assert GEMINI_2_5.count(Size(384, 384), "high") == 258
    assert GEMINI_3.count(Size(4000, 3000), "low") == 280


@pytest.mark.parametrize(
    ("size", "tokens"),
    [((64, 64), 64), ((256, 256), 64), ((1000, 700), 682), ((2048, 2048), 4096)],
)
def test_what_a_vllm_server_counted_for_qwen3(size: tuple[int, int], tokens: int) -> None:
    assert QWEN_3.count(Size(*size), "auto") == tokens


# --- What must hold --------------------------------------------------------------------------

sides = st.integers(1, 16_384)
every_size = st.builds(Size, sides, sides)
every_rule = st.sampled_from(sorted(RULES))
details: st.SearchStrategy[Detail] = st.sampled_from(("auto", "low", "high"))


@given(every_rule, every_size, details)
@example("qwen-3", Size(30_833, 529), "high")
def test_what_the_model_sees_is_never_larger_and_costs_the_same(
    name: str, size: Size, detail: Detail
) -> None:
    rule = RULES[name]
    seen = rule.seen(size, detail)
    assert 1 <= seen.width_px <= size.width_px
    assert 1 <= seen.height_px <= size.height_px
    assert rule.count(seen, detail) == rule.count(size, detail)
    assert rule.seen(seen, detail) == seen


@given(every_rule, every_size, st.integers(1, 20_000))
@example("qwen-2.5", Size(4096, 21), 7)
@example("gemini-2.5", Size(16_384, 1), 258)
def test_a_picture_within_so_many_tokens_is_smaller_and_costs_no_more(
    name: str, size: Size, max_tokens: int
) -> None:
    rule = RULES[name]
    within = rule.within(size, max_tokens=max_tokens)
    if within is None:
        assert rule.count(size, "high") > max_tokens
        return
    assert 1 <= within.width_px <= size.width_px
    assert 1 <= within.height_px <= size.height_px
    assert rule.count(within, "high") <= max_tokens
    assert rule.within(within, max_tokens=max_tokens) == within


@given(every_rule, every_size, st.integers(16_384, 20_000))
def test_a_picture_that_is_cheap_enough_is_only_cut_to_what_the_model_sees(
    name: str, size: Size, max_tokens: int
) -> None:
    rule = RULES[name]
    if rule.count(size, "high") <= max_tokens:
        assert rule.within(size, max_tokens=max_tokens) == rule.seen(size, "high")


@given(every_rule, every_size, details)
def test_a_turned_picture_costs_the_same(name: str, size: Size, detail: Detail) -> None:
    turned = Size(size.height_px, size.width_px)
    assert RULES[name].count(turned, detail) == RULES[name].count(size, detail)


@given(every_size, details)
def test_every_count_keeps_its_bounds(size: Size, detail: Detail) -> None:
    assert 85 <= GPT_4_1.count(size, detail) <= 85 + 170 * 8
    assert 1 <= PATCHES.count(size, detail) <= 1536
    assert 1 <= LITE.count(size, detail) <= 1024
    assert GEMINI_2_5.count(size, detail) % 258 == 0
    if max(size) <= 200 * min(size):
        assert 64 <= QWEN_3.count(size, detail) <= 16_384


@pytest.mark.parametrize("name", ["gpt-4.1", "lite"])
@given(size=every_size, more=st.integers(0, 9))
def test_a_larger_picture_of_the_same_shape_costs_no_less(
    name: str, size: Size, more: int
) -> None:
    larger = Size(size.width_px * (1 + more), size.height_px * (1 + more))
    assert RULES[name].count(larger, "high") >= RULES[name].count(size, "high")


@given(every_size)
def test_low_detail_costs_no_more_than_high(size: Size) -> None:
    for rule in RULES.values():
        assert rule.count(size, "low") <= rule.count(size, "high")
        assert rule.count(size, "auto") == rule.count(size, "high")


@given(st.builds(Size, st.integers(200, 16_384), st.integers(200, 16_384)))
def test_low_detail_is_one_tile_or_so_many_squares(size: Size) -> None:
    assert GEMINI_2_5.count(size, "low") == 258
    assert QWEN_3.count(size, "low") <= 256


@pytest.mark.parametrize(
    ("rule", "size", "max_tokens", "wanted"),
    [
        (GPT_4_1, (4000, 3000), 765, (1024, 768)),
        (GPT_4_1, (4000, 3000), 764, (682, 512)),
        (GPT_4_1, (4000, 3000), 255, (512, 384)),
        (GPT_4_1, (4000, 3000), 254, None),
        (GEMINI_2_5, (4000, 3000), 1032, (1536, 1152)),
        (GEMINI_2_5, (4000, 3000), 258, (384, 288)),
        (GEMINI_2_5, (4000, 3000), 257, None),
        (GEMINI_3, (4000, 3000), 1120, (4000, 3000)),
        (GEMINI_3, (4000, 3000), 1119, None),
        (QWEN_3, (3024, 4032), 11_844, (3024, 4032)),
        (QWEN_3, (3024, 4032), 1_024, (879, 1172)),
        (QWEN_3, (3024, 4032), 64, None),  # it would be enlarged to 70
        (SMALL_QWEN, (128, 96), 6, (106, 80)),
        (SMALL_QWEN, (128, 96), 4, (80, 60)),
        (LITE, (1024, 1024), 1_023, (992, 992)),
        (LITE, (1024, 1024), 0, None),
        (PATCHES, (1024, 1024), 1_023, (992, 992)),
        (PATCHES, (1024, 1024), 0, None),
        (MINI, (1024, 1024), 1, None),
        (MINI, (1024, 1024), 2, (32, 32)),
    ],
)
def test_the_largest_size_within_so_many_tokens(
    rule: ImageRule, size: tuple[int, int], max_tokens: int, wanted: tuple[int, int] | None
) -> None:
    assert rule.within(Size(*size), max_tokens=max_tokens) == wanted


@given(every_size, st.integers(1, 60_000_000))
def test_a_picture_of_at_most_so_many_pixels_is_as_large_as_they_allow(
    size: Size, max_pixels: int
) -> None:
    small = at_most(size, max_pixels)
    assert small.width_px * small.height_px <= max_pixels
    assert small.width_px <= size.width_px
    assert small.height_px <= size.height_px
    assert at_most(small, max_pixels) == small
    if size.width_px * size.height_px <= max_pixels:
        assert small == size
    elif min(small) > 1:
        assert (small.width_px + 1) * (small.height_px + 1) > max_pixels
