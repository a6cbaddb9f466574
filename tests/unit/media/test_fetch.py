# ruff: noqa: RUF001, S104  (look-alike characters and 0.0.0.0 are what is tested)
"""The address guard on real sockets: what is forbidden is never even connected to."""

import asyncio
import time
from contextlib import AsyncExitStack
from itertools import count

import aiohttp
import pytest
from aiohttp import client_exceptions, http_exceptions
from aiohttp.http_exceptions import HttpProcessingError
from origins import (
    PARAM,
    PICTURE,
    FixedLookup,
    admitting,
    answering,
    counting,
    fetcher,
    picture,
    redirect,
    serving,
    silence,
    strict,
)

from visus.errors import ImageUrlRejected, MediaRejected
from visus.media.addresses import AddressPolicy
from visus.media.connect import guarded_connector
from visus.media.fetch import Fetcher
from visus.media.fetch_slots import FetchSlots
from visus.media.guard import trusted_authorities
from visus.media.outbound import FOREIGN
from visus.media.urls import NEUTRAL_MESSAGE


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, object]]:
    return "asyncio", {"use_uvloop": request.param}


async def refusal(door: Fetcher, url: str) -> ImageUrlRejected:
    with pytest.raises(ImageUrlRejected) as caught:
        await door.fetch(url, param=PARAM)
    error = caught.value
    assert (error.status, error.code, error.param) == (400, "invalid_image_url", PARAM)
    return error


async def neutral_refusal(door: Fetcher, url: str) -> str:
    """The reason for our log; what the caller reads is the same sentence every time."""
    error = await refusal(door, url)
    assert error.message == NEUTRAL_MESSAGE
    assert error.detail is not None
    assert not any(hint in error.detail for hint in ("127.", "pics", "::", "169."))
    return error.detail


# --- U01 to U06: forbidden addresses ---------------------------------------------------------


async def test_a_picture_is_fetched_when_its_address_is_admitted() -> None:
    script = answering(picture("Content-Type: image/png"))
    async with serving(script) as origin, fetcher(admitting(origin.port)) as door:
        fetched = await door.fetch(f"http://pics.test:{origin.port}/a.png", param=PARAM)
    assert (fetched.data, fetched.declared_type) == (PICTURE, "image/png")
    assert origin.connections == 1


async def test_u01_loopback_is_never_connected_to() -> None:
    async with counting() as listener, fetcher(strict(listener.port)) as door:
        await neutral_refusal(door, f"http://127.0.0.1:{listener.port}/a.png")
        await neutral_refusal(door, f"https://127.0.0.1:{listener.port}/a.png")
        await neutral_refusal(door, f"http://127.0.0.99:{listener.port}/a.png")
    assert listener.connections == 0


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "a.localhost", "localhost.test"])
async def test_u02_names_of_loopback_are_never_connected_to(host: str) -> None:
    lookup = FixedLookup(["127.0.0.1"])
    async with counting() as listener, fetcher(strict(listener.port), lookup=lookup) as door:
        await refusal(door, f"http://{host}:{listener.port}/")
    assert listener.connections == 0


async def test_u02_the_system_resolver_does_not_open_localhost_either() -> None:
    async with (
        counting() as listener,
        fetcher(strict(listener.port, allow_hosts=("localhost",))) as door,
    ):
        await neutral_refusal(door, f"http://localhost:{listener.port}/")
    assert listener.connections == 0


async def test_u03_metadata_is_refused_at_once_and_not_named() -> None:
    started = time.monotonic()
    async with fetcher(strict()) as door:
        reason = await neutral_refusal(door, "http://169.254.169.254/latest/meta-data/")
    assert reason == "address refused"
    assert time.monotonic() - started < 5.0


