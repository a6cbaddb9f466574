"""The HTTP connection: uvicorn's, with our bounds and our manners.

What is added: header bytes are counted while they arrive; refusals made before there is a
request have the shape of all our errors; a client that shuts only its sending side still gets
its answer, and one that is gone is found out; large bodies are joined
once, and wake the application once in eight megabytes, not once a read; forms, which go to the
disk as they come, wake it often and are not read while it is busy.
"""

from collections.abc import Callable
from typing import Any, Final

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from visus.errors import CallerError, HeadersTooLarge, InvalidValue
from visus.server.bodies import error_body
from visus.server.exchange import CONNECTION, CYCLE, Headers, new_request_id
from visus.telemetry import event
from visus.units import KIB, MIB

BODY_HIGH_WATER_BYTES: Final = 8 * MIB
"""Body bytes that are gathered before the application is woken for them."""
FORM_HIGH_WATER_BYTES: Final = 256 * KIB
"""The same for a form."""
MAX_DISCARDED_BYTES: Final = 256 * MIB
"""Of a refused request: read and dropped, so that the refusal can be received."""
PROBE_AFTER_S: Final = (0.3, 0.6)
"""When a connection that has sent its end is probed: the first write draws the reset of a peer
that is gone, the second one meets it."""


class Gathered(bytearray):
    """Body bytes as they came, joined once: a growing buffer would copy them repeatedly.

    It stands where uvicorn keeps a buffer of its own, of which it asks nothing but `bytes()`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self.size = 0

    def add(self, piece: bytes) -> None:
        """Takes one more piece."""
        self._pieces.append(piece)
        self.size += len(piece)

    def __bytes__(self) -> bytes:
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)


class VisusProtocol(HttpToolsProtocol):
    """One connection."""

    max_header_bytes: int = 32 * 1024
    """Set once, by `server.app`, from the settings."""
    max_connections: int = 2000
    """The same."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._extensions: dict[str, object] = {}
        self._in_head = False
        self._head_bytes = 0
        self._discarded_bytes = 0
        self._high_water_bytes = BODY_HIGH_WATER_BYTES
        self.is_lost = False
        self.is_surplus = False
        """Whether there were too many connections when the request under way began."""
        self.on_lost: Callable[[], None] | None = None
        """What the request under way wants to be called when the connection is gone."""

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._extensions = {CONNECTION: self}
        # ASGI lets a server put in what it likes; uvicorn's type is narrower.
        self.scope["extensions"] = self._extensions  # type: ignore[typeddict-item]  # pyright: ignore[reportGeneralTypeIssues]
        self._in_head = True
        self._head_bytes = 0

    @override
    def on_headers_complete(self) -> None:
        self._in_head = False
        self._high_water_bytes = BODY_HIGH_WATER_BYTES
        for name, value in self.headers:
            if name == b"content-type" and value[:10].lower() == b"multipart/":
                self._high_water_bytes = FORM_HIGH_WATER_BYTES
        super().on_headers_complete()
        self.is_surplus = len(self.connections) > self.max_connections
        if self.is_surplus:
            self.cycle.keep_alive = False
        self._extensions[CYCLE] = self.cycle

    def answer_whole(
        self, cycle: RequestResponseCycle, status: int, headers: Headers, body: bytes
    ) -> bool:
        """Sends a whole answer in one write, as uvicorn would in two.

        False, and nothing is done, where that is not for us: an answer to HEAD, one that has
        begun, or a reader who takes nothing.
        """
        is_odd = cycle.response_started or self.flow.write_paused or cycle.disconnected
        if is_odd or cycle.scope["method"] == "HEAD":
            return False
        lines = [b"%b: %b\r\n" % header for header in headers]
        if not cycle.keep_alive:
            lines.append(b"connection: close\r\n")
        head = b"".join(lines)
        if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines):
            raise ValueError("a header holds a line break")
        self.transport.write(b"%b%b\r\n%b" % (STATUS_LINE[status], head, body))
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()
        return True

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.is_lost = True
        if self.on_lost is not None:
            self.on_lost()

    @property
    def has_whole_body(self) -> bool:
        """Whether the last byte of the request under way has arrived."""
        return not self.cycle.more_body

    def abort(self) -> None:
        """Drops the connection and everything that waits to be written."""
        self.transport.abort()

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > self.max_header_bytes and not self.transport.is_closing():
                self._refuse(HeadersTooLarge("The request's headers are too large."))

    @override
    def on_body(self, body: bytes) -> None:
        cycle = self.cycle
        if cycle.response_complete:
            self._discarded_bytes += len(body)
            if self._discarded_bytes > MAX_DISCARDED_BYTES:
                self.transport.close()
            return
        gathered = cycle.body
        if not isinstance(gathered, Gathered):
            gathered = Gathered()
            cycle.body = gathered
        gathered.add(body)
        if gathered.size > self._high_water_bytes:
            self.flow.pause_reading()
            cycle.message_event.set()

    @override
    def eof_received(self) -> bool:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] -- asyncio says bool | None
        """True keeps the connection open for the rest of an answer."""
        cycle = self.cycle
        # Before the first request there is none, whatever its annotation says.
        if not cycle or cycle.response_complete or cycle.more_body:
            return False
        cycle.keep_alive = False
        for delay_s in PROBE_AFTER_S:
            self.loop.call_later(delay_s, self._probe)
        return True

    @override
    def send_400_response(self, msg: str) -> None:
        self._refuse(InvalidValue("This is not a valid HTTP request."))

    def _probe(self) -> None:
        """Writes something harmless, to find out whether anybody is there."""
        cycle = self.cycle
        if self.transport.is_closing() or cycle.response_complete:
            return
        if not cycle.response_started:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        elif cycle.chunked_encoding:  # only event streams are chunked, and take comments
            self.transport.write(b"3\r\n:\n\n\r\n")

    def _refuse(self, error: CallerError) -> None:
        body = error_body(error)
        head = (
            b"content-type: application/json\r\ncontent-length: %d\r\nx-request-id: %b\r\n"
            b"cache-control: no-store\r\nconnection: close\r\n\r\n"
        )
        request_id = new_request_id()
        answer = head % (len(body), request_id.encode()) + body
        self.transport.write(STATUS_LINE[error.status] + answer)
        self.transport.close()
        # The one record of it: no exchange was made that could leave any.
        event("request", request=request_id, caller=None, status=error.status, code=error.code)
