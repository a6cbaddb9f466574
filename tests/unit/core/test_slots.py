"""Slots are never more than there are, go round by turns, and none is lost on the way."""

import asyncio
import contextlib

import pytest

from visus.core.fair import Asker
from visus.core.slots import Slots

ONE, OTHER = Asker("one", "key"), Asker("other", "key")


async def waiting(
    slots: Slots, order: list[str], name: str, asker: Asker
) -> asyncio.Task[None]:
    """Somebody who waits, and says when the wait is over."""

    async def wait() -> None:
        await slots.wait(asker)
        order.append(name)

    task = asyncio.get_running_loop().create_task(wait())
    await asyncio.sleep(0)
    return task


async def test_there_are_so_many_and_not_more() -> None:
    slots = Slots(2)
    assert [slots.take() for _ in range(3)] == [True, True, False]
    slots.give_back()
    assert slots.take()
    assert not slots.take()


async def test_a_slot_that_is_free_needs_no_wait() -> None:
    slots = Slots(1)
    await slots.wait()
    assert not slots.take()


async def test_it_goes_round_and_nobody_is_passed_over() -> None:
    slots, order = Slots(1), list[str]()
    assert slots.take()
    tasks = [
        await waiting(slots, order, name, asker)
        for name, asker in (("a", ONE), ("b", ONE), ("c", ONE), ("x", OTHER), ("y", OTHER))
    ]
    assert slots.waiting == 5
    for _ in tasks:
        assert not slots.take()
        slots.give_back()
        await asyncio.sleep(0)
    assert order == ["a", "x", "b", "y", "c"]
    slots.give_back()
    assert slots.take()


async def test_who_no_longer_waits_gets_none() -> None:
    slots, order = Slots(1), list[str]()
    assert slots.take()
    first = await waiting(slots, order, "first", ONE)
    second = await waiting(slots, order, "second", ONE)
    first.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await first
    assert slots.waiting == 1
    slots.give_back()
    await second
    assert order == ["second"]


async def test_a_slot_that_comes_too_late_goes_to_the_next() -> None:
    slots, order = Slots(1), list[str]()
    assert slots.take()
    first = await waiting(slots, order, "first", ONE)
    second = await waiting(slots, order, "second", ONE)
    slots.give_back()  # to the first, who does not come to know of it
    first.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await first
    await second
    assert order == ["second"]


async def test_who_has_most_waiting_makes_room() -> None:
    slots, order = Slots(1), list[str]()
    assert slots.take()
    first = await waiting(slots, order, "first", ONE)
    second = await waiting(slots, order, "second", ONE)
    assert slots.turn_away(OTHER, ValueError("full"))
    with pytest.raises(ValueError, match="full"):
        await second
    assert not slots.turn_away(ONE, ValueError("full"))
    slots.give_back()
    await first
    slots.give_back()
    assert slots.take()
