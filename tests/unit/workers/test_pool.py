# ruff: noqa: ASYNC240, PT017, S603  (files of /proc, an outcome among many, our own script)
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from visus.core.fair import ASKER, Asker
from visus.errors import MediaRejected, Overloaded, ShuttingDown
from visus.units import MIB
from visus.workers.faults import NoWorker, WorkerDied, WorkerFailed, WorkerTimedOut
from visus.workers.pool import WorkerPool, backoff_s
from visus.workers.settings import WorkerSettings

HERE = str(Path(__file__).parent)


def settings(**changes: object) -> WorkerSettings:
    return WorkerSettings(**{"deadline_s": 10.0, "import_path": (HERE,), **changes})


def pool_of(entry: str = "obedient", **changes: object) -> WorkerPool:
    return WorkerPool(f"entries:{entry}", name="test", settings=settings(**changes))


@pytest.fixture
async def pool(anyio_backend: object) -> AsyncIterator[WorkerPool]:
    async with pool_of() as pool:
        await pool.until_ready()
        yield pool


@pytest.fixture(
    params=[
        pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop"),
        pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio"),
    ]
)
def anyio_backend(request: pytest.FixtureRequest) -> object:
    return request.param


async def gone(pid: int) -> bool:
    """Whether the process ends within two seconds."""
    for _ in range(200):
        if not Path(f"/proc/{pid}").exists():
            return True
        await anyio.sleep(0.01)
    return False


# --- Ordinary work ---------------------------------------------------------------------------


async def test_a_job_comes_back_with_its_result(pool: WorkerPool) -> None:
    assert await pool.call(b"echo hello") == b"hello"


async def test_entering_does_not_wait_for_the_workers() -> None:
    before = time.monotonic()
    async with pool_of("slow") as pool:
        assert time.monotonic() - before < 1
        assert not pool.ready


async def test_large_messages_travel_both_ways_whole(pool: WorkerPool) -> None:
    job = b"echo " + os.urandom(20 * MIB)
    assert await pool.call(memoryview(job)) == job[5:]


async def test_two_hundred_calls_at_once_each_get_their_own_answer() -> None:
    answers: dict[int, bytes] = {}

    async def ask(number: int) -> None:
        answers[number] = await pool.call(b"echo %d" % number)

    async with pool_of(count=2) as pool, anyio.create_task_group() as tasks:
        for number in range(200):
            tasks.start_soon(ask, number)
    assert answers == {number: b"%d" % number for number in range(200)}


@pytest.mark.parametrize("size", [1023, 1024])
async def test_a_job_up_to_the_limit_is_taken(size: int) -> None:
    async with pool_of(max_message_bytes=1024) as pool:
        assert await pool.call(b"length ".ljust(size)) == b"%d" % (size - 7)


async def test_a_job_over_the_limit_is_refused() -> None:
    async with pool_of(max_message_bytes=1024) as pool:
        with pytest.raises(WorkerFailed):
            await pool.call(b"length ".ljust(1025))


async def test_a_result_over_the_limit_costs_only_its_own_call() -> None:
    async with pool_of(max_message_bytes=1024) as pool:
        assert len(await pool.call(b"zeros 1024")) == 1024
        with pytest.raises(WorkerDied):
            await pool.call(b"zeros 1025")
        assert await pool.call(b"echo on") == b"on"


# --- What a job can do to its worker ---------------------------------------------------------


async def test_a_service_error_crosses_with_all_that_it_says(pool: WorkerPool) -> None:
    with pytest.raises(MediaRejected) as caught:
        await pool.call(b"refuse")
    error = caught.value
    assert (error.message, error.param, error.detail) == (
        "Not this one.",
        "messages[0]",
        "private",
    )


@pytest.mark.parametrize("job", [b"raise", b"exhaust", b"text", b"no such word"])
async def test_any_other_exception_is_a_failure_without_its_text(
    pool: WorkerPool, job: bytes
) -> None:
    with pytest.raises(WorkerFailed) as caught:
        await pool.call(job)
    assert "0x" not in caught.value.message
    assert await pool.call(b"echo on") == b"on"


async def test_a_failure_keeps_the_worker(pool: WorkerPool) -> None:
    before = pool.pids
    with pytest.raises(WorkerFailed):
        await pool.call(b"raise")
    await pool.call(b"echo on")
    assert pool.pids == before


