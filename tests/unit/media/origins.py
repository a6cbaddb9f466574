"""Servers on loopback that do what a test tells them, and count who came.

A script gets the request's head and the two ends of the connection. A connection that was
accepted is counted before a byte is read, so zero means that nobody connected.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address

from visus.media.addresses import Address
from visus.media.fetch import Fetcher
from visus.media.guard import address_policy
from visus.media.lazy_outbound import LazyOutbound
from visus.media.settings import MediaSettings

PICTURE = b"\x89PNG\r\n\x1a\n and the rest of a picture"
PARAM = "messages[0].content[1].image_url.url"

PATIENCE_S = 10.0

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Origin:
    """What a scripted server saw."""

    port: int
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    open_now: int = 0
    most_at_once: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Nobody is connected any more."""

    async def is_left(self) -> None:
        """Waits until nobody is connected."""
        await asyncio.wait_for(self.left.wait(), PATIENCE_S)


def answering(answer: bytes) -> Script:
    """Sends `answer` and closes."""

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    return script


def picture(*headers: str, body: bytes = PICTURE, status: str = "200 OK") -> bytes:
    """A well-formed answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def redirect(location: str, *, status: str = "302 Found") -> bytes:
    return picture(f"Location: {location}", body=b"", status=status)


async def silence(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Says nothing until the other side gives up."""
    await reader.read()


@asynccontextmanager
async def serving(
    script: Script,
    *,
    address: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> AsyncGenerator[Origin]:
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        origin.open_now += 1
        origin.left.clear()
        origin.most_at_once = max(origin.most_at_once, origin.open_now)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                origin.requests.append(await reader.readuntil(b"\r\n\r\n"))
                await script(reader, writer)
                await writer.drain()
        finally:
            origin.open_now -= 1
            if not origin.open_now:
                origin.left.set()
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        origin.connections += 1
        task = asyncio.get_running_loop().create_task(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, address, port, ssl=tls)
    origin = Origin(server.sockets[0].getsockname()[1])
    try:
        yield origin
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def counting(*addresses: str, port: int = 0) -> AsyncGenerator[Origin]:
    """A bare listener that only counts connections: for places nobody may reach."""
    async with contextlib.AsyncExitStack() as stack:
        total = Origin(port)

        def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            total.connections += 1
            writer.close()

        for address in addresses or ("127.0.0.1",):
            server = await asyncio.start_server(accept, address, total.port)
            total.port = server.sockets[0].getsockname()[1]
            stack.callback(server.close)
        yield total
        await asyncio.sleep(0.01)  # a connection in the backlog is accepted before we look


class FixedLookup:
    """Answers with the next of its lists, the last one for ever, and counts."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.asked: list[str] = []
        self._answers = answers

    async def addresses(self, name: str) -> Sequence[Address]:
        answer = self._answers[min(len(self.asked), len(self._answers) - 1)]
        self.asked.append(name)
        if not answer:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [ip_address(text) for text in answer]


def strict(*ports: int, **changes: object) -> MediaSettings:
    """Nothing admitted but these ports; deadlines short enough for a test."""
    quick = {
        "connect_s": 0.6,
        "first_byte_s": 0.4,
        "idle_s": 0.4,
        "total_s": 1.0,
        "turn_s": 5.0,
    }
    return MediaSettings(**{"ports": ports or (80, 443), **quick, **changes})


def admitting(*ports: int, **changes: object) -> MediaSettings:
    """127.0.0.1 is admitted and called pics.test."""
    opened = {"admit_networks": ("127.0.0.1/32",), "hosts": {"pics.test": "127.0.0.1"}}
    return strict(*ports, **{**opened, **changes})


@asynccontextmanager
async def fetcher(
    settings: MediaSettings,
    *,
    lookup: FixedLookup | None = None,
    own_ports: frozenset[int] = frozenset(),
    refused_origins: frozenset[tuple[str, int]] = frozenset(),
) -> AsyncGenerator[Fetcher]:
    policy = address_policy(settings, own_ports=own_ports, refused_origins=refused_origins)
    async with LazyOutbound(settings, policy=policy, threads=4, lookup=lookup) as outbound:
        yield Fetcher(settings, outbound)
