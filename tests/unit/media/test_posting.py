"""What is sent through the limits goes once, where it may, and only the status comes back."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from origins import (
    FixedLookup,
    answering,
    counting,
    picture,
    redirect,
    serving,
    silence,
)

from visus.errors import InvalidValue
from visus.media.guard import address_policy
from visus.media.lazy_outbound import LazyOutbound
from visus.media.posting import NotSent, Poster
from visus.media.settings import MediaSettings, WebhookSettings

BODY, HEADERS = b'{"a":1}', {"webhook-id": "evt_1"}
QUICK = {"connect_s": 0.5, "total_s": 0.5, "lease_s": 1}


@asynccontextmanager
async def poster(
    *ports: int, lookup: FixedLookup | None = None, **changes: object
) -> AsyncGenerator[Poster]:
    """Lets http go to 127.0.0.1 at these ports."""
    opened = {"allow_http": True, "admit_networks": ("127.0.0.1/32",), "ports": ports or (443,)}
    settings = WebhookSettings(**{**QUICK, **opened, **changes})
    limits = settings.outbound(MediaSettings())
    policy = address_policy(limits, own_ports=frozenset(), refused_origins=frozenset())
    async with LazyOutbound(limits, policy=policy, threads=1, lookup=lookup) as outbound:
        yield Poster(settings, limits, outbound)


@pytest.mark.parametrize("status", ["204 No Content", "500 No", "404 No"])
async def test_the_status_is_what_comes_back(status: str) -> None:
    async with (
        serving(answering(picture(status=status, body=b""))) as there,
        poster(there.port) as one,
    ):
        url = f"http://127.0.0.1:{there.port}/in?a=b"
        assert await one.post(url, BODY, HEADERS) == int(status[:3])
    (head,) = there.requests
    assert head.startswith(b"POST /in?a=b HTTP/1.1\r\n")
    lines = {line.lower() for line in head.split(b"\r\n")}
    assert {
        b"webhook-id: evt_1", b"content-type: application/json", b"content-length: 7",
    } <= lines  # fmt: skip
    assert not any(line.startswith((b"cookie:", b"authorization:")) for line in lines)


async def test_no_redirect_is_followed() -> None:
    async with counting() as elsewhere:
        away = redirect(f"http://127.0.0.1:{elsewhere.port}/")
        async with serving(answering(away)) as there, poster(there.port, elsewhere.port) as one:
            assert await one.post(f"http://127.0.0.1:{there.port}/", BODY, HEADERS) == 302
    assert elsewhere.connections == 0


async def test_who_breaks_off_or_says_nothing_is_not_asked_again() -> None:
    async def gone(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    for script in (gone, silence, answering(b"no http\r\n\r\n")):
        async with serving(script) as there, poster(there.port) as one:
            with pytest.raises(NotSent) as caught:
                await one.post(f"http://127.0.0.1:{there.port}/", BODY, HEADERS)
            assert str(there.port) not in str(caught.value)
            assert "127.0.0.1" not in str(caught.value)
        assert there.connections == 1


async def test_a_name_that_leads_inside_is_not_connected_to() -> None:
    lookup = FixedLookup(["127.0.0.2"])
    async with counting("127.0.0.2") as inside, poster(inside.port, lookup=lookup) as one:
        url = f"http://inner.test:{inside.port}/"
        assert one.receiver(url, param="visus.webhook").url == url
        with pytest.raises(NotSent):
            await one.post(url, BODY, HEADERS)
    assert inside.connections == 0
    assert lookup.asked == ["inner.test"]


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "https://10.0.0.1/", "https://example.com:444/",
        "https://user@example.com/", "ftp://example.com/", "https://localhost/",
    ],
)  # fmt: skip
async def test_where_nothing_is_sent_is_said_before(url: str) -> None:
    async with poster(allow_http=False) as one:
        with pytest.raises(InvalidValue) as caught:
            one.receiver(url, param="visus.webhook")
        assert caught.value.param == "visus.webhook"
        with pytest.raises(NotSent):
            await one.post(url, BODY, HEADERS)


async def test_a_receiver_is_known_by_its_host_and_port() -> None:
    async with poster(443) as one:
        receiver = one.receiver("HTTPS://Example.COM:443/in", param="visus.webhook")
    assert receiver == ("https://example.com:443/in", "example.com:443")
