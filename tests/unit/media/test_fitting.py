from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from visus.media.fitting import Fit

SIDES = st.integers(1, 20_000)
LIMITS = st.none() | st.integers(1, 20_000)


@pytest.mark.parametrize(
    ("fit", "stored", "wanted"),
    [
        (Fit(), (4000, 3000), (4000, 3000)),
        (Fit(max_side_px=1024), (4000, 3000), (1024, 768)),
        (Fit(max_side_px=1024), (3000, 4000), (768, 1024)),
        (Fit(max_width_px=1024, max_height_px=768), (4000, 3000), (1024, 768)),
        (Fit(max_width_px=1024, max_height_px=683), (2121, 1414), (1024, 683)),
        (Fit(max_width_px=1024, max_height_px=682), (2121, 1414), (1024, 682)),
        (Fit(max_width_px=500, max_height_px=500), (4000, 3000), (500, 375)),
        (Fit(max_height_px=300), (4000, 3000), (400, 300)),
        (Fit(max_width_px=8000, max_height_px=6000), (4000, 3000), (4000, 3000)),
        (Fit(max_width_px=8000, max_height_px=300), (4000, 3000), (400, 300)),
        (Fit(max_pixels=3_000_000), (4000, 3000), (2000, 1500)),
        (Fit(max_pixels=1), (1, 20_000), (1, 1)),
        (Fit(max_side_px=10), (20_000, 1), (10, 1)),
        (Fit(max_width_px=1, max_height_px=2, max_side_px=1), (1, 2), (1, 1)),
        (Fit(max_width_px=1, max_height_px=2), (2, 1), (1, 1)),
    ],
)
def test_a_stored_size_becomes_the_largest_that_fits(
    fit: Fit, stored: tuple[int, int], wanted: tuple[int, int]
) -> None:
    assert fit.size(*stored) == wanted


@pytest.mark.parametrize("orientation", range(1, 9))
def test_limits_are_meant_for_the_upright_picture(orientation: int) -> None:
    fit = Fit(max_width_px=768, max_height_px=1024)
    wanted = (1024, 768) if orientation >= 5 else (768, 576)
    assert fit.size(4000, 3000, orientation=orientation) == wanted


FITS = st.builds(
    Fit,
    max_width_px=LIMITS,
    max_height_px=LIMITS,
    max_side_px=LIMITS,
    max_pixels=st.none() | st.integers(1, 10**8),
)


def holds(value: int, limit: int | None) -> bool:
    return limit is None or value <= limit


@given(SIDES, SIDES, FITS)
def test_every_limit_holds_and_proportions_stay(width: int, height: int, fit: Fit) -> None:
    across, down = fit.size(width, height)
    assert 1 <= across <= width
    assert 1 <= down <= height
    assert holds(across, fit.max_width_px)
    assert holds(down, fit.max_height_px)
    assert holds(max(across, down), fit.max_side_px)
    assert holds(across * down, fit.max_pixels)
    if min(across, down) > 1:
        # Each side is at most two pixels off the exact proportion.
        assert abs(Fraction(across * height, width) - down) <= 2 * max(
            1, Fraction(height, width)
        )


@given(SIDES, SIDES, LIMITS, LIMITS)
def test_what_fits_already_is_left_alone(
    width: int, height: int, widest: int | None, highest: int | None
) -> None:
    fit = Fit(max_width_px=widest, max_height_px=highest)
    once = fit.size(width, height)
    assert fit.size(*once) == once