@pytest.mark.parametrize(
    "host",
    [
        *("①②⑦.⓪.⓪.①", "127。0。0。1", "１２７.0.0.1", "127．0．0．1", "2130706433", "127.1"),
        *("0x7f000001", "0x7f.1", "0177.0.0.1", "0", "0.0.0.0", "127.0.0.1.", "127.0.0.1%2e"),
    ],
)
async def test_u04_other_spellings_of_loopback_are_never_connected_to(host: str) -> None:
    lookup = FixedLookup(["127.0.0.1"])
    async with counting() as listener, fetcher(admitting(listener.port), lookup=lookup) as door:
        await refusal(door, f"http://{host}:{listener.port}/")
    assert listener.connections == 0
    assert lookup.asked == []


@pytest.mark.parametrize(
    "host",
    [
        *("::1", "::", "::ffff:127.0.0.1", "::ffff:7f00:1", "::7f00:1", "::127.0.0.1"),
        *("0:0:0:0:0:ffff:127.0.0.1", "::FFFF:7F00:0001", "::ffff:0:127.0.0.1"),
        *("64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::80ff:fefe", "fec0::1"),
        *("fd00:ec2::254", "fe80::1%25eth0", "fe80::1", "ff02::1", "64:ff9b:1::7f00:1"),
    ],
)
async def test_u05_u06_ipv6_forms_are_never_connected_to(host: str) -> None:
    """Although 127.0.0.1 itself is admitted here."""
    async with (
        counting("127.0.0.1", "::1") as listener,
        fetcher(admitting(listener.port)) as door,
    ):
        await refusal(door, f"http://[{host}]:{listener.port}/")
    assert listener.connections == 0


# --- U07, U08: names -------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [["127.0.0.1", "127.0.0.2"], ["127.0.0.2", "127.0.0.1"]])
async def test_u07_one_refused_address_spoils_the_name(answer: list[str]) -> None:
    lookup = FixedLookup(answer)
    async with (
        counting("127.0.0.1", "127.0.0.2") as listener,
        fetcher(admitting(listener.port), lookup=lookup) as door,
    ):
        await neutral_refusal(door, f"http://mixed.test:{listener.port}/")
    assert listener.connections == 0


async def test_u07_a_public_and_a_private_address_together_are_refused_unconnected() -> None:
    lookup = FixedLookup(["93.184.216.34", "127.0.0.1"])
    started = time.monotonic()
    async with counting() as listener, fetcher(strict(listener.port), lookup=lookup) as door:
        await neutral_refusal(door, f"http://mixed.test:{listener.port}/")
    assert listener.connections == 0
    assert time.monotonic() - started < 5.0


async def test_u08_a_name_is_looked_up_once_and_its_checked_address_is_used() -> None:
    lookup = FixedLookup(["127.0.0.1"], ["127.0.0.2"])
    async with AsyncExitStack() as stack:
        origin = await stack.enter_async_context(serving(answering(picture())))
        listener = await stack.enter_async_context(counting("127.0.0.2", port=origin.port))
        door = await stack.enter_async_context(fetcher(admitting(origin.port), lookup=lookup))
        url = f"http://rebound.test:{origin.port}/"
        assert (await door.fetch(url, param=PARAM)).data == PICTURE
        assert lookup.asked == ["rebound.test"]
        await neutral_refusal(door, url)
        assert lookup.asked == ["rebound.test"] * 2
    assert (origin.connections, listener.connections) == (1, 0)


async def test_u08_every_hop_looks_its_name_up_again() -> None:
    lookup = FixedLookup(["127.0.0.1"], ["127.0.0.2"])
    async with AsyncExitStack() as stack:
        origin = await stack.enter_async_context(serving(answering(redirect("/again"))))
        listener = await stack.enter_async_context(counting("127.0.0.2", port=origin.port))
        door = await stack.enter_async_context(fetcher(admitting(origin.port), lookup=lookup))
        await neutral_refusal(door, f"http://rebound.test:{origin.port}/")
    assert (origin.connections, listener.connections) == (1, 0)
    assert lookup.asked == ["rebound.test"] * 2


async def test_a_name_from_the_settings_still_passes_the_guard() -> None:
    async with counting() as listener:
        settings = strict(listener.port, hosts={"pics.test": "127.0.0.1"})
        async with fetcher(settings) as door:
            await neutral_refusal(door, f"http://pics.test:{listener.port}/")
    assert listener.connections == 0


