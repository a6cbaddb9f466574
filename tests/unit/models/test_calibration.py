"""What is learnt from the usage that real answers report."""

import random
from collections.abc import Callable, Iterator
from itertools import islice

import pytest
from hypothesis import example, given, strategies as st

from visus.core.tokens import OpenAITiles, QwenPixels, Size
from visus.models.calibration import (
    ENOUGH,
    KEPT,
    MODELS,
    Calibration,
    Corrected,
    Correction,
    Estimate,
)

TILES = OpenAITiles(
    base=85, per_tile=170, tile_px=512, box_px=2048, short_side_px=768, low_side_px=512
)
SQUARES = QwenPixels(side_px=32, min_tokens=64, max_tokens=16_384, low_tokens=256)
SIZES = [(64, 64), (512, 512), (640, 480), (1024, 1024), (1920, 1080), (3024, 4032)]


def requests(seed: int) -> Iterator[Estimate]:
    """Requests with texts of all lengths and pictures of several sizes, some without any."""
    dice = random.Random(seed)  # noqa: S311 -- not secrets
    while True:
        sizes = [Size(*dice.choice(SIZES)) for _ in range(dice.randint(0, 3))]
        media = sum(SQUARES.count(size, "auto") for size in sizes)
        yield Estimate(media, len(sizes), int(10 ** dice.uniform(0.7, 3.5)))


def plain(estimate: Estimate) -> int:
    return estimate.media_tokens + estimate.text_tokens


def assert_within_two_percent(
    calibration: Calibration, counts: Callable[[Estimate], float], *, seed: int
) -> None:
    """Or within a token, of a small request."""
    for estimate in islice(requests(seed), 60):
        real = max(1, round(counts(estimate)))
        found = calibration.corrected("m", estimate).tokens
        assert abs(found - real) <= max(1, 0.02 * real), estimate


def learnt(
    counts: Callable[[Estimate], float], *, seed: int, calibration: Calibration | None = None
) -> Calibration:
    """After twenty answers of an upstream that `counts` so."""
    calibration = calibration or Calibration()
    for estimate in islice(requests(seed), 20):
        calibration.learn("m", estimate, reported=max(1, round(counts(estimate))))
    return calibration


@given(st.floats(0.2, 5), st.integers(0, 1000), st.integers(0, 10_000))
def test_after_twenty_answers_any_factor_and_offset_are_known(
    factor: float, offset: int, seed: int
) -> None:
    def counts(estimate: Estimate) -> float:
        return factor * plain(estimate) + offset

    assert_within_two_percent(learnt(counts, seed=seed), counts, seed=seed + 1)


@given(st.floats(0.2, 5), st.floats(0.2, 5), st.integers(0, 200), st.integers(0, 10_000))
@example(5.0, 0.2, 200, 4179)  # many large pictures, and few words
def test_text_and_pictures_are_told_apart(
    of_media: float, of_text: float, per_picture: int, seed: int
) -> None:
    def counts(estimate: Estimate) -> float:
        return (
            of_media * estimate.media_tokens
            + per_picture * estimate.media_parts
            + of_text * estimate.text_tokens
            + 7
        )

    assert_within_two_percent(learnt(counts, seed=seed), counts, seed=seed + 1)


@pytest.mark.parametrize("seed", range(10))
def test_what_was_true_before_is_gone_after_twenty_answers(seed: int) -> None:
    calibration = learnt(lambda estimate: 3 * plain(estimate) + 40, seed=seed)

    def counts(estimate: Estimate) -> float:
        return 0.5 * estimate.media_tokens + estimate.text_tokens

    learnt(counts, seed=seed + 100, calibration=calibration)
    assert_within_two_percent(calibration, counts, seed=seed + 200)


