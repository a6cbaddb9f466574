"""One watch over all exchanges: comments for who waits, an end for who takes nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
from tests.support.wires import Wire, exchanged

from visus.server.exchange import Exchange
from visus.server.watch import Watch
from visus.wire import sse


async def streaming(wire: Wire) -> Exchange:
    """An exchange whose stream has begun and says nothing."""
    exchange = exchanged(wire)
    await exchange.start(200, [])
    wire.sent = b""
    return exchange


@asynccontextmanager
async def watching(exchange: Exchange, *, write_timeout_s: float = 60) -> AsyncIterator[None]:
    """Watched inside the block, in which the watch must not end."""
    watch = Watch(heartbeat_s=0.02, write_timeout_s=write_timeout_s)
    watch.begin(exchange)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch.run)
        yield
        tasks.cancel_scope.cancel()


async def until(look: Callable[[], bool]) -> None:
    with anyio.fail_after(10):
        while not look():  # noqa: ASYNC110 -- what is waited for tells nobody
            await anyio.sleep(0.005)


async def test_a_silent_stream_gets_comments() -> None:
    wire = Wire()
    exchange = await streaming(wire)
    async with watching(exchange):
        await until(lambda: wire.sent.count(sse.KEEP_ALIVE) >= 2)


async def test_a_client_that_has_just_gone_does_not_end_the_watch() -> None:
    gone, there = Wire(), Wire()
    lost, heard = await streaming(gone), await streaming(there)
    lost.hung_up = True
    async with watching(lost):
        await anyio.sleep(0.1)
    watch = Watch(heartbeat_s=0.02, write_timeout_s=60)
    for exchange in (lost, heard):
        watch.begin(exchange)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch.run)
        await until(lambda: sse.KEEP_ALIVE in there.sent)
        tasks.cancel_scope.cancel()
    assert gone.sent == b""


async def test_nothing_is_said_behind_the_last_chunk() -> None:
    wire = Wire()
    exchange = await streaming(wire)
    async with watching(exchange):
        wire.drained = asyncio.get_running_loop().create_future()
        await anyio.sleep(0.1)
        drained, wire.drained = wire.drained, None
        await exchange.write(b"", more=False)
        drained.set_result(None)
        await anyio.sleep(0.1)
    assert wire.sent.endswith(b"0\r\n\r\n")


async def test_who_takes_nothing_is_dropped() -> None:
    wire = Wire()
    exchange = await streaming(wire)
    wire.drained = asyncio.get_running_loop().create_future()
    async with watching(exchange, write_timeout_s=0.1):
        await until(lambda: wire.is_dropped)
    assert wire.sent == b""
