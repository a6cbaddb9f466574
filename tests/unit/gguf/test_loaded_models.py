# ruff: noqa: ASYNC240  (folders of a test)
"""Who is in memory, who has to go, and what a process that dies costs."""

import errno
import os
import signal
import tempfile
from pathlib import Path

import anyio
import anyio.lowlevel
import msgspec
import pytest
from tests.unit.gguf.conftest import local

from visus.errors import ModelTooLarge, Overloaded, WorkerUnavailable
from visus.local.gguf.loaded_models import Lease, LoadedModels
from visus.local.gguf.model import LocalModel, measure
from visus.local.settings import GgufSettings
from visus.workers.faults import WorkerDied

JOB = msgspec.json.encode(
    {"messages": [{"role": "user", "content": "Hello"}], "stream": True, "max_tokens": 3}
)
LONG = JOB.replace(b'"max_tokens":3', b'"max_tokens":900')


async def answered(lease: Lease) -> list[bytes]:
    with lease.pool.stream(JOB) as parts:
        return [one async for some in parts for one in some]


def room_for(count: int, model: LocalModel) -> int:
    return measure(model).bytes_needed * count


async def test_a_model_is_loaded_when_it_is_asked_for_and_answers(
    tiny: Path, settings: GgufSettings
) -> None:
    async with LoadedModels(settings) as loaded_models:
        assert loaded_models.state(local(tiny)) == "unloaded"
        lease = await loaded_models.acquire(local(tiny))
        assert loaded_models.state(local(tiny)) == "loaded"
        events = await answered(lease)
        lease.release()
    assert b'"role":"assistant"' in events[0]
    assert b'"finish_reason":"length"' in events[-1]


async def test_a_model_that_is_being_loaded_says_so(tiny: Path, settings: GgufSettings) -> None:
    async with LoadedModels(settings) as loaded_models, anyio.create_task_group() as tasks:
        tasks.start_soon(loaded_models.acquire, local(tiny))
        with anyio.fail_after(10):
            while loaded_models.state(local(tiny)) != "loading":
                await anyio.lowlevel.checkpoint()
            while loaded_models.state(local(tiny)) != "loaded":  # noqa: ASYNC110
                await anyio.sleep(0.01)


async def test_many_who_ask_at_once_share_one_process(
    tiny: Path, settings: GgufSettings
) -> None:
    leases: list[Lease] = []

    async def enter() -> None:
        leases.append(await loaded_models.acquire(local(tiny)))

    async with LoadedModels(settings) as loaded_models:
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(enter)
        assert len({id(lease.pool) for lease in leases}) == 1
        assert len(leases[0].pool.pids) == 1


async def test_a_model_that_nobody_asks_for_leaves_and_its_process_ends(
    tiny: Path, settings: GgufSettings
) -> None:
    brief = msgspec.structs.replace(settings, idle_unload_s=0.3)
    async with LoadedModels(brief) as loaded_models:
        lease = await loaded_models.acquire(local(tiny))
        (process,) = lease.pool.pids
        await anyio.sleep(0.6)
        assert loaded_models.state(local(tiny)) == "loaded"
        lease.release()
        with anyio.fail_after(5):
            while loaded_models.state(local(tiny)) != "unloaded":  # noqa: ASYNC110
                await anyio.sleep(0.02)
            while lease.pool.pids:  # noqa: ASYNC110
                await anyio.sleep(0.02)
        with pytest.raises(OSError, match="No such process") as caught:
            os.kill(process, 0)
        assert caught.value.errno == errno.ESRCH
        again = await loaded_models.acquire(local(tiny))
        assert await answered(again)
        again.release()


async def test_the_one_asked_for_longest_ago_makes_room(
    tiny: Path, settings: GgufSettings
) -> None:
    models = [local(tiny, name) for name in ("first", "second", "third")]
    two = msgspec.structs.replace(settings, memory_bytes=room_for(2, models[0]))
    async with LoadedModels(two) as loaded_models:
        for model in (models[0], models[1], models[0], models[2]):
            lease = await loaded_models.acquire(model)
            await answered(lease)
            lease.release()
        states = {model.name: loaded_models.state(model) for model in models}
    assert states == {"first": "loaded", "second": "unloaded", "third": "loaded"}