@pytest.mark.parametrize(("job", "status"), [(b"exit", "7"), (b"kill", "-9"), (b"segv", "-11")])
async def test_a_death_costs_exactly_its_own_call(
    pool: WorkerPool, job: bytes, status: str
) -> None:
    with pytest.raises(WorkerDied) as caught:
        await pool.call(job)
    assert caught.value.detail is not None
    assert caught.value.detail.endswith(f" {status}")
    assert await pool.call(b"echo on") == b"on"


async def test_calls_that_wait_behind_a_death_are_answered(pool: WorkerPool) -> None:
    answers: list[bytes] = []

    async def ask(job: bytes) -> None:
        try:
            answers.append(await pool.call(job))
        except WorkerDied:
            answers.append(b"died")

    async with anyio.create_task_group() as tasks:
        for job in [b"echo 1", b"exit", b"echo 2", b"kill", b"echo 3"]:
            tasks.start_soon(ask, job)
    assert sorted(answers) == [b"1", b"2", b"3", b"died", b"died"]


async def test_a_hang_is_killed_at_the_deadline_of_its_call(pool: WorkerPool) -> None:
    (hanging,) = pool.pids
    with pytest.raises(WorkerTimedOut):
        await pool.call(b"hang 60", deadline_s=0.2)
    assert await pool.call(b"echo on") == b"on"
    assert await gone(hanging)


async def test_a_worker_that_eats_memory_is_killed() -> None:
    async with pool_of(memory_bytes=96 * MIB) as pool:
        with pytest.raises(WorkerDied, match="could not be processed") as caught:
            await pool.call(b"eat")
        assert caught.value.detail == "it used too much memory"
        assert await pool.call(b"echo on") == b"on"


async def test_the_kernel_holds_the_address_space() -> None:
    async with pool_of(address_space_bytes=512 * MIB, memory_bytes=1024 * MIB) as pool:
        with pytest.raises(WorkerFailed) as caught:
            await pool.call(b"eat")
        assert caught.value.detail is not None
        assert caught.value.detail.startswith("MemoryError")
        assert await pool.call(b"echo on") == b"on"


async def test_a_worker_killed_while_idle_is_replaced_unasked(pool: WorkerPool) -> None:
    (victim,) = pool.pids
    os.kill(victim, signal.SIGKILL)
    assert await gone(victim)
    await pool.until_ready()
    assert pool.pids != [victim]
    assert await pool.call(b"echo on") == b"on"


# --- Starting --------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", ["broken", "stillborn", "missing"])
async def test_callers_do_not_wait_for_ever_for_a_worker_that_cannot_start(
    entry: str,
) -> None:
    async with pool_of(entry) as pool:
        with anyio.fail_after(10):
            with pytest.raises(NoWorker) as caught:
                await pool.call(b"echo hello")
            with pytest.raises(NoWorker):
                await pool.until_ready()
            with pytest.raises(NoWorker):
                await pool.call(b"echo again")
            assert pool.stuck == caught.value.detail
    assert caught.value.detail
    assert caught.value.status == 503


@pytest.mark.parametrize(("entry", "why"), [("broken", "RuntimeError: no model here"),
                                            ("missing", "KeyError: 'missing'")])  # fmt: skip
