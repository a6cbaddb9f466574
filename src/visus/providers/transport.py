"""The HTTP client for all providers: connection pool, deadlines, and errors.

The only module that opens connections to models. Only configured hosts are contacted; redirects
are not followed, so a key goes nowhere but where the operator sent it, and a question nowhere
but where it may be answered. An upstream's own text stays in `detail`, for our log.
Why it is our own client: docs/decisions/0009-our-own-upstream-client.md.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import urlsplit

import aiohappyeyeballs
import httptools

from visus.core.fair import ASKER
from visus.core.places import Demand, Site
from visus.core.slots import Slots
from visus.deadlines import NEVER, Deadlines
from visus.errors import (
    Overloaded,
    ServiceError,
    UpstreamBadResponse,
    UpstreamBroke,
    UpstreamSilent,
    UpstreamUnreachable,
)
from visus.models.residency import refuse_outside
from visus.providers.connection import BrokenOff, Connection, Unreadable
from visus.providers.settings import UpstreamSettings

Body: TypeAlias = Sequence[bytes | memoryview]
"""A request body in pieces, which are sent one after the other and never joined."""

JOIN_BELOW_BYTES: Final = 16 * 1024
"""A small request goes out in one piece; a large one as it is, uncopied."""
KEEP_ALIVE_S: Final = 30.0
"""How long an idle connection is kept."""
DRAIN_S: Final = 1.0
"""How long we wait for the last bytes of an answer whose end has been understood already."""
_OK: Final = 200
_OUT_OF_DESCRIPTORS: Final = frozenset({errno.EMFILE, errno.ENFILE})
_NEXT_ADDRESS_AFTER_S: Final = 0.25
"""When the next of a host's addresses is tried beside the first (RFC 8305, section 5)."""

FAULTS: Final[Mapping[type[Exception], tuple[type[ServiceError], str]]] = {
    TimeoutError: (UpstreamSilent, "The model's server did not answer in time."),
    BrokenOff: (
        UpstreamBadResponse,
        "The model's server closed the connection without a complete answer.",
    ),
    OSError: (UpstreamBroke, "The connection to the model's server broke."),
    Unreadable: (UpstreamBadResponse, "The model's server gave no usable answer."),
    httptools.HttpParserError: (
        UpstreamBadResponse,
        "The model's server gave no usable answer.",
    ),
}
"""From what may go wrong on a connection to our errors; the first class that fits counts."""


def translated(fault: Exception) -> ServiceError:
    """Our error for a fault of the connection."""
    for kind, (ours, message) in FAULTS.items():
        if isinstance(fault, kind):
            return ours(message, detail=f"{type(fault).__name__}: {fault}")
    return UpstreamBadResponse(
        "The model's server gave no usable answer.", detail=type(fault).__name__
    )