async def test_a_name_from_the_settings_may_carry_a_port() -> None:
    async with serving(answering(picture())) as origin:
        settings = admitting(hosts={"pics.test": f"127.0.0.1:{origin.port}"})
        async with fetcher(settings) as door:
            assert (await door.fetch("http://pics.test/a", param=PARAM)).data == PICTURE
    assert b"Host: pics.test\r\n" in origin.requests[0]


@pytest.mark.parametrize("answer", [[], ["0.0.0.0"], ["::1"], ["fe80::1%1"], ["10.0.0.1"]])
async def test_a_name_without_a_usable_address_looks_like_any_other(answer: list[str]) -> None:
    async with fetcher(strict(), lookup=FixedLookup(answer)) as door:
        await neutral_refusal(door, "http://gone.test/")


# --- U09 to U12: redirects -------------------------------------------------------------------


async def test_a_redirect_is_followed() -> None:
    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = len(origin.requests) == 1
        writer.write(redirect("/b.png?x=1") if first else picture())

    async with serving(script) as origin, fetcher(admitting(origin.port)) as door:
        fetched = await door.fetch(f"http://pics.test:{origin.port}/a", param=PARAM)
    assert fetched.data == PICTURE
    assert [head.split()[1] for head in origin.requests] == [b"/a", b"/b.png?x=1"]


@pytest.mark.parametrize("status", ["301 A", "302 B", "303 C", "307 D", "308 E"])
async def test_u09_a_redirect_to_a_forbidden_address_is_not_followed(status: str) -> None:
    async with counting("127.0.0.2", "::1") as listener:
        for host in ("127.0.0.2", "[::1]", "[::ffff:127.0.0.2]"):
            answer = redirect(f"http://{host}:{listener.port}/", status=status)
            async with (
                serving(answering(answer)) as origin,
                fetcher(admitting(origin.port, listener.port)) as door,
            ):
                await neutral_refusal(door, f"http://pics.test:{origin.port}/")
            assert origin.connections == 1
    assert listener.connections == 0


@pytest.mark.parametrize(("hops", "fine"), [(2, True), (3, True), (4, False), (None, False)])
async def test_u10_three_redirects_are_followed_and_no_more(
    hops: int | None, *, fine: bool
) -> None:
    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        done = hops is not None and len(origin.requests) > hops
        writer.write(picture() if done else redirect("/loop"))

    async with serving(script) as origin, fetcher(admitting(origin.port)) as door:
        url = f"http://pics.test:{origin.port}/loop"
        if fine:
            assert (await door.fetch(url, param=PARAM)).data == PICTURE
        else:
            assert await neutral_refusal(door, url) == "too many redirects"
    assert origin.connections == (hops + 1 if fine and hops else 4)


@pytest.mark.parametrize("port", [22, 25, 6379, 1])
async def test_u12_a_redirect_to_another_port_is_not_followed(port: int) -> None:
    answer = redirect(f"http://pics.test:{port}/")
    async with serving(answering(answer)) as origin, fetcher(admitting(origin.port)) as door:
        reason = await neutral_refusal(door, f"http://pics.test:{origin.port}/")
    assert reason == "port not allowed"


async def test_u12_a_redirect_to_a_listening_but_closed_port_does_not_connect() -> None:
    async with counting() as listener:
        answer = redirect(f"http://pics.test:{listener.port}/")
        async with (
            serving(answering(answer)) as origin,
            fetcher(admitting(origin.port)) as door,
        ):
            await neutral_refusal(door, f"http://pics.test:{origin.port}/")
    assert listener.connections == 0


