"""From a model's numbers to pixels, as the vendors' documents say."""

from collections.abc import Sequence

import pytest
from hypothesis import given, strategies as st

from visus.core.boxes import BoxConvention, Scale
from visus.core.tokens import QwenPixels, Size

GEMINI = BoxConvention(y_first=True, steps=1000)
QWEN3 = BoxConvention(steps=1000)
QWEN2 = BoxConvention(
    looks_at=QwenPixels(side_px=28, min_tokens=4, max_tokens=16384, low_tokens=256).looks_at
)
SENT = BoxConvention()


@pytest.mark.parametrize(
    ("convention", "picture", "sent", "numbers", "pixels"),
    [
        # Gemini's own example: descaled by hand, y first.
        (GEMINI, (1000, 500), (1000, 500), [100, 200, 300, 400], [200, 50, 400, 150]),
        (GEMINI, (4000, 3000), (768, 576), [0, 0, 1000, 1000], [0, 0, 4000, 3000]),
        (GEMINI, (640, 480), (640, 480), [500, 250], [160, 240]),
        (QWEN3, (4000, 3000), (2048, 1536), [100, 200, 300, 400], [400, 600, 1200, 1200]),
        # 1000 x 700 is 36 x 25 squares of 28 pixels: the model sees 1008 x 700.
        (QWEN2, (1000, 700), (1000, 700), [504, 350, 1008, 700], [500, 350, 1000, 700]),
        (QWEN2, (2000, 1400), (1000, 700), [504, 350, 1008, 700], [1000, 700, 2000, 1400]),
        # 20 x 20 is enlarged to 2 x 2 squares.
        (QWEN2, (20, 20), (20, 20), [28, 14, 56, 56], [10, 5, 20, 20]),
        (SENT, (2000, 1000), (500, 250), [10, 20, 30, 40], [40, 80, 120, 160]),
        # Outside of the picture is its edge; halves go up.
        (QWEN3, (100, 100), (100, 100), [-5, 1200, 5, 15], [0, 100, 1, 2]),
        (QWEN3, (100, 100), (100, 100), [4.9, 5.1, 994.9, 995.1], [0, 1, 99, 100]),
    ],
)
def test_boxes_become_pixels(
    convention: BoxConvention,
    picture: tuple[int, int],
    sent: tuple[int, int],
    numbers: Sequence[float],
    pixels: Sequence[int],
) -> None:
    scale = convention.scale(Size(*picture), sent=Size(*sent), detail="auto")
    assert scale.pixels(numbers) == pixels


@given(
    sides=st.tuples(st.integers(1, 20_000), st.integers(1, 20_000)),
    numbers=st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=4),
    y_first=st.booleans(),
)
def test_pixels_are_never_outside_of_the_picture(
    *, sides: tuple[int, int], numbers: list[float], y_first: bool
) -> None:
    scale = Scale(Size(*sides), Size(1000, 1000), y_first=y_first)
    x0, y0, x1, y1 = scale.pixels(numbers)
    assert all(0 <= x <= sides[0] for x in (x0, x1))
    assert all(0 <= y <= sides[1] for y in (y0, y1))


@given(st.integers(0, 1000), st.integers(1, 20_000))
def test_a_corner_is_at_most_half_a_pixel_off(thousandths: int, side_px: int) -> None:
    scale = Scale(Size(side_px, side_px), Size(1000, 1000), y_first=False)
    assert abs(scale.pixels([thousandths, 0])[0] - thousandths * side_px / 1000) <= 0.5