class Origin(NamedTuple):
    """Where connections go."""

    host: str
    port: int
    is_tls: bool


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A URL with a method, and all of the request's head that is always the same."""

    origin: Origin
    head: bytes
    """Up to and with `Content-Length: `."""
    site: Site
    """Who runs it, and where."""

    @classmethod
    def of(
        cls, url: str, headers: Mapping[str, str], site: Site, *, method: str = "POST"
    ) -> "Endpoint":
        """The endpoint for `url` at `site`, where every request carries `headers`.

        What is posted is JSON, unless `headers` say otherwise.

        Raises:
            ValueError: not an http or https URL, or a header that would break the request.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{url!r} is not an http or https URL")
        is_tls = parts.scheme == "https"
        port = parts.port or (443 if is_tls else 80)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        fields = {"Host": parts.netloc.rpartition("@")[2], **headers}
        if method == "POST":
            fields.setdefault("Content-Type", "application/json")
        lines = [
            f"{method} {target} HTTP/1.1",
            *(f"{name}: {it}" for name, it in fields.items()),
        ]
        if any(not line.isprintable() or not line.isascii() for line in lines):
            raise ValueError("a header for an upstream holds control characters, or no ASCII")
        head = "\r\n".join([*lines, "Content-Length: "]).encode("ascii")
        return cls(Origin(parts.hostname, port, is_tls), head, site)

    def request(self, body: Body, more: bytes = b"") -> list[bytes | memoryview]:
        """A whole request, in one piece if it is small; `more` are whole lines of its head."""
        size = sum(map(len, body))
        head = b"%b%d\r\n%b\r\n" % (self.head, size, more)
        return [b"".join((head, *body))] if size < JOIN_BELOW_BYTES else [head, *body]


class Reply:
    """An answer whose head has arrived. The caller must close it."""

    __slots__ = (
        "_connection",
        "_end_s",
        "_last_s",
        "_left",
        "_transport",
        "headers",
        "is_understood",
        "status",
    )

    def __init__(self, transport: "Transport", connection: Connection) -> None:
        self.status = connection.status
        self.headers: Mapping[str, str] = connection.headers
        """By lower-case name."""
        self.is_understood = False
        """Set when nothing more is wanted, though last bytes may be on their way."""
        self._transport = transport
        self._connection = connection
        self._left = transport.settings.max_response_bytes
        now_s = transport.deadlines.now()
        self._last_s = now_s + transport.settings.total_timeout_s
        self._end_s = min(now_s + transport.settings.first_event_timeout_s, self._last_s)

    async def more(self) -> bytes:
        """The next bytes of the body, as the network cuts it; empty where it is complete.

        Raises:
            ServiceError: what went wrong instead.
        """
        connection = self._connection
        chunk = connection.taken()
        if not chunk:
            if connection.is_complete:
                return b""
            chunk = await self._awaited(connection)
        elif self._transport.deadlines.now() > self._end_s:
            raise translated(TimeoutError())
        self._left -= len(chunk)
        if self._left < 0:
            raise UpstreamBadResponse("The model's answer is too large.")
        return chunk

    def has_begun(self) -> None:
        """The first event is there: the deadline for it is over, that of the whole counts."""
        self._end_s = self._last_s

    async def read(self) -> bytes:
        """The rest of the body, within the bound on answers."""
        pieces: list[bytes] = []
        while chunk := await self.more():
            pieces.append(chunk)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        """Ends the exchange; an answer that was not taken whole ends upstream."""
        if self.is_understood:
            self._transport.drained(self._connection)
        else:
            self._transport.closed(self._connection)

    async def _awaited(self, connection: Connection) -> bytes:
        deadlines = self._transport.deadlines
        idle_s = self._transport.settings.idle_timeout_s
        deadlines.set(connection, min(deadlines.now() + idle_s, self._end_s))
        try:
            return await connection.more()
        except (OSError, Unreadable) as fault:
            raise translated(fault) from fault
        finally:
            connection.deadline_s = NEVER


def _trusting(ca_file: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file)


class Transport:
    """Opens requests to providers. Made once, closed by the root."""

    def __init__(
        self, settings: UpstreamSettings, heading: Callable[[str, int], bytes] | None = None
    ) -> None:
        """`heading` says what goes along in the head of a request to a host and port."""
        self.settings: Final = settings
        self._heading: Final = heading
        self.deadlines: Final = Deadlines()
        self._slots = Slots(settings.max_connections)
        self._idle: dict[Origin, list[Connection]] = {}
        self._origins: dict[Connection, Origin] = {}
        """Every open connection."""
        # A file that cannot be read has to end the start; the system's certificates take a
        # while to read, and can wait for the first server that speaks TLS.
        self._tls = _trusting(settings.ca_file) if settings.ca_file else None

    async def aclose(self) -> None:
        """Closes every connection."""
        self.deadlines.close()
        for connection in list(self._origins):
            self._drop(connection)

    async def send(self, endpoint: Endpoint, body: Body, within: Sequence[Demand]) -> Reply:
        """Sends `body`, by the endpoint's method, and waits for the head of the answer.

        Every byte that goes to a model's server goes through here, and none goes to one that is
        not `within` the demands of the question that it belongs to.

        Raises:
            ResidencyUnavailable: the endpoint is outside; nothing was sent.
            ServiceError: a fault of the transport.
        """
        if within:
            refuse_outside(within, endpoint.site)
        if not self._slots.take():
            await self._wait_for_a_slot()
        connection = None
        try:
            connection = self._rested(endpoint.origin)
            if connection is None:
                connection = await self._connected(endpoint.origin)
            await self._ask(connection, endpoint, body)
        except BaseException:
            self._slots.give_back()
            if connection is not None:
                self._drop(connection)
            raise
        return Reply(self, connection)

    # --- For `Reply` -------------------------------------------------------------------------

    def closed(self, connection: Connection) -> None:
        """Keeps the connection for the next request if the answer was taken whole."""
        self._slots.give_back()
        if connection.is_complete:
            self._rest(connection)
        else:
            self._drop(connection)

    def drained(self, connection: Connection) -> None:
        """As `closed`, for an answer that was understood before its last byte came."""
        if connection.is_complete:
            self.closed(connection)
            return
        self._slots.give_back()
        self.deadlines.set(connection, self.deadlines.now() + DRAIN_S)
        connection.drain(self._rest)

    # --- Connections -------------------------------------------------------------------------

    async def _wait_for_a_slot(self) -> None:
        try:
            async with asyncio.timeout(self.settings.pool_timeout_s):
                await self._slots.wait(ASKER.get())
        except TimeoutError as fault:
            message = "Every connection to the models is in use."
            raise Overloaded(message, retry_after_s=5) from fault

    def _rested(self, origin: Origin) -> Connection | None:
        """An idle connection, the most recently used one."""
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            connection.deadline_s = NEVER
            if connection.is_still_quiet():
                return connection
            self._drop(connection)
        return None

    async def _connected(self, origin: Origin) -> Connection:
        try:
            async with asyncio.timeout(self.settings.connect_timeout_s):
                return await self._connection_to(origin)
        except (OSError, UnicodeError) as fault:
            if isinstance(fault, OSError) and fault.errno in _OUT_OF_DESCRIPTORS:
                message = "The server has too much open. Please try again."
                raise Overloaded(message, detail=str(fault), retry_after_s=1) from fault
            message = "The model's server cannot be reached."
            detail = f"{type(fault).__name__}: {fault}"
            raise UpstreamUnreachable(message, detail=detail) from fault

    async def _connection_to(self, origin: Origin) -> Connection:
        loop = asyncio.get_running_loop()
        addresses = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
        opened = await aiohappyeyeballs.start_connection(  # pyright: ignore[reportUnknownMemberType] -- its addresses are bare tuples
            addresses, happy_eyeballs_delay=_NEXT_ADDRESS_AFTER_S, loop=loop
        )
        try:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _, connection = await loop.create_connection(
                lambda: Connection(self._forget),
                sock=opened,
                ssl=self._trust() if origin.is_tls else None,
                server_hostname=origin.host if origin.is_tls else None,
            )
        except BaseException:
            opened.close()
            raise
        self._origins[connection] = origin
        return connection

    def _trust(self) -> ssl.SSLContext:
        self._tls = self._tls or _trusting(None)
        return self._tls

    async def _ask(self, connection: Connection, endpoint: Endpoint, body: Body) -> None:
        deadlines = self.deadlines
        if self._heading is None:
            connection.begin(endpoint.request(body))
        else:
            host, port, _ = endpoint.origin
            connection.begin(endpoint.request(body, self._heading(host, port)))
        deadlines.set(connection, deadlines.now() + self.settings.first_byte_timeout_s)
        try:
            await connection.head()
        except (OSError, Unreadable) as fault:
            raise translated(fault) from fault
        finally:
            connection.deadline_s = NEVER
        encoding = connection.headers.get("content-encoding", "").strip().lower()
        if connection.status == _OK and encoding not in {"", "identity"}:
            raise UpstreamBadResponse(
                "The model's server gave a compressed answer, which was not asked for."
            )

    def _rest(self, connection: Connection) -> None:
        if not connection.is_reusable:
            self._drop(connection)
            return
        connection.rest()
        self._idle.setdefault(self._origins[connection], []).append(connection)
        self.deadlines.set(connection, self.deadlines.now() + KEEP_ALIVE_S)

    def _drop(self, connection: Connection) -> None:
        self.deadlines.forget(connection)
        self._origins.pop(connection, None)
        connection.abort()

    def _forget(self, connection: Connection) -> None:
        """An idle connection has ended."""
        idle = self._idle.get(self._origins.get(connection, Origin("", 0, is_tls=False)), [])
        if connection in idle:
            idle.remove(connection)
        self._drop(connection)