@pytest.mark.parametrize(
    "answer",
    [
        picture(body=b"", status="302 Found"),
        redirect(""),
        redirect("data:image/png;base64,iVBORw0KGgo="),
        redirect("file:///etc/passwd"),
        redirect("http://user:pass@pics.test/"),
        redirect("/a%0d%0aX-Evil:%201"),
        redirect("/a b"),
        redirect("/ü".encode().decode("latin-1")),
        picture("Location: /a", "Location: /b", body=b"", status="302 Found"),
        picture("Location: /a", body=b"", status="300 Multiple Choices"),
        picture("Location: /a", body=b"", status="304 Not Modified"),
        picture("Location: /a", body=b"", status="305 Use Proxy"),
        picture("Refresh: 0; url=/a", body=b""),
    ],
)
async def test_a_redirect_to_nowhere_good_ends_in_the_neutral_sentence(answer: bytes) -> None:
    async with serving(answering(answer)) as origin, fetcher(admitting(origin.port)) as door:
        await neutral_refusal(door, f"http://pics.test:{origin.port}/")
    assert origin.connections <= 4


# --- U13 to U15: nothing of the URL reaches the wire unread ----------------------------------


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://user:pass@pics.test:{}/",
            "http://pics.test:{}@127.0.0.1/",
            "file:///etc/passwd",
        ),
        *(
            "http://pics.test:{}/\r\nX: y",
            "http://pics.test:{}/%0d%0aX:%20y",
            "/etc/passwd",
            "",
        ),
        *("http://pics.test:{}/\t", "http://pics.test:{}/\0", "http://pics.test:{} /", "h"),
        *("http://pics.test:{}\\@127.0.0.1/", "ht\ttp://pics.test:{}/", "http:pics.test:{}/"),
    ],
)
async def test_u13_u14_u15_a_malformed_url_opens_no_connection(url: str) -> None:
    async with counting() as listener, fetcher(admitting(listener.port)) as door:
        await refusal(door, url.format(listener.port))
    assert listener.connections == 0


# --- U16, U17: time --------------------------------------------------------------------------


async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def drip_head(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in count():
        writer.write(f"X-{number}: y\r\n".encode())
        await writer.drain()
        await asyncio.sleep(0.05)


async def stop_in_the_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc")
    await reader.read()


async def stop_in_the_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10")
    await reader.read()


@pytest.mark.parametrize(
    ("script", "at_least_s", "at_most_s"),
    [
        (silence, 0.35, 5.0),
        (stop_in_the_head, 0.35, 5.0),
        (stop_in_the_body, 0.35, 5.0),
        (drip_head, 0.8, 6.0),
        (drip, 0.9, 6.0),
    ],
)
async def test_u16_u17_a_slow_origin_is_left_at_its_deadline(
    script: object, at_least_s: float, at_most_s: float
) -> None:
    async with serving(script) as origin, fetcher(admitting(origin.port)) as door:
        started = time.monotonic()
        await neutral_refusal(door, f"http://pics.test:{origin.port}/")
        assert at_least_s <= time.monotonic() - started < at_most_s
        await origin.is_left()


async def test_u16_each_deadline_holds_when_the_others_are_far_away() -> None:
    far = {"connect_s": 0.3, "first_byte_s": 20.0, "idle_s": 20.0, "total_s": 25.0}
    for script, near in (
        (silence, {"first_byte_s": 0.3, "idle_s": 0.3}),
        (drip_head, {"first_byte_s": 0.3}),
        (stop_in_the_body, {"idle_s": 0.3}),
        (drip, {"total_s": 0.5}),
    ):
        async with serving(script) as origin:
            settings = admitting(origin.port, **{**far, **near})
            async with fetcher(settings) as door:
                started = time.monotonic()
                await neutral_refusal(door, f"http://pics.test:{origin.port}/")
                assert time.monotonic() - started < 5.0


async def test_the_total_deadline_spans_all_redirects() -> None:
    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)
        writer.write(redirect("/more"))

    async with (
        serving(script) as origin,
        fetcher(admitting(origin.port, total_s=0.7)) as door,
    ):
        started = time.monotonic()
        await neutral_refusal(door, f"http://pics.test:{origin.port}/")
    assert time.monotonic() - started < 5.0
    assert 2 <= origin.connections <= 3


# --- U18: size -------------------------------------------------------------------------------


