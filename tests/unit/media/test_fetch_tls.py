"""TLS is always verified, and a configured proxy is the only way out."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
import trustme
from origins import (
    PARAM,
    PICTURE,
    FixedLookup,
    Origin,
    admitting,
    answering,
    counting,
    fetcher,
    picture,
    redirect,
    serving,
    strict,
)

from visus.errors import ImageUrlRejected
from visus.media.fetch import Fetcher
from visus.media.guard import AddressRefused, ProxyGate
from visus.media.urls import NEUTRAL_MESSAGE


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, object]]:
    return "asyncio", {"use_uvloop": request.param}


@dataclass(frozen=True)
class Authority:
    ca: trustme.CA
    ca_file: str

    def context(self, *names: str, expired: bool = False) -> ssl.SSLContext:
        past = datetime(2020, 1, 1, tzinfo=UTC) if expired else None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*names, not_after=past).configure_cert(context)
        return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    ca = trustme.CA()
    path: Path = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return Authority(ca, str(path))


async def refused(door: Fetcher, url: str) -> None:
    with pytest.raises(ImageUrlRejected) as caught:
        await door.fetch(url, param=PARAM)
    assert caught.value.message == NEUTRAL_MESSAGE


async def test_https_works_with_an_authority_from_the_settings(authority: Authority) -> None:
    seen: list[str | None] = []
    tls = authority.context("pics.test")
    tls.sni_callback = lambda _socket, name, _context: seen.append(name)
    async with serving(answering(picture()), tls=tls) as origin:
        settings = admitting(origin.port, ca_file=authority.ca_file)
        async with fetcher(settings) as door:
            fetched = await door.fetch(f"https://pics.test:{origin.port}/a", param=PARAM)
    assert fetched.data == PICTURE
    assert seen == ["pics.test"]


@pytest.mark.parametrize(
    ("names", "expired", "trusted"),
    [
        (["other.test"], False, True),
        (["127.0.0.1"], False, True),
        (["*.pics.test"], False, True),
        (["pics.test"], True, True),
        (["pics.test"], False, False),
    ],
)
async def test_u22_a_certificate_that_does_not_hold_is_refused_and_not_retried(
    authority: Authority, names: list[str], *, expired: bool, trusted: bool
) -> None:
    tls = authority.context(*names, expired=expired)
    async with serving(answering(picture()), tls=tls) as origin:
        settings = admitting(origin.port, ca_file=authority.ca_file if trusted else None)
        async with fetcher(settings) as door:
            await refused(door, f"https://pics.test:{origin.port}/")
    assert origin.connections <= 1
    assert origin.requests == []


async def test_u22_plain_text_on_a_tls_port_is_refused() -> None:
    async with serving(answering(picture())) as origin, fetcher(admitting(origin.port)) as door:
        await refused(door, f"https://pics.test:{origin.port}/")


async def test_u11_a_redirect_from_https_to_http_is_not_followed(authority: Authority) -> None:
    async with counting() as listener:
        answer = redirect(f"http://pics.test:{listener.port}/")
        tls = authority.context("pics.test")
        async with serving(answering(answer), tls=tls) as origin:
            settings = admitting(origin.port, listener.port, ca_file=authority.ca_file)
            async with fetcher(settings) as door:
                await refused(door, f"https://pics.test:{origin.port}/")
    assert listener.connections == 0


async def test_a_redirect_from_http_to_https_is_followed(authority: Authority) -> None:
    tls = authority.context("pics.test")
    async with serving(answering(picture()), tls=tls) as target:
        answer = redirect(f"https://pics.test:{target.port}/")
        async with serving(answering(answer)) as origin:
            settings = admitting(origin.port, target.port, ca_file=authority.ca_file)
            async with fetcher(settings) as door:
                fetched = await door.fetch(f"http://pics.test:{origin.port}/", param=PARAM)
    assert fetched.data == PICTURE


# --- U26: the proxy --------------------------------------------------------------------------


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(65536):
                writer.write(chunk)
                await writer.drain()
    finally:
        writer.close()


@asynccontextmanager
async def tunnelling(port: int) -> AsyncGenerator[Origin]:
    """A proxy that opens a tunnel to `port` here, whatever it is asked for."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        async with asyncio.TaskGroup() as pumps:
            pumps.create_task(pump(reader, far_writer))
            pumps.create_task(pump(far_reader, writer))

    async with serving(script) as proxy:
        yield proxy


