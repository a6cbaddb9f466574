"""What was made is made once: kept within its bounds, shared while under way, never crossed."""

import anyio
import pytest

from visus.media.renditions import Rendition, Renditions, key_of


class Maker:
    """Makes a rendition of a size, and counts how often."""

    def __init__(self, size: int = 10, *, error: Exception | None = None) -> None:
        self.made = 0
        self.may_end = anyio.Event()
        self.size = size
        self.error = error

    async def __call__(self) -> bytes:
        self.made += 1
        await self.may_end.wait()
        if self.error is not None:
            raise self.error
        return bytes(self.size)

    def at_once(self) -> "Maker":
        self.may_end.set()
        return self


async def test_what_was_made_is_not_made_again() -> None:
    cache, maker = Renditions(100), Maker().at_once()
    assert not (await cache.get(b"k", maker, bytes)).was_kept
    assert (await cache.get(b"k", maker, bytes)).was_kept
    assert not (await cache.get(b"other", maker, bytes)).was_kept
    assert maker.made == 2


@pytest.mark.parametrize(("size", "is_kept"), [(99, True), (100, True), (101, False)])
async def test_no_more_is_kept_than_the_bound(size: int, *, is_kept: bool) -> None:
    cache, maker = Renditions(100), Maker(size).at_once()
    await cache.get(b"k", maker, bytes)
    assert (await cache.get(b"k", maker, bytes)).was_kept is is_kept


async def test_what_was_not_asked_for_longest_goes_first() -> None:
    cache, maker = Renditions(20), Maker().at_once()
    for key in (b"a", b"b", b"a", b"c"):
        await cache.get(key, maker, bytes)
    found = [(await cache.get(key, maker, bytes)).was_kept for key in (b"a", b"c", b"b")]
    assert found == [True, True, False]


async def test_whoever_comes_meanwhile_waits_for_the_same_work() -> None:
    cache, maker = Renditions(0), Maker()
    found: list[Rendition[bytes]] = []

    async def get() -> None:
        found.append(await cache.get(b"k", maker, bytes))

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(get)
        await anyio.wait_all_tasks_blocked()
        maker.may_end.set()
    assert maker.made == 1
    assert sorted(one.was_kept for one in found) == [False, True, True, True, True]


async def test_an_error_is_everybodys_and_is_not_kept() -> None:
    cache, maker = Renditions(100), Maker(error=ValueError("broken"))
    failures = 0

    async def get() -> None:
        nonlocal failures
        with pytest.raises(ValueError, match="broken"):
            await cache.get(b"k", maker, bytes)
        failures += 1

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(get)
        await anyio.wait_all_tasks_blocked()
        maker.may_end.set()
    assert (failures, maker.made) == (3, 1)
    maker.error = None
    assert not (await cache.get(b"k", maker, bytes)).was_kept


async def test_one_who_goes_away_takes_nobody_along() -> None:
    cache, maker = Renditions(0), Maker()
    found: list[Rendition[bytes]] = []

    async def get() -> None:
        found.append(await cache.get(b"k", maker, bytes))

    async with anyio.create_task_group() as tasks:
        with anyio.CancelScope() as impatient:
            async with anyio.create_task_group() as first:
                first.start_soon(get)
                await anyio.wait_all_tasks_blocked()
                tasks.start_soon(get)
                tasks.start_soon(get)
                await anyio.wait_all_tasks_blocked()
                impatient.cancel()
        await anyio.wait_all_tasks_blocked()
        maker.may_end.set()
    assert maker.made == 2
    assert len(found) == 2


async def test_what_cannot_be_read_is_not_kept() -> None:
    cache, maker = Renditions(100), Maker().at_once()

    def refuse(result: bytes) -> None:
        raise ValueError(f"{len(result)} bytes of nonsense")

    with pytest.raises(ValueError, match="10 bytes"):
        await cache.get(b"k", maker, refuse)
    assert not (await cache.get(b"k", maker, bytes)).was_kept


def test_a_key_is_of_one_owner_and_one_job() -> None:
    keys = {key_of("a", b"job"), key_of("b", b"job"), key_of("a", b"jo"), key_of("ab", b"job")}
    assert len(keys) == 4
    assert key_of("a", b"job") in keys