async def too_large(door: Fetcher, url: str) -> None:
    with pytest.raises(MediaRejected) as caught:
        await door.fetch(url, param=PARAM)
    assert (caught.value.code, caught.value.param) == ("invalid_image", PARAM)
    assert "100 bytes" in caught.value.message


async def test_u18_a_declared_size_over_the_limit_is_refused_unread() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
        await reader.read()

    async with (
        serving(script) as origin,
        fetcher(admitting(origin.port, max_bytes=100)) as door,
    ):
        started = time.monotonic()
        await too_large(door, f"http://pics.test:{origin.port}/")
        assert time.monotonic() - started < 5.0


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("size_bytes", [99, 100, 101])
@pytest.mark.parametrize("framing", ["declared", "chunked", "until the end"])
async def test_u18_the_limit_holds_to_the_byte(size_bytes: int, framing: str) -> None:
    body = b"x" * size_bytes
    answer = {
        "declared": picture(body=body),
        "chunked": CHUNKED + b"1\r\nx\r\n" * size_bytes + b"0\r\n\r\n",
        "until the end": b"HTTP/1.1 200 OK\r\n\r\n" + body,
    }[framing]
    async with (
        serving(answering(answer)) as origin,
        fetcher(admitting(origin.port, max_bytes=100)) as door,
    ):
        url = f"http://pics.test:{origin.port}/"
        if size_bytes > 100:
            await too_large(door, url)
        else:
            assert (await door.fetch(url, param=PARAM)).data == body


@pytest.mark.parametrize("head", [CHUNKED, b"HTTP/1.1 200 OK\r\n\r\n"])
async def test_u18_a_body_without_an_end_is_left_at_the_limit(head: bytes) -> None:
    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            await writer.drain()

    async with serving(script) as origin:
        async with fetcher(admitting(origin.port, max_bytes=100)) as door:
            await too_large(door, f"http://pics.test:{origin.port}/")
        await origin.is_left()


# --- U19 to U21: what counts as an answer ----------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        *(["Content-Encoding: gzip"], ["Content-Encoding: br"], ["Content-Encoding: zstd"]),
        *(["Content-Encoding: GZIP"], ["Content-Encoding: " + "gzip, " * 20 + "gzip"]),
        *(["Content-Encoding: identity, gzip"], ["Content-Encoding: x"]),
        ["Content-Encoding: identity", "Content-Encoding: deflate"],
    ],
)
async def test_u19_an_encoded_body_is_refused(headers: list[str]) -> None:
    async with (
        serving(answering(picture(*headers))) as origin,
        fetcher(admitting(origin.port)) as door,
    ):
        await neutral_refusal(door, f"http://pics.test:{origin.port}/")
    assert b"Accept-Encoding: identity\r\n" in origin.requests[0]


@pytest.mark.parametrize("coding", ["gzip, chunked", "gzip", "chunked, chunked", "deflate"])
async def test_u19_a_body_encoded_for_its_transfer_is_refused(coding: str) -> None:
    answer = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\n\r\n1\r\nx\r\n0\r\n\r\n"
    async with (
        serving(answering(answer.encode())) as origin,
        fetcher(admitting(origin.port)) as door,
    ):
        await neutral_refusal(door, f"http://pics.test:{origin.port}/")


async def test_u19_a_body_that_says_it_is_not_encoded_is_taken() -> None:
    async with (
        serving(answering(picture("Content-Encoding: Identity"))) as origin,
        fetcher(admitting(origin.port)) as door,
    ):
        fetched = await door.fetch(f"http://pics.test:{origin.port}/", param=PARAM)
    assert fetched.data == PICTURE


