# ruff: noqa: PT012  (what is said before a fault belongs to the question)
"""Jobs that are answered piece by piece, and those who leave before the end."""

import errno
import os
import signal
import time
from pathlib import Path

import anyio
import pytest

from visus.errors import MediaRejected, Overloaded
from visus.workers import channel
from visus.workers.channel import Kind, Line
from visus.workers.faults import NoWorker, WorkerDied, WorkerTimedOut
from visus.workers.pool import WorkerPool
from visus.workers.settings import WorkerSettings

HERE = str(Path(__file__).parent)


def pool_of(
    entry: str = "talkative", *, argument: str | None = None, **changes: object
) -> WorkerPool:
    settings = WorkerSettings(**{"deadline_s": 10.0, "import_path": (HERE,), **changes})
    return WorkerPool(f"entries:{entry}", name="test", settings=settings, argument=argument)


async def whole(pool: WorkerPool, job: bytes) -> list[bytes]:
    with pool.stream(job) as parts:
        return [one async for some in parts for one in some]


async def test_the_pieces_come_in_order_and_then_it_ends() -> None:
    async with pool_of() as pool:
        said = await whole(pool, b"count 10000")
        assert said == [b"%d" % number for number in range(10000)]
        assert await whole(pool, b"count 0") == []


async def test_a_piece_is_there_before_the_job_has_ended() -> None:
    async with pool_of() as pool:
        with pool.stream(b"hang") as parts, anyio.fail_after(5):
            assert await anext(parts) == [b"awake"]


async def test_leaving_stops_the_job_and_keeps_the_worker() -> None:
    async with pool_of() as pool:
        with pool.stream(b"forever") as parts:
            await anext(parts)
            before = pool.pids
        with anyio.fail_after(5):
            assert await whole(pool, b"count 2") == [b"0", b"1"]
        assert pool.pids == before


async def test_leaving_many_times_in_a_row_never_stops_the_wrong_job() -> None:
    async with pool_of() as pool:
        for _ in range(30):
            with pool.stream(b"count 200") as parts:
                await anext(parts)
            assert len(await whole(pool, b"count 50")) == 50


async def test_an_order_to_stop_that_comes_too_late_is_no_job() -> None:
    ours, theirs = channel.pair()
    with ours, theirs:
        channel.cancel(ours)
        channel.cancel(ours)
        await channel.send_frame(ours, Kind.JOB, b"the next one")
        assert channel.read_job(theirs) == b"the next one"
        assert Line(theirs).is_wanted


async def test_a_worker_that_does_not_heed_the_order_is_killed_after_its_grace() -> None:
    async with pool_of(cancel_grace_s=0.2) as pool:
        with pool.stream(b"hang") as parts:
            await anext(parts)
            before = pool.pids
        with anyio.fail_after(10):
            assert await whole(pool, b"count 1") == [b"0"]
        assert pool.pids != before


async def test_a_stream_that_is_left_while_it_waits_is_never_begun() -> None:
    async with pool_of() as pool:
        with pool.stream(b"forever") as parts:
            await anext(parts)
            before = pool.pids
            with pool.stream(b"die"):
                await anyio.sleep(0.05)
        assert await whole(pool, b"count 1") == [b"0"]
        assert pool.pids == before


async def test_streams_wait_in_the_same_bounded_queue_as_calls() -> None:
    async with pool_of(max_waiting=1) as pool:
        with pool.stream(b"forever") as parts:
            await anext(parts)
            with pool.stream(b"count 1"), pytest.raises(Overloaded), pool.stream(b"count 1"):
                pass


async def test_a_reader_who_is_behind_makes_the_worker_wait() -> None:
    async with pool_of() as pool:
        with pool.stream(b"forever") as parts:
            first = await anext(parts)
            await anyio.sleep(1)
            kept = await anext(parts)
            assert len(kept) == 256
            assert [*first, *kept] == [b"%d" % number for number in range(len(first) + 256)]


async def test_a_reader_who_is_behind_for_ever_costs_the_job_its_deadline() -> None:
    async with pool_of(deadline_s=0.5) as pool:
        with pytest.raises(WorkerTimedOut), pool.stream(b"forever") as parts:
            await anyio.sleep(1)
            async for _ in parts:
                pass
        assert await whole(pool, b"count 1") == [b"0"]


@pytest.mark.parametrize(("job", "kind"), [(b"refuse", MediaRejected), (b"die", WorkerDied)])
async def test_what_was_said_before_a_fault_is_heard_before_it(
    job: bytes, kind: type[Exception]
) -> None:
    heard: list[bytes] = []
    async with pool_of() as pool:
        with pytest.raises(kind), pool.stream(job) as parts:
            async for some in parts:
                heard += some
        assert await whole(pool, b"count 1") == [b"0"]
    assert heard == [b"so far"]


async def test_a_worker_killed_from_outside_ends_the_stream_with_an_error() -> None:
    async with pool_of() as pool:
        with pytest.raises(WorkerDied) as caught, pool.stream(b"hang") as parts:
            await anext(parts)
            os.kill(pool.pids[0], signal.SIGKILL)
            await anext(parts)
        assert caught.value.detail == "the process ended with status -9"
        assert await whole(pool, b"count 1") == [b"0"]


async def test_pieces_of_a_plain_call_are_nonsense() -> None:
    async with pool_of() as pool:
        with pytest.raises(WorkerDied) as caught:
            await pool.call(b"count 1")
        assert "that nobody asked for" in (caught.value.detail or "")


# --- An entry with an argument ---------------------------------------------------------------


async def test_an_entry_gets_its_argument() -> None:
    async with pool_of(argument='{"path": "a b"}') as pool:
        assert await whole(pool, b"argument") == [b'{"path": "a b"}']


async def test_what_loads_by_an_argument_may_listen_on_its_own_machine_and_no_more(
    tmp_path: Path,
) -> None:
    async with pool_of("listening", argument=str(tmp_path / "s")) as pool:
        said = (await pool.call(b"")).decode()
    no = errno.EPERM
    assert said == (
        f"inet {no}, bind ok, listen ok, accept {errno.EAGAIN}, connect {no}, write {no}, "
        f"start {no}, later socket {no}, later accept {no}"
    )


async def test_memory_is_bounded_while_an_entry_loads() -> None:
    began = time.monotonic()
    async with pool_of("greedy", memory_bytes=64 * 2**20, start_attempts=1) as pool:
        with pytest.raises(NoWorker) as caught:
            await whole(pool, b"count 1")
    assert caught.value.detail == "it used too much memory"
    assert time.monotonic() - began < 20
