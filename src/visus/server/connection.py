"""One connection of a client: HTTP/1.1 as a server speaks it, one answer at a time.

httptools parses heads; what follows a declared length is received into place (`server.body`).
uvicorn opens the socket, makes a `ClientConnection` for each client and ends them at the end;
everything between is here. Requests that arrive before the answer to the last one wait.
Why it is our own: docs/decisions/0003-our-own-http-protocol-class.md.
"""

import asyncio
import functools
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

import httptools
from typing_extensions import override

from visus.deadlines import NEVER, Deadlines
from visus.errors import CallerError, HeadersTooLarge, InvalidValue, RequestTimedOut
from visus.server.body import Body, Room
from visus.server.error_body import error_body
from visus.server.exchange import new_request_id
from visus.server.request import ClientRequest, Head, Header, head_of
from visus.telemetry import event
from visus.units import KIB, MIB

READ_BYTES: Final = 128 * KIB
"""Of one read while no body is received into place; a smaller body comes with its head."""
PARSED_BYTES: Final = 16 * KIB
"""Of one piece for the parser, which does not tell where in it a body of chunks went on: what
frames them is counted by pieces."""
MAX_DISCARDED_BYTES: Final = 256 * MIB
"""Of a refused request: read and dropped, so that the refusal can be received."""
LINGER_S: Final = 5.0
"""For how long a client whose request was refused may go on sending it."""
PROBE_AFTER_S: Final = (0.3, 0.6)
"""When a connection that has sent its end is probed: the first write draws the reset of a peer
that is gone, the second one meets it."""

_BLOCK: Final = bytearray(READ_BYTES)
"""Where every connection reads heads, and what it drops: read and done with in one go."""
_SPARE: Final = memoryview(_BLOCK)
_END_OF_HEAD: Final = b"\r\n\r\n"


@dataclass(slots=True, kw_only=True)
class Front:
    """What all connections have in common."""

    serve: Callable[[ClientRequest], Coroutine[Any, Any, None]]
    """Answers a request; never raises."""
    max_header_bytes: int
    max_connections: int
    header_timeout_s: float
    keep_alive_s: float
    deadlines: Deadlines
    room: Room
    """What the bodies of all requests take."""
    ended: int = 0
    """Requests so far, answered or broken off."""
    open: set["ClientConnection"] = field(default_factory=set["ClientConnection"])


