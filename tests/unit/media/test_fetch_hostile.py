"""Origins that do not play by the rules, and text that is hardly a URL."""

import asyncio
import itertools
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st
from origins import (
    PARAM,
    PICTURE,
    FixedLookup,
    Script,
    admitting,
    answering,
    counting,
    fetcher,
    picture,
    serving,
    strict,
)

from visus.errors import ImageUrlRejected, MediaRejected
from visus.media.fetch import Fetcher
from visus.media.urls import NEUTRAL_MESSAGE

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, object]]:
    return "asyncio", {"use_uvloop": request.param}


async def attempt(door: Fetcher, port: int) -> bytes | None:
    """The picture's bytes, or nothing after a refusal in due form."""
    try:
        return (await door.fetch(f"http://pics.test:{port}/", param=PARAM)).data
    except ImageUrlRejected:
        return None


async def refused(door: Fetcher, port: int) -> None:
    with pytest.raises(ImageUrlRejected) as caught:
        await door.fetch(f"http://pics.test:{port}/", param=PARAM)
    assert caught.value.message == NEUTRAL_MESSAGE


@pytest.mark.parametrize(
    "answer",
    [
        # no HTTP at all
        *(b"\0", PICTURE, b"\r\n\r\n", b"hello\r\n\r\n", b"\x16\x03\x01\x02", b"SSH-2.0-x\r\n"),
        *(b"<html>HTTP/0.9</html>", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"* OK IMAP\r\n"),
        *(b"ICY 200 OK\r\n\r\nx", b"HTTP/1.1 20 OK\r\n\r\nx"),
        *(b"HTTP/1.1 OK\r\n\r\nx", b"HTTP/1.1 -200 OK\r\n\r\nx", b"HTTP/1.1 2000 OK\r\n\r\nx"),
        # floods in the head
        OK + b"".join(b"X-%d: y\r\n" % number for number in range(1000)) + b"\r\nbody",
        OK + b"X: " + b"y" * 100_000 + b"\r\n\r\nbody",
        OK + b"y" * 100_000 + b": x\r\n\r\nbody",
        b"HTTP/1.1 200 " + b"O" * 100_000 + b"\r\n\r\nbody",
        # malformed headers
        OK + b": x\r\nContent-Length: 1\r\n\r\nx",
        OK + b"X\0: y\r\nContent-Length: 1\r\n\r\nx",
        OK + b"Content-Length: -1\r\n\r\nx",
        OK + b"Content-Length: 0x10\r\n\r\n" + b"x" * 16,
        OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
        OK + b"Content-Length: " + b"9" * 400 + b"\r\n\r\nx",
        # bodies that end early
        OK + b"Content-Length: 10\r\n\r\nxxxxxxxxx",
        CHUNKED + b"5\r\nxxxx",
        CHUNKED + b"5\r\nxxxxx\r\n",
        # chunks that lie
        CHUNKED + b"-5\r\nxxxxx\r\n0\r\n\r\n",
        CHUNKED + b"zz\r\nxxxxx\r\n0\r\n\r\n",
        CHUNKED + b"5\r\nxxxxxxxx\r\n0\r\n\r\n",
        CHUNKED + b"FFFFFFFFFFFFFFFFF\r\nx",
        CHUNKED + b"7FFFFFFFFFFFFFFF\r\nx",
        # interim answers without an end
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1000 + picture(),
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 9 + picture(),
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
async def test_an_answer_that_breaks_the_rules_is_a_refusal(answer: bytes) -> None:
    async with serving(answering(answer)) as origin, fetcher(admitting(origin.port)) as door:
        await refused(door, origin.port)
    assert origin.connections == 1


@pytest.mark.parametrize("count", [1, 8])
async def test_a_few_interim_answers_are_passed_over(count: int) -> None:
    answer = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * count + picture()
    async with serving(answering(answer)) as origin, fetcher(admitting(origin.port)) as door:
        fetched = await door.fetch(f"http://pics.test:{origin.port}/", param=PARAM)
    assert fetched.data == PICTURE


async def test_bytes_after_the_answer_are_nobodys() -> None:
    answer = picture() + picture(body=b"another answer")
    async with serving(answering(answer)) as origin, fetcher(admitting(origin.port)) as door:
        for _ in range(3):
            assert await attempt(door, origin.port) in {PICTURE, None}
    assert origin.connections == 3


async def test_a_reset_connection_is_a_refusal() -> None:
    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"Content-Length: 100\r\n\r\nabc")
        await writer.drain()
        writer.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"
        )
        writer.transport.abort()

    async with serving(script) as origin, fetcher(admitting(origin.port)) as door:
        await refused(door, origin.port)