@pytest.mark.parametrize(
    "answer",
    [
        *(picture(status=status) for status in ("201 A", "202 B", "203 C", "206 D", "226 E")),
        *(picture(status=status) for status in ("400 A", "401 B", "404 C", "407 D", "429 E")),
        *(picture(status=status) for status in ("500 A", "503 B", "599 C", "600 D", "999 E")),
        b"HTTP/1.1 204 No Content\r\n\r\n",
        picture(body=b""),
        b"HTTP/1.1 200 OK\r\n\r\n",
        CHUNKED + b"0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ],
)
async def test_u20_only_a_200_with_bytes_is_a_picture(answer: bytes) -> None:
    async with serving(answering(answer)) as origin, fetcher(admitting(origin.port)) as door:
        await neutral_refusal(door, f"http://pics.test:{origin.port}/")
    assert origin.connections == 1


@pytest.mark.parametrize("claimed", ["image/png", "text/html", "nonsense", ""])
async def test_u20_u21_the_claimed_type_is_handed_on_but_decides_nothing(claimed: str) -> None:
    body = b"\xff\xd8\xff\xe0 a JPEG"
    answer = picture(f"Content-Type: {claimed}", body=body)
    async with serving(answering(answer)) as origin, fetcher(admitting(origin.port)) as door:
        fetched = await door.fetch(f"http://pics.test:{origin.port}/", param=PARAM)
    assert (fetched.data, fetched.declared_type) == (body, claimed)


# --- U23 to U25 ------------------------------------------------------------------------------


async def test_u23_one_host_gets_four_fetches_at_once_and_each_picture_once() -> None:
    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.01)
        writer.write(picture())

    async with serving(script) as origin, fetcher(admitting(origin.port)) as door:
        url = f"http://pics.test:{origin.port}/"
        fetched = await asyncio.gather(*(door.fetch(url, param=PARAM) for _ in range(50)))
    assert len(fetched) == 50
    assert origin.connections == 50
    assert origin.most_at_once <= 4 + 1  # the origin may notice an end after the next beginning


async def test_all_hosts_together_get_no_more_than_the_limit() -> None:
    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        writer.write(picture())

    lookup = FixedLookup(["127.0.0.1"])
    async with serving(script) as origin:
        settings = admitting(origin.port, max_fetches=3)
        async with fetcher(settings, lookup=lookup) as door:
            await asyncio.gather(
                *(
                    door.fetch(f"http://h{number}.test:{origin.port}/", param=PARAM)
                    for number in range(12)
                )
            )
    assert 2 <= origin.most_at_once <= 3 + 1


async def test_a_host_that_nobody_waits_for_is_forgotten() -> None:
    slots = FetchSlots(2, each=1)
    async with slots.at("a.test"), slots.at("b.test"):
        assert len(slots) == 2
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01), slots.at("a.test"):
                pytest.fail("two at once")
    assert len(slots) == 0


async def test_waiting_for_one_host_does_not_hold_up_another() -> None:
    slots = FetchSlots(2, each=1)
    async with slots.at("a.test"), asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(_take(slots, "a.test")) for _ in range(5)]
        await asyncio.sleep(0.01)
        async with asyncio.timeout(1), slots.at("b.test"):
            pass
        for task in waiting:
            task.cancel()


async def _take(slots: FetchSlots, host: str) -> None:
    async with slots.at(host):
        pass


async def test_waiting_for_a_turn_has_a_deadline() -> None:
    async with serving(silence) as origin:
        settings = admitting(origin.port, max_fetches_per_host=1, turn_s=0.1)
        async with fetcher(settings) as door:
            url = f"http://pics.test:{origin.port}/"
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(neutral_refusal(door, url))
                await asyncio.sleep(0.02)
                started = time.monotonic()
                await neutral_refusal(door, url)
                assert time.monotonic() - started < 5.0
    assert origin.connections == 1


async def test_a_cancelled_fetch_gives_its_turn_and_its_connection_back() -> None:
    async with serving(silence) as origin:
        settings = admitting(origin.port, max_fetches=1)
        async with fetcher(settings) as door:
            url = f"http://pics.test:{origin.port}/"
            for _ in range(3):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(door.fetch(url, param=PARAM), 0.3)
            await origin.is_left()
    assert origin.connections == 3


@pytest.mark.parametrize("host", ["pics.test", "127.0.0.1"])
async def test_u24_this_server_does_not_fetch_from_itself_though_admitted(host: str) -> None:
    async with counting() as listener:
        own = frozenset({listener.port})
        async with fetcher(admitting(listener.port), own_ports=own) as door:
            await neutral_refusal(door, f"http://{host}:{listener.port}/v1/models")
    assert listener.connections == 0


