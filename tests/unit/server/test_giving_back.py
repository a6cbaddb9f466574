"""A process that stops gives back what it has, and is not kept by a database that hangs."""

import threading

import anyio

from visus.errors import StorageUnavailable
from visus.server.giving_back import give_back


async def test_a_database_that_is_away_is_no_fault_of_who_stops() -> None:
    def away() -> None:
        raise StorageUnavailable("It is away.")

    with anyio.CancelScope() as stopped:
        stopped.cancel()
        await give_back(away, "it waits", {})
    assert stopped.cancel_called


async def test_a_database_that_hangs_is_not_waited_for() -> None:
    is_back = threading.Event()
    is_done = threading.Event()

    def hang() -> None:
        is_back.wait(10)
        is_done.set()

    await give_back(hang, "it waits", {}, within_s=0.1)
    assert not is_done.is_set()
    is_back.set()


async def test_what_is_given_back_is_given_back_though_its_task_is_cancelled() -> None:
    given: list[str] = []
    with anyio.CancelScope() as stopped:
        stopped.cancel()
        await give_back(lambda: given.append("one"), "it waits", {})
    assert given == ["one"]