def repeating(head: bytes, piece: bytes) -> Script:
    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        for _ in itertools.count():
            writer.write(piece)
            await writer.drain()

    return script


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
        (OK, b"X: y\r\n" * 1000),
        (OK + b"X: ", b"y" * 10_000),
        (CHUNKED + b"5;", b"e" * 10_000),
        (CHUNKED + b"1\r\nx\r\n0\r\n", b"T: x\r\n" * 1000),
        (OK + b"Content-Length: 10\r\n\r\n0123456789", b"more" * 1000),
    ],
)
async def test_an_endless_answer_costs_little(head: bytes, piece: bytes) -> None:
    before_s = time.process_time()
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with serving(repeating(head, piece)) as origin:
        async with fetcher(admitting(origin.port)) as door:
            assert await attempt(door, origin.port) in {b"0123456789", None}
        await asyncio.sleep(0.05)
        assert origin.open_now == 0
    assert time.process_time() - before_s < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 20_000


async def test_tiny_chunks_do_not_hold_the_loop() -> None:
    async with (
        serving(repeating(CHUNKED, b"1\r\nx\r\n" * 5000)) as origin,
        fetcher(admitting(origin.port, max_bytes=2_000_000)) as door,
    ):
        longest_s, last = 0.0, time.monotonic()
        task = asyncio.create_task(door.fetch(f"http://pics.test:{origin.port}/", param=PARAM))
        while not task.done():
            await asyncio.sleep(0.005)
            longest_s, last = max(longest_s, time.monotonic() - last), time.monotonic()
        with pytest.raises(MediaRejected):
            await task
    assert longest_s < 0.3


# --- anything at all -------------------------------------------------------------------------


@contextmanager
def running() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


ANSWER_PIECES = st.sampled_from(
    [
        *(b"HTTP/1.1 ", b"HTTP/1.0 ", b"200 OK", b"302 Found", b"100 Continue", b"\r\n", b"\n"),
        *(b"Content-Length: ", b"Transfer-Encoding: chunked", b"Content-Encoding: gzip", b"5"),
        *(b"Location: ", b"/x", b"http://127.0.0.2/", b"\0", b"\xff", b": ", b"abcde"),
        *(b"0\r\n\r\n", b"5\r\n", b"\r\n\r\n"),
        *(b"Set-Cookie: a=b", b"Connection: keep-alive", b"Upgrade: h2c", b"101 Switching"),
    ]
)
RAW_ANSWERS = st.one_of(
    st.binary(max_size=200),
    st.lists(ANSWER_PIECES, max_size=30).map(b"".join),
    st.lists(ANSWER_PIECES, max_size=20).map(lambda pieces: OK + b"".join(pieces)),
)


def test_any_answer_is_bytes_or_a_refusal() -> None:
    answers: list[bytes] = [b""]

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answers[0])

    with running() as runner:
        server = serving(script)
        origin = runner.run(server.__aenter__())
        fast = {"first_byte_s": 0.1, "idle_s": 0.1, "total_s": 0.2}
        entered = fetcher(admitting(origin.port, **fast))
        door = runner.run(entered.__aenter__())

        @settings(max_examples=150, deadline=None)
        @given(RAW_ANSWERS)
        @example(OK + b"Content-Length: 5\r\n\r\nabcdeHTTP/1.1 200 OK\r\n\r\n")
        def check(answer: bytes) -> None:
            answers[0] = answer
            outcome = runner.run(attempt(door, origin.port))
            assert isinstance(outcome, bytes) == bool(outcome)

        try:
            check()
        finally:
            runner.run(entered.__aexit__(None, None, None))
            runner.run(server.__aexit__(None, None, None))


URL_PIECES = st.sampled_from(
    [
        *("127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "pics.test", "2130706433"),
        *("@", ":", "/", "\\", "#", "?", ".", "%", "①", "。", "%00", "%2e", "a", "[", "]"),
        *("127.1", "0", "::1", "user", "HTTP", "http://", "\t", " ", "127.0.0.2", "0x7f.1"),
    ]
)


def test_no_text_at_all_leads_to_a_forbidden_address() -> None:
    """Every name resolves to the listener, and the listener's port is an allowed one."""
    with running() as runner:
        listening = counting("127.0.0.1", "127.0.0.2", "::1")
        listener = runner.run(listening.__aenter__())
        lookup = FixedLookup(["127.0.0.1"])
        entered = fetcher(strict(listener.port), lookup=lookup)
        door = runner.run(entered.__aenter__())

        @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(
            st.sampled_from(["http://", "https://", "HTTP://", "http:", "//", ""]),
            st.lists(URL_PIECES, min_size=1, max_size=6).map("".join),
            st.sampled_from(["", ":{}", ":{}/", ":{}/a?b#c", ":{}\\@a.test/", ":{}@a.test"]),
        )
        def check(scheme: str, middle: str, end: str) -> None:
            url = scheme + middle + end.format(listener.port)
            with pytest.raises(ImageUrlRejected):
                runner.run(door.fetch(url, param=PARAM))
            assert listener.connections == 0

        try:
            check()
        finally:
            runner.run(entered.__aexit__(None, None, None))
            runner.run(listening.__aexit__(None, None, None))
    assert listener.connections == 0