async def test_u26_a_proxy_that_is_down_is_not_gone_around() -> None:
    async with counting() as gone:
        port = gone.port
    async with counting() as listener:
        settings = admitting(listener.port, proxy=f"http://127.0.0.1:{port}")
        async with fetcher(settings) as door:
            await refused(door, f"http://pics.test:{listener.port}/")
            await refused(door, f"https://pics.test:{listener.port}/")
            await refused(door, f"http://127.0.0.1:{listener.port}/")
    assert listener.connections == 0


async def test_u26_a_picture_comes_through_the_proxy_and_its_name_is_not_looked_up() -> None:
    lookup = FixedLookup(["127.0.0.1"])
    async with serving(answering(picture())) as proxy, counting() as listener:
        settings = strict(80, listener.port, proxy=f"http://proxy.test:{proxy.port}")
        async with fetcher(settings, lookup=lookup) as door:
            fetched = await door.fetch(f"http://far.test:{listener.port}/a?b", param=PARAM)
    assert fetched.data == PICTURE
    assert proxy.requests[0].startswith(
        f"GET http://far.test:{listener.port}/a?b HTTP/1.1\r\n".encode()
    )
    assert lookup.asked == ["proxy.test"]
    assert listener.connections == 0


async def test_u26_https_is_tunnelled_and_verified(authority: Authority) -> None:
    tls = authority.context("far.test")
    async with (
        serving(answering(picture()), tls=tls) as origin,
        tunnelling(origin.port) as proxy,
    ):
        settings = strict(proxy=f"http://127.0.0.1:{proxy.port}", ca_file=authority.ca_file)
        async with fetcher(settings) as door:
            assert (await door.fetch("https://far.test/", param=PARAM)).data == PICTURE
            await refused(door, "https://other.test/")
    assert proxy.requests[0].startswith(b"CONNECT far.test:443 HTTP/1.1\r\n")
    assert len(origin.requests) == 1


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/", "http://[::1]/", "http://localhost/", "http://a.test:22/"]
)
async def test_u26_what_is_forbidden_direct_is_not_asked_of_the_proxy(url: str) -> None:
    async with (
        serving(answering(picture())) as proxy,
        fetcher(strict(proxy=f"http://127.0.0.1:{proxy.port}")) as door,
    ):
        await refused(door, url)
    assert proxy.connections == 0


async def test_u26_a_proxy_that_redirects_or_refuses_is_a_refusal() -> None:
    for answer in (redirect("http://10.0.0.1/"), picture(status="407 Auth"), b"", b"\0"):
        async with (
            serving(answering(answer)) as proxy,
            fetcher(strict(proxy=f"http://127.0.0.1:{proxy.port}")) as door,
        ):
            await refused(door, "http://far.test/")
            await refused(door, "https://far.test/")
        assert proxy.connections == 2


async def test_u26_the_door_to_a_proxy_leads_nowhere_else() -> None:
    lookup = FixedLookup(["10.0.0.1", "10.0.0.2"])
    named = ProxyGate("proxy.test", 3128, lookup=lookup)
    assert not named.admits(ip_address("10.0.0.1"), 3128)
    await named.addresses("proxy.test")
    assert named.admits(ip_address("10.0.0.2"), 3128)
    assert not named.admits(ip_address("10.0.0.3"), 3128)
    assert not named.admits(ip_address("10.0.0.1"), 80)
    with pytest.raises(AddressRefused):
        await named.addresses("pics.test")
    assert lookup.asked == ["proxy.test"]
    written = ProxyGate("10.0.0.9", 3128, lookup=lookup)
    assert written.admits(ip_address("10.0.0.9"), 3128)
    assert not written.admits(ip_address("10.0.0.1"), 3128)