async def test_a_model_in_use_is_not_sent_away(tiny: Path, settings: GgufSettings) -> None:
    one = msgspec.structs.replace(settings, memory_bytes=room_for(1, local(tiny)))
    async with LoadedModels(one) as loaded_models:
        lease = await loaded_models.acquire(local(tiny, "first"))
        with pytest.raises(Overloaded) as caught:
            await loaded_models.acquire(local(tiny, "second"))
        assert caught.value.retry_after_s == 5
        assert await answered(lease)
        lease.release()
        other = await loaded_models.acquire(local(tiny, "second"))
        assert await answered(other)
        other.release()


@pytest.mark.parametrize("spare", [-1, 0, 1])
async def test_a_model_that_needs_more_than_there_is_is_refused_before_it_is_loaded(
    tiny: Path, settings: GgufSettings, spare: int
) -> None:
    needed = room_for(1, local(tiny))
    limited = msgspec.structs.replace(settings, memory_bytes=needed + spare)
    async with LoadedModels(limited) as loaded_models:
        if spare >= 0:
            (await loaded_models.acquire(local(tiny))).release()
            return
        with pytest.raises(ModelTooLarge, match="195 MiB of memory; models have 194 MiB") as it:
            await loaded_models.acquire(local(tiny))
        assert loaded_models.state(local(tiny)) == "unloaded"
    assert (it.value.status, it.value.param) == (503, "model")


async def test_files_that_cannot_be_used_are_told_to_the_log_only(
    tiny: Path, settings: GgufSettings
) -> None:
    async with LoadedModels(settings) as loaded_models:
        with pytest.raises(WorkerUnavailable) as caught:
            await loaded_models.acquire(local(tiny, path=tiny / "absent.gguf"))
    assert "absent" not in caught.value.message
    assert "absent.gguf: No such file" in (caught.value.detail or "")


async def test_weights_that_end_too_early_cannot_be_loaded(
    tiny: Path, settings: GgufSettings, tmp_path: Path
) -> None:
    cut = tmp_path / "model.gguf"
    cut.write_bytes((tiny / "model.gguf").read_bytes()[:-50_000])
    async with LoadedModels(settings) as loaded_models:
        for _ in range(2):  # and it is tried again when it is asked for again
            with pytest.raises(WorkerUnavailable) as caught:
                await loaded_models.acquire(local(tiny, path=cut))
            assert "could not be loaded" in caught.value.message
            assert loaded_models.state(local(tiny)) == "unloaded"


async def test_a_process_killed_in_mid_answer_costs_that_answer_alone(
    tiny: Path, settings: GgufSettings
) -> None:
    async with LoadedModels(settings) as loaded_models:
        lease = await loaded_models.acquire(local(tiny))
        (process,) = lease.pool.pids
        with lease.pool.stream(LONG) as parts:
            await anext(parts)
            os.kill(process, signal.SIGKILL)
            with pytest.raises(WorkerDied):
                async for _ in parts:
                    pass
        assert await answered(lease)
        lease.release()


async def test_no_socket_is_left_to_knock_on(
    tiny: Path, settings: GgufSettings, tmp_path: Path
) -> None:
    tempfile.tempdir = str(tmp_path)
    try:
        async with LoadedModels(settings) as loaded_models:
            lease = await loaded_models.acquire(local(tiny))
            (folder,) = tmp_path.iterdir()
            assert list(folder.iterdir()) == []
            assert folder.stat().st_mode & 0o777 == 0o700
            assert listening(lease.pool.pids[0]) == set()
            lease.release()
        assert list(tmp_path.iterdir()) == []
    finally:
        tempfile.tempdir = None


def listening(process: int) -> set[str]:
    """The TCP ports on which a process listens, as the kernel writes them."""
    folder = Path(f"/proc/{process}")
    own = {os.readlink(fd) for fd in (folder / "fd").iterdir()}  # noqa: PTH115 -- no path
    tables = "".join((folder / "net" / name).read_text() for name in ("tcp", "tcp6"))
    rows = [line.split() for line in tables.splitlines() if line.split()[3] == "0A"]
    return {row[1] for row in rows if f"socket:[{row[9]}]" in own}
