"""What every request through the one door to the outside has in common.

Each goes over a connection of its own, behind the guard of `connect`, without cookies, and is
sent once: neither a redirect nor a broken connection has aiohttp send another.
"""

from collections.abc import Mapping
from typing import Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import RawResponseMessage
from aiohttp.http_exceptions import HttpProcessingError
from typing_extensions import override
from yarl import URL

from visus.media.addresses import AddressPolicy
from visus.media.settings import MediaSettings
from visus.media.urls import MediaUrl, UrlRefused

_INTERIM: Final = range(100, 200)
_MAX_INTERIM_ANSWERS: Final = 8


class ExchangeFailed(Exception):
    """An answer that is of no use, or a request that is not sent; the text is our own."""


FAULTS: Final = (ExchangeFailed, UrlRefused, aiohttp.ClientError, OSError)
"""What a request can end in: ours, aiohttp's, the system's (timeouts are OSErrors)."""


def door_session(
    settings: MediaSettings, connector: aiohttp.TCPConnector, headers: Mapping[str, str]
) -> aiohttp.ClientSession:
    """A session whose requests all have `headers`; to be closed by whoever made it."""
    return aiohttp.ClientSession(
        connector=connector,
        headers=headers,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(
            connect=settings.connect_s,
            # aiohttp counts this in the head and in the body; readers are stricter there.
            sock_read=max(settings.first_byte_s, settings.idle_s),
        ),
        middlewares=(_only_once,),
        response_class=_Answer,
        auto_decompress=False,
        trust_env=False,
    )


def check_origin(url: MediaUrl, policy: AddressPolicy) -> None:
    """Refuses what can be refused without a socket; the connector checks all the rest.

    Raises:
        ExchangeFailed: `policy` does not admit it.
    """
    if not policy.admits_origin(url.host.name, url.port):
        raise ExchangeFailed("our own or an upstream's origin")
    address = url.host.address
    if address is not None and not policy.admits(address, url.port):
        raise ExchangeFailed("address refused")


def as_asked(url: MediaUrl) -> URL:
    """The URL for aiohttp, which has to read it as we do.

    Raises:
        ExchangeFailed: it does not.
    """
    built = URL(str(url), encoded=True)
    if (built.raw_host, built.port) != (url.host.name, url.port):
        raise ExchangeFailed("two readings of the URL")
    return built


def reason(fault: BaseException) -> str:
    """Why, in words that hold no host and no address: a library's own text may."""
    is_ours = isinstance(fault, (ExchangeFailed, UrlRefused))
    return str(fault) if is_ours else type(fault).__name__


class _Answer(aiohttp.ClientResponse):
    """An answer whose connection is used once, and whose interim answers are counted."""

    @override
    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        protocol = connection.protocol
        if protocol is None:
            raise ExchangeFailed("no connection")
        protocol.force_close()
        for _ in range(_MAX_INTERIM_ANSWERS + 1):
            head = await _next_head(protocol)
            if head[0].code in _INTERIM:
                continue
            if len(protocol):
                raise ExchangeFailed("more than one answer")
            protocol.feed_data(head)
            return await super().start(connection)
        raise ExchangeFailed("interim answers")


async def _next_head(
    protocol: ResponseHandler,
) -> tuple[RawResponseMessage, aiohttp.StreamReader]:
    try:
        return await protocol.read()
    except HttpProcessingError as fault:
        raise ExchangeFailed("malformed answer") from fault


async def _only_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keeps aiohttp from sending a request again when the connection breaks."""
    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as fault:
        raise ExchangeFailed(type(fault).__name__) from fault
