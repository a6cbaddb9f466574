"""One connection to a model's server: HTTP/1.1 as a client speaks it, one request at a time.

httptools parses, this keeps the order of things: a head, pieces of a body, an end. Who
connects, how often a connection is used and how long anybody waits is known to `transport`.
"""

import asyncio
import select
from collections.abc import Callable
from typing import Final

import httptools
from typing_extensions import override

from visus.deadlines import NEVER

HIGH_WATER_BYTES: Final = 64 * 1024
"""Unread bytes of an answer at which reading pauses."""
MAX_HEAD_BYTES: Final = 64 * 1024
"""Of an answer's header fields, names and values together."""
MAX_FRAME_BYTES: Final = 512 * 1024
"""Read at a stretch that are neither a whole head nor a piece of a body."""

_NO_BODY: Final = frozenset({204, 304})
_FIRST_FINAL_STATUS: Final = 200


class BrokenOff(ConnectionError):
    """The connection ended before the answer did."""


class Unreadable(Exception):
    """What came is not an HTTP/1.1 answer that we take."""


class Connection(asyncio.Protocol):
    """An open connection: `begin` starts an exchange, `is_reusable` says if one may follow.

    At most one task waits at a time; what it waits for is whatever comes next.
    """

    def __init__(self, on_idle_end: Callable[["Connection"], None]) -> None:
        """`on_idle_end` is called when it breaks while it is idle."""
        self._on_idle_end = on_idle_end
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._poll = select.poll()
        self._waiter: asyncio.Future[None] | None = None
        self._under_way = False
        self._pieces: list[bytes] = []
        self._held_bytes = 0
        self._is_paused = False
        self._failure: Exception | None = None
        self.deadline_s = NEVER
        """When a wait, or idleness, has lasted too long; in the loop's time."""
        self.status = 0
        self.headers: dict[str, str] = {}
        """By lower-case name, the last where there are several."""
        self._head_bytes = 0
        self._frame_bytes = 0
        self._has_head = False
        self.is_complete = False
        self._keeps_alive = False
        self._has_surplus = False
        self._on_drained: Callable[[Connection], None] | None = None
        self._parser = httptools.HttpResponseParser(self)

    # --- What the owner asks -----------------------------------------------------------------

    def begin(self, pieces: list[bytes | memoryview]) -> None:
        """Sends a whole request; nothing is copied."""
        self._under_way = True
        self.is_complete = self._has_head = False
        self._head_bytes = self._frame_bytes = 0
        self.headers = {}
        if len(pieces) == 1:
            self._transport.write(pieces[0])
        else:
            self._transport.writelines(pieces)

    async def head(self) -> None:
        """Waits until `status` and `headers` are those of the answer.

        Raises:
            OSError, Unreadable: what went wrong instead.
        """
        while not self._has_head:
            await self._next()

    def taken(self) -> bytes:
        """The bytes of the body that are there; empty where there are none yet."""
        pieces = self._pieces
        if not pieces:
            return b""
        self._pieces = []
        self._held_bytes = 0
        if self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def more(self) -> bytes:
        """The next bytes of the body; empty where it is complete."""
        while not self._pieces and not self.is_complete:
            await self._next()
        return self.taken()

    @property
    def is_reusable(self) -> bool:
        """Whether it may carry another request now."""
        return (
            self.is_complete
            and self._keeps_alive
            and not self._has_surplus
            and not self._transport.is_closing()
            and not self._transport.get_write_buffer_size()  # of a request that was not read
        )

    def is_still_quiet(self) -> bool:
        """Asks the system, not the loop, whether the other side has said or ended anything."""
        is_open = not (self._has_surplus or self._transport.is_closing())
        return is_open and not self._poll.poll(0)

    def rest(self) -> None:
        """Ends an exchange whose answer was taken whole."""
        self._under_way = False

    def drain(self, on_drained: Callable[["Connection"], None]) -> None:
        """Drops the rest of the answer, and says when that was all."""
        self._on_drained = on_drained
        self.taken()

    def abort(self) -> None:
        """Closes at once; harmless if it is closed."""
        self._transport.abort()

    def expire(self) -> None:
        """The deadline has passed."""
        self._fail(TimeoutError())

    # --- What the loop and the parser tell ---------------------------------------------------

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] -- uvloop's is no subclass of any
        self._transport = transport
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    @override
    def data_received(self, data: bytes) -> None:
        if not self._under_way:
            self.abort()  # an answer that nobody asked for
            return
        self._frame_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(Unreadable("a change of protocol"))
        except httptools.HttpParserError as fault:
            self._fail(Unreadable(f"{type(fault).__name__}: {fault}"))
        if self._frame_bytes > MAX_FRAME_BYTES:
            self._fail(Unreadable("an answer of which too little is body"))
        waiter = self._waiter
        if waiter is not None and (self._pieces or self._has_head or self.is_complete):
            self._wake(waiter)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if not self._under_way or self._on_drained is not None:
            self._on_idle_end(self)
        elif self._ends_with_connection():
            self.is_complete = True
            if self._waiter is not None:
                self._wake(self._waiter)
        elif not self.is_complete:
            self._fail(exc or BrokenOff("the connection was closed before the answer's end"))

    def on_message_begin(self) -> None:
        """A head begins; after a complete answer, it is one that was not requested."""
        if self.is_complete:
            self._has_surplus = True
        else:
            self.headers = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field; of a trailer too, which is passed over."""
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MAX_HEAD_BYTES:
            self._fail(Unreadable("a head that is too large"))
        elif not self._has_head:
            self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """A head ends; one of 1xx only announces another."""
        if self._has_surplus:
            return
        self.status = self._parser.get_status_code()
        self._has_head = self.status >= _FIRST_FINAL_STATUS
        if self._has_head:
            self._frame_bytes = 0

    def on_body(self, body: bytes) -> None:
        """More of the body."""
        self._frame_bytes = 0
        if self._on_drained is not None or self._has_surplus:
            return
        self._pieces.append(body)
        self._held_bytes += len(body)
        if self._held_bytes > HIGH_WATER_BYTES and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """The answer, or a 1xx, is complete."""
        if self._has_head and not self._has_surplus:
            self._keeps_alive = self._parser.should_keep_alive()
            self.is_complete = True
            if self._on_drained is not None:
                on_drained, self._on_drained = self._on_drained, None
                on_drained(self)

    # --- Waiting -----------------------------------------------------------------------------

    async def _next(self) -> None:
        """Waits until anything has come."""
        if self._failure is not None:
            raise self._failure
        waiter = self._waiter = self._loop.create_future()
        try:
            await waiter
        finally:
            self._waiter = None

    def _wake(self, waiter: "asyncio.Future[None]") -> None:
        if not waiter.done():
            waiter.set_result(None)

    def _fail(self, fault: Exception) -> None:
        if self._failure is None:
            self._failure = fault
        self._transport.abort()
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_exception(self._failure)

    def _ends_with_connection(self) -> bool:
        """Whether the answer under way has no other end than that of its connection."""
        return (
            self._has_head
            and not self.is_complete
            and self.status not in _NO_BODY
            and "content-length" not in self.headers
            and "chunked" not in self.headers.get("transfer-encoding", "").lower()
        )
