"""Counting by the minute, against a model that remembers everything."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Protocol

import anyio
import pytest
from hypothesis import given, strategies as st
from tests.support.redis import RedisProcess

from visus.accounts.keys import Key
from visus.accounts.limiter import (
    MAX_METERS,
    Admission,
    Limiter,
    LimitsSettings,
    LocalLimiter,
)
from visus.accounts.limits import MAX_RETRY_AFTER_S, Limits, Standing, Window
from visus.accounts.shared_limiter import SharedLimiter, shared_limiter
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


class Making(Protocol):
    async def __call__(self, **settings: object) -> Limiter: ...


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["local", "shared"])
async def limiter(request: pytest.FixtureRequest, clock: Clock) -> AsyncIterator[Making]:
    """Makes either of the two; what follows holds for both."""
    if request.param == "local":

        async def local(**settings: object) -> Limiter:
            return LocalLimiter(LimitsSettings(**settings), clock=clock)  # type: ignore[arg-type]

        yield local
        return
    server: RedisProcess = request.getfixturevalue("redis")
    async with AsyncExitStack() as stack:

        async def shared(**settings: object) -> Limiter:
            made = LimitsSettings(redis_timeout_s=5, **settings)  # type: ignore[arg-type]
            opened = shared_limiter(made, server.url(), clock=clock)
            return await stack.enter_async_context(opened)

        yield shared


async def entered(counting: Limiter, who: Key, model: str = "m") -> Admission:
    """One more that is let in, once those that left are gone."""
    while isinstance(counting, SharedLimiter) and counting.leaving:  # noqa: ASYNC110 -- not for long
        await anyio.sleep(0.001)
    admission = counting.asking(who, model)
    await admission.enter()
    return admission


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


async def test_the_nth_request_passes_and_the_next_does_not_until_the_first_is_a_minute_old(
    limiter: Making, clock: Clock
) -> None:
    counting = await limiter()
    mine = key(Limits(requests_per_minute=3))
    for _ in range(3):
        (await entered(counting, mine)).leave()
        clock.now_s += 1
    with pytest.raises(RateLimited) as caught:
        await entered(counting, mine)
    wait_s = caught.value.retry_after_s
    assert wait_s is not None
    assert 1 <= wait_s <= MAX_RETRY_AFTER_S
    clock.now_s += wait_s - 1.01
    with pytest.raises(RateLimited):
        await entered(counting, mine)
    clock.now_s += 1.01
    (await entered(counting, mine)).leave()


async def test_a_request_that_is_refused_counts_nowhere(limiter: Making, clock: Clock) -> None:
    counting = await limiter(models={"m": Limits(requests_per_minute=1)})
    mine = key(Limits(requests_per_minute=10))
    (await entered(counting, mine)).leave()
    for _ in range(5):
        with pytest.raises(RateLimited):
            await entered(counting, mine)
    other = await entered(counting, mine, "another model")
    requests = other.standings().requests
    assert requests is not None
    assert (requests.limit, requests.remaining) == (10, 8)


async def test_a_project_counts_all_its_keys_together(limiter: Making, clock: Clock) -> None:
    counting = await limiter(project=Limits(requests_per_minute=2))
    one, two = key(Limits()), key(Limits(), key_id="key_2")
    stranger = key(Limits(), key_id="key_3", project_id="proj_2")
    (await entered(counting, one)).leave()
    (await entered(counting, two)).leave()
    with pytest.raises(RateLimited):
        await entered(counting, one)
    (await entered(counting, stranger)).leave()


async def test_places_come_back_when_requests_end_and_only_once(
    limiter: Making, clock: Clock
) -> None:
    counting = await limiter()
    mine = key(Limits(concurrent_requests=2))
    first, _ = await entered(counting, mine), await entered(counting, mine)
    with pytest.raises(ConcurrencyExceeded):
        await entered(counting, mine)
    first.leave()
    first.leave()
    await entered(counting, mine)
    with pytest.raises(ConcurrencyExceeded):
        await entered(counting, mine)


async def test_tokens_count_by_the_estimate_until_the_truth_is_known(
    limiter: Making, clock: Clock
) -> None:
    counting = await limiter()
    mine = key(Limits(input_tokens_per_minute=1000, output_tokens_per_minute=500))
    first = await entered(counting, mine)
    await first.count(900, 100)
    second = await entered(counting, mine)
    with pytest.raises(RateLimited):
        await second.count(200, 1)
    first.correct(100, 10)
    first.leave()
    await entered(counting, mine)
    await second.count(200, 1)
    tokens = second.standings().tokens
    assert tokens is not None
    assert (tokens.limit, tokens.remaining) == (500, 489)
    clock.now_s += 62
    assert (await entered(counting, mine)).standings().tokens == Standing(500, 500, 0.0)


async def test_less_than_was_thought_makes_no_room_in_a_later_minute(
    limiter: Making, clock: Clock
) -> None:
    counting = await limiter()
    mine = key(Limits(input_tokens_per_minute=1000))
    early = await entered(counting, mine)
    await early.count(900, 0)
    clock.now_s += 50
    early.correct(100, 0)
    early.leave()
    clock.now_s += 12
    await (await entered(counting, mine)).count(1000, 0)
    with pytest.raises(RateLimited):
        await (await entered(counting, mine)).count(1, 0)
    late = await entered(counting, mine)
    clock.now_s += 70
    await late.count(10, 0)
    clock.now_s += 70
    late.correct(5, 0)
    late.leave()
    await (await entered(counting, mine)).count(1000, 0)


async def test_what_never_fits_is_not_told_to_wait(limiter: Making, clock: Clock) -> None:
    counting = await limiter()
    asked = await entered(counting, key(Limits(input_tokens_per_minute=100)))
    with pytest.raises(TooLargeForLimit) as caught:
        await asked.count(101, 0)
    assert caught.value.retry_after_s is None
    assert caught.value.should_retry is False


async def test_other_limits_hold_at_once_and_nothing_is_forgotten(
    limiter: Making, clock: Clock
) -> None:
    counting = await limiter()
    for _ in range(4):
        (await entered(counting, key(Limits(requests_per_minute=5)))).leave()
    fewer = key(Limits(requests_per_minute=4))
    with pytest.raises(RateLimited):
        await entered(counting, fewer)
    more = key(Limits(requests_per_minute=6))
    (await entered(counting, more)).leave()


async def test_who_has_not_asked_for_longest_is_forgotten_and_nobody_who_counts(
    clock: Clock,
) -> None:
    counting = LocalLimiter(LimitsSettings(), clock=clock)
    once = Limits(requests_per_minute=1)
    regulars = [key(once, key_id=f"regular_{number}") for number in range(MAX_METERS // 10)]
    for who in regulars:
        counting.asking(who, "m")
    clock.now_s += 30
    for number in range(MAX_METERS - len(regulars)):
        counting.asking(key(once, key_id=f"stranger_{number}"), "m")
    clock.now_s += 30
    for who in regulars:
        (await entered(counting, who)).leave()
    assert len(counting) == MAX_METERS
    counting.asking(key(once, key_id="newcomer"), "m")
    assert len(counting) == MAX_METERS + 1 - MAX_METERS // 10
    for who in regulars:
        with pytest.raises(RateLimited):
            await entered(counting, who)
