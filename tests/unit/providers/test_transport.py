"""How connections to models are used again, and how waits on them end. Real sockets."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from visus.core.places import Demand, Site
from visus.errors import (
    Overloaded,
    ResidencyUnavailable,
    UpstreamBadResponse,
    UpstreamTimedOut,
    UpstreamUnreachable,
)
from visus.providers.settings import UpstreamSettings
from visus.providers.transport import JOIN_BELOW_BYTES, Endpoint, Transport

SITE = Site("up", "us-east-1", "US")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Counts connections and requests, and does with each what its script says."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.connections = 0
        self.requests: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.requests.append(head + await reader.readexactly(size))
                await self._script(reader, writer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def talking(
    script: Script, **settings: float
) -> AsyncGenerator[tuple[Server, Transport, Endpoint]]:
    server = Server(script)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    transport = Transport(UpstreamSettings(**settings))  # type: ignore[arg-type]
    try:
        yield server, transport, Endpoint.of(f"http://127.0.0.1:{port}/v1/x", {"A": "b"}, SITE)
    finally:
        await transport.aclose()
        listening.close()


def says(*pieces: bytes, pause_s: float = 0.0) -> Script:
    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return script


async def test_an_endpoint_has_a_method_and_may_send_something_else_than_json() -> None:
    async with talking(says(OK)) as (server, transport, usual):
        url = f"http://127.0.0.1:{usual.origin.port}/v1/files/a?b=c"
        look = Endpoint.of(url, {"X-Key": "k"}, SITE, method="GET")
        assert await asked(transport, look, b"") == b"ok"
        upload = Endpoint.of(url, {"Content-Type": "video/mp4"}, SITE)
        assert await asked(transport, upload, b"film") == b"ok"
    first, second = server.requests
    assert first.startswith(b"GET /v1/files/a?b=c HTTP/1.1\r\n")
    assert b"X-Key: k\r\n" in first
    assert b"Content-Type" not in first
    assert second.startswith(b"POST ")
    assert second.count(b"Content-Type: video/mp4\r\n") == second.count(b"Content-Type") == 1
    assert second.endswith(b"\r\n\r\nfilm")


async def asked(transport: Transport, endpoint: Endpoint, body: bytes = b"{}") -> bytes:
    reply = await transport.send(endpoint, [body], ())
    try:
        return await reply.read()
    finally:
        reply.close()


async def test_one_connection_serves_one_request_after_the_other() -> None:
    async with talking(says(OK)) as (server, transport, endpoint):
        for _ in range(5):
            assert await asked(transport, endpoint) == b"ok"
        assert (server.connections, len(server.requests)) == (1, 5)


async def test_a_request_is_what_the_server_gets_byte_for_byte() -> None:
    async with talking(says(OK)) as (server, transport, endpoint):
        for size in (2, JOIN_BELOW_BYTES - 1, JOIN_BELOW_BYTES, 3_000_000):
            await asked(transport, endpoint, b"x" * size)
            head, _, body = server.requests[-1].partition(b"\r\n\r\n")
            assert body == b"x" * size
            assert head.startswith(b"POST /v1/x HTTP/1.1\r\nHost: 127.0.0.1:")
            assert b"\r\nA: b\r\nContent-Type: application/json\r\n" in head


async def test_a_connection_whose_answer_was_not_taken_whole_is_closed() -> None:
    halting = says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    async with talking(halting) as (server, transport, endpoint):
        reply = await transport.send(endpoint, [b"{}"], ())
        assert await reply.more() == b"half"
        reply.close()
        (await transport.send(endpoint, [b"{}"], ())).close()
        assert server.connections == 2


async def test_a_connection_whose_request_was_not_read_whole_is_closed() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    endpoint = Endpoint.of(f"http://127.0.0.1:{listening.getsockname()[1]}/", {}, SITE)
    transport = Transport(UpstreamSettings(first_byte_timeout_s=2.0))
    opened: list[socket.socket] = []
    try:
        for _ in range(2):
            question = asyncio.ensure_future(asked(transport, endpoint, bytes(30_000_000)))
            async with asyncio.timeout(2):
                line, _ = await asyncio.get_running_loop().sock_accept(listening)
            opened.append(line)
            line.sendall(OK)  # and nothing is read
            assert await question == b"ok"
    finally:
        await transport.aclose()
        for one in (*opened, listening):
            one.close()


async def test_an_understood_answer_is_drained_and_its_connection_used_again() -> None:
    late_end = says(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ndone\r\n",
        b"0\r\n\r\n",
        pause_s=0.05,
    )
    async with talking(late_end) as (server, transport, endpoint):
        for _ in range(3):
            reply = await transport.send(endpoint, [b"{}"], ())
            assert await reply.more() == b"done"
            reply.is_understood = True
            reply.close()
            await asyncio.sleep(0.15)
        assert (server.connections, len(server.requests)) == (1, 3)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
)
async def test_a_server_that_wants_to_close_is_not_asked_again_there(answer: bytes) -> None:
    async with talking(says(answer)) as (server, transport, endpoint):
        for _ in range(3):
            assert await asked(transport, endpoint) == b"ok"
        assert server.connections == 3


async def test_a_connection_that_ended_while_it_was_idle_costs_no_request() -> None:
    async def once(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        writer.close()

    async with talking(once) as (server, transport, endpoint):
        for _ in range(20):
            assert await asked(transport, endpoint) == b"ok"
            await asyncio.sleep(0.005)
        assert len(server.requests) == 20


async def test_bytes_that_nobody_asked_for_close_the_connection() -> None:
    async with talking(says(OK + OK)) as (server, transport, endpoint):
        assert await asked(transport, endpoint) == b"ok"
        await asyncio.sleep(0.05)
        assert await asked(transport, endpoint) == b"ok"
        assert server.connections == 2


async def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    async def to_the_end(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        await writer.drain()
        writer.close()

    async with talking(to_the_end) as (_, transport, endpoint):
        assert await asked(transport, endpoint) == b"all of it"


async def test_news_before_the_answer_is_passed_over() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    async with talking(says(early, early + OK, pause_s=0.02)) as (server, transport, endpoint):
        reply = await transport.send(endpoint, [b"{}"], ())
        assert (reply.status, "link" in reply.headers) == (200, False)
        assert await reply.read() == b"ok"
        reply.close()
        await asyncio.sleep(0.05)
        assert server.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"x-%d: %b\r\n" % (i, b"y" * 900) for i in range(80)),
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok",
        b"SSH-2.0-x\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot hex\r\n",
    ],
    ids=["endless head", "another protocol", "compressed", "no HTTP", "no chunk"],
)
async def test_an_answer_that_we_do_not_take_is_a_bad_response(answer: bytes) -> None:
    async with talking(says(answer, pause_s=0.05)) as (_, transport, endpoint):
        with pytest.raises(UpstreamBadResponse):
            await asked(transport, endpoint)


async def test_an_answer_over_the_bound_is_not_read_to_its_end() -> None:
    sent: list[int] = []

    async def floods(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        for _i in range(100):
            writer.write(bytes(1_000_000))
            await writer.drain()
            sent.append(1)

    async with talking(floods, max_response_bytes=1_000_000) as (_, transport, endpoint):
        with pytest.raises(UpstreamBadResponse, match="too large"):
            await asked(transport, endpoint)
        await asyncio.sleep(0.05)
        assert len(sent) < 30


@pytest.mark.parametrize(
    ("pieces", "limits"),
    [
        ([b""], {"first_byte_timeout_s": 0.1}),
        ([OK[:-1]], {"idle_timeout_s": 0.1}),
        (
            [b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", *[b"x"] * 60],
            {"total_timeout_s": 0.15},
        ),
        (
            [b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", *[b"x"] * 60],
            {"first_event_timeout_s": 0.15},
        ),
    ],
    ids=["first byte", "idle", "total", "first event"],
)
async def test_each_wait_has_its_deadline(
    pieces: list[bytes], limits: dict[str, float]
) -> None:
    async with talking(says(*pieces, pause_s=0.02), **limits) as (_, transport, endpoint):
        before = asyncio.get_running_loop().time()
        with pytest.raises(UpstreamTimedOut):
            await asked(transport, endpoint)
        assert asyncio.get_running_loop().time() - before < 2


async def test_a_deadline_that_was_met_ends_nothing_later() -> None:
    limits = {"first_byte_timeout_s": 0.1, "idle_timeout_s": 0.1}
    async with talking(says(OK), **limits) as (server, transport, endpoint):
        assert await asked(transport, endpoint) == b"ok"
        await asyncio.sleep(0.25)
        assert await asked(transport, endpoint) == b"ok"
        assert server.connections == 1


async def test_when_every_place_is_taken_the_next_one_waits_and_then_is_refused() -> None:
    never = says(b"")
    limits = {"max_connections": 1, "pool_timeout_s": 0.1}
    async with talking(never, **limits) as (_, transport, endpoint):
        first = asyncio.ensure_future(transport.send(endpoint, [b"{}"], ()))
        await asyncio.sleep(0.05)
        with pytest.raises(Overloaded):
            await transport.send(endpoint, [b"{}"], ())
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        with pytest.raises(TimeoutError):  # the place is free again, and somebody waits there
            await asyncio.wait_for(transport.send(endpoint, [b"{}"], ()), 0.3)


async def test_nobody_listening_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        transport = Transport(UpstreamSettings())
        with pytest.raises(UpstreamUnreachable):
            await transport.send(Endpoint.of(url, {}, SITE), [b"{}"], ())
        await transport.aclose()


@pytest.mark.parametrize("url", ["ftp://a.test/", "/v1", "http://", "http://[::1"])
def test_only_web_addresses_are_endpoints(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL|Invalid"):
        Endpoint.of(url, {}, SITE)


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "clé", "a\x00"])
def test_no_header_can_break_a_request(value: str) -> None:
    with pytest.raises(ValueError, match="header"):
        Endpoint.of("http://a.test/", {"Authorization": value}, SITE)


async def test_nothing_is_sent_or_even_opened_outside_the_demands_of_a_question() -> None:
    async with talking(says(OK)) as (server, transport, endpoint):
        for demand in (
            Demand("x", places=("eu",)),
            Demand("x", only=("other",)),
            Demand("x", never=("up",)),
        ):
            with pytest.raises(ResidencyUnavailable):
                await transport.send(
                    endpoint, [b"{}"], (Demand("y", places=("de", "us")), demand)
                )
        assert server.connections == 0
        assert await asked(transport, endpoint) == b"ok"  # an open connection changes nothing
        with pytest.raises(ResidencyUnavailable):
            await transport.send(endpoint, [b"{}"], [Demand("x", places=("local",))])
        assert len(server.requests) == 1


async def test_a_refusal_for_its_place_keeps_no_place_among_the_connections() -> None:
    async with talking(says(OK), max_connections=1) as (_, transport, endpoint):
        for _ in range(3):
            with pytest.raises(ResidencyUnavailable):
                await transport.send(endpoint, [b"{}"], [Demand("x", places=("local",))])
        assert await asked(transport, endpoint) == b"ok"