class ClientConnection(asyncio.BufferedProtocol):
    """One client. At most one request is being answered; `_queue` holds those behind it."""

    def __init__(self, front: Front, *, connections: set[Any], tasks: set[Any]) -> None:
        """`connections` and `tasks` are uvicorn's: what has to end before it does."""
        self._front = front
        self._connections = connections
        self._tasks = tasks
        self._loop = asyncio.get_running_loop()
        self._parser = self._new_parser()
        self._transport: asyncio.Transport
        self._current: ClientRequest | None = None
        self._queue: deque[ClientRequest] = deque()
        self._incoming: ClientRequest | None = None
        """Whose body is arriving; its answer may be complete already."""
        self._direct: Body | None = None
        """The body that is received into place."""
        self._unwanted_bytes = 0
        """What is still coming of such a body whose request is answered already."""
        self._url = b""
        self._headers: list[Header] = []
        self._in_head = False
        self._is_in_our_head = False
        """Whether the parser is told by us how the body goes on."""
        self._head_bytes = 0
        self._frame_bytes = 0
        """Read since the last byte of a body: sizes of chunks, extensions, trailers."""
        self._discarded_bytes = 0
        self._is_reading = True
        self._is_refused = False
        self.drained: asyncio.Future[None] | None = None
        """What to wait for while the client takes nothing; None: it takes."""
        self.client = ""
        """The address of the other end."""
        self.is_lost = False
        self._is_last = False
        """Whether there will be no request behind the next one."""
        self.is_cut_short = False
        """Whether the answer under way was told to end, since the server stops."""
        self.on_lost: Callable[[], None] | None = None
        """Called when the connection is lost; set by the request under way."""
        self.task: asyncio.Task[None] | None = None
        """Which serves that request."""
        self.deadline_s = NEVER

    # --- What the loop tells -----------------------------------------------------------------

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] -- uvloop's is no subclass of any
        self._transport = transport
        peer: Sequence[object] | None = transport.get_extra_info("peername")
        self.client = str(peer[0]) if peer else ""
        self._connections.add(self)
        self._front.open.add(self)
        self._wait_at_most(self._front.header_timeout_s)

    @override
    def get_buffer(self, sizehint: int) -> memoryview:
        if self._direct is not None:
            return self._direct.space()
        return _SPARE[: self._unwanted_bytes] if self._unwanted_bytes else _SPARE

    @override
    def buffer_updated(self, nbytes: int) -> None:
        body = self._direct
        if body is not None:
            body.arrived(nbytes)
            if body.is_complete:
                self._direct = None
                self._leave_body()
            elif body.is_full:
                self._pause_reading()
        elif self._unwanted_bytes:
            self._unwanted_bytes -= nbytes
            self._discard(nbytes)
            if not self._unwanted_bytes:
                self._leave_body()
        elif nbytes <= PARSED_BYTES:
            self._feed(_SPARE[:nbytes])
        else:
            self._feed_in_pieces(_SPARE[:nbytes])

    @override
    def eof_received(self) -> bool:
        """True keeps the connection open for the rest of an answer."""
        current = self._current
        if current is None or not current.body.is_complete:
            return False
        current.keeps_alive = False
        for delay_s in PROBE_AFTER_S:
            self._loop.call_later(delay_s, self._probe)
        return True

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        self._connections.discard(self)
        self._front.open.discard(self)
        self._front.deadlines.forget(self)
        for request in self._queue:
            request.body.release()
        self._queue.clear()
        self.resume_writing()
        if self._current is not None:
            self._current.body.lose()
        if self.on_lost is not None:
            self.on_lost()

    @override
    def pause_writing(self) -> None:
        if self.drained is None:
            self.drained = self._loop.create_future()

    @override
    def resume_writing(self) -> None:
        drained, self.drained = self.drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    @property
    def is_busy(self) -> bool:
        """Whether a request is being answered."""
        return self._current is not None

    def wind_down(self) -> None:
        """The server is about to end: the answer under way, or the next one, is the last."""
        self._is_last = True
        if self._current is not None:
            self._current.keeps_alive = False

    def cut_short(self) -> None:
        """The time for it is over: the answer under way ends, and says why."""
        if self._current is not None and self.task is not None and not self.is_lost:
            self.is_cut_short = True
            self.task.cancel()

    def shutdown(self) -> None:
        """Called by uvicorn at the end of the server, when no request is under way."""
        if self._current is None:
            self._transport.close()
        else:
            self._transport.abort()

    def expire(self) -> None:
        """Nothing came for too long."""
        if self._in_head:
            self._refuse(RequestTimedOut("The request's headers did not arrive in time."))
        else:
            self._transport.close()

    # --- What the parser tells ---------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A head begins."""
        if self._is_in_our_head:
            return
        self._url = b""
        self._headers = []
        self._in_head = True
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        """More of what is asked for."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field; of a trailer too, which is passed over."""
        if self._in_head:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """A request begins, whether or not it has a body."""
        if self._is_in_our_head:
            return
        self._in_head = False
        self._frame_bytes = 0
        self._wait_at_most(None)
        path, query = _taken_apart(self._url)
        version = self._parser.get_http_version()
        method = self._parser.get_method().decode("ascii")
        request = ClientRequest(
            self,
            Head(method, path, query, self._headers, is_http_1_0=version == "1.0"),
            is_surplus=len(self._front.open) > self._front.max_connections,
            keeps_alive=version != "1.0"
            and self._parser.should_keep_alive()
            and not self._is_last,
            room=self._front.room,
        )
        self._incoming = request
        if self._parser.should_upgrade():
            request.keeps_alive = False  # nothing else is spoken here than what is
        if self._current is None:
            self._start(request)
        else:
            self._queue.append(request)
            self._pause_reading()

    def on_body(self, piece: bytes) -> None:
        """More of a body that the parser cuts out."""
        self._frame_bytes = 0
        request = self._incoming
        if request is None or request.is_complete:
            self._discard(len(piece))
            return
        request.body.add(piece)
        if request.body.is_full:
            self._pause_reading()

    def on_message_complete(self) -> None:
        """A request is complete."""
        if self._parser.should_upgrade() and self._incoming and self._incoming.has_body:
            return  # that is what the parser thinks
        request, self._incoming = self._incoming, None
        if request is not None and not request.body.is_complete:
            request.body.finish()

    def _feed_in_pieces(self, data: memoryview) -> None:
        """A head by itself; behind it a body of declared length at once, chunks bit by bit."""
        head_bytes = 0
        if self._incoming is None:
            head_bytes = _BLOCK.find(_END_OF_HEAD, 0, PARSED_BYTES) + len(_END_OF_HEAD)
        if head_bytes >= len(_END_OF_HEAD):
            self._feed(data[:head_bytes], is_all=False)
            data = data[head_bytes:]
        request = self._incoming
        piece_bytes = len(data) if request and request.declared_bytes else PARSED_BYTES
        while data:
            if self._direct is not None:
                space = self._direct.space()
                count = min(len(space), len(data))
                space[:count] = data[:count]
                self.buffer_updated(count)
            else:
                count = min(piece_bytes, len(data))
                self._feed(data[:count], is_all=count == len(data))
            data = data[count:]

    def _feed(self, data: memoryview, *, is_all: bool = True) -> None:
        """Has `data` parsed; `is_all`: nothing else that has been read stands behind it."""
        if self._is_refused:
            self._discard(len(data))
            return
        self._frame_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # To nothing that is spoken here; the request is answered as it stands.
            if self._incoming is not None:
                self._stay(self._incoming, data[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            self._refuse(InvalidValue("This is not a valid HTTP request."))
            return
        if self._in_head:
            self._go_on_in_head(len(data))
        elif self._incoming is not None:
            if self._frame_bytes > self._front.max_header_bytes:
                self._refuse(HeadersTooLarge("What frames the request's body is too large."))
            elif is_all:
                self._receive_into_place(self._incoming)

    def _go_on_in_head(self, count: int) -> None:
        if not self._head_bytes and self._current is None:
            self._wait_at_most(self._front.header_timeout_s)
        self._head_bytes += count
        if self._head_bytes > self._front.max_header_bytes:
            self._refuse(HeadersTooLarge("The request's headers are too large."))

    def _stay(self, request: ClientRequest, data: memoryview) -> None:
        """Has a body read that the parser leaves to another protocol, beginning with `data`."""
        self._parser = self._new_parser()
        self._is_in_our_head = True
        try:
            self._parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n" % request.body_framing())
        except httptools.HttpParserError:
            self._refuse(InvalidValue("This is not a valid HTTP request."))
            return
        finally:
            self._is_in_our_head = False
        if data:
            self._feed(data)
        else:
            self._receive_into_place(request)

    def _receive_into_place(self, request: ClientRequest) -> None:
        """Leaves the parser out of the rest of a body whose length is declared."""
        left = request.declared_bytes - request.body.size
        if left > 0 and not request.is_complete:
            request.body.expect(left)
            self._direct = request.body

    # --- What a request asks -----------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Hands bytes to the system; they go before anything written later."""
        self._transport.write(data)

    def resume_reading(self) -> None:
        """Called when a task waits for more of the body."""
        if not self._is_reading and not self.is_lost:
            self._is_reading = True
            self._transport.resume_reading()

    def abort(self) -> None:
        """Drops the connection and everything that waits to be written."""
        self._transport.abort()

    def finished(self, request: ClientRequest) -> None:
        """The answer to `request` is complete; the next one begins, or the connection ends."""
        self._current = None
        if self._direct is request.body:
            self._direct, self._unwanted_bytes = None, request.body.left
        if not request.keeps_alive:
            if self._incoming is request:
                self._linger()
            else:
                self._transport.close()
            return
        if self._queue:
            self._start(self._queue.popleft())
        if not self._queue:
            self.resume_reading()
        if self._current is None:
            front = self._front
            self._wait_at_most(front.header_timeout_s if self._in_head else front.keep_alive_s)

    # --- The rest ----------------------------------------------------------------------------

    def _new_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        # A client may have sent more behind a request that asked for the end; see `_queue`.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    def _start(self, request: ClientRequest) -> None:
        self._current = request
        self.task = task = self._loop.create_task(self._front.serve(request))
        self._tasks.add(task)
        task.add_done_callback(functools.partial(self._ended, request))

    def _ended(self, request: ClientRequest, task: "asyncio.Task[None]") -> None:
        """Nobody works on it any more."""
        self._tasks.discard(task)
        self._front.ended += 1
        request.body.release()

    def _wait_at_most(self, seconds: float | None) -> None:
        if seconds is None:
            self.deadline_s = NEVER
        else:
            self._front.deadlines.set(self, self._front.deadlines.now() + seconds)

    def _pause_reading(self) -> None:
        if self._is_reading:
            self._is_reading = False
            self._transport.pause_reading()

    def _leave_body(self) -> None:
        """A body that the parser saw nothing of is over; it still waits for its end."""
        self._parser = self._new_parser()
        self.on_message_complete()

    def _discard(self, count: int) -> None:
        self._discarded_bytes += count
        if self._discarded_bytes > MAX_DISCARDED_BYTES:
            self._transport.close()

    def _linger(self) -> None:
        """Ends our side, and hears the client out: closing at once might cost it our answer."""
        self._is_refused = True
        self._unwanted_bytes = 0
        self._transport.write_eof()
        self.resume_reading()
        self._wait_at_most(LINGER_S)

    def _probe(self) -> None:
        """Writes something harmless, to find out whether anybody is there."""
        current = self._current
        if current is None or self._transport.is_closing():
            return
        if not current.is_started and not current.is_http_1_0:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        elif current.is_chunked:  # only event streams are chunked, and take comments
            self._transport.write(b"3\r\n:\n\n\r\n")

    def _refuse(self, error: CallerError) -> None:
        """Answers what is no request, and so has no exchange: the only record of it is here.

        Behind requests that are not yet answered, it is only the end of the connection; within
        the body of one, it is the end of that.
        """
        self._in_head = False
        if self._current is not None:
            last = self._queue[-1] if self._queue else self._current
            last.keeps_alive = False
            self._is_refused = True
            if self._incoming is not None:
                self._incoming.body.fail(error)
            return
        if self._incoming is not None:
            self._linger()  # of a request that was answered before its end
            return
        body = error_body(error)
        request_id = new_request_id()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", request_id.encode()),
            (b"cache-control", b"no-store"),
            (b"connection", b"close"),
        ]
        self._transport.write(head_of(error.status, headers) + body)
        self._linger()
        what = {"request": request_id, "caller": None, "status": error.status}
        event("request", {**what, "code": error.code})


@functools.lru_cache(maxsize=256)
def _taken_apart(url: bytes) -> tuple[str, bytes]:
    """Path, with escapes resolved, and query of a request's target."""
    parsed = httptools.parse_url(url)
    path = parsed.path.decode("ascii")
    return (unquote(path) if "%" in path else path), parsed.query or b""