@pytest.mark.parametrize("seed", range(10))
def test_a_few_senseless_reports_change_nothing(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 -- not secrets

    def counts(estimate: Estimate) -> float:
        return 1.4 * plain(estimate) + 11

    odd = set(dice.sample(range(20), 4))
    calibration = Calibration()
    for place, estimate in enumerate(islice(requests(seed), 20)):
        real = counts(estimate) * (dice.choice((0.01, 0.3, 4, 50)) if place in odd else 1)
        calibration.learn("m", estimate, reported=max(1, round(real)))
    assert_within_two_percent(calibration, counts, seed=seed + 1)


def test_texts_that_are_estimated_badly_do_not_spoil_pictures() -> None:
    dice = random.Random(5)  # noqa: S311 -- not secrets
    calibration = Calibration()
    for estimate in islice(requests(5), 20):
        text = estimate.text_tokens * dice.uniform(0.8, 1.2)
        calibration.learn("m", estimate, reported=round(2 * estimate.media_tokens + text) + 9)
    found = calibration.corrected("m", Estimate(11_844, 1, 12))
    assert abs(found.tokens - (2 * 11_844 + 21)) < 0.02 * 2 * 11_844


def test_another_formula_upstream_is_learnt_where_pictures_have_one_size() -> None:
    calibration = Calibration()
    dice = random.Random(1)  # noqa: S311 -- not secrets
    for _ in range(20):
        text = dice.randint(5, 500)
        estimate = Estimate(TILES.count(Size(1024, 1024), "auto"), 1, text)
        calibration.learn("m", estimate, reported=1024 + text)
    assert abs(calibration.corrected("m", Estimate(765, 1, 100)).tokens - 1124) <= 12


def test_pictures_are_remembered_through_any_number_of_texts() -> None:
    calibration = learnt(
        lambda estimate: 2 * estimate.media_tokens + estimate.text_tokens, seed=2
    )
    for text in range(10, 10 + 3 * KEPT):
        calibration.learn("m", Estimate(0, 0, text), reported=3 * text)
    found = calibration.corrected("m", Estimate(1000, 1, 100))
    assert found.tokens == pytest.approx(2300, rel=0.05)


def test_nothing_is_corrected_before_enough_answers() -> None:
    calibration = Calibration()
    estimate = Estimate(1000, 1, 50)
    assert calibration.corrected("m", estimate) == Corrected(1000, 50, None)
    for _ in range(ENOUGH - 1):
        calibration.learn("m", estimate, reported=2100)
        assert calibration.corrected("m", estimate) == Corrected(1000, 50, None)
    calibration.learn("m", estimate, reported=2100)
    found = calibration.corrected("m", estimate)
    assert found.correction == Correction(ENOUGH, 2.0)
    assert found.tokens == 2100


def test_where_answers_cannot_tell_the_blame_goes_to_what_is_large() -> None:
    calibration = Calibration()
    for _ in range(20):
        calibration.learn("m", Estimate(1000, 1, 10), reported=2000)
    found = calibration.corrected("m", Estimate(0, 0, 1000))
    assert found.tokens == pytest.approx(1000, rel=0.05)


def test_an_upstream_that_counts_as_we_do_has_the_factor_one() -> None:
    found = learnt(plain, seed=1).corrected("m", Estimate(765, 1, 20))
    assert found == Corrected(765, 20, Correction(20, 1.0))


def test_the_number_of_answers_is_bounded_and_so_is_that_of_models() -> None:
    calibration = learnt(plain, seed=1)
    learnt(plain, seed=2, calibration=calibration)
    found = calibration.corrected("m", Estimate(10, 1, 10)).correction
    assert found is not None
    assert found.answers == KEPT
    for number in range(MODELS):
        calibration.learn(f"model {number}", Estimate(1, 1, 1), reported=1)
    assert calibration.corrected("m", Estimate(10, 1, 10)).correction is None


def test_each_model_is_by_itself() -> None:
    calibration = learnt(lambda estimate: 2 * plain(estimate), seed=1)
    assert calibration.corrected("other", Estimate(10, 1, 10)) == Corrected(10, 10, None)


@pytest.mark.parametrize("reported", [0, -5])
def test_a_report_without_tokens_says_nothing(reported: int) -> None:
    calibration = Calibration()
    for _ in range(20):
        calibration.learn("m", Estimate(1000, 1, 50), reported=reported)
    assert calibration.corrected("m", Estimate(1000, 1, 50)).correction is None


answers = st.tuples(
    st.integers(0, 10**6), st.integers(0, 60), st.integers(0, 10**6), st.integers(-10, 10**9)
)


@given(st.lists(answers, max_size=40), answers)
def test_no_report_at_all_makes_an_estimate_negative_or_fails(
    reports: list[tuple[int, int, int, int]], asked: tuple[int, int, int, int]
) -> None:
    calibration = Calibration()
    for *estimate, reported in reports:
        calibration.learn("m", Estimate(*estimate), reported=reported)
    found = calibration.corrected("m", Estimate(*asked[:3]))
    assert found.media_tokens >= 0
    assert found.text_tokens >= 0
