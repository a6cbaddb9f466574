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
from visus.local.gguf.model import LocalModel, measure
from visus.local.gguf.residence import Guest, Residence
from visus.local.settings import GgufSettings
from visus.workers.faults import WorkerDied

JOB = msgspec.json.encode(
    {"messages": [{"role": "user", "content": "Hello"}], "stream": True, "max_tokens": 3}
)
LONG = JOB.replace(b'"max_tokens":3', b'"max_tokens":900')


async def answered(guest: Guest) -> list[bytes]:
    with guest.pool.stream(JOB) as parts:
        return [one async for some in parts for one in some]


def room_for(count: int, model: LocalModel) -> int:
    return measure(model).bytes_needed * count


async def test_a_model_is_loaded_when_it_is_asked_for_and_answers(
    tiny: Path, settings: GgufSettings
) -> None:
    async with Residence(settings) as residence:
        assert residence.state(local(tiny)) == "unloaded"
        guest = await residence.enter(local(tiny))
        assert residence.state(local(tiny)) == "loaded"
        events = await answered(guest)
        guest.go()
    assert b'"role":"assistant"' in events[0]
    assert b'"finish_reason":"length"' in events[-1]


async def test_a_model_that_is_being_loaded_says_so(tiny: Path, settings: GgufSettings) -> None:
    async with Residence(settings) as residence, anyio.create_task_group() as tasks:
        tasks.start_soon(residence.enter, local(tiny))
        with anyio.fail_after(10):
            while residence.state(local(tiny)) != "loading":
                await anyio.lowlevel.checkpoint()
            while residence.state(local(tiny)) != "loaded":  # noqa: ASYNC110
                await anyio.sleep(0.01)


async def test_many_who_ask_at_once_share_one_process(
    tiny: Path, settings: GgufSettings
) -> None:
    guests: list[Guest] = []

    async def enter() -> None:
        guests.append(await residence.enter(local(tiny)))

    async with Residence(settings) as residence:
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(enter)
        assert len({id(guest.pool) for guest in guests}) == 1
        assert len(guests[0].pool.pids) == 1


async def test_a_model_that_nobody_asks_for_leaves_and_its_process_ends(
    tiny: Path, settings: GgufSettings
) -> None:
    brief = msgspec.structs.replace(settings, idle_unload_s=0.3)
    async with Residence(brief) as residence:
        guest = await residence.enter(local(tiny))
        (process,) = guest.pool.pids
        await anyio.sleep(0.6)
        assert residence.state(local(tiny)) == "loaded"
        guest.go()
        with anyio.fail_after(5):
            while residence.state(local(tiny)) != "unloaded":  # noqa: ASYNC110
                await anyio.sleep(0.02)
            while guest.pool.pids:  # noqa: ASYNC110
                await anyio.sleep(0.02)
        with pytest.raises(OSError, match="No such process") as caught:
            os.kill(process, 0)
        assert caught.value.errno == errno.ESRCH
        again = await residence.enter(local(tiny))
        assert await answered(again)
        again.go()


async def test_the_one_asked_for_longest_ago_makes_room(
    tiny: Path, settings: GgufSettings
) -> None:
    models = [local(tiny, name) for name in ("first", "second", "third")]
    two = msgspec.structs.replace(settings, memory_bytes=room_for(2, models[0]))
    async with Residence(two) as residence:
        for model in (models[0], models[1], models[0], models[2]):
            guest = await residence.enter(model)
            await answered(guest)
            guest.go()
        states = {model.name: residence.state(model) for model in models}
    assert states == {"first": "loaded", "second": "unloaded", "third": "loaded"}


async def test_a_model_in_use_is_not_sent_away(tiny: Path, settings: GgufSettings) -> None:
    one = msgspec.structs.replace(settings, memory_bytes=room_for(1, local(tiny)))
    async with Residence(one) as residence:
        guest = await residence.enter(local(tiny, "first"))
        with pytest.raises(Overloaded) as caught:
            await residence.enter(local(tiny, "second"))
        assert caught.value.retry_after_s == 5
        assert await answered(guest)
        guest.go()
        other = await residence.enter(local(tiny, "second"))
        assert await answered(other)
        other.go()


@pytest.mark.parametrize("spare", [-1, 0, 1])
async def test_a_model_that_needs_more_than_there_is_is_refused_before_it_is_loaded(
    tiny: Path, settings: GgufSettings, spare: int
) -> None:
    needed = room_for(1, local(tiny))
    limited = msgspec.structs.replace(settings, memory_bytes=needed + spare)
    async with Residence(limited) as residence:
        if spare >= 0:
            (await residence.enter(local(tiny))).go()
            return
        with pytest.raises(ModelTooLarge, match="195 MiB of memory; models have 194 MiB") as it:
            await residence.enter(local(tiny))
        assert residence.state(local(tiny)) == "unloaded"
    assert (it.value.status, it.value.param) == (503, "model")


async def test_files_that_cannot_be_used_are_told_to_the_log_only(
    tiny: Path, settings: GgufSettings
) -> None:
    async with Residence(settings) as residence:
        with pytest.raises(WorkerUnavailable) as caught:
            await residence.enter(local(tiny, path=tiny / "absent.gguf"))
    assert "absent" not in caught.value.message
    assert "absent.gguf: No such file" in (caught.value.detail or "")


async def test_weights_that_end_too_early_cannot_be_loaded(
    tiny: Path, settings: GgufSettings, tmp_path: Path
) -> None:
    cut = tmp_path / "model.gguf"
    cut.write_bytes((tiny / "model.gguf").read_bytes()[:-50_000])
    async with Residence(settings) as residence:
        for _ in range(2):  # and it is tried again when it is asked for again
            with pytest.raises(WorkerUnavailable) as caught:
                await residence.enter(local(tiny, path=cut))
            assert "could not be loaded" in caught.value.message
            assert residence.state(local(tiny)) == "unloaded"


async def test_a_process_killed_in_mid_answer_costs_that_answer_alone(
    tiny: Path, settings: GgufSettings
) -> None:
    async with Residence(settings) as residence:
        guest = await residence.enter(local(tiny))
        (process,) = guest.pool.pids
        with guest.pool.stream(LONG) as parts:
            await anext(parts)
            os.kill(process, signal.SIGKILL)
            with pytest.raises(WorkerDied):
                async for _ in parts:
                    pass
        assert await answered(guest)
        guest.go()


async def test_no_socket_is_left_to_knock_on(
    tiny: Path, settings: GgufSettings, tmp_path: Path
) -> None:
    tempfile.tempdir = str(tmp_path)
    try:
        async with Residence(settings) as residence:
            guest = await residence.enter(local(tiny))
            (folder,) = tmp_path.iterdir()
            assert list(folder.iterdir()) == []
            assert folder.stat().st_mode & 0o777 == 0o700
            assert listening(guest.pool.pids[0]) == set()
            guest.go()
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
