"""Counting by the minute, against a model that remembers everything."""

import pytest
from hypothesis import given, strategies as st

from visus.accounts.keys import Key
from visus.accounts.limiter import Limiter, LimitsSettings
from visus.accounts.limits import MAX_RETRY_AFTER_S, Limits, Window
from visus.errors import ConcurrencyExceeded, RateLimited, TooLargeForLimit


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1000.25

    def __call__(self) -> float:
        return self.now_s


def key(limits: Limits, **more: object) -> Key:
    made = {"key_id": "key_1", "project_id": "proj_1"} | more
    return Key(name="x", hint="abcd", created_at=0, limits=limits, **made)  # type: ignore[arg-type]


def limiter(**settings: object) -> tuple[Limiter, Clock]:
    clock = Clock()
    return Limiter(LimitsSettings(**settings), clock=clock), clock  # type: ignore[arg-type]


@given(
    st.lists(st.tuples(st.floats(0, 40), st.integers(1, 5)), max_size=60), st.integers(5, 12)
)
def test_no_minute_holds_more_than_the_limit(
    steps: list[tuple[float, int]], limit: int
) -> None:
    window, now_s = Window(limit), 100.0
    counted: list[tuple[float, int]] = []
    for pause_s, amount in steps:
        now_s += pause_s
        window.at(now_s)
        if window.used + amount <= limit:
            window.add(amount, now_s)
            counted.append((now_s, amount))
        else:
            wait_s = window.wait_s(amount, now_s)
            assert 0 < wait_s <= 61
            window.at(now_s + wait_s)  # and then it fits
            assert window.used + amount <= limit
            now_s += wait_s
    for start_s, _ in counted:
        assert sum(n for at_s, n in counted if start_s <= at_s < start_s + 60) <= limit


def test_the_nth_request_passes_and_the_next_does_not_until_the_first_is_a_minute_old() -> None:
    counting, clock = limiter()
    mine = key(Limits(requests_per_minute=3))
    for _ in range(3):
        counting.enter(mine, "m").leave()
        clock.now_s += 1
    with pytest.raises(RateLimited) as caught:
        counting.enter(mine, "m")
    wait_s = caught.value.retry_after_s
    assert wait_s is not None
    assert 1 <= wait_s <= MAX_RETRY_AFTER_S
    clock.now_s += wait_s - 1.01
    with pytest.raises(RateLimited):
        counting.enter(mine, "m")
    clock.now_s += 1.01
    counting.enter(mine, "m").leave()


def test_a_request_that_is_refused_counts_nowhere() -> None:
    counting, _ = limiter(models={"m": Limits(requests_per_minute=1)})
    mine = key(Limits(requests_per_minute=10))
    counting.enter(mine, "m").leave()
    for _ in range(5):
        with pytest.raises(RateLimited):
            counting.enter(mine, "m")
    requests = counting.standings(mine).requests
    assert requests is not None
    assert (requests.limit, requests.remaining) == (10, 9)
    counting.enter(mine, "another model").leave()


def test_a_project_counts_all_its_keys_together() -> None:
    counting, _ = limiter(project=Limits(requests_per_minute=2))
    one, two = key(Limits()), key(Limits(), key_id="key_2")
    stranger = key(Limits(), key_id="key_3", project_id="proj_2")
    counting.enter(one, "m").leave()
    counting.enter(two, "m").leave()
    with pytest.raises(RateLimited):
        counting.enter(one, "m")
    counting.enter(stranger, "m").leave()


def test_places_come_back_when_requests_end_and_only_once() -> None:
    counting, _ = limiter()
    mine = key(Limits(concurrent_requests=2))
    first, _ = counting.enter(mine, "m"), counting.enter(mine, "m")
    with pytest.raises(ConcurrencyExceeded):
        counting.enter(mine, "m")
    first.leave()
    first.leave()
    counting.enter(mine, "m")
    with pytest.raises(ConcurrencyExceeded):
        counting.enter(mine, "m")


def test_tokens_count_by_the_estimate_until_the_truth_is_known() -> None:
    counting, clock = limiter()
    mine = key(Limits(input_tokens_per_minute=1000, output_tokens_per_minute=500))
    first = counting.enter(mine, "m")
    first.count(900, 100)
    second = counting.enter(mine, "m")
    with pytest.raises(RateLimited):
        second.count(200, 1)
    first.correct(100, 10)
    second.count(200, 1)
    tokens = counting.standings(mine).tokens
    assert tokens is not None
    assert (tokens.limit, tokens.remaining) == (500, 489)
    clock.now_s += 62
    assert counting.standings(mine).tokens == (500, 500, 0.0)


def test_less_than_was_thought_makes_no_room_in_a_later_minute() -> None:
    counting, clock = limiter()
    mine = key(Limits(input_tokens_per_minute=1000))
    early = counting.enter(mine, "m")
    early.count(900, 0)
    clock.now_s += 50
    early.correct(100, 0)
    clock.now_s += 12
    counting.enter(mine, "m").count(1000, 0)
    with pytest.raises(RateLimited):
        counting.enter(mine, "m").count(1, 0)
    late = counting.enter(mine, "m")
    clock.now_s += 70
    late.count(10, 0)
    clock.now_s += 70
    late.correct(5, 0)
    counting.enter(mine, "m").count(1000, 0)


def test_what_never_fits_is_not_told_to_wait() -> None:
    counting, _ = limiter()
    asked = counting.enter(key(Limits(input_tokens_per_minute=100)), "m")
    with pytest.raises(TooLargeForLimit) as caught:
        asked.count(101, 0)
    assert caught.value.retry_after_s is None
    assert caught.value.should_retry is False


def test_other_limits_hold_at_once_and_nothing_is_forgotten() -> None:
    counting, _ = limiter()
    for _ in range(4):
        counting.enter(key(Limits(requests_per_minute=5)), "m").leave()
    fewer = key(Limits(requests_per_minute=4))
    with pytest.raises(RateLimited):
        counting.enter(fewer, "m")
    more = key(Limits(requests_per_minute=6))
    counting.enter(more, "m").leave()
