"""Counting in Redis: many replicas, their clocks, their deaths, and a server that goes away."""

import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from itertools import count
from typing import Protocol

import anyio
import pytest
from tests.support.redis import RedisProcess
from tests.unit.accounts.test_limiter import Clock, entered, key

from visus.accounts.limiter import LimitsSettings, Standings
from visus.accounts.limits import Limits
from visus.accounts.shared_limiter import SharedLimiter, shared_limiter
from visus.errors import ConcurrencyExceeded, RateLimited, StorageUnavailable


class Replicas(Protocol):
    async def __call__(self, clock: Clock | None = None, **more: object) -> SharedLimiter: ...


@pytest.fixture(scope="module")
def own_redis() -> Iterator[RedisProcess]:
    """A server that these tests alone may stop."""
    server = RedisProcess()
    yield server
    server.close()


_numbers = count(500)


@pytest.fixture
async def replica(own_redis: RedisProcess) -> AsyncIterator[Replicas]:
    """Makes replicas that count together."""
    url = own_redis.url(number=next(_numbers))
    async with AsyncExitStack() as stack:

        async def made(clock: Clock | None = None, **more: object) -> SharedLimiter:
            settings = LimitsSettings(**{"redis_timeout_s": 1, **more})  # type: ignore[arg-type]
            opened = shared_limiter(settings, url, clock=clock or time.monotonic)
            return await stack.enter_async_context(opened)

        yield made


def at(now_s: float) -> Clock:
    clock = Clock()
    clock.now_s = now_s
    return clock


async def how_many(counting: SharedLimiter, limits: Limits) -> int:
    """So many are let in before one is refused."""
    for number in count():
        try:
            (await entered(counting, key(limits))).leave()
        except RateLimited:
            return number
    raise AssertionError


async def test_replicas_count_together_whatever_their_clocks_say(replica: Replicas) -> None:
    limits = Limits(requests_per_minute=5)
    clocks = at(1000), at(9_000_000), at(3)
    one, other = await replica(clocks[0]), await replica(clocks[1])
    for counting in (one, other, one):
        (await entered(counting, key(limits))).leave()
    newcomer = await replica(clocks[2])
    assert await how_many(newcomer, limits) == 2
    assert [await how_many(each, limits) for each in (one, other)] == [0, 0]
    for clock in clocks:
        clock.now_s += 59
    assert [await how_many(each, limits) for each in (newcomer, one, other)] == [0, 0, 0]
    clocks[0].now_s += 3  # it is enough that a minute is over for one of them
    assert await how_many(one, limits) == 5
    assert [await how_many(each, limits) for each in (other, newcomer)] == [0, 0]


async def test_who_comes_after_a_silence_is_told_the_time(replica: Replicas) -> None:
    limits = Limits(requests_per_minute=3, concurrent_requests=4)
    idle = await replica(redis_lease_s=1)
    await anyio.sleep(1.8)  # between two of its ticks
    newcomer = await replica(redis_lease_s=1)
    assert abs(newcomer.server.clock.ms() - idle.server.clock.ms()) < 100
    for _ in range(3):
        await entered(newcomer, key(limits))
    refused = idle.asking(key(limits), "m")
    with pytest.raises(RateLimited) as caught:
        await refused.enter()
    assert 60 <= (caught.value.retry_after_s or 0) <= 61


async def test_what_is_told_is_true_of_all_of_them(replica: Replicas) -> None:
    clock = at(1000)
    one, other = await replica(clock), await replica(clock)
    limits = Limits(requests_per_minute=10, input_tokens_per_minute=100)
    first = await entered(one, key(limits))
    await first.count(60, 5)
    second = await entered(other, key(limits))
    standings = second.standings()
    assert standings.requests is not None
    assert (standings.requests.limit, standings.requests.remaining) == (10, 8)
    assert 60 <= standings.requests.reset_s <= 61
    assert standings.tokens is not None
    assert (standings.tokens.limit, standings.tokens.remaining) == (100, 40)
    with pytest.raises(RateLimited) as caught:
        await second.count(50, 1)
    assert 60 <= (caught.value.retry_after_s or 0) <= 61
    assert second.standings() == standings
    first.correct(10, 5)
    told = first.standings().tokens
    assert told is not None
    assert (told.limit, told.remaining) == (100, 90)
    assert one.standings(key(limits)) == Standings()


async def test_the_places_of_a_replica_that_died_come_back(replica: Replicas) -> None:
    clock = at(1000)
    limits = Limits(concurrent_requests=2)
    dying, living = await replica(clock, redis_lease_s=15), await replica(clock)
    await entered(dying, key(limits))
    await entered(dying, key(limits))
    clock.now_s += 14
    with pytest.raises(ConcurrencyExceeded):
        await entered(living, key(limits))
    clock.now_s += 1.1
    await entered(living, key(limits))
    await entered(living, key(limits))
    with pytest.raises(ConcurrencyExceeded):
        await entered(living, key(limits))


