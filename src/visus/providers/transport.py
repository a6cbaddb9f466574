"""One HTTP client for all providers: deadlines, bounds, and foreign faults turned into ours.

The only module that knows which HTTP library talks to models. Only configured hosts are
contacted; redirects are not followed, so a key goes nowhere but where the operator sent it.
An upstream's own text stays in `detail`, which only our log reads.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload
from typing_extensions import override

from visus.errors import (
    Overloaded,
    ServiceError,
    UpstreamBadResponse,
    UpstreamTimedOut,
    UpstreamUnreachable,
)
from visus.providers.settings import UpstreamSettings

Body = Sequence[bytes | memoryview]
"""A request body in pieces, which are sent one after the other and never joined."""

FAULTS: Final[Mapping[type[Exception], tuple[type[ServiceError], str]]] = {
    aiohttp.ConnectionTimeoutError: (
        UpstreamUnreachable,
        "The model's server cannot be reached.",
    ),
    aiohttp.ServerTimeoutError: (
        UpstreamTimedOut,
        "The model's server did not answer in time.",
    ),
    aiohttp.ClientConnectorError: (
        UpstreamUnreachable,
        "The model's server cannot be reached.",
    ),
    aiohttp.ServerDisconnectedError: (
        UpstreamBadResponse,
        "The model's server closed the connection without a complete answer.",
    ),
    aiohttp.ClientOSError: (UpstreamUnreachable, "The connection to the model's server broke."),
    aiohttp.ClientError: (UpstreamBadResponse, "The model's server gave no usable answer."),
    TimeoutError: (UpstreamTimedOut, "The model's server did not answer in time."),
}
"""From the client library's exceptions to ours; the first class that fits counts."""


def translated(fault: Exception) -> ServiceError:
    """Our error for a fault of the client library."""
    for kind, (ours, message) in FAULTS.items():
        if isinstance(fault, kind):
            return ours(message, detail=f"{type(fault).__name__}: {fault}")
    return UpstreamBadResponse(
        "The model's server gave no usable answer.", detail=type(fault).__name__
    )


class _PiecewisePayload(Payload):
    """Writes a body piece by piece: no picture is copied to join it to its frame."""

    def __init__(self, pieces: Body) -> None:
        super().__init__(pieces, content_type="application/json")
        self._pieces = pieces
        self._size = sum(len(piece) for piece in pieces)

    @override
    async def write(self, writer: AbstractStreamWriter) -> None:
        for piece in self._pieces:
            await writer.write(piece)

    @override
    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return b"".join(self._pieces).decode(encoding, errors)


@dataclass(slots=True)
class Reply:
    """An answer whose head has arrived."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]
    """The body as the network cuts it; raises our errors only."""

    async def read(self) -> bytes:
        """The rest of the body, within the bound on answers."""
        return b"".join([chunk async for chunk in self.chunks])


class Transport:
    """Opens requests to providers. Made once, closed by the root."""

    def __init__(self, settings: UpstreamSettings) -> None:
        self._settings = settings
        self._places = asyncio.Semaphore(settings.max_connections)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, keepalive_timeout=30, ssl=_tls(settings.ca_file)
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=settings.connect_timeout_s),
            read_bufsize=2**18,
        )

    async def aclose(self) -> None:
        """Closes every connection."""
        await self._session.close()

    @asynccontextmanager
    async def post(
        self, url: str, body: Body, headers: Mapping[str, str]
    ) -> AsyncGenerator[Reply, None]:
        """Sends `body` as JSON and yields the answer; leaving closes it.

        Raises:
            ServiceError: a fault of the transport, at opening or from `Reply.chunks`.
        """
        await self._take_a_place()
        try:
            response = await self._opened(url, body, headers)
            try:
                yield Reply(response.status, response.headers, self._bounded(response))
            finally:
                response.close()  # harmless where the whole answer was read: it is released
        finally:
            self._places.release()

    async def _take_a_place(self) -> None:
        if not self._places.locked():
            await self._places.acquire()
            return
        try:
            async with asyncio.timeout(self._settings.pool_timeout_s):
                await self._places.acquire()
        except TimeoutError as fault:
            message = "Every connection to the models is in use."
            raise Overloaded(message, retry_after_s=5) from fault

    async def _opened(
        self, url: str, body: Body, headers: Mapping[str, str]
    ) -> aiohttp.ClientResponse:
        try:
            async with asyncio.timeout(self._settings.first_byte_timeout_s):
                response = await self._session.post(
                    url, data=_PiecewisePayload(body), headers=headers, allow_redirects=False
                )
        except (aiohttp.ClientError, OSError) as fault:
            raise translated(fault) from fault
        if response.headers.get("Content-Encoding", "identity") != "identity":
            response.close()
            raise UpstreamBadResponse(
                "The model's server gave a compressed answer, which was not asked for."
            )
        return response

    async def _bounded(self, response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
        clock = asyncio.get_running_loop().time
        end_s = clock() + self._settings.total_timeout_s
        idle_s, left = self._settings.idle_timeout_s, self._settings.max_response_bytes
        content = response.content
        try:
            while not content.at_eof():
                chunk = content.read_nowait()
                if not chunk:
                    # A deadline costs more than a read: none where the bytes are there already.
                    async with asyncio.timeout_at(min(clock() + idle_s, end_s)):
                        chunk = await content.readany()
                elif clock() > end_s:
                    raise TimeoutError
                left -= len(chunk)
                if left < 0:
                    raise UpstreamBadResponse("The model's answer is too large.")
                if chunk:
                    yield chunk
        except (aiohttp.ClientError, OSError) as fault:
            raise translated(fault) from fault


def _tls(ca_file: str | None) -> ssl.SSLContext | bool:
    return ssl.create_default_context(cafile=ca_file) if ca_file else True