@pytest.mark.parametrize("host", ["pics.test", "127.0.0.1"])
async def test_u24_an_upstream_is_not_fetched_from_though_admitted(host: str) -> None:
    async with counting() as listener:
        upstreams = frozenset({("127.0.0.1", listener.port)})
        async with fetcher(admitting(listener.port), refused_origins=upstreams) as door:
            await neutral_refusal(door, f"http://{host}:{listener.port}/v1/models")
    assert listener.connections == 0


@pytest.mark.parametrize("known_as", ["localhost", "127.0.0.1", "127.0.0.2", "::1", "0.0.0.0"])
async def test_u24_an_upstream_on_this_machine_is_closed_by_every_address(
    known_as: str,
) -> None:
    async with counting("127.0.0.1", "::1") as listener:
        settings = admitting(listener.port, admit_networks=("127.0.0.0/8", "::1"))
        upstreams = frozenset({(known_as, listener.port)})
        async with fetcher(settings, refused_origins=upstreams) as door:
            for host in ("127.0.0.1", "[::1]", "pics.test"):
                await neutral_refusal(door, f"http://{host}:{listener.port}/v1/models")
    assert listener.connections == 0


async def test_u24_an_upstream_is_not_fetched_from_by_name() -> None:
    async with counting() as listener:
        upstreams = frozenset({("pics.test", listener.port)})
        async with fetcher(admitting(listener.port), refused_origins=upstreams) as door:
            await neutral_refusal(door, f"http://PICS.test:{listener.port}/v1/models")
    assert listener.connections == 0


async def test_u25_an_origin_sees_four_headers_and_no_cookie_comes_back() -> None:
    answer = picture("Set-Cookie: a=b; Path=/")
    async with serving(answering(answer)) as origin, fetcher(admitting(origin.port)) as door:
        for _ in range(2):
            await door.fetch(f"http://pics.test:{origin.port}/a?b#c", param=PARAM)
    assert origin.connections == 2
    for head in origin.requests:
        first, *headers = head.decode().strip().split("\r\n")
        assert first == "GET /a?b HTTP/1.1"
        names = {line.partition(":")[0] for line in headers}
        assert names == {"Host", "User-Agent", "Accept", "Accept-Encoding"}
        assert f"Host: pics.test:{origin.port}" in headers


async def test_a_broken_connection_is_not_tried_again() -> None:
    async with serving(answering(b"")) as origin, fetcher(admitting(origin.port)) as door:
        await neutral_refusal(door, f"http://pics.test:{origin.port}/")
    assert origin.connections == 1


async def test_a_closed_port_looks_like_a_missing_picture() -> None:
    async with counting() as listener:
        port = listener.port
    async with fetcher(admitting(port)) as door:
        await neutral_refusal(door, f"http://pics.test:{port}/")


# --- the guard alone -------------------------------------------------------------------------


async def test_the_connector_refuses_what_nobody_checked_before_it() -> None:
    """A literal never passes a resolver, so the sockets have to be guarded themselves."""
    async with counting("127.0.0.1", "::1") as listener:
        connector = guarded_connector(
            strict(),
            policy=AddressPolicy(),
            lookup=FixedLookup(["127.0.0.1"]),
            tls=trusted_authorities(None),
        )
        async with aiohttp.ClientSession(connector=connector) as session:
            for host in ("127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "pics.test"):
                with pytest.raises(aiohttp.ClientError):
                    await session.get(f"http://{host}:{listener.port}/")
    assert listener.connections == 0


async def test_every_error_of_the_http_library_is_foreseen() -> None:
    errors = {
        value
        for module in (client_exceptions, http_exceptions)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    # Parsing errors are translated where the answer's head is read, or by aiohttp for a body.
    parsing = {error for error in errors if issubclass(error, HttpProcessingError)}
    others = {error for error in errors - parsing if not issubclass(error, FOREIGN)}
    assert others == {aiohttp.WSMessageTypeError}  # we open no web sockets