async def test_why_a_worker_does_not_start_is_logged_once(
    entry: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with pool_of(entry, start_attempts=2, count=2) as pool:
        with pytest.raises(NoWorker):
            await pool.until_ready()
        await anyio.sleep(1)
    said = [record.__dict__["fields"] for record in caplog.records]
    assert said == [{"pool": "test", "reason": why}]


async def test_workers_that_start_after_all_are_not_stuck_any_more(tmp_path: Path) -> None:
    late = settings(import_path=(str(tmp_path),), start_attempts=1)
    async with WorkerPool("late:load", name="test", settings=late) as pool:
        with pytest.raises(NoWorker):
            await pool.until_ready()
        assert pool.stuck is not None
        (tmp_path / "late.py").write_text("def load():\n    return bytes\n")
        with anyio.fail_after(10):
            while pool.stuck is not None:  # noqa: ASYNC110 -- nothing tells of it
                await anyio.sleep(0.05)
        assert await pool.call(b"hello") == b"hello"


async def test_a_start_that_takes_too_long_is_a_failed_start() -> None:
    async with pool_of("slow", start_deadline_s=0.2, start_attempts=1) as pool:
        with anyio.fail_after(5), pytest.raises(NoWorker) as caught:
            await pool.call(b"echo hello")
    assert caught.value.detail == "it was not ready in time"


async def test_a_worker_that_ends_by_itself_is_restarted_with_pauses() -> None:
    seen: set[int] = set()
    async with pool_of("mortal") as pool:
        with anyio.move_on_after(1.5):
            while True:
                seen.update(pool.pids)
                await anyio.sleep(0.01)
    assert 2 <= len(seen) <= 6


# --- Waiting, giving up, leaving -------------------------------------------------------------


async def test_as_many_calls_wait_as_allowed_and_one_more_is_refused() -> None:
    outcomes: list[str] = []

    async def ask() -> None:
        try:
            await pool.call(b"hang 0.3")
            outcomes.append("done")
        except Overloaded as refusal:
            assert refusal.retry_after_s == 1
            outcomes.append("refused")

    async with pool_of(max_waiting=2) as pool:
        await pool.until_ready()
        await pool.call(b"echo warm")
        async with anyio.create_task_group() as tasks:
            for _ in range(4):  # one runs, two wait, one is too many
                tasks.start_soon(ask)
    assert sorted(outcomes) == ["done", "done", "done", "refused"]


async def as_somebody(pool: WorkerPool, asker: str, heard: list[str]) -> None:
    ASKER.set(Asker(asker, "key"))
    try:
        await pool.call(b"hang 0.02")
        heard.append(asker)
    except Overloaded:
        heard.append(f"not {asker}")


async def test_one_asker_is_not_behind_all_that_another_asked_before(
    anyio_backend: object,
) -> None:
    heard: list[str] = []
    async with pool_of() as pool, anyio.create_task_group() as tasks:
        await pool.until_ready()
        for _ in range(10):
            tasks.start_soon(as_somebody, pool, "greedy", heard)
        await anyio.sleep(0.01)
        for _ in range(2):
            tasks.start_soon(as_somebody, pool, "modest", heard)
    assert len(heard) == 12
    assert [place for place, who in enumerate(heard) if who == "modest"][-1] <= 6


async def test_a_line_that_is_full_is_shortened_where_one_asker_has_most(
    anyio_backend: object,
) -> None:
    heard: list[str] = []
    async with pool_of(max_waiting=4) as pool, anyio.create_task_group() as tasks:
        await pool.until_ready()
        for _ in range(7):
            tasks.start_soon(as_somebody, pool, "greedy", heard)
        await anyio.sleep(0.01)
        for _ in range(3):
            tasks.start_soon(as_somebody, pool, "modest", heard)
    # One runs and four wait, of which the two have half each in the end.
    assert Counter(heard) == {"greedy": 3, "not greedy": 4, "modest": 2, "not modest": 1}


async def test_a_cancelled_call_harms_nobody(pool: WorkerPool) -> None:
    (before,) = pool.pids
    with anyio.move_on_after(0.1):
        await pool.call(b"hang 0.4")
    assert await pool.call(b"echo next") == b"next"
    assert pool.pids == [before]


async def test_a_call_cancelled_while_it_waits_is_never_run(
    pool: WorkerPool,
) -> None:
    before = pool.pids
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pool.call, b"hang 0.3")
        await anyio.sleep(0.05)
        with anyio.move_on_after(0.05):
            await pool.call(b"exit")
    assert await pool.call(b"echo on") == b"on"
    assert pool.pids == before


async def test_an_abandoned_hang_is_killed_at_its_deadline(pool: WorkerPool) -> None:
    (before,) = pool.pids
    with anyio.move_on_after(0.1):
        await pool.call(b"hang 60", deadline_s=0.3)
    assert await pool.call(b"echo next") == b"next"
    assert pool.pids != [before]


async def test_leaving_answers_everybody_and_ends_every_process() -> None:
    outcomes: list[str] = []

    async def ask() -> None:
        try:
            await pool.call(b"hang 60")
        except ShuttingDown:
            outcomes.append("told")

    async with anyio.create_task_group() as tasks:
        async with pool_of(count=2) as pool:
            await pool.until_ready()
            for _ in range(3):
                tasks.start_soon(ask)
            await anyio.sleep(0.2)
            pids = pool.pids
        assert len(pids) == 2
        assert all([await gone(pid) for pid in pids])
        with pytest.raises(ShuttingDown):
            await pool.call(b"echo late")
    assert outcomes == ["told"] * 3