async def test_a_place_is_kept_as_long_as_its_request_lives(replica: Replicas) -> None:
    limits = Limits(concurrent_requests=1)
    one, other = await replica(redis_lease_s=1), await replica(redis_lease_s=1)
    held = await entered(one, key(limits))
    for _ in range(25):
        await anyio.sleep(0.1)
        with pytest.raises(ConcurrencyExceeded):
            await entered(other, key(limits))
    held.leave()
    await entered(one, key(limits))


async def test_who_hangs_up_while_being_counted_keeps_no_place(replica: Replicas) -> None:
    counting = await replica()
    limits = Limits(concurrent_requests=1)
    for patience_s in (0, 0.0001, 0.0003, 0.001):
        for _ in range(20):
            with anyio.move_on_after(patience_s):
                (await entered(counting, key(limits))).leave()
            (await entered(counting, key(limits))).leave()


async def test_many_at_once_take_what_there_is_and_no_more(replica: Replicas) -> None:
    replicas = [await replica(), await replica()]
    limits = Limits(requests_per_minute=50)
    let_in: list[int] = []

    async def ask(number: int) -> None:
        try:
            (await entered(replicas[number % 2], key(limits))).leave()
        except RateLimited:
            return
        let_in.append(number)

    async with anyio.create_task_group() as tasks:
        for number in range(200):
            tasks.start_soon(ask, number)
    assert len(let_in) == 50
    assert {number % 2 for number in let_in} == {0, 1}


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.message for one in caplog.records if one.message.startswith("redis")]


async def until_found(counting: SharedLimiter) -> None:
    with anyio.fail_after(10):
        while counting.server.is_lost:  # noqa: ASYNC110 -- it tells nobody
            await anyio.sleep(0.02)


async def test_without_redis_each_replica_counts_by_itself(
    own_redis: RedisProcess, replica: Replicas, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    replicas = [await replica(), await replica()]
    limits = Limits(requests_per_minute=5)
    began = await entered(replicas[0], key(limits))
    with own_redis.away():
        assert [await how_many(one, limits) for one in replicas] == [5, 5]
        await began.count(10, 10)
        began.correct(5, 5)
        assert began.standings().requests is not None
        began.leave()
        assert said(caplog) == ["redis is lost"] * 2
    for one in replicas:
        await until_found(one)
    assert said(caplog) == ["redis is lost"] * 2 + ["redis answers again"] * 2
    assert [await how_many(one, limits) for one in replicas] == [5, 0]


async def test_without_redis_nobody_is_served_where_that_is_wanted(
    own_redis: RedisProcess, replica: Replicas
) -> None:
    counting = await replica(when_redis_is_lost="refuse")
    began = await entered(counting, key(Limits()))
    with own_redis.away():
        with pytest.raises(StorageUnavailable):
            await entered(counting, key(Limits()))
        with pytest.raises(StorageUnavailable):
            await began.count(1, 1)
        began.leave()
    await until_found(counting)
    (await entered(counting, key(Limits()))).leave()


async def test_a_server_that_only_listens_costs_one_request_its_time(
    own_redis: RedisProcess, replica: Replicas
) -> None:
    counting = await replica(redis_timeout_s=0.2)
    (await entered(counting, key(Limits()))).leave()
    with own_redis.frozen():
        began_s = time.monotonic()
        (await entered(counting, key(Limits()))).leave()
        assert 0.15 < time.monotonic() - began_s < 1
        slowest_s = 0.0
        for _ in range(100):
            began_s = time.monotonic()
            (await entered(counting, key(Limits()))).leave()
            slowest_s = max(slowest_s, time.monotonic() - began_s)
            await anyio.sleep(0.02)
        assert slowest_s < 0.1
    await until_found(counting)


async def test_what_is_under_way_is_known_to_a_server_that_forgot_everything(
    own_redis: RedisProcess, replica: Replicas
) -> None:
    limits = Limits(concurrent_requests=2)
    one, other = await replica(), await replica()
    first = await entered(one, key(limits))
    with own_redis.away():
        second = await entered(one, key(limits))
    await until_found(one)
    await until_found(other)
    with pytest.raises(ConcurrencyExceeded):
        await entered(other, key(limits))
    for each in (first, second):
        each.leave()
    (await entered(one, key(limits))).leave()


async def test_a_server_that_is_not_there_yet_is_found_later(
    own_redis: RedisProcess, replica: Replicas
) -> None:
    with own_redis.away():
        counting = await replica()
        (await entered(counting, key(Limits()))).leave()
        assert counting.server.is_lost
    await until_found(counting)


async def test_a_wrong_password_is_told_without_it(
    own_redis: RedisProcess, caplog: pytest.LogCaptureFixture
) -> None:
    async with shared_limiter(LimitsSettings(), own_redis.url(password="hushhush")) as it:
        (await entered(it, key(Limits()))).leave()
    (found,) = [one for one in caplog.records if one.message == "redis is lost"]
    fields = str(found.__dict__["fields"])
    assert "invalid username-password pair" in fields
    assert "hush" not in fields
