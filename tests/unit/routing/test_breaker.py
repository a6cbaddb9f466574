"""When a deployment is left alone, and how it is found to have recovered."""

import random

import pytest
from hypothesis import given, strategies as st

from visus.routing.breaker import Breaker
from visus.routing.settings import BreakerSettings

SETTINGS = BreakerSettings(failures=4, ratio=0.5, window_s=30, open_s=10)


def broken(at_s: float = 100.0) -> Breaker:
    breaker = Breaker(SETTINGS)
    for _ in range(4):
        breaker.failed(at_s)
    return breaker


def test_it_opens_at_the_limit_and_not_before() -> None:
    breaker = Breaker(SETTINGS)
    for _ in range(3):
        breaker.failed(100.0)
        assert not breaker.is_open
    breaker.failed(100.0)
    assert breaker.is_open
    assert breaker.wait_s(100.0) == 10
    assert breaker.wait_s(109.0) == 1


def test_failures_further_apart_than_the_window_do_not_add_up() -> None:
    breaker = Breaker(SETTINGS)
    for place in range(20):
        breaker.failed(100.0 + place * 10.1)
        assert not breaker.is_open


@pytest.mark.parametrize(("successes", "is_open"), [(4, True), (5, False)])
def test_the_share_of_failures_counts_too(successes: int, is_open: bool) -> None:  # noqa: FBT001
    breaker = Breaker(SETTINGS)
    breaker.failed(100.0)
    for _ in range(successes):
        breaker.succeeded()
    for _ in range(3):
        breaker.failed(101.0)
    assert breaker.is_open is is_open


def test_half_of_all_failing_opens_it_soon() -> None:
    """Threats.md, P19."""
    for seed in range(50):
        dice = random.Random(seed)  # noqa: S311 -- repeatable
        breaker, asked = Breaker(BreakerSettings()), 0
        while not breaker.is_open:
            asked += 1
            breaker.succeeded() if dice.random() < 0.5 else breaker.failed(100.0 + asked / 10)
        assert asked < 200


def test_after_its_time_one_probe_passes_and_closes_or_opens_it() -> None:
    breaker = broken()
    assert breaker.wait_s(110.0) == 0
    assert breaker.begin()
    assert breaker.wait_s(111.0) > 0  # everybody else waits for the probe
    breaker.failed(111.0)
    assert breaker.wait_s(120.9) > 0
    assert breaker.wait_s(121.0) == 0
    assert breaker.begin()
    breaker.succeeded()
    assert not breaker.is_open
    assert not breaker.begin()


def test_a_probe_that_nobody_waited_for_leaves_the_way_to_another() -> None:
    breaker = broken()
    breaker.left(was_probe=breaker.begin())
    assert breaker.wait_s(110.0) == 0


def test_late_failures_of_earlier_questions_do_not_keep_it_open() -> None:
    breaker = broken()
    breaker.failed(105.0)
    assert breaker.wait_s(110.0) == 0


def test_it_can_be_switched_off() -> None:
    breaker = Breaker(BreakerSettings(failures=0))
    for _ in range(1000):
        breaker.failed(100.0)
    assert not breaker.is_open


@given(
    st.lists(st.tuples(st.sampled_from(["ok", "bad", "left"]), st.floats(0, 20)), max_size=60)
)
def test_whatever_happens_it_lets_a_question_through_in_the_end(
    story: list[tuple[str, float]],
) -> None:
    breaker, now_s = Breaker(SETTINGS), 100.0
    for outcome, passed_s in story:
        now_s += passed_s
        if breaker.wait_s(now_s):
            continue
        was_probe = breaker.begin()
        match outcome:
            case "ok":
                breaker.succeeded()
            case "bad":
                breaker.failed(now_s)
            case _:
                breaker.left(was_probe=was_probe)
    assert breaker.wait_s(now_s + SETTINGS.open_s) == 0
