"""Work is looked for when it is time, or when somebody says that there is some."""

import logging

import anyio
import pytest

from visus.errors import StorageUnavailable
from visus.server.polling import Interval, Poller


def test_a_period_is_over_once_however_often_somebody_asks() -> None:
    times_s = [100.0]
    every = Interval(10.0, clock_s=lambda: times_s[0])
    told: list[float] = []
    for times_s[0] in (100.0, 109.9, 110.0, 110.1, 119.9, 135.0, 135.0, 144.9, 145.0):
        if every.is_over():
            told.append(times_s[0])
    assert told == [110.0, 135.0, 145.0]


async def test_a_look_that_fails_is_followed_by_another(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO, "visus")
    faults: list[Exception] = [StorageUnavailable("Away."), ValueError("odd")]
    looked = anyio.Event()
    poller = Poller("things")

    async def look() -> None:
        if faults:
            raise faults.pop(0)
        looked.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(poller.run, look, lambda: 0.01)
        with anyio.fail_after(5):
            await looked.wait()
        tasks.cancel_scope.cancel()
    assert "things could not be looked at" in capfd.readouterr().err
    assert [record.message for record in caplog.records] == ["fault in looking at things"]


async def test_who_is_woken_looks_at_once_also_where_that_was_during_a_look() -> None:
    looks: list[int] = []
    done = anyio.Event()
    poller = Poller("things")

    async def look() -> None:
        looks.append(len(looks))
        if len(looks) == 1:
            poller.wake()
        if len(looks) == 3:
            done.set()

    def an_hour() -> float:
        return 3600.0

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(poller.run, look, an_hour)
        with anyio.fail_after(5):
            while len(looks) < 2:  # noqa: ASYNC110 -- the look must not know of this
                await anyio.sleep(0.01)
            poller.wake()
            await done.wait()
        tasks.cancel_scope.cancel()
    assert looks == [0, 1, 2]
