"""The HTTP client for URLs that callers name: what fetches and webhooks have in common.

Each goes over a connection of its own, behind the guard of `connect`, without cookies, and is
sent once: neither a redirect nor a broken connection has aiohttp send another.
"""

import ssl
from collections.abc import Mapping, Sequence
from typing import Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import RawResponseMessage
from aiohttp.http_exceptions import HttpProcessingError
from typing_extensions import override
from yarl import URL

from visus.media.addresses import AddressPolicy
from visus.media.connect import guarded_connector
from visus.media.guard import ExchangeFailed, Lookup, check_origin
from visus.media.settings import MediaSettings
from visus.media.urls import MediaUrl

FOREIGN: Final = (aiohttp.ClientError, OSError)
"""What aiohttp and the system raise; timeouts are among them."""

_INTERIM: Final = range(100, 200)
_MAX_INTERIM_ANSWERS: Final = 8


class Answer:
    """An answer. Its body is read piece by piece; the caller must close it."""

    __slots__ = ("_answer", "status")

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.status: Final = answer.status
        self._answer = answer

    @property
    def declared_bytes(self) -> int | None:
        """What `Content-Length` says."""
        return self._answer.content_length

    def values(self, header: str) -> Sequence[str]:
        """The values of all headers of this name."""
        return self._answer.headers.getall(header, [])

    async def read_some(self) -> bytes:
        """The next bytes of the body as they came; none at its end.

        Raises:
            ExchangeFailed: it broke off.
        """
        try:
            return await self._answer.content.readany()
        except FOREIGN as fault:
            raise _failed(fault) from fault

    def close(self) -> None:
        """Closes the connection."""
        self._answer.close()


class OutboundClient:
    """The guarded HTTP client, open; close it with `aclose`."""

    def __init__(
        self,
        settings: MediaSettings,
        *,
        policy: AddressPolicy,
        lookup: Lookup,
        tls: ssl.SSLContext,
    ) -> None:
        self._policy = policy
        self._proxy = settings.proxy
        self._session = aiohttp.ClientSession(
            connector=guarded_connector(settings, policy=policy, lookup=lookup, tls=tls),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                connect=settings.connect_s,
                # aiohttp counts this in the head and in the body; readers are stricter there.
                sock_read=max(settings.first_byte_s, settings.idle_s),
            ),
            middlewares=(_only_once,),
            response_class=_Response,
            auto_decompress=False,
            trust_env=False,
        )

    async def ask(
        self,
        method: str,
        url: MediaUrl,
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> Answer:
        """Sends one request and waits for the head of its answer.

        Raises:
            ExchangeFailed: it was not sent, or not answered in time.
        """
        check_origin(url, self._policy)
        try:
            return Answer(
                await self._session.request(
                    method,
                    _as_asked(url),
                    data=body,
                    headers=headers,
                    allow_redirects=False,
                    proxy=self._proxy,
                )
            )
        except FOREIGN as fault:
            raise _failed(fault) from fault

    async def aclose(self) -> None:
        """Closes every connection."""
        await self._session.close()


def _as_asked(url: MediaUrl) -> URL:
    """The URL for aiohttp, which has to read it as we do."""
    built = URL(str(url), encoded=True)
    if (built.raw_host, built.port) != (url.host.name, url.port):
        raise ExchangeFailed("two readings of the URL")
    return built


def _failed(fault: BaseException) -> ExchangeFailed:
    """In words that hold no host and no address: the library's own text may."""
    return ExchangeFailed(type(fault).__name__)


class _Response(aiohttp.ClientResponse):
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