async def test_nothing_is_left_open_after_many_deaths() -> None:
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    async with pool_of() as pool:
        for _ in range(5):
            with pytest.raises(WorkerDied):
                await pool.call(b"exit")
    assert len(list(descriptors.iterdir())) <= before + 1


# --- What a worker cannot do -----------------------------------------------------------------


async def test_a_worker_reaches_no_network(pool: WorkerPool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        port = listener.getsockname()[1]
        with pytest.raises(WorkerFailed) as caught:
            await pool.call(b"connect %d" % port)
        with pytest.raises(TimeoutError):
            listener.accept()
    assert caught.value.detail is not None
    assert caught.value.detail.startswith("PermissionError")


async def test_a_worker_starts_nothing_writes_nothing_and_signals_nobody(
    pool: WorkerPool, tmp_path: Path
) -> None:
    (tmp_path / "kept").write_text("here")
    report = (await pool.call(b"attempts " + str(tmp_path).encode())).decode()
    lines = report.splitlines()
    assert len(lines) == 10
    assert [line for line in lines if not line.endswith(": refused")] == []
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


async def test_a_worker_sees_nothing_of_our_environment(pool: WorkerPool) -> None:
    names = {line.partition(b"=")[0] for line in (await pool.call(b"environment")).split(b"\n")}
    assert names == {
        b"LANG",
        b"MALLOC_ARENA_MAX",
        b"OMP_NUM_THREADS",
        b"OMP_WAIT_POLICY",
        b"OPENBLAS_NUM_THREADS",
        b"ORT_DISABLE_TELEMETRY",
        b"PYTHONDONTWRITEBYTECODE",
        b"PYTHONPATH",
    }


async def test_the_library_of_the_models_inside_reports_to_nobody(
    pool: WorkerPool, tmp_path: Path
) -> None:
    given = (await pool.call(b"environment")).split(b"\n")
    told = [line.decode() for line in given if line.startswith(b"ORT_")]
    assert told
    silent = ["env", *told, f"HOME={tmp_path}", sys.executable, "-c", "import onnxruntime"]
    await anyio.run_process(silent)
    assert list(tmp_path.iterdir()) == []


async def test_threads_go_on_working(pool: WorkerPool) -> None:
    assert await pool.call(b"thread") == b"6"


async def test_a_worker_has_no_core_few_files_and_a_session_of_its_own() -> None:
    async with pool_of(max_open_files=32, nice=7) as pool:
        nice = min(os.getpriority(os.PRIO_PROCESS, 0) + 7, 19)
        assert await pool.call(b"limits") == b"0 32 0 %d True" % nice


# --- The life of the front -------------------------------------------------------------------

FRONT = """
import anyio, sys
sys.path.insert(0, sys.argv[1])
from visus.workers.pool import WorkerPool, backoff_s
from visus.workers.settings import WorkerSettings

async def main():
    settings = WorkerSettings(count=2, import_path=(sys.argv[1],))
    async with WorkerPool("entries:obedient", name="front", settings=settings) as pool:
        for _ in range(2):
            await pool.until_ready()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(pool.call, b"hang 60")
            await anyio.sleep(0.2)
            print(*pool.pids, flush=True)

anyio.run(main)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_no_worker_outlives_a_killed_front(how: signal.Signals) -> None:
    with subprocess.Popen(  # noqa: ASYNC220 - a process to be killed
        [sys.executable, "-c", FRONT, HERE], stdout=subprocess.PIPE, text=True
    ) as front:
        assert front.stdout is not None
        pids = [int(pid) for pid in front.stdout.readline().split()]
        front.send_signal(how)
    assert len(pids) == 2
    assert all([await gone(pid) for pid in pids])


@pytest.mark.parametrize(
    ("failures", "wait_s"),
    [(0, 0), (1, 0), (2, 0.4), (3, 0.8), (8, 25.6), (9, 30), (10**6, 30)],
)
def test_a_process_that_goes_on_failing_is_started_ever_more_seldom(
    failures: int, wait_s: float
) -> None:
    assert backoff_s(failures) == pytest.approx(wait_s)
